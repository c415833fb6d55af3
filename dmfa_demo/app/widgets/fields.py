"""Controls with a key in the page's address, each declared once, by the part that contains it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from dmfa_demo.app.widgets.sliders import MAX_STEPS

Parse = Callable[[str], Any]


@dataclass(frozen=True, kw_only=True)
class AddressField:
    """A control, its key in an address, and its argument of `Part.render`.

    Attributes:
        key: the key in the address.
        control: the attribute of the part with the component, or with several components that share the key; also the name of the
            argument.
        default: data set -> the value on a first visit.
        parse: data set -> text -> value; raises ValueError or KeyError for a text without meaning.
        value: converts the component's value to the address's.
        content: converts a value of the address to the component's.
        follows: whether the control is updated when the data set changes; its value is then passed to `Part.follow`.
        opens_tab: whether an address with the key opens the control's tab, without a key for the tab.
    """

    key: str
    control: str
    default: Callable[[str], Any]
    parse: Callable[[str], Parse]
    value: Callable[[Any], Any] = lambda value: value
    content: Callable[[Any], Any] = lambda value: value
    follows: bool = False
    opens_tab: bool = False


def as_text(value: Any) -> str:
    """Return a value as text for an address."""
    if isinstance(value, tuple):
        return ",".join(map(as_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def one_of(choices: Iterable[Any]) -> Parse:
    """Return a parser of the text of one of `choices`."""
    return lambda text: {as_text(choice): choice for choice in choices}[text]


def some_of(names: Sequence[str]) -> Parse:
    """Return a parser of names separated by commas, which keeps those in `names`, in that order; an empty text gives none."""

    def parse(text: str) -> tuple[str, ...]:
        chosen = tuple(name for name in names if name in text.split(","))
        if text and not chosen:
            raise ValueError(text)
        return chosen

    return parse


def number_below(end: int) -> Parse:
    """Return a parser of a whole number from 0 to `end` - 1."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and len(text) < 8 and int(text) < end):
            raise ValueError(text)
        return int(text)

    return parse


def slider_steps(count: int) -> Parse:
    """Return a parser of the values of `count` sliders, separated by commas."""

    def parse(text: str) -> tuple[float, ...]:
        steps = floats(text.split(","))
        if len(steps) != count or not all(abs(step) <= MAX_STEPS for step in steps):
            raise ValueError(text)
        return steps

    return parse


def floats(values: Iterable[Any]) -> tuple[float, ...]:
    """Convert values to floats, since the browser sends 0 for 0.0."""
    return tuple(map(float, values))
