"""Controls that have a word in the address of the page, each declared once, by the part of the page that holds it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from dmfa_demo.app.widgets.sliders import MAX_STEPS

Parse = Callable[[str], Any]


@dataclass(frozen=True, kw_only=True)
class AddressField:
    """A control, its word in an address, and the argument of `Part.render` that it gives.

    Attributes:
        key: the word.
        control: the attribute of the part that holds the component, or several components that share the word; also the name of
            the argument.
        default: data set -> the value that a first visit finds.
        parse: data set -> text -> value. It raises ValueError or KeyError for a text without a meaning.
        value: the component's value as the address holds it.
        content: a value of the address as the component takes it.
        follows: whether the control is filled anew when the data set changes; its value then goes to `Part.follow`.
        opens_tab: whether an address that holds the word opens the tab of the control, without a word for the tab.
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
    """A value as an address holds it."""
    if isinstance(value, tuple):
        return ",".join(map(as_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def one_of(choices: Iterable[Any]) -> Parse:
    """Parses the text of one of `choices`."""
    return lambda text: {as_text(choice): choice for choice in choices}[text]


def some_of(names: Sequence[str]) -> Parse:
    """Parses names with commas between them, into those that are in `names`, in the order there; an empty text is none."""

    def parse(text: str) -> tuple[str, ...]:
        chosen = tuple(name for name in names if name in text.split(","))
        if text and not chosen:
            raise ValueError(text)
        return chosen

    return parse


def number_below(end: int) -> Parse:
    """Parses a whole number from 0 to `end` - 1."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and len(text) < 8 and int(text) < end):
            raise ValueError(text)
        return int(text)

    return parse


def slider_steps(count: int) -> Parse:
    """Parses the values of `count` sliders, with commas between them."""

    def parse(text: str) -> tuple[float, ...]:
        steps = floats(text.split(","))
        if len(steps) != count or not all(abs(step) <= MAX_STEPS for step in steps):
            raise ValueError(text)
        return steps

    return parse


def floats(values: Iterable[Any]) -> tuple[float, ...]:
    """Values as floats; the browser sends 0 for 0.0."""
    return tuple(map(float, values))
