"""The aligner: a photo that the visitor moves, turns and zooms to choose the part to cut out."""

from __future__ import annotations

import base64
import binascii
import io
import json
from dataclasses import dataclass
from typing import Any

import gradio as gr
import torch
from PIL import Image
from torch import Tensor

from dmfa_demo.app.widgets.own_component import files_of
from dmfa_demo.data.celeba import EYES, VIEWS

_VIEW = VIEWS["celeba"]
# Pixels of the longer side of a photo from Python.
LARGEST = 1024


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The kind of picture to cut out of photos.

    Attributes:
        name: "a face", say, and `short` without the article.
        size: pixels per side of the cut.
        eyes: the positions of rings, (x, y) as shares of the side.
        brought: whether visitors bring photos by file, clipboard or camera; otherwise photos come from Python.
        hint: instructions for the visitor.
    """

    name: str
    short: str
    size: int
    eyes: tuple[tuple[float, float], ...] = ()
    brought: bool = True
    hint: str


_LEFT, _TOP, _RIGHT, _BOTTOM = _VIEW.box
FACE = Subject(
    name="a face",
    short="face",
    size=_VIEW.size,
    eyes=tuple(((x - _LEFT) / (_RIGHT - _LEFT), (y - _TOP) / (_BOTTOM - _TOP)) for x, y in EYES),
    hint="Drag the photo, and scroll or pinch, until the eyes are in the rings.",
)
DIGIT = Subject(
    name="a digit",
    short="digit",
    size=280,
    brought=False,
    hint="Drag the photo, and scroll or pinch, until the square holds one digit and little else.",
)


@dataclass(frozen=True)
class Photo:
    """A photo to align.

    Attributes:
        picture: the photo, upright.
        box: the initial square: left, top, right, bottom in the picture's pixels; it may extend beyond the picture.
        reason: why it is shown, as part of a sentence.
    """

    picture: Image.Image
    box: tuple[float, float, float, float]
    reason: str


class PhotoAligner(gr.HTML):
    """A tool to cut a square out of a photo. Its value is float32 `(3, size, size)` in [0, 1]; Python may set a `Photo`."""

    def __init__(self, subject: Subject, **kwargs: Any):
        self.subject = subject
        super().__init__(**files_of(__file__), settings=json.dumps(settings_of(subject)), **kwargs)

    def preprocess(self, payload: Any) -> Tensor:
        try:
            return decode_cut(payload, self.subject)
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from None

    def postprocess(self, value: Photo | None) -> dict[str, Any] | None:
        if value is None:
            return None
        photo, scale = value.picture.convert("RGB"), min(1.0, LARGEST / max(value.picture.size))
        if scale < 1:
            photo = photo.resize((round(photo.width * scale), round(photo.height * scale)), Image.Resampling.BOX)
        file = io.BytesIO()
        photo.save(file, "JPEG", quality=90)
        address = f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
        return {"photo": address, "box": [scale * side for side in value.box], "reason": value.reason}

    def api_info(self) -> dict[str, Any]:
        size = self.subject.size
        return {
            "type": "object",
            "description": f"{self.subject.name} of {size} x {size} pixels, its RGB bytes row by row in base64",
            "properties": {"pixels": {"type": "string"}},
            "required": ["pixels"],
        }

    def example_payload(self) -> dict[str, str]:
        return {"pixels": base64.b64encode(bytes(self.subject.size**2 * 3)).decode()}

    def example_value(self) -> dict[str, str]:
        return self.example_payload()


def settings_of(subject: Subject) -> dict[str, Any]:
    """Return the settings of the script for a subject."""
    return {name: getattr(subject, name) for name in ("size", "eyes", "short", "hint", "brought")}


def decode_cut(payload: Any, subject: Subject) -> Tensor:
    """Decode the browser's cut to float32 `(3, size, size)` in [0, 1].

    Raises:
        ValueError: If it is anything else; the message says what is accepted.
    """
    size, count = subject.size, subject.size**2 * 3
    form = f"{subject.name} is {{pixels: the {size}x{size} RGB bytes in base64}}"
    text = payload.get("pixels") if isinstance(payload, dict) else None
    if not isinstance(text, str) or len(text) != 4 * count // 3:
        raise ValueError(f"{form}; got {text if text is not None else payload!r:.40}")
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"{form}; this is not base64: {text:.40}") from None
    if len(content) != count:
        raise ValueError(f"{form}; got {len(content)} bytes instead of {count}")
    pixels = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    return pixels.view(size, size, 3).permute(2, 0, 1).float() / 255
