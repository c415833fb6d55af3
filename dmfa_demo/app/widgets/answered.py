"""Which state of the canvas the results of a tab are about."""

from __future__ import annotations

from typing import Any

import gradio as gr

# For the browser: something else is on its way to the canvas, and it is there, or will not come.
ASKED = "() => { document.dispatchEvent(new Event('canvas-asked')); return []; }"
SETTLED = "() => { document.dispatchEvent(new Event('canvas-settled')); return []; }"

_SCRIPT = """
watch("value", () => document.dispatchEvent(new CustomEvent("answered", {
    detail: { panel: element.closest("[role=tabpanel]").id, revision: props.value?.revision },
})));
"""


class Answered(gr.HTML):
    """Shows nothing. Python gives it the revision of the `Canvas` that the tab was rendered for, and the painter then takes the tab's
    results for current.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(
            html_template="", js_on_load=_SCRIPT, apply_default_css=False, elem_classes="answered", **kwargs
        )

    def postprocess(self, value: int | None) -> dict[str, int] | None:
        return None if value is None else {"revision": value}

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}
