"""The painter: a canvas over an image, whose value is the image and the exact set of hidden pixels."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any, TypeGuard

import gradio as gr
import torch
from gradio.events import Dependency, EventListener
from torch import Tensor

from dmfa_demo.app.canvas.presets import OFFERS
from dmfa_demo.app.canvas.uploads import image_from_picture, read_picture
from dmfa_demo.app.scene.canvas import Canvas, Guess
from dmfa_demo.app.scene.scene import OWN_CAPTIONS, Scene, check_size
from dmfa_demo.app.widgets.own_component import files_of
from dmfa_demo.data.datasets import DATASETS
from dmfa_demo.figures import grey_or_colour, png_address

# Larger than any model's images; limits the memory of a forged request.
MAX_SIDE = 512
# The smallest and largest standard deviation of a visitor's guess, in units of black to white.
MIN_DOUBT, MAX_DOUBT = 0.05, 0.5
# The maximum length of a visitor's picture as a data address; a face has about 12,000 characters.
MAX_ADDRESS = 200_000


class MaskPainter(gr.HTML):
    """A canvas to paint hidden pixels. It receives a `Canvas` from Python, and returns one.

    Args:
        panels: ids of elements. When the mask changes, `painted` fires for the visible panel only, so that nothing else is
            rendered: Gradio's work for each output of an event takes as long as a small model.
    """

    def __init__(self, value: Canvas | None = None, panels: Sequence[str] = (), **kwargs: Any):
        files = files_of(__file__)
        files["js_on_load"] = f"const panels = {json.dumps(list(panels))};\n{files['js_on_load']}"
        super().__init__(value=value, **files, **kwargs)
        self.panels = panels

    def painted(self, panel: str) -> Callable[..., Dependency]:
        """Return a listener to mask changes while a panel is visible, used like Gradio's listeners."""
        return MethodType(EventListener(panel).listener, self)

    def preprocess(self, payload: Any) -> Canvas:
        try:
            return decode_canvas(payload)
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from None

    def postprocess(self, value: Canvas | None) -> dict[str, Any] | None:
        return None if value is None else encode_canvas(value)

    def api_info(self) -> dict[str, Any]:
        return {
            "type": "object",
            "description": "hidden pixels, row by row: {height, width, runs: [start, length, start, length, ...]}, of a sample of a "
            "data set, or of an image as a data address",
            "properties": {
                "height": {"type": "integer"},
                "width": {"type": "integer"},
                "runs": {"type": "array", "items": {"type": "integer"}},
                "dataset": {"type": "string"},
                "sample": {"type": ["integer", "null"]},
                "image": {"type": ["string", "null"]},
                "guess": {"type": ["object", "null"]},
            },
            "required": ["height", "width", "runs", "dataset"],
        }

    def example_payload(self) -> dict[str, Any]:
        return {"height": 28, "width": 28, "runs": [392, 392], "dataset": "mnist", "sample": 0}

    def example_value(self) -> dict[str, Any]:
        return self.example_payload()


def encode_canvas(canvas: Canvas) -> dict[str, Any]:
    """Encode a canvas for the browser, with the image as a data address."""
    scene, about = canvas.scene, {"dataset": canvas.scene.dataset, "sample": canvas.scene.number}
    if canvas.change in ("both", "picture") or scene.number is None:
        about["image"] = png_address(grey_or_colour(scene.image))
    return {**encode_mask(canvas.missing), **about, "change": canvas.change}


def decode_canvas(payload: Any) -> Canvas:
    """Decode the canvas that the browser sends: a mask, and a bundled sample or the visitor's picture.

    Raises:
        ValueError: If it is anything else; the message says what is wrong and what is accepted.
    """
    missing = decode_mask(payload)
    dataset, sample, image = (payload.get(name) for name in ("dataset", "sample", "image"))
    if not isinstance(dataset, str) or dataset not in OFFERS:
        raise ValueError(f"there is no data set {dataset!r:.40}; choose one of {', '.join(OFFERS)}")
    if sample is not None:
        scene = Scene.sample(dataset, sample)
    elif dataset not in OWN_CAPTIONS:
        raise ValueError(f"{dataset} accepts no pictures of your own; send the number of a sample")
    else:
        scene = Scene.own(dataset, image_from_picture(read_picture(_file_of(image)), DATASETS[dataset].shape))
    check_size(scene, missing)
    revision = payload.get("revision")
    guess = payload.get("guess")
    return Canvas(
        scene,
        missing,
        revision if _is_whole(revision) else 0,
        guess=None if guess is None else _decode_guess(guess, scene),
    )


def _decode_guess(payload: Any, scene: Scene) -> Guess:
    image, deviation = (
        (payload.get(name) for name in ("image", "deviation")) if isinstance(payload, dict) else (None, None)
    )
    if isinstance(deviation, bool) or not isinstance(deviation, int | float) or not MIN_DOUBT <= deviation <= MAX_DOUBT:
        raise ValueError(
            f"a guess is an image and a deviation from {MIN_DOUBT:g} to {MAX_DOUBT:g}; got the deviation {deviation!r:.20}"
        )
    drawn = image_from_picture(read_picture(_file_of(image)), DATASETS[scene.dataset].shape)
    return Guess(drawn, float(deviation))


def _file_of(address: Any) -> bytes:
    """Return the file in a data address."""
    head, _, text = address.partition(";base64,") if isinstance(address, str) else ("", "", "")
    try:
        if head.startswith("data:image/") and len(text) <= MAX_ADDRESS:
            return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise ValueError(
        f"a canvas has the number of a sample, or an image as a data address (data:image/png;base64,...) of at most "
        f"{MAX_ADDRESS:,} characters; got {address!r:.40}"
    )


def encode_mask(missing: Tensor) -> dict[str, Any]:
    """Encode bool `(H, W)` as `{height, width, runs}`; runs are pairs of start and length in row-major order."""
    height, width = missing.shape
    bits = torch.nn.functional.pad(missing.flatten().to(torch.int8), (1, 1))
    edges = bits.diff().nonzero()[:, 0]
    starts, ends = edges[::2], edges[1::2]
    return {"height": height, "width": width, "runs": torch.stack([starts, ends - starts], 1).flatten().tolist()}


def decode_mask(payload: Any) -> Tensor:
    """Decode untrusted input to a mask; the inverse of `encode_mask`.

    Raises:
        ValueError: If it is not a mask; the message says what is wrong and what is accepted.
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
            raise ValueError(f"{form}; runs must be in order without overlap, but one starts at {start}, before {end}")
        end = start + length
        missing[start:end] = True
    return missing.view(height, width)


def _short(number: int) -> str:
    return str(number) if abs(number) < 10**9 else "over a billion"


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
