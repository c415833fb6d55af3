"""The parts of tabs, each with its controls, its outputs, and the code that reproduces it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component
from gradio.events import Dependency

from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.canvas import Canvas
from dmfa_demo.app.widgets.fields import AddressField
from dmfa_demo.app.widgets.handlers import on_input
from dmfa_demo.app.widgets.script import Script

Control = Component | tuple[Component, ...]
Values = Mapping[Block, Any]
"""Component -> value, as Gradio passes them to the handler of an event whose inputs are a set."""


# Seconds of waiting after which a visitor gets a part of an answer first.
LATE = 2


@dataclass(frozen=True, kw_only=True)
class RenderRequest:
    """A visitor's request to render a part.

    Attributes:
        canvas: the picture and its hole.
        arguments: the values of the part's controls, by argument name of `render`.
        late: whether it has waited for more than `LATE` seconds.
    """

    canvas: Canvas
    arguments: Mapping[str, Any]
    late: bool


class Part(ABC):
    """A part of the page that is rendered for a picture and its hole. Subclasses are dataclasses of their components.

    Attributes:
        FIELDS: the controls with a key in the address.
        FURTHER: attributes with further components whose values `render` takes.
        FOLLOWS_CANVAS: whether every stroke renders it again.
    """

    FIELDS: ClassVar[tuple[AddressField, ...]] = ()
    FURTHER: ClassVar[tuple[str, ...]] = ()
    FOLLOWS_CANVAS: ClassVar[bool] = True

    @classmethod
    @abstractmethod
    def build(cls, dataset: str, beside: Sequence[Part] = ()) -> Self:
        """Lay out the part inside the current `gr.Blocks`, as on a first visit to a data set.

        Args:
            beside: the parts of the same tab laid out before it.
        """

    @property
    @abstractmethod
    def outputs(self) -> list[Component]:
        """The components that `render` fills."""

    @abstractmethod
    def render(self, *arguments: Any, **named: Any) -> list[Any]:
        """Return the contents of `outputs`, given scene, missing `(H, W)`, cache and, by name, the values of `controls`."""

    @property
    def controls(self) -> dict[str, Control]:
        """The controls whose values `render` takes, by argument name."""
        return {name: getattr(self, name) for name in (*(field.control for field in self.FIELDS), *self.FURTHER)}

    @property
    def inputs(self) -> set[Component]:
        """All components of `controls`."""
        return {component for control in self.controls.values() for component in components(control)}

    @property
    def followers(self) -> list[Block]:
        """The components that `follow` fills."""
        return []

    def follow(self, dataset: str, **chosen: Any) -> list[Any]:
        """Return the contents of `followers` for another data set.

        Args:
            chosen: the values of all controls that depend on the data set, by their keys in the address.
        """
        return []

    @classmethod
    def script(cls, dataset: str, chosen: Mapping[str, Any]) -> Script | None:
        """Return the script that reproduces the part, given the values of an address; None if there is none."""
        return None

    def listen(self, painter: gr.HTML, cache: ImputationCache, panel: str) -> list[Dependency]:
        """Listen to controls that do more than render the part.

        Args:
            painter: the canvas.
            panel: the id of the tab's panel.

        Returns:
            The events that change state without a control, such as the number of a draw.
        """
        return []

    def arguments(self, values: Values) -> dict[str, Any]:
        """Return the values of `controls`, by argument name of `render`."""
        return {name: value_of(control, values) for name, control in self.controls.items()}

    def gather(self, requests: Sequence[RenderRequest], cache: ImputationCache) -> Sequence[Mapping[str, Any]]:
        """Compute what `render` needs for several visitors in one pass; return further arguments of `render` for each."""
        return [{}] * len(requests)

    def answer(self, values: Values, painter: gr.HTML, cache: ImputationCache, **changed: Any) -> list[Any]:
        """Return the contents of `outputs` for the values of an event, with some arguments of `render` changed."""
        canvas: Canvas = values[painter]
        return self.render(canvas.scene, canvas.missing, cache, **{**self.arguments(values), **changed})

    def working(self) -> list[Any]:
        """Return the listeners of all interactive controls."""
        return [on_input(component) for component in self.inputs if not isinstance(component, gr.State)]


@dataclass(frozen=True)
class Answering:
    """The handler that renders all parts of a tab; its last output is the revision of the canvas, for `Answered`."""

    parts: Sequence[Part]
    painter: gr.HTML
    cache: ImputationCache

    def gather(self, contents: Sequence[Values], waited: Sequence[float]) -> list[tuple[Mapping[str, Any], ...]]:
        """Return further arguments of `render` of each part, for each of several visitors."""
        by_part = []
        for part in self.parts:
            requests = [
                RenderRequest(canvas=values[self.painter], arguments=part.arguments(values), late=seconds > LATE)
                for values, seconds in zip(contents, waited)
            ]
            by_part.append(part.gather(requests, self.cache))
        return list(zip(*by_part))

    def __call__(self, values: Values, gathered: Sequence[Mapping[str, Any]] | None = None) -> list[Any]:
        further = gathered or [{}] * len(self.parts)
        answers = [part.answer(values, self.painter, self.cache, **more) for part, more in zip(self.parts, further)]
        return [*(content for answer in answers for content in answer), values[self.painter].revision]


def components(control: Control) -> tuple[Component, ...]:
    """Return the components of a control."""
    return control if isinstance(control, tuple) else (control,)


def value_of(control: Control, values: Values) -> Any:
    """Return the value of a control, a tuple if it has several components."""
    return tuple(values[one] for one in control) if isinstance(control, tuple) else values[control]
