"""The player of walks on a map of an auto-encoder's latent plane, step by step."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import gradio as gr
import matplotlib
import numpy as np
import torch
from matplotlib.colors import to_hex, to_rgb
from torch import Tensor

from dmfa_demo.app.widgets.own_component import files_of
from dmfa_demo.figures import grey_or_colour, png_address, sheet
from dmfa_demo.models.latent_map import LatentMap

# Arrows per side of the map, and their maximum length relative to their spacing.
ARROWS, LONGEST = 22, 0.9

# The resolution of the lines between basins relative to the basins.
FINER = 4

# The number of first steps with a picture, and the interval of pictures after them.
FIRST, EVERY = 24, 4

# The maximum coordinate of a visitor's place; places outside the map are then clamped to it.
FAR = 1e6

# The opacity of basins and of the lines between them, 0 to 255.
BASIN, BORDER = 46, 150


@dataclass(frozen=True, kw_only=True)
class Walk:
    """A walk, possibly unfinished.

    Attributes:
        name, colour: those of its start.
        path: places in the latent plane, `(T, 2)`.
        residual: `(T,)`, |r(x) - x| over the hole, or |f(g(z)) - z| for a walk on the map.
        images: `(T, C, H, W)` in [0, 1].
        arrived: whether the last state is fixed.
        method: the name of the method of its start or its dynamics, for the explanation; "" for a place on the map.
    """

    name: str
    colour: str
    path: Tensor
    residual: Tensor
    images: Tensor
    arrived: bool
    method: str = ""


@dataclass(frozen=True)
class Maps:
    """The maps of a data set, by name, and the names of the kinds of their points."""

    planes: dict[str, LatentMap]
    kinds: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Walks:
    """All walks of a hole, with a number by which the player recognises longer versions of the same walks.

    Attributes:
        plane: the name of their map.
        number: equal for walks of the same hole.
        truth, image: the place of the complete image, `(2,)`, and the image, `(C, H, W)`.
        walks: one for each start.
        more: whether they continue.
        maps: new maps, or None if they do not change.
    """

    plane: str
    number: int
    truth: Tensor
    image: Tensor
    walks: list[Walk]
    more: bool
    maps: Maps | None = None


@dataclass(frozen=True)
class Dropped:
    """A walk from the visitor's place on the map called `plane`."""

    plane: str
    walk: Walk


class WalkPlayer(gr.HTML):
    """A player that receives `Walks` or a `Dropped`; its value is (map, place `(2,)`), the visitor's start of a walk.

    It is empty until the first walks arrive with their maps.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(
            **files_of(__file__),
            **kwargs,
        )

    def preprocess(self, payload: Any) -> tuple[str, Tensor] | None:
        if not isinstance(payload, dict) or "at" not in payload:
            return None
        name, place = payload.get("plane"), payload["at"]
        if not isinstance(name, str):
            raise gr.Error(f"there is no map {name!r:.40}", print_exception=False)
        if not (isinstance(place, list) and len(place) == 2 and all(map(_is_number, place))):
            raise gr.Error(f"a walk starts at two numbers, got {place!r:.40}", print_exception=False)
        return name, torch.tensor(place, dtype=torch.float64).clamp(-FAR, FAR).float()

    def postprocess(self, value: Walks | Dropped | None) -> dict[str, Any] | None:
        if value is None:
            return None
        if isinstance(value, Dropped):
            return {"plane": value.plane, "dropped": _encode_walk(value.walk)}
        truth = {"at": _rounded(value.truth), "picture": png_address(grey_or_colour(value.image))}
        walks = [_encode_walk(walk) for walk in value.walks]
        encoded = {"plane": value.plane, "id": value.number, "truth": truth, "walks": walks, "more": value.more}
        return {**encoded, "maps": encode_maps(value.maps)} if value.maps else encoded

    def api_info(self) -> dict[str, Any]:
        place = {"type": "array", "items": {"type": "number"}}
        return {"type": "object", "properties": {"plane": {"type": "string"}, "at": place}}

    def example_payload(self) -> dict[str, Any]:
        return {"plane": "autoencoder-2d", "at": [0.0, 0.0]}

    def example_value(self) -> dict[str, Any]:
        return self.example_payload()


def encode_maps(maps: Maps) -> str:
    """Encode maps as text, since the page would track every number of an object at every stroke."""
    return json.dumps({name: {**encode_plane(plane), "names": maps.kinds} for name, plane in maps.planes.items()})


def encode_plane(plane: LatentMap) -> dict[str, Any]:
    """Encode a map for the browser."""
    classes = class_colours()
    colours = [classes[label % len(classes)] for label in plane.classes.tolist()]
    return {
        "low": _rounded(plane.low),
        "high": _rounded(plane.high),
        "basins": png_address(_basins(plane, colours)),
        "points": [[*_rounded(point), max(label, 0)] for point, label in zip(plane.points, plane.labels.tolist())],
        "arrows": _arrows(plane),
        "attractors": [
            {"at": _rounded(place), "picture": png_address(grey_or_colour(picture)), "colour": colour}
            for place, picture, colour in zip(plane.attractors, plane.pictures, colours)
        ],
        "classes": classes,
    }


def class_colours() -> list[str]:
    """Return ten colours that distinguish ten classes."""
    return [to_hex(colour) for colour in matplotlib.colormaps["tab10"](range(10))]


def _basins(plane: LatentMap, colours: list[str]) -> np.ndarray:
    """Draw basins as uint8 `(H, W, 4)`, top row first, in their attractors' colours, stronger along the borders."""
    table = np.array([to_rgb(colour) for colour in colours] + [(0.5, 0.5, 0.5)])
    basins = plane.basins.flip(0).numpy().repeat(FINER, 0).repeat(FINER, 1)
    padded = np.pad(basins, 1, mode="edge")
    border = (basins != padded[1:-1, 2:]) | (basins != padded[2:, 1:-1])
    strength = np.where(border, BORDER, np.where(basins < 0, 0, BASIN)).astype(np.uint8)
    return np.concatenate([(table[basins] * 255).round().astype(np.uint8), strength[..., None]], -1)


def _arrows(plane: LatentMap) -> list[list[float]]:
    """Return place and direction of some arrows of the field; long ones are shortened."""
    rows, columns = plane.basins.shape
    every = max(1, rows // ARROWS)
    gap = (plane.high - plane.low) / torch.tensor([columns - 1, rows - 1]) * every
    field = plane.field[every // 2 :: every, every // 2 :: every]
    length = (field / gap).norm(dim=-1, keepdim=True)
    field = field / length.clamp(min=1e-9) * (LONGEST * torch.tanh(2 * length))
    index = torch.stack(torch.meshgrid(*(torch.arange(every // 2, size, every) for size in (rows, columns)), indexing="ij"), -1)  # fmt: skip
    places = plane.low + index.flip(-1) * gap / every
    return [_rounded(arrow) for arrow in torch.cat([places, field], -1).flatten(0, 1)]


def shown_steps(count: int) -> list[int]:
    """Return the steps with a picture in a walk of `count` states: all at first, then every few, and the last.

    Late steps hardly change anything, and a face takes twelve thousand bytes.
    """
    return sorted({*range(min(count, FIRST)), *range(FIRST, count, EVERY), count - 1})


def _encode_walk(walk: Walk) -> dict[str, Any]:
    shown = shown_steps(len(walk.images))
    return {
        "name": walk.name,
        "method": walk.method,
        "colour": walk.colour,
        "path": [_rounded(place) for place in walk.path],
        "residual": _rounded(walk.residual),
        "frames": png_address(sheet(walk.images[shown], 1)),
        "shown": shown,
        "arrived": walk.arrived,
    }


def _rounded(values: Tensor) -> list[float]:
    return [round(value, 3) for value in values.tolist()]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
