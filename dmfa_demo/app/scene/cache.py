"""Imputations of scenes, computed once for all tabs and visitors, and for several visitors in one pass."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
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
# The answer of a method so far, None before its first step, and the number of its steps, None if it is finished.
_State = tuple[Imputation | None, int | None]

# Seconds to keep results of a visitor's picture after their last use.
KEEP_OWN = 600
# Seconds that one part of an answer spends on methods that answer in steps.
PART_SECONDS = 0.5
# The number of answers in progress, and the seconds to keep one after its last step: after each stroke one is left unfinished.
IN_PROGRESS, KEEP_PROGRESS = 256, 120


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
    """The answer in progress of a method that answers in steps, for one scene. Threads may share it."""

    def __init__(self, method: str, scene: Scene, missing: Tensor):
        self.method, self._scene, self._missing = method, scene, missing
        self._lock = Lock()
        self._left: Iterator[Imputation] | None = None
        self._state: _State = None, 0

    def advance(self, seconds: float) -> _State:
        """Take steps for some seconds, at least one; return the answer so far. If another thread takes steps, wait that long instead."""
        if not self._lock.acquire(timeout=seconds):
            return self._state
        try:
            return self._take(seconds)
        finally:
            self._lock.release()

    def finish(self) -> Imputation:
        """Take all steps that are left; return the answer."""
        with self._lock:
            answer, _ = self._take(math.inf)
        assert answer is not None
        return answer

    def _take(self, seconds: float) -> _State:
        until = time.monotonic() + seconds
        try:
            if self._left is None:
                imputer = load_imputer(self.method, self._scene.dataset)
                self._left = imputer.impute_in_steps(self._scene.image[None], self._missing[None, None], seed=0)
            for answer in self._left:
                self._state = answer, (self._state[1] or 0) + 1
                if time.monotonic() >= until:
                    return self._state
        except BaseException:
            self._left, self._state = None, (None, 0)  # begin again
            raise
        self._state = self._state[0], None
        return self._state


class ImputationCache:
    """A cache of results by scene, so that tabs and visitors with the same scene share a pass through a network.

    Results of visitors' pictures are kept separately, for `KEEP_OWN` seconds only.
    """

    def __init__(self):
        # A glance is small, but an imputation of a face with its density takes 2 MB.
        self._imputations, self._glances = Memory(64), Memory(256)
        self._own_imputations, self._own_glances = Memory(32, KEEP_OWN), Memory(256, KEEP_OWN)
        self._in_progress = Memory(IN_PROGRESS, KEEP_PROGRESS)

    def impute(self, method: str, scene: Scene, missing: Tensor, seed: int = 0) -> Imputation:
        """Return `method`'s imputation of a scene with `missing` `(H, W)` hidden, with batch size 1."""

        def make() -> Imputation:
            if seed == 0 and method_class(method).answers_in_steps:
                return self._progress(method, scene, missing).finish()
            return load_imputer(method, scene.dataset).impute(scene.image[None], missing[None, None], seed=seed)

        return self.recall(scene, _imputation_key(method, seed, missing), make)

    def recall(self, scene: Scene, key: Hashable, make: Callable[[], Result]) -> Result:
        """Return the result of `make` for this scene and key, computed now or before."""
        return self._imputations_of(scene).recall((scene.digest, key), make)

    def expire(self) -> None:
        """Drop the results of visitors' pictures that were not used for `KEEP_OWN` seconds."""
        self._own_imputations.expire()
        self._own_glances.expire()
        self._in_progress.expire()

    def glances(self, questions: Sequence[Question]) -> list[list[Glance | None]]:
        """Return the glances for some questions; each method runs once for all scenes of a data set that it has not seen.

        A glance that exceeds its question's `most` is None. A method that answers in steps takes some of them whenever nothing else of
        its question is left to compute; until then its glance is None.
        """
        found: list[dict[str, Glance]] = [{} for _ in questions]
        new: dict[_Wanted, list[int]] = {}
        slow: dict[_Progress, list[int]] = {}
        for place, question in enumerate(questions):
            left = len(question.names) if question.most is None else question.most
            for name in question.names:
                known = self._memory(question.scene).get(_key(question, name)) or self._glance_of_known(question, name)
                if known is not None:
                    found[place][name] = known
                elif method_class(name).answers_in_steps:
                    slow.setdefault(self._progress(name, question.scene, question.missing), []).append(place)
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
        # Those who got glances of other methods now see these first, and nobody waits long for a method of somebody else.
        answered = {place for places in new.values() for place in places}
        slow = {one: waiting for one, places in slow.items() if (waiting := [p for p in places if p not in answered])}
        seconds = 0 if new else PART_SECONDS / max(1, len(slow))
        states = workers().map(lambda progress: progress.advance(seconds), list(slow))
        for progress, places, state in zip(slow, slow.values(), states):
            for place in places:
                if (glance := self._glance_so_far(questions[place], progress.method, state)) is not None:
                    found[place][progress.method] = glance
        return [[glances.get(name) for name in question.names] for question, glances in zip(questions, found)]

    def _glance_of_known(self, question: Question, name: str) -> Glance | None:
        """Return the glance of an imputation that was computed for another tab; None if there is none."""
        key = question.scene.digest, _imputation_key(name, 0, question.missing)
        answer = self._imputations_of(question.scene).get(key)
        return None if answer is None else self._glance_so_far(question, name, (answer, None))

    def _glance_so_far(self, question: Question, name: str, state: _State) -> Glance | None:
        """Return the glance of a method that answers in steps, and keep it if it is finished; None before the first step."""
        (answer, steps), scene, missing = state, question.scene, question.missing
        if answer is None:
            return None
        variance = answer.variance[0] if question.spread and answer.variance is not None else None
        if steps is not None:
            return Glance(answer.mean[0], variance, None, steps)
        glance = Glance(answer.mean[0], variance, measure(answer, scene, missing))
        self._memory(scene).keep(_key(question, name), glance)
        self._imputations_of(scene).keep((scene.digest, _imputation_key(name, 0, missing)), answer)
        return glance

    def _progress(self, method: str, scene: Scene, missing: Tensor) -> _Progress:
        key = scene.digest, _imputation_key(method, 0, missing)
        return self._in_progress.recall(key, lambda: _Progress(method, scene, missing))

    def _imputations_of(self, scene: Scene) -> Memory:
        return self._own_imputations if scene.number is None else self._imputations

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


def _imputation_key(method: str, seed: int, missing: Tensor) -> Hashable:
    return method, seed, missing.numpy().tobytes()


def _key(question: Question, name: str) -> Hashable:
    return question.scene.digest, "glance", name, question.spread, question.missing.numpy().tobytes()
