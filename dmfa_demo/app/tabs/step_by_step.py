"""Part of the Samples tab: animations of the methods that fill a hole step by step."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
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
from dmfa_demo.registry import available_methods, load_imputer, method_class, methods_with

# The trait of the methods shown here.
TRAIT = "fills_in_steps"
# Seconds between two pictures of a filling.
PERIOD = 0.1


@dataclass(frozen=True, kw_only=True)
class StepByStep(Part):
    """A hole filled step by step by each of several methods: `render` shows it, or its last filling, and `fill` streams a new one.

    Attributes:
        methods: the names of the methods; `boxes`, `starts` and `strips` have one component for each.
    """

    methods: tuple[str, ...]
    boxes: tuple[gr.Column, ...]
    starts: tuple[gr.Button, ...]
    strips: tuple[gr.HTML, ...]
    seed: Counter

    @classmethod
    def build(cls, dataset: str, beside: Sequence[Part] = ()) -> Self:
        """Lay out the part, with what the data set has visible. It shares the seed of the samples beside it."""
        (seed,) = (part.seed for part in beside if isinstance(part, SamplesTab))
        methods, available = tuple(methods_with(TRAIT)), available_methods(dataset, TRAIT)
        boxes, starts, strips = [], [], []
        for name in methods:
            method = method_class(name)
            with gr.Column(visible=name in available) as box:
                gr.HTML(
                    f'<h2 class="section">{escape(method.title)}, step by step</h2><p class="note">{escape(method.steps)}</p>',
                    apply_default_css=False,
                )
                with gr.Row(elem_classes="choices"):
                    starts.append(gr.Button("Fill the hole", size="sm", elem_id=f"fill-{name}"))
                strips.append(gr.HTML(elem_id=f"filling-{name}", apply_default_css=False))
            boxes.append(box)
        return cls(methods=methods, boxes=tuple(boxes), starts=tuple(starts), strips=tuple(strips), seed=seed)

    @property
    def followers(self) -> list[Block]:
        return [*self.boxes]

    def follow(self, dataset: str, **chosen: Any) -> list[Any]:
        available = available_methods(dataset, TRAIT)
        return [gr.Column(visible=name in available) for name in self.methods]

    @property
    def outputs(self) -> list[Component]:
        return [*self.strips]

    def listen(self, painter: gr.HTML, cache: ImputationCache, panel: str) -> list[Dependency]:
        def fill(values: Values, name: str) -> Iterator[str]:
            canvas = values[painter]
            yield from self.fill(name, canvas.scene, canvas.missing, cache, values[self.seed])

        filled = [
            start.click(partial(fill, name=name), {painter, self.seed}, [shown], **STREAMED)
            for name, start, shown in zip(self.methods, self.starts, self.strips)
        ]
        # A stroke ends the filling, since it changes the hole.
        strokes = [painter.release, painter.painted(panel)]  # pyright: ignore[reportAttributeAccessIssue]
        gr.on(strokes, None, [], [], cancels=[*filled])
        return []

    def render(self, scene: Scene, missing: Tensor, cache: ImputationCache) -> list[str]:
        """Return the contents of `outputs` when the tab is opened: for each method the hole, or its last filling."""
        available = available_methods(scene.dataset, TRAIT)
        return [_begun(name, scene, missing, cache) if name in available else "" for name in self.methods]

    def fill(self, name: str, scene: Scene, missing: Tensor, cache: ImputationCache, seed: int) -> Iterator[str]:
        """Yield the content of a method's strip every `PERIOD` seconds until the hole is filled; the same seed gives the same filling.

        At the end it shows PSNR and frames the nearest sample.
        """
        if name not in available_methods(scene.dataset, TRAIT) or not missing.any():
            yield self.render(scene, missing, cache)[self.methods.index(name)]
            return
        method, imputer = method_class(name), load_imputer(name, scene.dataset)
        shown = cache.recall(scene, _key(name, missing), lambda: [""])
        steps = imputer.filling(scene.image[None], missing[None, None], SHOWN, seed=seed)
        filled, left = next(steps)
        until = time.monotonic() + PERIOD
        for number, following in enumerate(steps, 1):
            if time.monotonic() >= until:
                pictures = [
                    Picture(with_holes(image, hole[0]), "", f"Sample {row} of {method.title} so far")
                    for row, (image, hole) in enumerate(zip(filled[:, 0], left[:, 0]), 1)
                ]
                count = int(left[0].sum())
                yield strip(method, pictures, _left(count) if count else f"step {number}")
                until = time.monotonic() + PERIOD
            filled, left = following
        pictures = sample_pictures(method, filled[:, 0], psnr_in_hole(filled[:, 0], scene, missing))
        shown[0] = strip(method, pictures, "filled")
        yield shown[0]


def _begun(name: str, scene: Scene, missing: Tensor, cache: ImputationCache) -> str:
    """Return the content of a method's strip before a filling: the hole, or its last filling."""
    if not missing.any():
        return note("Nothing is hidden, so there is nothing to fill. Paint over the picture.")

    def hole() -> list[str]:
        method, picture = method_class(name), with_holes(scene.image, missing)
        waiting = Picture(picture, "", f"The hole that {method.title} will fill")
        return [strip(method, [waiting] * SHOWN, _left(int(missing.sum())))]

    return cache.recall(scene, _key(name, missing), hole)[0]


def _key(name: str, missing: Tensor) -> tuple[str, str, bytes]:
    return "filled", name, missing.numpy().tobytes()


def _left(count: int) -> str:
    return f"{count} pixel{'' if count == 1 else 's'} to fill"
