"""Counts of clicks, such as the number of a draw. The browser keeps them, so that a server that has started anew goes on from them."""

from __future__ import annotations

from typing import Any

import gradio as gr

MOST = 10**6


class Counter(gr.Number):
    """A whole number from 0 to `MOST` that nobody sees; anything else counts as 0."""

    is_template = True

    def __init__(self, value: int = 0, **kwargs: Any):
        super().__init__(value=value, precision=0, visible=False, **kwargs)

    def preprocess(self, payload: Any) -> int:
        whole = isinstance(payload, (int, float)) and not isinstance(payload, bool) and 0 <= payload <= MOST
        return int(payload) if whole else 0
