"""The Learn tab: six short chapters about the picture on the canvas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import gradio as gr
from torch import Tensor

from dmfa_demo.app.lessons.lesson_player import Chapter, LessonPlayer, Slice
from dmfa_demo.app.lessons.lessons import LESSONS, Shown
from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene
from dmfa_demo.app.widgets.segments import segments


@dataclass(frozen=True)
class LearnTab:
    """The tab's components; `render` makes the content of `outputs`."""

    chapter: gr.Radio
    player: LessonPlayer
    following: gr.Button

    @classmethod
    def build(cls) -> Self:
        """Lay out the tab inside the current Blocks."""
        names = [(f"{number}. {lesson.short}", number) for number, lesson in enumerate(LESSONS, 1)]
        with gr.Row(elem_classes="choices"):
            chapter = segments(names, "Chapter", "chapter")
        player = LessonPlayer(elem_id="lesson")
        return cls(chapter, player, gr.Button("Next chapter", size="sm", elem_classes="reset", elem_id="next-chapter"))

    @property
    def inputs(self) -> list[gr.components.Component]:
        """What `render` takes after scene and mask: the chapter, and the slice to play with."""
        return [self.chapter, self.player]

    @property
    def outputs(self) -> list[gr.components.Component]:
        """What `render` fills."""
        return [self.player, self.following]

    def render(self, scene: Scene, missing: Tensor, cache: ImputationCache, chapter: int, at: Slice) -> list[Any]:
        """The contents of `outputs` for a scene with `missing` `(H, W)` hidden.

        Raises:
            ValueError: for a chapter that there is not.
        """
        if isinstance(chapter, bool) or chapter not in range(1, len(LESSONS) + 1):
            raise ValueError(f"there is no chapter {chapter!r:.40}; chapters are 1 to {len(LESSONS)}")
        lesson = LESSONS[chapter - 1]
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
        return [Chapter(chapter, lesson, shown, at, remark), gr.Button(visible=not last)]
