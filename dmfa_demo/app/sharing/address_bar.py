"""The browser's address: what is to be seen goes into it, so that the page can be sent as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from dmfa_demo.app.sharing.address import NAMES, Address

# For the browser, once the page has read the address that it was opened by.
GREETED = "() => { document.dispatchEvent(new Event('greeted')); return []; }"


class AddressBar(gr.HTML):
    """Shows nothing. Python gives it an `Address`; what else the address holds stays.

    Nothing is written before `GREETED` has run in the browser.
    """

    def __init__(self, value: Address | None = None, **kwargs: Any):
        script = (Path(__file__).parent / "address_bar.js").read_text()
        super().__init__(value=value, html_template="", js_on_load=script, apply_default_css=False, **kwargs)

    def postprocess(self, value: Address | None) -> dict[str, str | None] | None:
        """What each of `NAMES` is to be in the query; None where it is to be taken out."""
        return None if value is None else {**dict.fromkeys(NAMES), **value.query()}

    def api_info(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": {"type": ["string", "null"]}}
