"""The game of pixels: a hidden picture of which one pixel after the other becomes visible, chosen by the visitor or by a method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import gradio as gr
import numpy as np
from torch import Tensor

from dmfa_demo.app.widgets.own_component import files_of
from dmfa_demo.figures import SEQUENTIAL, coloured, png_address
from dmfa_demo.imputation import Imputer
from dmfa_demo.next_pixel import WAYS, Way

# The number of pixels that may be looked at.
MOST = 12


@dataclass(frozen=True)
class Game:
    """A new game.

    Attributes:
        dataset: the data set of the hidden picture.
        classes: their names.
        size: height and width of its pictures.
        readers: the methods that can read the visible pixels.
        reader: the one that is chosen at first.
    """

    dataset: str
    classes: Sequence[str]
    size: tuple[int, int]
    readers: Sequence[type[Imputer]]
    reader: str


@dataclass(frozen=True)
class Turn:
    """What the browser asks: what some pixels of a picture say.

    Attributes:
        sample: the number of the picture; None to draw one.
        reader: the name of the method that reads the pixels.
        way: how the next pixel is chosen.
        pixels: the places of the visible pixels in the flattened picture, in the order of their choice.
        reveal: whether the picture is to be shown.
        run: the browser's number of this course of pixels, which the answer returns.
    """

    sample: int | None
    reader: str
    way: Way
    pixels: tuple[int, ...]
    reveal: bool = False
    run: int = 0


@dataclass(frozen=True)
class Look:
    """The answer to a `Turn`.

    Attributes:
        sample: the number of the picture.
        turn: the question.
        values: of the visible pixels, uint8.
        classes: the probability of each class, `(K,)`.
        bits: how much uncertainty is left.
        information: what looking at each pixel is expected to tell, in bits, `(H, W)`.
        following: the place of the next pixel.
        picture, label: the whole picture, uint8, and its class, if they are to be shown.
    """

    sample: int
    turn: Turn
    values: Sequence[int]
    classes: Tensor
    bits: float
    information: Tensor
    following: int
    picture: np.ndarray | None = None
    label: int | None = None


class PixelGame(gr.HTML):
    """The game. Its value is a `Turn`; it takes a `Game` or a `Look`."""

    def __init__(self, value: Game | None = None, **kwargs: Any):
        super().__init__(value=value, **files_of(__file__), **kwargs)

    def preprocess(self, payload: Any) -> Turn:
        try:
            return _turn(payload.get("turn") if isinstance(payload, dict) else None)
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from None

    def postprocess(self, value: Game | Look | None) -> dict[str, Any] | None:
        if value is None:
            return None
        if isinstance(value, Game):
            height, width = value.size
            readers = [{"name": one.name, "title": one.title, "colour": one.colour} for one in value.readers]
            return {
                "game": {
                    "dataset": value.dataset,
                    "classes": list(value.classes),
                    "height": height,
                    "width": width,
                    "most": MOST,
                    "readers": readers,
                    "reader": value.reader,
                    "ways": {way: words.capitalize() for way, words in WAYS.items()},
                }
            }
        return {
            "look": {
                "sample": value.sample,
                "reader": value.turn.reader,
                "run": value.turn.run,
                "pixels": list(value.turn.pixels),
                "values": list(value.values),
                "classes": [round(share, 4) for share in value.classes.tolist()],
                "bits": round(value.bits, 3),
                "information": png_address(coloured(value.information, 0, value.information.max().item(), SEQUENTIAL)),
                "next": value.following,
                "picture": None if value.picture is None else png_address(value.picture),
                "label": value.label,
            }
        }

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}


def _turn(payload: Any) -> Turn:
    """Parse what the browser sends.

    Raises:
        ValueError: If it is anything else; the message says what is accepted.
    """
    form = "a turn is {sample, reader, way, pixels, reveal, run}"
    if not isinstance(payload, dict):
        raise ValueError(f"{form}; got {payload!r:.40}")
    sample, reader, way, pixels = (payload.get(name) for name in ("sample", "reader", "way", "pixels"))
    if not (sample is None or _is_whole(sample)) or not isinstance(reader, str):
        raise ValueError(
            f"{form}; sample is a number and reader the name of a method, got {sample!r:.20}, {reader!r:.20}"
        )
    known: Way | None = next((one for one in WAYS if one == way), None)
    if known is None:
        raise ValueError(f"{form}; way is one of {', '.join(WAYS)}, got {way!r:.40}")
    if not isinstance(pixels, list) or len(pixels) > MOST or len(set(map(str, pixels))) < len(pixels):
        raise ValueError(f"{form}; pixels are at most {MOST} different places, got {pixels!r:.60}")
    if not all(map(_is_whole, pixels)):
        raise ValueError(f"{form}; a place is a whole number, got {pixels!r:.60}")
    run = payload.get("run")
    return Turn(sample, reader, known, tuple(pixels), payload.get("reveal") is True, run if _is_whole(run) else 0)


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9
