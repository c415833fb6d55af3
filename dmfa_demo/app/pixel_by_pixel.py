"""Part of the Samples tab: a method that fills the hole one pixel after the other, watched while it does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import gradio as gr
from torch import Tensor

from dmfa_demo.app.cards import note
from dmfa_demo.app.scene import ImputationCache, Scene
from dmfa_demo.app.strips import SHOWN, Picture, psnr_in_hole, strip
from dmfa_demo.checkpoints import available_methods
from dmfa_demo.figures import with_holes
from dmfa_demo.imputation import method_class

# Between two pictures of what is filled so far, and how long of that the filling itself may take.
PERIOD, BUDGET = 0.1, 0.06


@dataclass(frozen=True, eq=False)
class Run:
    """A hole on its way to being filled: what was asked, and the steps still to come."""

    scene: Scene
    missing: Tensor
    steps: Iterator[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class PixelByPixel:
    """The part's components. `render` shows the hole and ends what runs; after `begin`, `advance` fills a little at a time.

    Each of these calls is short, so that nobody's stroke waits for a whole hole, and nothing goes on when a visitor leaves.
    """

    method: str
    start: gr.Button
    strip: gr.HTML
    run: gr.State
    clock: gr.Timer

    @classmethod
    def build(cls, dataset: str) -> Self | None:
        """Lay out the part inside the current Blocks; None where no method of the data set fills step by step."""
        names = [name for name in available_methods(dataset) if method_class(name).fills_in_steps]
        if not names:
            return None
        title = method_class(names[0]).title
        gr.HTML(
            f'<h2 class="section">Pixel by pixel</h2><p class="note">{_EXPLANATION.format(title)}</p>',
            apply_default_css=False,
        )
        with gr.Row(elem_classes="choices"):
            start = gr.Button("Fill the hole", size="sm", elem_id="fill")
        strip = gr.HTML(elem_id="filling", apply_default_css=False)
        return cls(names[0], start, strip, gr.State(None), gr.Timer(PERIOD, active=False))

    @property
    def inputs(self) -> list[gr.components.Component]:
        """What `render` takes after scene and mask: nothing."""
        return []

    @property
    def outputs(self) -> list[gr.components.Component]:
        """What `render`, `begin` and `advance` fill."""
        return [self.strip, self.run, self.clock]

    def render(self, scene: Scene, missing: Tensor, cache: ImputationCache) -> list[Any]:
        """The contents of `outputs` before anything is filled."""
        if not missing.any():
            content = note("Nothing is hidden, so there is nothing to fill. Paint over the picture.")
        else:
            image, hole = scene.image, missing[None]
            content = _frame(self.method, image.expand(SHOWN, *image.shape), hole.expand(SHOWN, *hole.shape))
        return [content, None, gr.Timer(active=False)]

    def begin(self, scene: Scene, missing: Tensor, cache: ImputationCache, seed: int) -> list[Any]:
        """The contents of `outputs` with the first pixels filled; the same seed fills the same pixels in the same order."""
        if not missing.any():
            return self.render(scene, missing, cache)
        return self.advance(Run(scene, missing, cache.impute(self.method, scene, missing, seed).filling(SHOWN)))

    def advance(self, run: Run | None) -> list[Any]:
        """The contents of `outputs` after a few more pixels; with PSNR and the nearest framed after the last ones."""
        if run is None:  # a tick that was on its way when the run ended
            return [gr.skip(), None, gr.Timer(active=False)]
        end = time.monotonic() + BUDGET
        for filled, left in run.steps:
            if not left.any():
                psnr = psnr_in_hole(filled[:, 0], run.scene, run.missing)
                return [_frame(self.method, filled[:, 0], left[:, 0], psnr), None, gr.Timer(active=False)]
            if time.monotonic() >= end:
                break
        return [_frame(self.method, filled[:, 0], left[:, 0]), run, gr.Timer(active=True)]


_EXPLANATION = (
    "The {} knows only single pixels: how likely ink is in each, given what is visible. So it draws one pixel, counts it as "
    "visible, asks again, and so on through the hole, in an order of its own for each picture. That makes whole answers with "
    "sharp strokes, and takes a pass through the network for each pixel, where the methods above draw all at once."
)


def _frame(name: str, filled: Tensor, left: Tensor, psnr: Tensor | None = None) -> str:
    """Pictures `(S, C, H, W)` with `left` `(S, 1, H, W)` still to fill, or with their `psnr` `(S,)` once they are whole."""
    method, remaining = method_class(name), int(left[0].sum())
    best = None if psnr is None else int(psnr.argmax())
    pictures = []
    for number, (image, hole) in enumerate(zip(filled, left)):
        caption = f"{remaining} left" if psnr is None else f"{psnr[number]:.1f} dB"
        nearest = ", the nearest of these to the truth" if number == best else ""
        alt = f"Sample {number + 1} of {method.title}, {caption}{nearest}"
        pictures.append(Picture(with_holes(image, hole[0]), caption, alt, bool(nearest)))
    return strip(method, pictures, f"{remaining} pixels to fill" if remaining else "filled")
