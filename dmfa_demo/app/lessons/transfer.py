"""Questions about another picture, whose right answers are computed: does the idea of a chapter hold where nobody prepared it?

Each function takes a data set, a random generator, a cache and the names of the chapter's methods, and returns a `Transfer`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dmfa_demo.app.canvas.presets import OFFERS
from dmfa_demo.app.lessons.shows import APART, INTERVAL, Film, properties, starts
from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene, draw_mask, psnr_in_hole
from dmfa_demo.app.widgets.strips import Picture
from dmfa_demo.data.datasets import DATASETS, load_samples
from dmfa_demo.figures import grey_or_colour, with_holes
from dmfa_demo.models.classifier import load_classifier
from dmfa_demo.registry import method_class

# The number of pictures tried for two answers that differ clearly, and of samples of each.
TRIES, DRAWN = 6, 16
# What counts as clear: a ratio of distances between samples, and a difference of probabilities.
RATIO, DIFFERENCE = 1.2, 0.05


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


Ask = Callable[[str, torch.Generator, ImputationCache, list[str]], Transfer]


def another(dataset: str, generator: torch.Generator) -> Scene:
    """Return a bundled picture at random."""
    return Scene.sample(dataset, _below(len(load_samples(dataset)), generator))


def hole(scene: Scene, generator: torch.Generator) -> Tensor:
    """Return the hole `(H, W)` of a preset at random."""
    presets = OFFERS[scene.dataset].presets
    return draw_mask(presets[_below(len(presets), generator)][1], scene, _below(10_000, generator))


def ask_nearer(dataset: str, generator: torch.Generator, cache: ImputationCache, names: list[str]) -> Transfer:
    """Ask which of two pictures is nearer to the truth: a method's mean and a sample."""
    scene = another(dataset, generator)
    missing = hole(scene, generator)
    imputation = cache.impute(names[0], scene, missing)
    pictures = torch.stack([imputation.mean[0], imputation.sample(1, noise=False)[0, 0]])
    order = torch.randperm(2, generator=generator)
    near = psnr_in_hole(pictures[order], scene, missing).tolist()
    return Transfer(
        question="One of these pictures is nearer to the truth in squared error. Which?",
        films=[_seen(scene, missing), *map(_lettered, "AB", pictures[order])],
        options=("A", "B"),
        answer=int(near[1] > near[0]),
        because=f"A comes to {near[0]:.1f} dB, B to {near[1]:.1f} dB. The mean is {'AB'[int((order == 0).nonzero())]}.",
        after=[_original(scene)],
    )


def ask_slice(dataset: str, generator: torch.Generator, cache: ImputationCache, names: list[str]) -> Transfer:
    """Ask for the mean of a second pixel, given the first and the correlation of both."""
    observed = (1 + _below(4, generator)) / 2 * (1 if _below(2, generator) else -1)
    correlation = (2 + _below(6, generator)) / 10
    values = [correlation * observed, observed, (1 - correlation**2) * observed]
    order = torch.randperm(3, generator=generator).tolist()
    return Transfer(
        question=f"The first of two pixels is {_signed(observed)}, and the correlation is {correlation:g}; both have mean 0 and deviation 1. What is the mean of the second?",
        films=(),
        options=[_signed(values[place]) for place in order],
        answer=order.index(0),
        because=f"The mean is the correlation times the observed value, {correlation:g} · {_signed(observed)} = {_signed(values[0])}.",
    )


def ask_count(dataset: str, generator: torch.Generator, cache: ImputationCache, names: list[str]) -> Transfer:
    """Ask how many numbers a Gaussian with factors has for a hole."""
    scene = another(dataset, generator)
    missing = hole(scene, generator)
    values = int(missing.sum()) * len(scene.image)
    factors = cache.impute(names[0], scene, missing).mixture.leading(1).components.factors.shape[-2]
    counts = [values * (factors + 1), values * (values + 1) // 2, values + factors]
    order = torch.randperm(3, generator=generator).tolist()
    title = method_class(names[0]).title
    return Transfer(
        question=f"This hole has {values:,} hidden values, and {title} has {factors} factors. How many numbers do factors and noise have together?",
        films=[_seen(scene, missing)],
        options=[f"{counts[place]:,}" for place in order],
        answer=order.index(0),
        because=f"Each of {factors} factors and the noise has one number for each hidden value: {factors + 1} · {values:,} = {counts[0]:,}.",
    )


def ask_open(dataset: str, generator: torch.Generator, cache: ImputationCache, names: list[str]) -> Transfer:
    """Ask behind which of two holes the samples differ more."""

    def apart(scene: Scene, missing: Tensor) -> float:
        draws = cache.impute(names[0], scene, missing).sample(DRAWN, noise=False)[:, 0]
        return draws[:, missing.expand_as(scene.image)].var(0).mean().sqrt().item()

    scene, holes, spread = _clear(
        dataset, generator, apart, lambda one, other: max(one, other) >= RATIO * min(one, other)
    )
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


def ask_ends(dataset: str, generator: torch.Generator, cache: ImputationCache, names: list[str]) -> Transfer:
    """Ask whether two walks end in the same picture."""
    scene = another(dataset, generator)
    missing = hole(scene, generator)
    films, ends, last = [], [], []
    for title, name, seed in starts(names):
        walked = cache.impute(name, scene, missing, seed).trajectory
        assert walked is not None, "by the method's trait"
        films.append(Film(f"{title}: the start", [_picture(walked[0, 0], f"The start of {title}")]))
        ends.append(Film(f"{title}: the end", [_picture(walked[-1, 0], f"The end of {title}")]))
        last.append(walked[-1, 0])
    apart = (last[0] - last[1]).abs().max().item()
    return Transfer(
        question="Two walks start so. Do they end in the same picture?",
        films=films,
        options=("In the same picture", "In two pictures"),
        answer=int(apart > APART),
        because=f"Their ends differ by at most {apart:.2f} in any pixel; more than {APART:g} counts as two pictures.",
        after=ends,
    )


def ask_surer(dataset: str, generator: torch.Generator, cache: ImputationCache, names: list[str]) -> Transfer:
    """Ask behind which of two holes a classifier is less sure."""
    classifier = load_classifier(names[0], dataset)

    def certainty(scene: Scene, missing: Tensor) -> float:
        answer = classifier.predict(scene.image[None], missing[None, None])[0]
        return (answer[0] - 0.5).abs().item() + 0.5 if DATASETS[dataset].several else answer.max().item()

    scene, holes, sure = _clear(dataset, generator, certainty, lambda one, other: abs(one - other) >= DIFFERENCE)
    of = f" of {DATASETS[dataset].classes[0]}" if DATASETS[dataset].several else ""
    return Transfer(
        question=f"With which hole is {classifier.title} less sure{of}?",
        films=[_seen(scene, missing, letter) for letter, missing in zip("AB", holes)],
        options=("With A", "With B"),
        answer=int(sure[1] < sure[0]),
        because=f"Its likelier answer has {100 * sure[0]:.0f} % with A and {100 * sure[1]:.0f} % with B.",
        after=[_original(scene)],
    )


def ask_coverage(dataset: str, generator: torch.Generator, cache: ImputationCache, names: list[str]) -> Transfer:
    """Ask whether a method is too sure about a hole, or not sure enough."""
    scene = another(dataset, generator)
    missing = hole(scene, generator)
    imputation, title = cache.impute(names[0], scene, missing), method_class(names[0]).title
    assert imputation.density is not None, "by the method's trait"
    apart = (2 * imputation.density.cdf(scene.image.view(1, -1)) - 1).abs().view_as(scene.image)
    inside = (apart <= INTERVAL)[missing.expand_as(scene.image)].float().mean().item()
    return Transfer(
        question=f"This is {title}'s mean, and the truth. Is it too sure about this hole?",
        films=[_seen(scene, missing), Film(f"{title}: the mean", [_picture(imputation.mean[0], f"{title}'s mean")]), _original(scene)],
        options=(f"Too sure: fewer than {100 * INTERVAL:.0f} % of the values are inside their intervals", f"No: {100 * INTERVAL:.0f} % or more are inside"),
        answer=int(inside >= INTERVAL),
        because=f"{100 * inside:.0f} % of the hidden values are inside their {100 * INTERVAL:.0f} % intervals.",
    )  # fmt: skip


def ask_changed(dataset: str, generator: torch.Generator, cache: ImputationCache, names: list[str]) -> Transfer:
    """Ask which property of a face fades or appears most when a method fills a hole."""
    scene = another(dataset, generator)
    missing, title = hole(scene, generator), method_class(names[0]).title
    filled = cache.impute(names[0], scene, missing).mean[0]
    before, after = properties([scene.image, filled], dataset)
    most = (after - before).abs().topk(3).indices.tolist()
    order = torch.randperm(3, generator=generator).tolist()
    classes = DATASETS[dataset].classes
    changes = "; ".join(f"{classes[one]} from {100 * before[one]:.0f} to {100 * after[one]:.0f} %" for one in most)
    return Transfer(
        question=f"{title} fills this hole. Which property changes most for a classifier of the completed picture?",
        films=[_original(scene), _seen(scene, missing)],
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
    dataset: str,
    generator: torch.Generator,
    measure: Callable[[Scene, Tensor], float],
    differs: Callable[[float, float], bool],
) -> tuple[Scene, list[Tensor], list[float]]:
    """Return a picture, two holes in it, and a measure of each; the first pair that differs clearly, or after `TRIES` others the last."""

    def try_one() -> tuple[Scene, list[Tensor], list[float]]:
        scene = another(dataset, generator)
        holes = [hole(scene, generator) for _ in range(2)]
        return scene, holes, [measure(scene, missing) for missing in holes]

    scene, holes, found = try_one()
    for _ in range(TRIES):
        if differs(*found):
            break
        scene, holes, found = try_one()
    return scene, holes, found


def _below(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator))


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _picture(image: Tensor, alt: str) -> Picture:
    return Picture(grey_or_colour(image), "", alt)


def _lettered(letter: str, image: Tensor) -> Film:
    return Film(letter, [_picture(image, f"Picture {letter}")])


def _seen(scene: Scene, missing: Tensor, title: str = "What is visible") -> Film:
    return Film(title, [Picture(with_holes(scene.image, missing), "", f"{title}: a picture with {int(missing.sum())} hidden pixels")])  # fmt: skip


def _original(scene: Scene) -> Film:
    return Film("The truth", [_picture(scene.image, f"The original: {scene.caption}")])
