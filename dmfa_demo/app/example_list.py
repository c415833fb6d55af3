"""The list of prepared scenes: a title and a sentence each, one click to see it."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from dmfa_demo.app.examples import EXAMPLES, Example

_FILES = Path(__file__).parent


class ExampleList(gr.HTML):
    """Choose one of `EXAMPLES`; gives it."""

    def __init__(self, **kwargs: Any):
        super().__init__(
            html_template=f'<div class="examples">{"".join(map(_button, EXAMPLES))}</div>',
            css_template=(_FILES / "example_list.css").read_text(),
            js_on_load=(_FILES / "example_list.js").read_text(),
            apply_default_css=False,
            **kwargs,
        )

    def preprocess(self, payload: Any) -> Example:
        number = payload.get("number") if isinstance(payload, dict) else None
        if not isinstance(number, int) or isinstance(number, bool) or number not in range(len(EXAMPLES)):
            raise gr.Error(
                f"prepared scenes are numbered 0 to {len(EXAMPLES) - 1}; got {payload!r:.40}", print_exception=False
            )
        return EXAMPLES[number]

    def api_info(self) -> dict[str, Any]:
        return {"type": "object", "properties": {"number": {"type": "integer"}}}


def _button(example: Example) -> str:
    return f"<button type=button><strong>{escape(example.title)}</strong> {escape(example.sentence)}</button>"
