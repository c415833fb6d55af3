"""The painter: a canvas over one image; its value is the exact set of hidden pixels."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MethodType
from typing import Any, TypeGuard

import gradio as gr
import torch
from gradio.events import Dependency, EventListener
from torch import Tensor

from dmfa_demo.app.own_component import files_of
from dmfa_demo.figures import grey_or_colour, png_address

# Larger than any image a model here works on; keeps a forged request from asking for the memory of one.
MAX_SIDE = 512


@dataclass(frozen=True)
class Canvas:
    """What Python gives the painter.

    Attributes:
        missing: bool `(H, W)`, True where a pixel is hidden.
        image: `(C, H, W)` in [0, 1] to show below, or None to keep the one that is shown.
        kept: whether the mask stays as it is by now, with strokes that Python does not know of; `missing` is then what the painter
            gives back until it has taken the image up.
    """

    missing: Tensor
    image: Tensor | None = None
    kept: bool = False


class MaskPainter(gr.HTML):
    """Paint which pixels are hidden. Python gives it a `Canvas`, and gets back bool `(H, W)`.

    Args:
        panels: ids of elements; while one of them is in sight, `painted` tells of it when the mask changes, so that nothing
            else is rendered: what Gradio does for each output of an event takes as long as a small model does.
    """

    def __init__(self, value: Canvas | None = None, panels: Sequence[str] = (), **kwargs: Any):
        files = files_of("mask_painter")
        files["js_on_load"] = f"const panels = {json.dumps(list(panels))};\n{files['js_on_load']}"
        super().__init__(value=value, **files, **kwargs)
        self.panels = panels

    def painted(self, panel: str) -> Callable[..., Dependency]:
        """What listens to the mask while a panel is in sight, used as Gradio's own listeners are."""
        return MethodType(EventListener(panel).listener, self)

    def preprocess(self, payload: Any) -> Tensor:
        try:
            return decode_mask(payload)
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from None

    def postprocess(self, value: Canvas | None) -> dict[str, Any] | None:
        if value is None:
            return None
        encoded = {**encode_mask(value.missing), "kept": value.kept}
        return encoded if value.image is None else {**encoded, "image": png_address(grey_or_colour(value.image))}

    def api_info(self) -> dict[str, Any]:
        return {
            "type": "object",
            "description": "hidden pixels, row by row: {height, width, runs: [start, length, start, length, ...]}",
            "properties": {
                "height": {"type": "integer"},
                "width": {"type": "integer"},
                "runs": {"type": "array", "items": {"type": "integer"}},
            },
            "required": ["height", "width", "runs"],
        }

    def example_payload(self) -> dict[str, Any]:
        return {"height": 28, "width": 28, "runs": [392, 392]}

    def example_value(self) -> dict[str, Any]:
        return self.example_payload()


def encode_mask(missing: Tensor) -> dict[str, Any]:
    """bool `(H, W)` as `{height, width, runs}`; runs are pairs of start and length in row-major order."""
    height, width = missing.shape
    bits = torch.nn.functional.pad(missing.flatten().to(torch.int8), (1, 1))
    edges = bits.diff().nonzero()[:, 0]
    starts, ends = edges[::2], edges[1::2]
    return {"height": height, "width": width, "runs": torch.stack([starts, ends - starts], 1).flatten().tolist()}


def decode_mask(payload: Any) -> Tensor:
    """The inverse of `encode_mask`, for what comes from outside.

    Raises:
        ValueError: for anything that is not a mask; says what is wrong and what is accepted.
    """
    form = "a mask is {height, width, runs: [start, length, start, length, ...]}"
    if not isinstance(payload, dict):
        raise ValueError(f"{form}; got {type(payload).__name__}")
    height, width, runs = payload.get("height"), payload.get("width"), payload.get("runs")
    if not (_is_whole(height) and _is_whole(width) and 1 <= min(height, width) <= max(height, width) <= MAX_SIDE):
        raise ValueError(
            f"{form}; height and width are whole numbers from 1 to {MAX_SIDE}, got {height!r:.40} and {width!r:.40}"
        )
    size, end = height * width, 0
    if not isinstance(runs, list) or len(runs) % 2 or len(runs) > size + 1 or not all(map(_is_whole, runs)):
        raise ValueError(f"{form}; runs is a list of whole numbers in pairs, got {runs!r:.60}")
    missing = torch.zeros(size, dtype=torch.bool)
    for start, length in zip(runs[::2], runs[1::2]):
        if start < 0 or length < 1 or start + length > size:
            run = f"the run of {_short(length)} pixels from pixel {_short(start)}"
            raise ValueError(f"{form}; {run} leaves the {height}x{width} image")
        if start < end:
            raise ValueError(f"{form}; runs go in order and do not overlap, but one starts at {start} before {end}")
        end = start + length
        missing[start:end] = True
    return missing.view(height, width)


def _short(number: int) -> str:
    return str(number) if abs(number) < 10**9 else "over a billion"


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
