"""The audience: phones that follow a room, and vote."""

from __future__ import annotations

from typing import Any

import gradio as gr

from dmfa_demo.app.widgets.own_component import files_of


class Audience(gr.HTML):
    """Follows the room in the browser's address, asks for a code, and offers what is voted on. It has no value."""

    def __init__(self, **kwargs: Any):
        super().__init__(**files_of(__file__), **kwargs)
