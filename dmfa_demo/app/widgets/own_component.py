"""What a component of our own is made of: a template, its style and its script, in files of one name."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def files_of(module: str) -> dict[str, Any]:
    """Arguments of `gr.HTML` for the component of a `module`, its `__file__`: the .html, .css and .js of the same name beside it."""
    html, css, js = (Path(module).with_suffix(f".{kind}").read_text() for kind in ("html", "css", "js"))
    return dict(html_template=html, css_template=css, js_on_load=js, apply_default_css=False)
