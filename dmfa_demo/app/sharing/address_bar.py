"""Keep the browser's address up to date with the page, so that it can be shared."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr

from dmfa_demo.app.sharing.address import NAMES, Address

# For the browser, once the page has read its initial address.
GREETED = "() => { document.dispatchEvent(new Event('greeted')); return []; }"


class AddressBar(gr.HTML):
    """An invisible component that writes an `Address` to the browser's address; other keys stay. Its value is an `Address` to go to.

    Nothing is written before `GREETED` has run in the browser.
    """

    def __init__(self, value: Address | None = None, **kwargs: Any):
        script = (Path(__file__).parent / "address_bar.js").read_text()
        super().__init__(value=value, html_template="", js_on_load=script, apply_default_css=False, **kwargs)

    def postprocess(self, value: Address | None) -> dict[str, str | None] | None:
        """Return the value of each of `NAMES` in the query; None removes it."""
        return None if value is None else {**dict.fromkeys(NAMES), **value.query()}

    def preprocess(self, payload: Any) -> Address | None:
        query = payload.get("go") if isinstance(payload, dict) else None
        return Address.from_query(dict(parse_qsl(query, keep_blank_values=True))) if isinstance(query, str) else None

    def api_info(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": {"type": ["string", "null"]}}
