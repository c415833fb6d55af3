"""Choices, most of them as a row of small buttons.

Gradio itself compares what the browser sends with the choices of the visit, and has forgotten those that follow the data set once the
visit has paused for long or the server was started again. The page still shows them, so that here the handlers decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr


class OneOf(gr.Radio):
    """One of choices that never change; anything else is None."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        return next((value for _, value in self.choices if _same(value, payload)), None)


class OneThatFollows(gr.Radio):
    """One of choices that follow the data set; any text or number passes."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        return payload if isinstance(payload, (str, int, float)) else None


class OneOfManyThatFollow(gr.Dropdown):
    """The same as a list that opens."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        return payload if isinstance(payload, (str, int, float)) else None


class SomeThatFollow(gr.CheckboxGroup):
    """Some of choices that follow the data set; any texts pass."""

    is_template = True

    def preprocess(self, payload: Any) -> list[Any]:
        return [one for one in payload if isinstance(one, str)] if isinstance(payload, list) else []


def segments(choices: Sequence[tuple[str, Any]], label: str, elem_id: str, follows: bool = False) -> gr.Radio:
    """One of `choices`, (what people read, value), at first the first; the label is for those who do not see the row.

    Args:
        follows: whether the choices follow the data set.
    """
    kind = OneThatFollows if follows else OneOf
    return kind(
        list(choices),
        value=choices[0][1],
        label=label,
        show_label=False,
        elem_classes="segments",
        elem_id=elem_id,
    )


def _same(value: Any, given: Any) -> bool:
    return value == given and isinstance(value, bool) == isinstance(given, bool)  # True is no 1
