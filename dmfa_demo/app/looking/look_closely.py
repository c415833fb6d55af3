"""Look closely: enlarge a picture of the results, wipe between two, see the hole, and pin pictures."""

from __future__ import annotations

from typing import Any

import gradio as gr

from dmfa_demo.app.widgets.own_component import files_of


class LookClosely(gr.HTML):
    """A dialog that a click on a picture of the results opens, and a row of pinned pictures. It has no value."""

    def __init__(self, **kwargs: Any):
        super().__init__(**files_of(__file__), **kwargs)
