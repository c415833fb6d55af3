"""The sample picker: a strip of thumbnails, one choice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import torch

from dmfa_demo.data import load_samples, sample_caption
from dmfa_demo.figures import png_address

_FILES = Path(__file__).parent
_COLUMNS = 10


class SamplePicker(gr.HTML):
    """Choose one of a data set's bundled samples. Python gives and gets its number, None when none is chosen."""

    def __init__(self, dataset: str, value: int | None = None, **kwargs: Any):
        samples = load_samples(dataset)
        sheet = torch.stack([torch.cat(list(row), -1) for row in samples.images[:, 0].split(_COLUMNS)]).flatten(0, 1)
        super().__init__(
            value=value,
            html_template=(_FILES / "sample_picker.html").read_text(),
            css_template=(_FILES / "sample_picker.css").read_text(),
            js_on_load=(_FILES / "sample_picker.js").read_text(),
            apply_default_css=False,
            sprite={
                "address": png_address(sheet.numpy()),
                "columns": _COLUMNS,
                "rows": len(samples) // _COLUMNS,
                "names": [sample_caption(dataset, number) for number in range(len(samples))],
            },
            **kwargs,
        )

    def preprocess(self, payload: Any) -> int | None:
        chosen = payload.get("chosen") if isinstance(payload, dict) else None
        if chosen is not None and (not isinstance(chosen, int) or isinstance(chosen, bool)):
            raise gr.Error(f"a sample is chosen by its number, got {chosen!r:.40}", print_exception=False)
        return chosen

    def postprocess(self, value: int | None) -> dict[str, int | None]:
        return {"chosen": value}

    def api_info(self) -> dict[str, Any]:
        return {"type": "object", "properties": {"chosen": {"type": ["integer", "null"]}}}

    def example_payload(self) -> dict[str, int]:
        return {"chosen": 0}

    def example_value(self) -> dict[str, int]:
        return self.example_payload()
