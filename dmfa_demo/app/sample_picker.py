"""The sample picker: a strip of thumbnails of one data set, one choice."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from dmfa_demo.data import load_samples, sample_caption, to_float
from dmfa_demo.figures import grey_or_colour, png_address

_FILES = Path(__file__).parent
_COLUMNS = 10


@dataclass(frozen=True)
class Choice:
    """The samples of a data set, of which one is chosen."""

    dataset: str
    number: int | None


class SamplePicker(gr.HTML):
    """Choose one of a data set's bundled samples.

    Python gives it a `Choice`, or None when none of its samples is chosen any more, and gets the number or None.
    """

    def __init__(self, value: Choice | None = None, **kwargs: Any):
        super().__init__(
            value=value,
            html_template=(_FILES / "sample_picker.html").read_text(),
            css_template=(_FILES / "sample_picker.css").read_text(),
            js_on_load=(_FILES / "sample_picker.js").read_text(),
            apply_default_css=False,
            **kwargs,
        )

    def preprocess(self, payload: Any) -> int | None:
        chosen = payload.get("chosen") if isinstance(payload, dict) else None
        if chosen is not None and (not isinstance(chosen, int) or isinstance(chosen, bool)):
            raise gr.Error(f"a sample is chosen by its number, got {chosen!r:.40}", print_exception=False)
        return chosen

    def postprocess(self, value: Choice | None) -> dict[str, Any]:
        if value is None:
            return {"chosen": None}
        return {"chosen": value.number, "sheet": _sheet(value.dataset)}

    def api_info(self) -> dict[str, Any]:
        return {"type": "object", "properties": {"chosen": {"type": ["integer", "null"]}}}

    def example_payload(self) -> dict[str, int]:
        return {"chosen": 0}

    def example_value(self) -> dict[str, int]:
        return self.example_payload()


@cache
def _sheet(dataset: str) -> dict[str, Any]:
    """All samples of a data set as one picture, and their names."""
    pictures = [grey_or_colour(image) for image in to_float(load_samples(dataset).images)]
    pictures += [np.zeros_like(pictures[0])] * (-len(pictures) % _COLUMNS)
    rows = [np.concatenate(pictures[i : i + _COLUMNS], 1) for i in range(0, len(pictures), _COLUMNS)]
    return {
        "address": png_address(np.concatenate(rows)),
        "columns": _COLUMNS,
        "rows": len(rows),
        "names": [sample_caption(dataset, number) for number in range(len(load_samples(dataset)))],
    }
