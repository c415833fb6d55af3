"""A choice among a few things, as a row of small buttons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr


def segments(choices: Sequence[tuple[str, Any]], label: str, elem_id: str) -> gr.Radio:
    """One of `choices`, (what people read, value), at first the first; the label is for those who do not see the row."""
    return gr.Radio(
        list(choices),
        value=choices[0][1],
        label=label,
        show_label=False,
        elem_classes="segments",
        elem_id=elem_id,
    )
