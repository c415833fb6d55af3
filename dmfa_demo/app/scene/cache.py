"""Imputations of scenes, computed once for all tabs and visitors, and for several visitors in one pass."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

import torch
from torch import Tensor

from dmfa_demo.app.scene.memory import Memory
from dmfa_demo.app.scene.scene import Figures, Scene, measure, measure_all
from dmfa_demo.imputation import Imputation
from dmfa_demo.registry import load_imputer, method_class
from dmfa_demo.workers import workers

Result = TypeVar("Result")
# A data set, a method, and whether variances are wanted.
_Wanted = tuple[str, str, bool]

# Seconds to keep results of a visitor's picture after their last use.
KEEP_OWN = 600
# Seconds that one part of an answer spends on methods that answer in steps.
PART_SECONDS = 0.5


@dataclass(frozen=True)
class Glance:
    """A summary of a method's imputation of one scene.

    Attributes:
        mean: `(C, H, W)`.
        variance: of each pixel `(C, H, W)`; None for a single answer, or if it was not requested.
        figures: the quality of the mean; None if nothing is missing, or if the method needs more steps.
        steps: the number of steps so far of a method that needs more of them; None if this is its answer.
    """

    mean: Tensor
    variance: Tensor | None
    figures: Figures | None
    steps: int | None = None


@dataclass(frozen=True, eq=False)
class Question:
    """A question for glances.

    Attributes:
        scene: the picture.
        missing: bool `(H, W)`, the hidden pixels.
        names: the methods.
        spread: whether to compute variances, which take some methods extra time.
        most: the number of methods to compute now, if they were not computed before; None for all.
    """

    scene: Scene
    missing: Tensor
    names: Sequence[str]
    spread: bool = True
    most: int | None = None


class _Progress:
    """The answer in progress of a method that answers in steps, for one scene."""

    def __init__(self, method: str, scene: Scene, missing: Tensor):
        self._method, self._scene, self._missing = method, scene, missing
        self._lock = Lock()
        self._begin()

    def _begin(self) -> None:
        imputer = load_imputer(self._method, self._scene.dataset)
        self._left = imputer.impute_in_steps(self._scene.image[None], self._missing[None, None], seed=0)
        self._last: Imputation | None = None
        self._steps = 0

    def advance(self, seconds: float) -> tuple[Imputation, int | None]:
        """Take steps for some seconds, at least one; return the answer so far and its number of steps, or None at the end."""
        until = time.monotonic() + seconds
        with self._lock:
            try:
                for answer in self._left:
                    self._last, self._steps = answer, self._steps + 1
                    if time.monotonic() >= until:
                        return self._last, self._steps
            except BaseException:
                self._begin()
                raise
            assert self._last is not None
            return self._last, None


class ImputationCache:
    """A cache of results by scene, so that tabs and visitors with the same scene share a pass through a network.

    Results of visitors' pictures are kept separately, for `KEEP_OWN` seconds only.
    """

    def __init__(self):
        # A glance is small, but an imputation of a face with its density takes 2 MB.
        self._imputations, self._glances = Memory(64), Memory(256)
        self._own_imputations, self._own_glances = Memory(32, KEEP_OWN), Memory(256, KEEP_OWN)

    def impute(self, method: str, scene: Scene, missing: Tensor, seed: int = 0) -> Imputation:
        """Return `method`'s imputation of a scene with `missing` `(H, W)` hidden, with batch size 1."""

        def make() -> Imputation:
            if seed == 0 and method_class(method).answers_in_steps:
                return self._progress(method, scene, missing).advance(math.inf)[0]
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

    def glances(self, questions: Sequence[Question]) -> list[list[Glance | None]]:
        """Return the glances for some questions; each method runs once for all scenes of a data set that it has not seen.

        A glance that exceeds its question's `most` is None. A method that answers in steps takes some of them each time that
        nothing else of its question is to be computed, until then its glance is None.
        """
        found: list[dict[str, Glance]] = [{} for _ in questions]
        new: dict[_Wanted, list[int]] = {}
        slow: list[tuple[int, str]] = []
        for place, question in enumerate(questions):
            left = len(question.names) if question.most is None else question.most
            for name in question.names:
                known = self._memory(question.scene).get(_key(question, name))
                if known is not None:
                    found[place][name] = known
                elif method_class(name).answers_in_steps:
                    slow.append((place, name))
                elif left > 0:
                    left -= 1
                    new.setdefault((question.scene.dataset, name, question.spread), []).append(place)
        grouped = [[questions[place] for place in places] for places in new.values()]
        # All imputations live until the last one, so that methods with the same guide share its conditional.
        looks = workers().map(_look, list(new), grouped)
        for (_, name, _), places, (_, glances) in zip(new, new.values(), looks):
            for place, glance in zip(places, glances):
                self._memory(questions[place].scene).keep(_key(questions[place], name), glance)
                found[place][name] = glance
        busy = {place for places in new.values() for place in places}
        slow = [(place, name) for place, name in slow if place not in busy]
        parts = [(questions[place], name, PART_SECONDS / len(slow)) for place, name in slow]
        for (place, name), glance in zip(slow, workers().map(self._advance, *zip(*parts)) if parts else []):
            found[place][name] = glance
        return [[glances.get(name) for name in question.names] for question, glances in zip(questions, found)]

    def _advance(self, question: Question, name: str, seconds: float) -> Glance:
        """Return the glance of a method that answers in steps, after some more seconds of them."""
        scene, missing = question.scene, question.missing
        imputation, steps = self._progress(name, scene, missing).advance(seconds)
        variance = imputation.variance[0] if question.spread and imputation.variance is not None else None
        if steps is not None:
            return Glance(imputation.mean[0], variance, None, steps)
        glance = Glance(imputation.mean[0], variance, measure(imputation, scene, missing))
        self._memory(scene).keep(_key(question, name), glance)
        return glance

    def _progress(self, method: str, scene: Scene, missing: Tensor) -> _Progress:
        return self.recall(
            scene, ("progress", method, missing.numpy().tobytes()), lambda: _Progress(method, scene, missing)
        )

    def _memory(self, scene: Scene) -> Memory:
        return self._own_glances if scene.number is None else self._glances


def _look(wanted: _Wanted, questions: Sequence[Question]) -> tuple[Imputation, list[Glance]]:
    """Return one method's imputation of the scenes of some questions, and its glances."""
    dataset, name, spread = wanted
    images = torch.stack([question.scene.image for question in questions])
    missing = torch.stack([question.missing for question in questions])[:, None]
    imputation = load_imputer(name, dataset).impute(images, missing, seed=0)
    variance = imputation.variance if spread else None
    variances = [None] * len(questions) if variance is None else variance.unbind()
    glances = list(map(Glance, imputation.mean.unbind(), variances, measure_all(imputation, images, missing)))
    return imputation, glances


def _key(question: Question, name: str) -> Hashable:
    return question.scene.digest, "glance", name, question.spread, question.missing.numpy().tobytes()
