"""Part of the Samples tab: a method that fills the hole one pixel after the other, watched while it does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import gradio as gr
import torch
from gradio.blocks import Block
from torch import Tensor

from dmfa_demo.app.cache import ImputationCache
from dmfa_demo.app.cards import note
from dmfa_demo.app.scene import Scene
from dmfa_demo.app.strips import SHOWN, Picture, psnr_in_hole, sample_pictures, strip
from dmfa_demo.checkpoints import available_methods
from dmfa_demo.figures import with_holes
from dmfa_demo.imputation import method_class

# Of a method that has a place here.
TRAIT = "fills_in_steps"
# Between two pictures of what is filled so far, and how long of that the filling itself may take.
PERIOD, BUDGET = 0.1, 0.06


@dataclass(frozen=True, eq=False)
class Run:
    """A hole that is being filled, or was.

    Attributes:
        scene, missing: what was on the canvas when it began.
        steps: those still to come.
        content: what it shows by now.
        done: whether nothing is left to fill.
    """

    scene: Scene
    missing: Tensor
    steps: Iterator[tuple[Tensor, Tensor]]
    content: str = ""
    done: bool = False

    def is_of(self, scene: Scene, missing: Tensor) -> bool:
        """Whether this is still on the canvas."""
        return torch.equal(self.scene.image, scene.image) and torch.equal(self.missing, missing)


@dataclass(frozen=True)
class PixelByPixel:
    """The part's components. `begin` starts a run, `advance` fills a little more at each tick until it is done.

    Each call is short, so that a stroke waits for one of them and not for a whole hole. A run ends with its hole: as soon as
    the canvas shows another, and when the visitor leaves.
    """

    box: gr.Column
    start: gr.Button
    strip: gr.HTML
    run: gr.State
    clock: gr.Timer

    @classmethod
    def build(cls, dataset: str) -> Self:
        """Lay out the part inside the current Blocks, in sight where a method of the data set fills step by step."""
        with gr.Column(visible=bool(available_methods(dataset, TRAIT))) as box:
            gr.HTML(
                f'<h2 class="section">Pixel by pixel</h2><p class="note">{_EXPLANATION}</p>',
                apply_default_css=False,
            )
            with gr.Row(elem_classes="choices"):
                start = gr.Button("Fill the hole", size="sm", elem_id="fill")
            strip = gr.HTML(elem_id="filling", apply_default_css=False)
        return cls(box, start, strip, gr.State(None), gr.Timer(PERIOD, active=False))

    @property
    def followers(self) -> list[Block]:
        """What `follow` fills when the data set changes."""
        return [self.box]

    def follow(self, dataset: str) -> list[Any]:
        """The contents of `followers` for a data set."""
        return [gr.Column(visible=bool(available_methods(dataset, TRAIT)))]

    @property
    def inputs(self) -> list[gr.components.Component]:
        """What `render` and `advance` take after scene and mask: the run."""
        return [self.run]

    @property
    def outputs(self) -> list[gr.components.Component]:
        """What `render`, `begin` and `advance` fill."""
        return [self.strip, self.run, self.clock]

    def render(self, scene: Scene, missing: Tensor, cache: ImputationCache, run: Run | None) -> list[Any]:
        """The contents of `outputs` as the tab is opened: the run of this hole, or the hole."""
        names = available_methods(scene.dataset, TRAIT)
        if not names:
            return ["", None, gr.Timer(active=False)]
        if run is not None and run.is_of(scene, missing):
            return [run.content, run, gr.Timer(active=not run.done)]
        if not missing.any():
            content = note("Nothing is hidden, so there is nothing to fill. Paint over the picture.")
        else:
            method, picture = method_class(names[0]), with_holes(scene.image, missing)
            waiting = Picture(picture, "", f"The hole that {method.title} will fill")
            content = strip(method, [waiting] * SHOWN, _left(int(missing.sum())))
        return [content, None, gr.Timer(active=False)]

    def begin(self, scene: Scene, missing: Tensor, cache: ImputationCache, seed: int) -> list[Any]:
        """The contents of `outputs` with the first pixels filled; the same seed fills the same pixels in the same order."""
        names = available_methods(scene.dataset, TRAIT)
        if not names or not missing.any():
            return self.render(scene, missing, cache, None)
        filling = cache.impute(names[0], scene, missing, seed).filling
        assert filling is not None, "by the method's own word"
        return self.advance(scene, missing, Run(scene, missing, filling(SHOWN)))

    def advance(self, scene: Scene, missing: Tensor, run: Run | None) -> list[Any]:
        """The contents of `outputs` after a few more pixels; with PSNR and the nearest framed after the last ones."""
        if run is None or run.done or not run.is_of(scene, missing):
            return [gr.skip(), gr.skip(), gr.Timer(active=False)]
        method, end = method_class(available_methods(scene.dataset, TRAIT)[0]), time.monotonic() + BUDGET
        for filled, left in run.steps:
            filled, left = filled[:, 0], left[:, 0]
            if not left.any():
                pictures = sample_pictures(method, filled, psnr_in_hole(filled, scene, missing))
                run = replace(run, content=strip(method, pictures, "filled"), done=True)
                break
            if time.monotonic() >= end:
                pictures = [
                    Picture(with_holes(image, hole[0]), "", f"Sample {number} of {method.title} so far")
                    for number, (image, hole) in enumerate(zip(filled, left), 1)
                ]
                run = replace(run, content=strip(method, pictures, _left(int(left[0].sum()))))
                break
        return [run.content, run, gr.Timer(active=not run.done)]


def _left(count: int) -> str:
    return f"{count} pixel{'' if count == 1 else 's'} to fill"


_EXPLANATION = (
    "The Universal Marginalizer knows only single pixels: how likely ink is in each, given what is visible. So it draws one pixel, counts it as "
    "visible, asks again, and so on through the hole, in an order of its own for each picture. That makes whole answers with "
    "sharp strokes, and takes a pass through the network for each pixel, where the methods above draw all at once."
)
