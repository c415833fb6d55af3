"""What follows the canvas: the parts of a tab, alone or together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import gradio as gr
from torch import Tensor

from dmfa_demo.app.canvas.mask_painter import Canvas
from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene


class Part(Protocol):
    """Something on the page that is rendered for a scene and its hole."""

    @property
    def inputs(self) -> list[gr.components.Component]:
        """The controls whose values `render` takes after scene, hole and cache."""
        ...

    @property
    def outputs(self) -> list[gr.components.Component]:
        """What `render` fills."""
        ...

    @property
    def render(self) -> Callable[..., list[Any]]:
        """(scene, missing `(H, W)`, cache, *controls) -> the contents of `outputs` for a scene with `missing` hidden."""
        ...


def rendering(part: Part, cache: ImputationCache) -> Callable[..., list[Any]]:
    """The handler of an event that comes with the canvas and the part's controls."""

    def render(canvas: Canvas, *controls: Any) -> list[Any]:
        return part.render(canvas.scene, canvas.missing, cache, *controls)

    return render


def answering(part: Part, cache: ImputationCache) -> Callable[..., list[Any]]:
    """The same, followed by the revision of the canvas, for the `Answered` of the part's tab."""
    render = rendering(part, cache)
    return lambda canvas, *controls: [*render(canvas, *controls), canvas.revision]


@dataclass(frozen=True)
class Together:
    """Several parts as one."""

    parts: tuple[Part, ...]

    @property
    def inputs(self) -> list[gr.components.Component]:
        """The controls of all parts."""
        return [control for part in self.parts for control in part.inputs]

    @property
    def outputs(self) -> list[gr.components.Component]:
        """What all parts fill."""
        return [output for part in self.parts for output in part.outputs]

    def render(self, scene: Scene, missing: Tensor, cache: ImputationCache, *controls: Any) -> list[Any]:
        """The contents of `outputs`, each part given its own controls."""
        given, contents = iter(controls), []
        for part in self.parts:
            contents += part.render(scene, missing, cache, *islice(given, len(part.inputs)))
        return contents
