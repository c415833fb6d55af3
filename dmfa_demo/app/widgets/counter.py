"""Counts of clicks, such as the number of a draw. The browser keeps them, so that a server that has started anew goes on from them."""

from __future__ import annotations

from typing import Any

import gradio as gr

MOST = 10**6


class Counter(gr.Number):
    """A whole number from 0 to `MOST`; anything else counts as 0. Made by `counter`.

    It has no `__init__` of its own: Gradio sends the browser only the settings that a component's own `__init__` names.
    """

    is_template = True

    def preprocess(self, payload: Any) -> int:
        whole = isinstance(payload, (int, float)) and not isinstance(payload, bool) and 0 <= payload <= MOST
        return int(payload) if whole else 0


def counter() -> Counter:
    """A counter at 0 that is never visible."""
    return Counter(value=0, precision=0, visible=False)
