"""What methods make of scenes, computed once for all tabs and visitors, and for several visitors in one pass."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor

from dmfa_demo.app.memory import Memory
from dmfa_demo.app.scene import Figures, Scene, measure_all
from dmfa_demo.checkpoints import load_imputer
from dmfa_demo.imputation import Imputation

Result = TypeVar("Result")

# Scenes in one pass; with more of them the first would wait too long for the last.
MOST = 16


@dataclass(frozen=True)
class Glance:
    """What a method makes of one scene, at a glance.

    Attributes:
        mean: `(C, H, W)`.
        variance: of each pixel `(C, H, W)`; None for a single answer, and where it was not asked for.
        figures: how good the mean is; None where nothing is missing.
    """

    mean: Tensor
    variance: Tensor | None
    figures: Figures | None


@dataclass(frozen=True, eq=False)
class _Question:
    scene: Scene
    missing: Tensor
    names: Sequence[str]
    spread: bool
    answer: Future[list[Glance]] = field(default_factory=Future)


class ImputationCache:
    """What was computed of scenes, so that tabs that look at the same one share a pass through a network, and visitors too.

    What is computed of a picture that somebody brought lies with the picture alone, and goes with it.
    """

    def __init__(self):
        # A glance is small, an imputation with its density is not.
        self._imputations, self._glances = Memory(64), Memory(256)
        self._waiting, self._worker = deque[_Question](), ThreadPoolExecutor(1)

    def impute(self, method: str, scene: Scene, missing: Tensor, seed: int = 0) -> Imputation:
        """`method`'s imputation of a scene with `missing` `(H, W)` hidden, batch size 1."""

        def make() -> Imputation:
            return load_imputer(method, scene.dataset).impute(scene.image[None], missing[None, None], seed=seed)

        return self.recall(scene, (method, seed, missing.numpy().tobytes()), make)

    def recall(self, scene: Scene, key: Hashable, make: Callable[[], Result]) -> Result:
        """What `make` returned for this scene and key, now or before."""
        memory = self._imputations if scene.own is None else scene.own
        return memory.recall((scene.digest, key), make)

    def glance(self, scene: Scene, missing: Tensor, names: Sequence[str], spread: bool = True) -> list[Glance]:
        """What some methods make of a scene with `missing` `(H, W)` hidden; who asks meanwhile is answered in the next pass.

        Some methods take time of their own for variances; `spread` says whether they are wanted.
        """
        question = _Question(scene, missing, names, spread)
        self._waiting.append(question)
        self._worker.submit(self._answer_waiting)
        return question.answer.result()

    def _answer_waiting(self) -> None:
        questions = []
        while self._waiting and len(questions) < MOST:
            questions.append(self._waiting.popleft())
        self._settle(questions)

    def _settle(self, questions: list[_Question]) -> None:
        try:
            found = self._answer(questions)
        except Exception as error:
            if len(questions) == 1:
                questions[0].answer.set_exception(error)
            else:  # what cannot be answered to one spoils nobody else's answer
                for question in questions:
                    self._settle([question])
        else:
            for question, glances in zip(questions, found):
                question.answer.set_result(glances)

    def _answer(self, questions: list[_Question]) -> list[list[Glance]]:
        """The answers to some questions, each method asked once for all scenes of a data set that want it and are new."""
        found: list[dict[str, Glance]] = [{} for _ in questions]
        new: dict[tuple[str, str, bool], list[int]] = {}
        for place, question in enumerate(questions):
            for name in question.names:
                known = self._memory(question.scene).get(_key(question, name))
                if known is None:
                    new.setdefault((question.scene.dataset, name, question.spread), []).append(place)
                else:
                    found[place][name] = known
        for (dataset, name, spread), places in new.items():
            asked = [questions[place] for place in places]
            images = torch.stack([question.scene.image for question in asked])
            missing = torch.stack([question.missing for question in asked])[:, None]
            imputation = load_imputer(name, dataset).impute(images, missing, seed=0)
            variance = imputation.variance if spread else None
            variances = [None] * len(asked) if variance is None else variance.unbind()
            figures = measure_all(imputation, images, missing)
            for place, mean, variance, reached in zip(places, imputation.mean.unbind(), variances, figures):
                question, glance = questions[place], Glance(mean, variance, reached)
                self._memory(question.scene).keep(_key(question, name), glance)
                found[place][name] = glance
        return [[glances[name] for name in question.names] for question, glances in zip(questions, found)]

    def _memory(self, scene: Scene) -> Memory:
        return self._glances if scene.own is None else scene.own


def _key(question: _Question, name: str) -> Hashable:
    return question.scene.digest, "glance", name, question.spread, question.missing.numpy().tobytes()
