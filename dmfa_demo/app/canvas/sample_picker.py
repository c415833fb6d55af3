"""The sample picker: a strip of a data set's thumbnails, with a single choice."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import gradio as gr

from dmfa_demo.app.widgets.own_component import files_of
from dmfa_demo.data.datasets import load_samples, sample_caption, to_float
from dmfa_demo.figures import png_address, sheet

_COLUMNS = 10


@dataclass(frozen=True)
class Choice:
    """The chosen sample of a data set."""

    dataset: str
    number: int


class SamplePicker(gr.HTML):
    """A choice among a data set's bundled samples.

    Its value is a `Choice`; None clears the choice.
    """

    def __init__(self, value: Choice | None = None, **kwargs: Any):
        super().__init__(
            value=value,
            **files_of(__file__),
            **kwargs,
        )

    def preprocess(self, payload: Any) -> Choice | None:
        given = payload if isinstance(payload, dict) else {}
        dataset, chosen = given.get("dataset"), given.get("chosen")
        if chosen is None:
            return None
        if not isinstance(chosen, int) or isinstance(chosen, bool) or not isinstance(dataset, str):
            raise gr.Error(f"choose a sample by its data set and number, got {payload!r:.60}", print_exception=False)
        return Choice(dataset, chosen)

    def postprocess(self, value: Choice | None) -> dict[str, Any]:
        if value is None:
            return {"chosen": None}
        return {"dataset": value.dataset, "chosen": value.number, "sheet": _sheet(value.dataset)}

    def api_info(self) -> dict[str, Any]:
        properties = {"dataset": {"type": "string"}, "chosen": {"type": ["integer", "null"]}}
        return {"type": "object", "properties": properties}

    def example_payload(self) -> dict[str, Any]:
        return {"dataset": "mnist", "chosen": 0}

    def example_value(self) -> dict[str, Any]:
        return self.example_payload()


@cache
def _sheet(dataset: str) -> dict[str, Any]:
    """Return all samples of a data set as one picture, and their names."""
    samples = load_samples(dataset)
    return {
        "address": png_address(sheet(to_float(samples.images), _COLUMNS)),
        "columns": _COLUMNS,
        "rows": math.ceil(len(samples) / _COLUMNS),
        "names": [sample_caption(dataset, number) for number in range(len(samples))],
    }
