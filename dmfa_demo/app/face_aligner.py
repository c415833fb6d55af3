"""The aligner: a visitor's photo, moved until the eyes lie where CelebA has them. The photo stays in the browser."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

import gradio as gr
import torch
from torch import Tensor

from dmfa_demo.app.own_component import files_of
from dmfa_demo.celeba import EYES, VIEWS

_VIEW = VIEWS["celeba"]
_SHAPE = 3, _VIEW.size, _VIEW.size


class FaceAligner(gr.HTML):
    """Cut a face out of a photo. Python gets float32 `(3, 64, 64)` in [0, 1] as soon as somebody is content, and gives nothing."""

    def __init__(self, **kwargs: Any):
        left, top, right, bottom = _VIEW.box
        eyes = [((x - left) / (right - left), (y - top) / (bottom - top)) for x, y in EYES]
        super().__init__(
            **files_of("face_aligner"),
            guides=json.dumps({"size": _VIEW.size, "eyes": eyes}),
            **kwargs,
        )

    def preprocess(self, payload: Any) -> Tensor:
        try:
            return decode_face(payload)
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from None

    def postprocess(self, value: None) -> None:
        return None

    def api_info(self) -> dict[str, Any]:
        return {
            "type": "object",
            "description": f"a face of {_VIEW.size} x {_VIEW.size} pixels, its RGB bytes row by row in base64",
            "properties": {"pixels": {"type": "string"}},
            "required": ["pixels"],
        }

    def example_payload(self) -> dict[str, str]:
        return {"pixels": base64.b64encode(bytes(_VIEW.size**2 * 3)).decode()}

    def example_value(self) -> dict[str, str]:
        return self.example_payload()


def decode_face(payload: Any) -> Tensor:
    """What comes from outside as float32 `(3, 64, 64)` in [0, 1].

    Raises:
        ValueError: for anything that is not a face of that size; says what is accepted.
    """
    form = f"a face is {{pixels: the {_VIEW.size}x{_VIEW.size} RGB bytes in base64}}"
    text, count = payload.get("pixels") if isinstance(payload, dict) else None, _VIEW.size**2 * 3
    if not isinstance(text, str) or len(text) != 4 * count // 3:
        raise ValueError(f"{form}; got {text if text is not None else payload!r:.40}")
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"{form}; this is no base64: {text:.40}") from None
    if len(content) != count:
        raise ValueError(f"{form}; got {len(content)} bytes instead of {count}")
    pixels = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    return pixels.view(*_SHAPE[1:], 3).permute(2, 0, 1).float() / 255
