"""Part of the Samples tab: an animation of a method that fills the hole pixel by pixel."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component
from gradio.events import Dependency
from torch import Tensor

from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene, psnr_in_hole
from dmfa_demo.app.tabs.part import Part, Values
from dmfa_demo.app.tabs.samples import SamplesTab
from dmfa_demo.app.widgets.cards import note
from dmfa_demo.app.widgets.counter import Counter
from dmfa_demo.app.widgets.handlers import STREAMED
from dmfa_demo.app.widgets.strips import SHOWN, Picture, sample_pictures, strip
from dmfa_demo.figures import with_holes
from dmfa_demo.registry import available_methods, method_class

# The trait of the method shown here.
TRAIT = "fills_in_steps"
# Seconds between two pictures of a filling.
PERIOD = 0.1


@dataclass(frozen=True, kw_only=True)
class PixelByPixel(Part):
    """A hole filled pixel by pixel: `render` shows it, or its last filling, and `fill` streams a new one."""

    box: gr.Column
    start: gr.Button
    strip: gr.HTML
    seed: Counter

    @classmethod
    def build(cls, dataset: str, beside: Sequence[Part] = ()) -> Self:
        """Lay out the part, which is visible if a method of the data set fills step by step.

        It shares the seed of the samples beside it.
        """
        (seed,) = (part.seed for part in beside if isinstance(part, SamplesTab))
        with gr.Column(visible=bool(available_methods(dataset, TRAIT))) as box:
            gr.HTML(
                f'<h2 class="section">Pixel by pixel</h2><p class="note">{_EXPLANATION}</p>',
                apply_default_css=False,
            )
            with gr.Row(elem_classes="choices"):
                start = gr.Button("Fill the hole", size="sm", elem_id="fill")
            strip = gr.HTML(elem_id="filling", apply_default_css=False)
        return cls(box=box, start=start, strip=strip, seed=seed)

    @property
    def followers(self) -> list[Block]:
        return [self.box]

    def follow(self, dataset: str, **chosen: Any) -> list[Any]:
        return [gr.Column(visible=bool(available_methods(dataset, TRAIT)))]

    @property
    def outputs(self) -> list[Component]:
        return [self.strip]

    def listen(self, painter: gr.HTML, cache: ImputationCache, panel: str) -> list[Dependency]:
        def fill(values: Values) -> Iterator[str]:
            canvas = values[painter]
            yield from self.fill(canvas.scene, canvas.missing, cache, values[self.seed])

        filled = self.start.click(fill, {painter, self.seed}, self.outputs, **STREAMED)
        # A stroke ends the filling, since it changes the hole.
        strokes = [painter.release, painter.painted(panel)]  # pyright: ignore[reportAttributeAccessIssue]
        gr.on(strokes, None, [], [], cancels=[filled])
        return []

    def render(self, scene: Scene, missing: Tensor, cache: ImputationCache) -> list[str]:
        """Return the contents of `outputs` when the tab is opened: the hole, or its last filling."""
        names = available_methods(scene.dataset, TRAIT)
        if not names:
            return [""]
        if not missing.any():
            return [note("Nothing is hidden, so there is nothing to fill. Paint over the picture.")]

        def hole() -> list[Any]:
            method, picture = method_class(names[0]), with_holes(scene.image, missing)
            waiting = Picture(picture, "", f"The hole that {method.title} will fill")
            return [strip(method, [waiting] * SHOWN, _left(int(missing.sum())))]

        return [cache.recall(scene, _key(missing), hole)[0]]

    def fill(self, scene: Scene, missing: Tensor, cache: ImputationCache, seed: int) -> Iterator[str]:
        """Yield the content of `strip` every `PERIOD` seconds until the hole is filled; the same seed gives the same filling.

        After the last pixels it shows PSNR and frames the nearest sample.
        """
        names = available_methods(scene.dataset, TRAIT)
        if not names or not missing.any():
            yield self.render(scene, missing, cache)[0]
            return
        method, filling = method_class(names[0]), cache.impute(names[0], scene, missing, seed).filling
        assert filling is not None, "by the method's trait"
        shown = cache.recall(scene, _key(missing), lambda: [""])
        until = time.monotonic() + PERIOD
        for filled, left in filling(SHOWN):
            filled, left = filled[:, 0], left[:, 0]
            if not left.any():
                pictures = sample_pictures(method, filled, psnr_in_hole(filled, scene, missing))
                shown[0] = strip(method, pictures, "filled")
                yield shown[0]
                return
            if time.monotonic() >= until:
                pictures = [
                    Picture(with_holes(image, hole[0]), "", f"Sample {number} of {method.title} so far")
                    for number, (image, hole) in enumerate(zip(filled, left), 1)
                ]
                yield strip(method, pictures, _left(int(left[0].sum())))
                until = time.monotonic() + PERIOD


def _key(missing: Tensor) -> tuple[str, bytes]:
    return "filled", missing.numpy().tobytes()


def _left(count: int) -> str:
    return f"{count} pixel{'' if count == 1 else 's'} to fill"


_EXPLANATION = (
    "This method describes only single pixels: how likely ink is in each, given the visible pixels. So it draws one pixel, counts it as "
    "visible, predicts again, and so on through the hole, in a different order for each picture. This gives complete answers with "
    "sharp strokes, but takes a pass through the network for each pixel, where the methods above draw all pixels at once."
)
