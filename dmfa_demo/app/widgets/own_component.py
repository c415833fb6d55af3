"""The files of a custom component: its template, style and script, with the name of its module."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def files_of(module: str) -> dict[str, Any]:
    """Return the arguments of `gr.HTML` for the component of a `module` (its `__file__`), from the .html, .css and .js beside it."""
    html, css, js = (Path(module).with_suffix(f".{kind}").read_text() for kind in ("html", "css", "js"))
    return dict(html_template=html, css_template=css, js_on_load=js, apply_default_css=False)
