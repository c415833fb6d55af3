"""The player of a chapter: films that run together, a guess to make before the answer is shown, and the formula."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import gradio as gr

from dmfa_demo.app.canvas.presets import OFFERS
from dmfa_demo.app.lessons.lessons import Lesson, query_of
from dmfa_demo.app.lessons.shows import Film, Shown
from dmfa_demo.app.lessons.transfer import Transfer
from dmfa_demo.app.widgets.own_component import files_of
from dmfa_demo.figures import png_address


class Slice(NamedTuple):
    """A slice through the Gaussian of two standard normal pixels at `observed`, the first pixel's value."""

    observed: float = 1.5
    correlation: float = 0.8


# The largest absolute values.
FURTHEST = Slice(3.0, 0.95)


@dataclass(frozen=True)
class Chapter:
    """A chapter with its films of a scene, or a remark why there are none."""

    number: int
    lesson: Lesson
    shown: Shown
    at: Slice
    remark: str = ""


@dataclass(frozen=True)
class Question:
    """A question about another picture, for the chapter of this number."""

    number: int
    transfer: Transfer


class LessonPlayer(gr.HTML):
    """A player that shows a `Chapter`, asks a `Question`, or keeps a `Slice` until its chapter opens; its value is the slice."""

    def __init__(self, **kwargs: Any):
        super().__init__(
            **files_of(__file__),
            **kwargs,
        )

    def preprocess(self, payload: Any) -> Slice:
        at = payload.get("slice") if isinstance(payload, dict) else None
        try:
            return Slice() if at is None else sliced(at)
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from None

    def postprocess(self, value: Chapter | Question | Slice | None) -> dict[str, Any] | None:
        if value is None:
            return None
        if isinstance(value, Slice):
            return {"slice": list(value)}
        if isinstance(value, Question):
            asked = {name: getattr(value.transfer, name) for name in ("question", "answer", "because")}
            films = {name: encode_films(getattr(value.transfer, name)) for name in ("films", "after")}
            return {"transfer": {**asked, **films, "number": value.number, "options": list(value.transfer.options)}}
        lesson = value.lesson
        offered = lesson.setting is not None and lesson.setting.dataset in OFFERS
        return {
            "number": value.number,
            "title": lesson.title,
            "idea": lesson.idea,
            "setting": f"?{query_of(value.number)}" if offered else "",
            "sight": lesson.sight if offered else "",
            "playful": lesson.show is None,
            "slice": list(value.at),
            "remark": value.remark,
            "films": encode_films(value.shown.films),
            "question": lesson.question,
            "options": list(lesson.options),
            "answer": lesson.answer,
            "because": lesson.because,
            "figures": value.shown.figures,
            "formula": lesson.formula,
            "symbols": [{"symbol": symbol, "meaning": meaning} for symbol, meaning in lesson.symbols],
            "paper": lesson.paper,
            "about_paper": lesson.about_paper,
            "address": lesson.address,
            "transfers": True,
        }

    def api_info(self) -> dict[str, Any]:
        return {"type": "object", "properties": {"slice": {"type": "array", "items": {"type": "number"}}}}


def encode_films(films: Sequence[Film]) -> list[dict[str, Any]]:
    """Encode films for the browser, with pictures as data addresses."""
    return [
        {
            "title": film.title,
            "tells_truth": film.tells_truth,
            "frames": [
                {"address": png_address(one.pixels), "caption": one.caption, "alt": one.alt} for one in film.pictures
            ],
        }
        for film in films
    ]


def sliced(at: Any) -> Slice:
    """Parse two numbers to a slice.

    Raises:
        ValueError: If it is anything else, or a number is too far from zero.
    """
    with suppress(TypeError, ValueError):
        observed, correlation = at
        if abs(observed) <= FURTHEST.observed and abs(correlation) <= FURTHEST.correlation:
            return Slice(float(observed), float(correlation))
    raise ValueError(
        f"a slice is an observed value up to {FURTHEST.observed:g} and a correlation up to {FURTHEST.correlation:g}, got {at!r:.60}"
    )
