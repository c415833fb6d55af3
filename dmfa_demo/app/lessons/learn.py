"""The Learn tab: eight short chapters about the picture on the canvas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from secrets import randbelow
from typing import Any, Self

import gradio as gr
import torch
from gradio.components import Component
from gradio.events import Dependency
from torch import Tensor

from dmfa_demo.app.lessons.lesson_player import Chapter, LessonPlayer, Question, Slice, sliced
from dmfa_demo.app.lessons.lessons import LESSONS, Lesson
from dmfa_demo.app.lessons.quiz import Quiz
from dmfa_demo.app.lessons.scripts import lesson_script
from dmfa_demo.app.lessons.shows import Shown
from dmfa_demo.app.lessons.transfer import ASKED, Draw
from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene
from dmfa_demo.app.tabs.part import Part, Values
from dmfa_demo.app.widgets.fields import AddressField, one_of
from dmfa_demo.app.widgets.handlers import LATEST, in_turn
from dmfa_demo.app.widgets.script import Script
from dmfa_demo.app.widgets.segments import segments


@dataclass(frozen=True, kw_only=True)
class LearnTab(Part):
    """The Learn tab, which shows one chapter at a time."""

    FIELDS = (
        AddressField(
            key="lesson",
            control="chapter",
            default=lambda dataset: 1,
            parse=lambda dataset: one_of(range(1, len(LESSONS) + 1)),
            opens_tab=True,
        ),
        AddressField(
            key="slice",
            control="player",
            default=lambda dataset: Slice(),
            parse=lambda dataset: lambda text: sliced([float(part) for part in text.split(",")]),
        ),
    )

    chapter: gr.Radio
    player: LessonPlayer
    following: gr.Button

    @classmethod
    def build(cls, dataset: str, beside: Sequence[Part] = ()) -> Self:
        names = [(f"{number}. {lesson.short}", number) for number, lesson in enumerate(LESSONS, 1)]
        with gr.Row(elem_classes="choices"):
            chapter = segments(names, "Chapter", "chapter")
        Quiz(elem_id="quiz")
        player = LessonPlayer(elem_id="lesson")
        following = gr.Button("Next chapter", size="sm", elem_classes="reset", elem_id="next-chapter")
        return cls(chapter=chapter, player=player, following=following)

    @property
    def outputs(self) -> list[Component]:
        return [self.player, self.following]

    @classmethod
    def script(cls, dataset: str, chosen: Mapping[str, Any]) -> Script:
        return lesson_script(dataset, chosen["lesson"], chosen["slice"])

    def listen(self, painter: gr.HTML, cache: ImputationCache, panel: str) -> list[Dependency]:
        def answer(values: Values) -> list[Any]:
            return self.answer(values, painter, cache)

        # The browser turns to the next chapter, so that a stroke made meanwhile is answered for that one.
        turned = self.following.click(
            None,
            [self.chapter],
            [self.chapter],
            js=f"(chapter) => Math.min(chapter + 1, {len(LESSONS)})",
            api_visibility="private",
        )

        def ask(values: Values) -> Question:
            scene, number = values[painter].scene, values[self.chapter]
            names = chapter_of(number).methods(scene.dataset)
            draw = Draw(scene.dataset, torch.Generator().manual_seed(randbelow(2**31)), scene.number)
            return Question(number, ASKED[number - 1](draw, cache, names))

        self.player.select(in_turn(ask), {painter, self.chapter}, [self.player], **LATEST)
        return [turned.then(in_turn(answer), {painter, *self.inputs}, self.outputs, **LATEST)]

    def render(self, scene: Scene, missing: Tensor, cache: ImputationCache, chapter: int, player: Slice) -> list[Any]:
        """Return the contents of `outputs` for a scene with `missing` `(H, W)` hidden.

        Raises:
            ValueError: If there is no such chapter.
        """
        lesson = chapter_of(chapter)
        shown, remark, show = Shown([]), "", lesson.show
        if show is not None and not missing.any():
            remark = "Nothing is hidden. Paint over the picture to see this chapter at work."
        elif show is not None:
            try:
                key = "lesson", chapter, missing.numpy().tobytes()
                shown = cache.recall(scene, key, lambda: show(scene, missing, cache, lesson.methods(scene.dataset)))
            except ValueError as error:
                remark = str(error)[:1].upper() + str(error)[1:] + "."
        last = chapter == len(LESSONS)
        return [
            Chapter(number=chapter, lesson=lesson, shown=shown, at=player, remark=remark),
            gr.Button(visible=not last),
        ]


def chapter_of(number: Any) -> Lesson:
    """Return a chapter by its number, from 1.

    Raises:
        ValueError: If there is no such chapter.
    """
    if isinstance(number, bool) or number not in range(1, len(LESSONS) + 1):
        raise ValueError(f"there is no chapter {number!r:.40}; chapters are 1 to {len(LESSONS)}")
    return LESSONS[number - 1]
