"""Report which state of the canvas a tab's results belong to."""

from __future__ import annotations

from typing import Any

import gradio as gr

# For the browser: new contents of the canvas are pending, and have arrived or failed.
ASKED = "() => { document.dispatchEvent(new Event('canvas-asked')); return []; }"
SETTLED = "() => { document.dispatchEvent(new Event('canvas-settled')); return []; }"

_SCRIPT = """
watch("value", () => document.dispatchEvent(new CustomEvent("answered", {
    detail: { panel: element.closest("[role=tabpanel]").id, revision: props.value?.revision },
})));
"""


class Answered(gr.HTML):
    """An invisible component that receives the revision of the `Canvas` that the tab was rendered for, and thereby tells the painter
    that the tab's results are current.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(
            html_template="", js_on_load=_SCRIPT, apply_default_css=False, elem_classes="answered", **kwargs
        )

    def postprocess(self, value: int | None) -> dict[str, int] | None:
        return None if value is None else {"revision": value}

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}
