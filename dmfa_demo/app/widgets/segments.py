"""Controls for choices, most of them as rows of small buttons.

Gradio compares a value from the browser with the choices of the session, and forgets choices that depend on the data set after a long
pause or a restart of the server. The page still shows them, so these components leave the check to the handlers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr


class OneOf(gr.Radio):
    """A choice among fixed options; anything else is None."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        return next((value for _, value in self.choices if _same(value, payload)), None)


class OneThatFollows(gr.Radio):
    """A choice among options that depend on the data set; any text or number passes."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        return payload if isinstance(payload, (str, int, float)) else None


class OneOfManyThatFollow(gr.Dropdown):
    """The same as a drop-down list."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        return payload if isinstance(payload, (str, int, float)) else None


class SomeThatFollow(gr.CheckboxGroup):
    """A choice of several options that depend on the data set; any texts pass."""

    is_template = True

    def preprocess(self, payload: Any) -> list[Any]:
        return [one for one in payload if isinstance(one, str)] if isinstance(payload, list) else []


def segments(choices: Sequence[tuple[str, Any]], label: str, elem_id: str, follows: bool = False) -> gr.Radio:
    """Return a choice among (label, value) pairs, initially the first; `label` is for screen readers.

    Args:
        follows: whether the choices depend on the data set.
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
    return value == given and isinstance(value, bool) == isinstance(given, bool)  # True is not 1
