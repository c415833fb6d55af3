"""Counters of clicks, such as the number of a draw, which the browser keeps, so that they survive a restart of the server."""

from __future__ import annotations

from typing import Any

import gradio as gr

MOST = 10**6


class Counter(gr.Number):
    """A whole number from 0 to `MOST`; anything else counts as 0. Made by `counter`.

    It does not define `__init__`: Gradio sends the browser only the settings that a component's `__init__` names.
    """

    is_template = True

    def preprocess(self, payload: Any) -> int:
        valid = isinstance(payload, (int, float)) and not isinstance(payload, bool) and 0 <= payload <= MOST
        return int(payload) if valid else 0


def counter() -> Counter:
    """Return an invisible counter at 0."""
    return Counter(value=0, precision=0, visible=False)
