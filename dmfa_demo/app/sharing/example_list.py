"""The prepared scenes as a row of thumbnails; a click opens a scene and shows its sentence."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from dmfa_demo.app.scene.scene import Scene
from dmfa_demo.app.sharing.examples import EXAMPLES, Example
from dmfa_demo.figures import png_address, with_holes

_FILES = Path(__file__).parent
_HINT = "Paint over the picture, or begin with one of these."


class ExampleList(gr.HTML):
    """A choice among `EXAMPLES`; its value is an `Example`. Without any it is hidden."""

    def __init__(self, **kwargs: Any):
        buttons = "".join(map(_button, EXAMPLES))
        super().__init__(
            html_template=f'<div class="examples" role="group" aria-label="Prepared scenes">{buttons}</div>'
            f'<p role="status" class="hint">{_HINT}</p>',
            css_template=(_FILES / "example_list.css").read_text(),
            js_on_load=(_FILES / "example_list.js").read_text(),
            apply_default_css=False,
            visible=bool(EXAMPLES),
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
    scene, sentence = Scene.sample(example.dataset, example.sample), escape(example.sentence)
    picture = png_address(with_holes(scene.image, example.missing))
    return (
        f'<button type="button" data-sentence="{sentence}" data-title="{escape(example.title)}">'
        f'<img src="{picture}" alt=""><span>{escape(example.title)}</span></button>'
    )
