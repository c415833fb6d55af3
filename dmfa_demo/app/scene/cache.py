"""Imputations of scenes, computed once for all tabs and visitors, and for several visitors in one pass."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from dmfa_demo.app.scene.memory import Memory
from dmfa_demo.app.scene.scene import Figures, Scene, measure_all
from dmfa_demo.imputation import Imputation
from dmfa_demo.registry import load_imputer
from dmfa_demo.workers import workers

Result = TypeVar("Result")
# A data set, a method, and whether variances are wanted.
_Wanted = tuple[str, str, bool]

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

        A glance that exceeds its question's `most` is None.
        """
        found: list[dict[str, Glance]] = [{} for _ in questions]
        new: dict[_Wanted, list[int]] = {}
        for place, question in enumerate(questions):
            left = len(question.names) if question.most is None else question.most
            for name in question.names:
                known = self._memory(question.scene).get(_key(question, name))
                if known is not None:
                    found[place][name] = known
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
        return [[glances.get(name) for name in question.names] for question, glances in zip(questions, found)]

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
