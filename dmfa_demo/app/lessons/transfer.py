"""Questions about another picture, whose right answers are computed: does the idea of a chapter hold where nobody prepared it?

Each function takes a `Draw` of pictures and holes, a cache and the names of the chapter's methods, and returns a `Transfer`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from dmfa_demo.app.canvas.presets import OFFERS
from dmfa_demo.app.lessons.shows import APART, INTERVAL, Film, interval_needed, original, properties, two_walks
from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene, draw_mask, psnr_in_hole
from dmfa_demo.app.widgets.strips import Picture
from dmfa_demo.data.datasets import DATASETS
from dmfa_demo.figures import grey_or_colour, with_holes
from dmfa_demo.models.classifier import load_classifier
from dmfa_demo.registry import method_class

# The number of pictures tried for two answers that differ clearly, and of samples of each.
TRIES, DRAWN = 20, 16
# What counts as clear: a ratio of distances between samples, and differences of probabilities, of shares of pixels and of decibels.
RATIO, DIFFERENCE, SHARE, DECIBELS = 1.2, 0.05, 0.01, 0.2

Made = TypeVar("Made")


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """A question about a picture that the visitor has not seen.

    Attributes:
        films: still pictures to look at; `after` are shown with the answer.
        options, answer: what may be chosen, and the position of the right one.
        because: the figures behind it.
    """

    question: str
    films: Sequence[Film]
    options: Sequence[str]
    answer: int
    because: str
    after: Sequence[Film] = ()


@dataclass(frozen=True)
class Draw:
    """Random pictures and holes of a data set.

    Attributes:
        shown: the number of the sample on the canvas, which is not asked about; None for a visitor's picture.
    """

    dataset: str
    generator: torch.Generator
    shown: int | None = None

    def scene(self) -> Scene:
        """Return a bundled picture other than the one on the canvas."""
        return Scene.another(self.dataset, self.shown, self.generator)

    def hole(self, scene: Scene) -> Tensor:
        """Return a hole `(H, W)` of a preset."""
        presets = OFFERS[self.dataset].presets
        return draw_mask(presets[self.below(len(presets))][1], scene, self.below(10_000))

    def below(self, count: int) -> int:
        """Return a number from 0 to `count - 1`."""
        return int(torch.randint(count, (), generator=self.generator))

    def order(self, count: int) -> list[int]:
        """Return the numbers from 0 to `count - 1` in any order."""
        return torch.randperm(count, generator=self.generator).tolist()


Ask = Callable[[Draw, ImputationCache, list[str]], Transfer]


def ask_nearer(draw: Draw, cache: ImputationCache, names: list[str]) -> Transfer:
    """Ask which of two pictures is nearer to the truth: a method's mean and a sample."""

    def make() -> tuple[Scene, Tensor, Tensor, list[float]] | None:
        scene = draw.scene()
        missing = draw.hole(scene)
        imputation = cache.impute(names[0], scene, missing)
        pictures = torch.stack([imputation.mean[0], imputation.sample(1, noise=False)[0, 0]])
        mean, sample = psnr_in_hole(pictures, scene, missing).tolist()
        return (scene, missing, pictures, [mean, sample]) if abs(mean - sample) >= DECIBELS else None

    scene, missing, pictures, both = _first_clear(make)
    order = draw.order(2)
    near = [both[place] for place in order]
    return Transfer(
        question="One of these pictures is nearer to the truth in squared error. Which?",
        films=[_seen(scene, missing), *map(_lettered, "AB", pictures[order])],
        options=("A", "B"),
        answer=int(near[1] > near[0]),
        because=f"A comes to a PSNR of {near[0]:.1f} dB and B to {near[1]:.1f} dB; more decibels mean less squared error. The mean is {'AB'[order.index(0)]}.",
        after=[_truth(scene)],
    )


def ask_slice(draw: Draw, cache: ImputationCache, names: list[str]) -> Transfer:
    """Ask for the mean of a second pixel, given the first and the correlation of both."""
    observed = (1 + draw.below(4)) / 2 * (1 if draw.below(2) else -1)
    correlation = (2 + draw.below(6)) / 10
    values = [correlation * observed, observed, (1 - correlation**2) * observed]
    order = draw.order(3)
    return Transfer(
        question=f"The first of two pixels is {_signed(observed)}, and the correlation is {correlation:g}; both have mean 0 and deviation 1. What is the mean of the second?",
        films=(),
        options=[_signed(values[place]) for place in order],
        answer=order.index(0),
        because=f"The mean is the correlation times the observed value, {correlation:g} · {_signed(observed)} = {_signed(values[0])}.",
    )


def ask_count(draw: Draw, cache: ImputationCache, names: list[str]) -> Transfer:
    """Ask how many numbers a Gaussian with factors has for a hole."""
    scene = draw.scene()
    missing = draw.hole(scene)
    values = int(missing.sum()) * len(scene.image)
    factors = cache.impute(names[0], scene, missing).mixture.leading(1).components.factors.shape[-2]
    counts = [values * (factors + 1), values * (values + 1) // 2, values + factors]
    order = draw.order(3)
    title = method_class(names[0]).title
    return Transfer(
        question=f"This hole has {values:,} hidden values, and {title} has {factors} factors. How many numbers do factors and noise have together?",
        films=[_seen(scene, missing)],
        options=[f"{counts[place]:,}" for place in order],
        answer=order.index(0),
        because=f"Each of {factors} factors and the noise has one number for each hidden value: {factors + 1} · {values:,} = {counts[0]:,}.",
    )


def ask_open(draw: Draw, cache: ImputationCache, names: list[str]) -> Transfer:
    """Ask behind which of two holes the samples differ more."""

    def apart(scene: Scene, missing: Tensor) -> float:
        draws = cache.impute(names[0], scene, missing).sample(DRAWN, noise=False)[:, 0]
        return draws[:, missing.expand_as(scene.image)].var(0).mean().sqrt().item()

    scene, holes, spread = _clear(draw, apart, lambda one, other: max(one, other) >= RATIO * min(one, other))
    title = method_class(names[0]).title
    return Transfer(
        question=f"Behind which hole do {title}'s samples differ more?",
        films=[_seen(scene, missing, letter) for letter, missing in zip("AB", holes)],
        options=("Behind A", "Behind B"),
        answer=int(spread[1] > spread[0]),
        because=f"The deviation of a hidden pixel over {DRAWN} samples is {spread[0]:.3f} behind A and {spread[1]:.3f} behind B, on average.",
        after=[
            Film(f"A sample behind {letter}", [_picture(cache.impute(names[0], scene, missing).sample(1, noise=False)[0, 0], f"A sample behind {letter}")])
            for letter, missing in zip("AB", holes)
        ],
    )  # fmt: skip


def ask_ends(draw: Draw, cache: ImputationCache, names: list[str]) -> Transfer:
    """Ask whether two walks end in the same picture."""
    scene = draw.scene()
    missing = draw.hole(scene)
    walks, apart = two_walks(scene, missing, cache, names)

    def at(place: int, name: str) -> list[Film]:
        return [
            Film(f"{title}: the {name}", [_picture(walk[place], f"The {name} of {title}")])
            for title, walk in walks.items()
        ]

    return Transfer(
        question="Two walks start so. Do they end in the same picture?",
        films=at(0, "start"),
        options=("In the same picture", "In two pictures"),
        answer=int(apart > APART),
        because=f"Their ends differ by at most {apart:.2f} in any pixel; more than {APART:g} counts as two pictures.",
        after=at(-1, "end"),
    )


def ask_surer(draw: Draw, cache: ImputationCache, names: list[str]) -> Transfer:
    """Ask behind which of two holes a classifier is less sure."""
    classifier = load_classifier(names[0], draw.dataset)

    def certainty(scene: Scene, missing: Tensor) -> float:
        answer = classifier.predict(scene.image[None], missing[None, None])[0]
        return (answer[0] - 0.5).abs().item() + 0.5 if DATASETS[draw.dataset].several else answer.max().item()

    scene, holes, sure = _clear(draw, certainty, lambda one, other: abs(one - other) >= DIFFERENCE)
    of = f" of {DATASETS[draw.dataset].classes[0]}" if DATASETS[draw.dataset].several else ""
    return Transfer(
        question=f"With which hole is {classifier.title} less sure{of}?",
        films=[_seen(scene, missing, letter) for letter, missing in zip("AB", holes)],
        options=("With A", "With B"),
        answer=int(sure[1] < sure[0]),
        because=f"Its likelier answer has {100 * sure[0]:.0f} % with A and {100 * sure[1]:.0f} % with B.",
        after=[_truth(scene)],
    )


def ask_coverage(draw: Draw, cache: ImputationCache, names: list[str]) -> Transfer:
    """Ask whether a method is too sure about a hole, or not sure enough."""

    def make() -> tuple[Scene, Tensor, float] | None:
        scene = draw.scene()
        missing = draw.hole(scene)
        needed = interval_needed(scene, missing, cache, names[0])
        inside = (needed <= INTERVAL)[missing.expand_as(scene.image)].float().mean().item()
        return (scene, missing, inside) if abs(inside - INTERVAL) >= SHARE else None

    scene, missing, inside = _first_clear(make)
    imputation, title = cache.impute(names[0], scene, missing), method_class(names[0]).title
    return Transfer(
        question=f"This is {title}'s mean, and the truth. Is it too sure about this hole?",
        films=[_seen(scene, missing), Film(f"{title}: the mean", [_picture(imputation.mean[0], f"{title}'s mean")]), _truth(scene)],
        options=(f"Too sure: fewer than {100 * INTERVAL:.0f} % of the values are inside their intervals", f"No: {100 * INTERVAL:.0f} % or more are inside"),
        answer=int(inside >= INTERVAL),
        because=f"{100 * inside:.0f} % of the hidden values are inside their {100 * INTERVAL:.0f} % intervals.",
    )  # fmt: skip


def ask_changed(draw: Draw, cache: ImputationCache, names: list[str]) -> Transfer:
    """Ask which property of a face fades or appears most when a method fills a hole."""

    def make() -> tuple[Scene, Tensor, Tensor, Tensor, Tensor] | None:
        scene = draw.scene()
        missing = draw.hole(scene)
        filled = cache.impute(names[0], scene, missing).mean[0]
        before, after = properties([scene.image, filled], draw.dataset)
        first, second = (after - before).abs().topk(2).values.tolist()
        return (scene, missing, filled, before, after) if first - second >= DIFFERENCE else None

    scene, missing, filled, before, after = _first_clear(make)
    title, most = method_class(names[0]).title, (after - before).abs().topk(3).indices.tolist()
    order = draw.order(3)
    classes = DATASETS[draw.dataset].classes
    changes = "; ".join(f"{classes[one]} from {100 * before[one]:.0f} to {100 * after[one]:.0f} %" for one in most)
    return Transfer(
        question=f"{title} fills this hole. Which property changes most for a classifier of the completed picture?",
        films=[_truth(scene), _seen(scene, missing)],
        options=[classes[most[place]] for place in order],
        answer=order.index(0),
        because=f"{changes}.".capitalize(),
        after=[Film(f"{title}: the mean", [_picture(filled, f"{title}'s mean")])],
    )


ASKED: tuple[Ask, ...] = (
    ask_nearer,
    ask_slice,
    ask_count,
    ask_open,
    ask_ends,
    ask_surer,
    ask_coverage,
    ask_changed,
)
"""The question of each chapter, in their order."""


def _clear(
    draw: Draw, measure: Callable[[Scene, Tensor], float], differs: Callable[[float, float], bool]
) -> tuple[Scene, list[Tensor], list[float]]:
    """Return a picture, two holes in it, and a measure of each that differ clearly."""

    def make() -> tuple[Scene, list[Tensor], list[float]] | None:
        scene = draw.scene()
        holes = [draw.hole(scene) for _ in range(2)]
        found = [measure(scene, missing) for missing in holes]
        return (scene, holes, found) if differs(*found) else None

    return _first_clear(make)


def _first_clear(make: Callable[[], Made | None]) -> Made:
    """Return the first that `make` returns; it returns None where the answer is not clear.

    Raises:
        ValueError: If there is none among `TRIES`.
    """
    for _ in range(TRIES):
        if (made := make()) is not None:
            return made
    raise ValueError("no picture with a clear answer was found; ask again")


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _picture(image: Tensor, alt: str) -> Picture:
    return Picture(grey_or_colour(image), "", alt)


def _lettered(letter: str, image: Tensor) -> Film:
    return Film(letter, [_picture(image, f"Picture {letter}")])


def _seen(scene: Scene, missing: Tensor, title: str = "What is visible") -> Film:
    return Film(title, [Picture(with_holes(scene.image, missing), "", f"{title}: a picture with {int(missing.sum())} hidden pixels")])  # fmt: skip


def _truth(scene: Scene) -> Film:
    """Return the picture itself. It is part of the question or of its answer, and not of the canvas, so it is never covered."""
    return replace(original(scene), title="The truth", tells_truth=False)
