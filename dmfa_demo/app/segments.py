"""Choices that follow the data set, most of them as a row of small buttons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr


class OneOf(gr.Radio):
    """A choice that follows the data set: one that is not among the choices any more, for as long as the page has not heard, is None."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        return _among(self.choices, payload)


class OneOfMany(gr.Dropdown):
    """The same as a list that opens."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        return _among(self.choices, payload)


class SomeOf(gr.CheckboxGroup):
    """Choices that follow the data set: those that are not among the choices any more are left out."""

    is_template = True

    def preprocess(self, payload: Any) -> list[Any]:
        chosen = payload if isinstance(payload, list) else []
        return [value for _, value in self.choices if any(_same(value, one) for one in chosen)]


def segments(choices: Sequence[tuple[str, Any]], label: str, elem_id: str) -> gr.Radio:
    """One of `choices`, (what people read, value), at first the first; the label is for those who do not see the row."""
    return OneOf(
        list(choices),
        value=choices[0][1],
        label=label,
        show_label=False,
        elem_classes="segments",
        elem_id=elem_id,
    )


def _among(choices: Sequence[tuple[str, Any]], given: Any) -> Any:
    return next((value for _, value in choices if _same(value, given)), None)


def _same(value: Any, given: Any) -> bool:
    return value == given and isinstance(value, bool) == isinstance(given, bool)  # True is no 1
