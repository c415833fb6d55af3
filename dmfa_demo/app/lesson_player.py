"""The player of a chapter: films that run together, a guess to make before the answer is shown, the formula."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from dmfa_demo.app.lessons import Lesson, Shown
from dmfa_demo.app.own_component import files_of
from dmfa_demo.figures import png_address


@dataclass(frozen=True)
class Chapter:
    """A chapter with what it shows of a scene, or a remark why it shows nothing."""

    number: int
    lesson: Lesson
    shown: Shown
    remark: str = ""


class LessonPlayer(gr.HTML):
    """Shows a `Chapter`; gives nothing back."""

    def __init__(self, **kwargs: Any):
        super().__init__(
            **files_of("lesson_player"),
            **kwargs,
        )

    def postprocess(self, value: Chapter | None) -> dict[str, Any] | None:
        if value is None:
            return None
        lesson = value.lesson
        films = [
            {
                "title": film.title,
                "frames": [
                    {"address": png_address(one.pixels), "caption": one.caption, "alt": one.alt}
                    for one in film.pictures
                ],
            }
            for film in value.shown.films
        ]
        return {
            "number": value.number,
            "title": lesson.title,
            "idea": lesson.idea,
            "playful": lesson.show is None,
            "remark": value.remark,
            "films": films,
            "question": lesson.question,
            "options": list(lesson.options),
            "answer": lesson.answer,
            "because": lesson.because,
            "figures": value.shown.figures,
            "formula": lesson.formula,
            "symbols": [{"symbol": symbol, "meaning": meaning} for symbol, meaning in lesson.symbols],
            "paper": lesson.paper,
            "address": lesson.address,
        }

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}
