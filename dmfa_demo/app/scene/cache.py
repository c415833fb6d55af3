"""Imputations of scenes, computed once for all tabs and visitors, and for several visitors in one pass."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor

from dmfa_demo.app.scene.memory import Memory
from dmfa_demo.app.scene.scene import Figures, Scene, measure_all
from dmfa_demo.imputation import Imputation
from dmfa_demo.registry import load_imputer

Result = TypeVar("Result")
# A data set, a method, and whether variances are wanted.
_Wanted = tuple[str, str, bool]

# The maximum number of scenes per pass; with more, the first would wait too long for the last.
MOST = 16
# The number of methods that run at the same time; more would wait for the interpreter lock.
ABREAST = 2
# Seconds to keep results of a visitor's picture after their last use.
KEEP_OWN = 600


@dataclass(frozen=True)
class Glance:
    """A summary of a method's imputation of one scene.

    Attributes:
        mean: `(C, H, W)`.
        variance: of each pixel `(C, H, W)`; None for a single answer, or if it was not requested.
        figures: the quality of the mean; None if nothing is missing.
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
    """A cache of results by scene, so that tabs and visitors with the same scene share a pass through a network.

    Results of visitors' pictures are kept separately, for `KEEP_OWN` seconds only.
    """

    def __init__(self):
        # A glance is small, but an imputation of a face with its density takes 2 MB.
        self._imputations, self._glances = Memory(64), Memory(256)
        self._own_imputations, self._own_glances = Memory(32, KEEP_OWN), Memory(256, KEEP_OWN)
        self._waiting, self._worker = deque[_Question](), ThreadPoolExecutor(1)
        self._helpers = ThreadPoolExecutor(ABREAST)

    def impute(self, method: str, scene: Scene, missing: Tensor, seed: int = 0) -> Imputation:
        """Return `method`'s imputation of a scene with `missing` `(H, W)` hidden, with batch size 1."""

        def make() -> Imputation:
            return load_imputer(method, scene.dataset).impute(scene.image[None], missing[None, None], seed=seed)

        return self.recall(scene, (method, seed, missing.numpy().tobytes()), make)

    def recall(self, scene: Scene, key: Hashable, make: Callable[[], Result]) -> Result:
        """Return the result of `make` for this scene and key, computed now or before."""
        memory = self._own_imputations if scene.number is None else self._imputations
        return memory.recall((scene.digest, key), make)

    def expire(self) -> None:
        """Drop the results of visitors' pictures that were not used for `KEEP_OWN` seconds."""
        self._own_imputations.expire()
        self._own_glances.expire()

    def glance(self, scene: Scene, missing: Tensor, names: Sequence[str], spread: bool = True) -> list[Glance]:
        """Return glances of some methods for a scene with `missing` `(H, W)` hidden; concurrent calls share the next pass.

        Variances take some methods extra time; `spread` requests them.
        """
        question = _Question(scene=scene, missing=missing, names=names, spread=spread)
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
            else:  # an error in one answer does not affect the others
                for question in questions:
                    self._settle([question])
        else:
            for question, glances in zip(questions, found):
                question.answer.set_result(glances)

    def _answer(self, questions: list[_Question]) -> list[list[Glance]]:
        """Answer some questions; each method runs once for all new scenes of a data set."""
        found: list[dict[str, Glance]] = [{} for _ in questions]
        new: dict[_Wanted, list[int]] = {}
        for place, question in enumerate(questions):
            for name in question.names:
                known = self._memory(question.scene).get(_key(question, name))
                if known is None:
                    new.setdefault((question.scene.dataset, name, question.spread), []).append(place)
                else:
                    found[place][name] = known
        grouped = [[questions[place] for place in places] for places in new.values()]
        for (_, name, _), places, glances in zip(new, new.values(), self._helpers.map(_look, new, grouped)):
            for place, glance in zip(places, glances):
                self._memory(questions[place].scene).keep(_key(questions[place], name), glance)
                found[place][name] = glance
        return [[glances[name] for name in question.names] for question, glances in zip(questions, found)]

    def _memory(self, scene: Scene) -> Memory:
        return self._own_glances if scene.number is None else self._glances


def _look(wanted: _Wanted, questions: Sequence[_Question]) -> list[Glance]:
    """Return one method's glances of the scenes of some questions."""
    dataset, name, spread = wanted
    images = torch.stack([question.scene.image for question in questions])
    missing = torch.stack([question.missing for question in questions])[:, None]
    imputation = load_imputer(name, dataset).impute(images, missing, seed=0)
    variance = imputation.variance if spread else None
    variances = [None] * len(questions) if variance is None else variance.unbind()
    return list(map(Glance, imputation.mean.unbind(), variances, measure_all(imputation, images, missing)))


def _key(question: _Question, name: str) -> Hashable:
    return question.scene.digest, "glance", name, question.spread, question.missing.numpy().tobytes()
