"""What a component of our own is made of: a template, its style and its script, in files of one name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent


def files_of(name: str) -> dict[str, Any]:
    """Arguments of `gr.HTML` for a component whose template, style and script are `name`.html, .css and .js beside this file."""
    html, css, js = ((_FOLDER / f"{name}.{kind}").read_text() for kind in ("html", "css", "js"))
    return dict(html_template=html, css_template=css, js_on_load=js, apply_default_css=False)
