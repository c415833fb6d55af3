"""What the chapters show: films of the picture on the canvas, and the figures that answer their questions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dmfa_demo.app.canvas.presets import OFFERS
from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene, psnr_in_hole
from dmfa_demo.app.tabs.changing_mind import SHARES, grown
from dmfa_demo.app.tabs.factors import principal
from dmfa_demo.app.tabs.predictions import named, predict, seen_in
from dmfa_demo.app.widgets.strips import Picture
from dmfa_demo.data.datasets import DATASETS
from dmfa_demo.figures import grey_or_colour, with_holes
from dmfa_demo.models.classifier import CLASSIFIERS, MisConvClassifier, available_classifiers, load_classifier
from dmfa_demo.registry import available_methods, method_class

# The number of pictures in a film, and of draws.
FRAMES, DRAWN = 16, 32
# The extent of a film along factors, in standard deviations, and the number of factors.
SWAY, SHOWN_FACTORS = 2.5, 3
# The number of draws on a walk through the latents.
ENDS = 3
# Two walks end in different pictures if a pixel differs by more than this.
APART = 0.1
# The interval of the figures on calibration, and the colour of pixels outside an interval.
INTERVAL, RED = 0.9, (226, 61, 45)
# The shares of the picture in the growing hole.
DOUBTED = range(0, len(SHARES) - 1, 2)


@dataclass(frozen=True)
class Film:
    """A film: pictures in sequence under one title, or a single still picture.

    Attributes:
        tells_truth: whether it shows the hidden pixels, and is covered with them.
    """

    title: str
    pictures: list[Picture]
    tells_truth: bool = False


@dataclass(frozen=True)
class Shown:
    """A chapter's view of a scene: films that run together, and the figures that answer its question here."""

    films: list[Film]
    figures: str = ""


Show = Callable[[Scene, Tensor, ImputationCache, list[str]], Shown]


def first_with(trait: str) -> Callable[[str], list[str]]:
    """Return a function from a data set to its first method with a trait."""

    def choose(dataset: str) -> list[str]:
        names = available_methods(dataset, trait)
        if not names:
            raise ValueError("no method for these pictures can show this yet; choose another data set")
        return names[:1]

    return choose


def walkers(dataset: str) -> list[str]:
    """Return the data set's first method that walks, and the same walk from another start if there is one."""
    names = available_methods(dataset, "has_trajectory")
    if not names:
        raise ValueError("there is no auto-encoder for these pictures yet; choose another data set")
    return [name for name in names if name in (names[0], method_class(names[0]).other_start)]


def doubters(dataset: str) -> list[str]:
    """Return a classifier that averages over a density, one that treats the same density's mean as the truth, and one that does neither."""
    kinds = [CLASSIFIERS[name] for name in available_classifiers(dataset)]
    averaging = next((kind for kind in kinds if issubclass(kind, MisConvClassifier)), None)
    filling = next(
        (kind for kind in kinds if averaging and kind.fills_in and kind.source_method == averaging.source_method), None
    )
    plain = next((kind for kind in kinds if not (kind.sees_mask or kind.fills_in or kind.takes_complete)), None)
    names = [kind.name for kind in (averaging, filling, plain) if kind is not None]
    if not names:
        raise ValueError("there is no classifier for these pictures yet; choose another data set")
    return names


def two_with(trait: str) -> Callable[[str], list[str]]:
    """Return a function from a data set to its first two methods with a trait."""

    def choose(dataset: str) -> list[str]:
        return first_with(trait)(dataset) + available_methods(dataset, trait)[1:2]

    return choose


def fillers_of_labelled(dataset: str) -> list[str]:
    """Return the methods that draw samples of pictures of which a classifier tells several properties."""
    if not (DATASETS[dataset].several and available_classifiers(dataset)):
        advice = "; choose Faces" if "celeba" in OFFERS else ", as in the data set Faces"
        raise ValueError(f"this chapter needs pictures with several properties each{advice}")
    names = available_methods(dataset, "has_samples")[:3]
    if not names:
        raise ValueError("no method for these pictures can show this yet; choose another data set")
    return names


def _still(title: str, pixels, alt: str) -> Film:
    return Film(title, [Picture(pixels, "", alt)])


def original(scene: Scene) -> Film:
    """Return the picture itself, which is covered with the truth."""
    picture = Picture(grey_or_colour(scene.image), "", f"The original: {scene.caption}")
    return Film("Original", [picture], tells_truth=True)


def show_samples(scene: Scene, missing: Tensor, cache: ImputationCache, names: list[str]) -> Shown:
    """Return the original, a method's mean and its samples, with the error of both."""
    imputation, title = cache.impute(names[0], scene, missing), method_class(names[0]).title
    samples = imputation.sample(DRAWN, noise=False)[:, 0]
    hidden = missing.expand(scene.image.shape)

    mean = (imputation.mean[0] - scene.image)[hidden].square().mean().item()
    drawn = (samples - scene.image)[:, hidden].square().mean().item()
    film = [
        Picture(grey_or_colour(one), f"sample {number}", f"Sample {number} of {title}")
        for number, one in enumerate(samples[:FRAMES], 1)
    ]
    films = [
        original(scene),
        _still(f"{title}: the mean", grey_or_colour(imputation.mean[0]), f"{title}'s mean"),
        Film(f"{title}: samples", film),
    ]
    return Shown(
        films,
        f"Here the squared error of a hidden pixel is {mean:.3f} for the mean, and {drawn:.3f} for {DRAWN} samples of {title}, on average.",
    )


def show_factors(scene: Scene, missing: Tensor, cache: ImputationCache, names: list[str]) -> Shown:
    """Return films along a method's first factors."""
    gaussian = principal(cache.impute(names[0], scene, missing).mixture.leading(1), 0)
    title, films = method_class(names[0]).title, []
    for number, factor in enumerate(gaussian.factors[:SHOWN_FACTORS], 1):
        pictures = []
        for frame in range(FRAMES):
            step = SWAY * math.sin(2 * math.pi * frame / FRAMES)
            place = f"z{number} = {step:+.1f}".replace("-", "−")
            picture = grey_or_colour((gaussian.mean + step * factor).view_as(scene.image))
            pictures.append(Picture(picture, place, f"{title}'s mean moved along factor {number}: {place}"))
        films.append(Film(f"Along factor {number}", pictures))
    values, factors = int(missing.sum()) * len(scene.image), len(gaussian.factors)
    return Shown(
        films,
        f"Your hole has {values:,} hidden values: {values * (values + 1) // 2:,} numbers for a full covariance, "
        f"{values * (factors + 1):,} with {title}'s {factors} factors and its noise.",
    )


def show_latents(scene: Scene, missing: Tensor, cache: ImputationCache, names: list[str]) -> Shown:
    """Return a path between draws of a method with latents."""
    imputation, title = cache.impute(names[0], scene, missing), method_class(names[0]).title
    space = imputation.latents
    assert space is not None, "by the method's trait"
    walk = space.decode(space.tour(ENDS, FRAMES, torch.Generator().manual_seed(0)))[:, 0]
    samples = imputation.sample(DRAWN, noise=False)[:, 0]
    best, mean = (
        psnr_in_hole(samples, scene, missing).max().item(),
        psnr_in_hole(imputation.mean, scene, missing).item(),
    )
    films = [
        original(scene),
        Film(
            "From one draw to the next",
            [Picture(grey_or_colour(one), "", f"{title}'s answer on the way") for one in walk],
        ),
        _still(f"{title}: the mean", grey_or_colour(imputation.mean[0]), f"{title}'s mean"),
    ]
    return Shown(
        films, f"Here: the best of {DRAWN} draws of {title} comes to {best:.1f} dB, the mean of many to {mean:.1f} dB."
    )


def starts(names: list[str]) -> list[tuple[str, str, int]]:
    """Return two walks as (title, method, seed): of two methods, or of one method from two draws of noise."""
    if len(names) > 1:
        return [(method_class(name).title, name, 0) for name in names]
    title = method_class(names[0]).title
    return [(f"{title}, noise {seed + 1}", names[0], seed) for seed in range(2)]


def two_walks(
    scene: Scene, missing: Tensor, cache: ImputationCache, names: list[str]
) -> tuple[dict[str, Tensor], float]:
    """Return the two walks of `starts`.

    Returns:
        each walk's pictures `(T, C, H, W)`, by its title, and how much the two ends differ at most in any pixel.
    """
    walks = {}
    for title, name, seed in starts(names):
        walked = cache.impute(name, scene, missing, seed).trajectory
        assert walked is not None, "by the method's trait"
        walks[title] = walked[:, 0]
    first, second = (walk[-1] for walk in walks.values())
    return walks, (first - second).abs().max().item()


def show_walks(scene: Scene, missing: Tensor, cache: ImputationCache, names: list[str]) -> Shown:
    """Return films of two walks, and whether they end in the same picture."""
    films, ends = [], []
    walks, apart = two_walks(scene, missing, cache, names)
    for title, trajectory in walks.items():
        places = torch.linspace(0, len(trajectory) - 1, FRAMES).round().long().tolist()
        pictures = [
            Picture(grey_or_colour(trajectory[place]), f"step {place}", f"{title} after {place} steps")
            for place in places
        ]
        films.append(Film(title, pictures))
        ends.append(f"{title} arrives at {psnr_in_hole(trajectory[-1:], scene, missing).item():.1f} dB")
    end = "Here they end in two pictures" if apart > APART else "Here they end in the same picture, in one basin"
    return Shown(films, f"{end}: {'; '.join(ends)}.")


def show_doubt(scene: Scene, missing: Tensor, cache: ImputationCache, names: list[str]) -> Shown:
    """Return what classifiers say of a hole that grows."""
    holes = grown("blobs", 0, *scene.image.shape[1:])[list(DOUBTED)]
    images = scene.image.expand(len(holes), *scene.image.shape)
    films = []
    for name in names:
        classifier = load_classifier(name, scene.dataset)
        words = [_answer_text(answer, scene) for answer in classifier.predict(images, holes)]
        pictures = [
            Picture(with_holes(scene.image, hole), word, f"{classifier.title} says {word} given the visible pixels")
            for hole, word in zip(holes[:, 0], words)
        ]
        films.append(Film(classifier.title, pictures, tells_truth=True))
    here = [
        f"{one.title} says {_answer_text(answer, scene)}"
        for one, answer in predict(scene, missing, cache)
        if one.name in names
    ]
    return Shown(films, f"With your own hole: {'; '.join(here)}.")


def _answer_text(answer: Tensor, scene: Scene) -> str:
    about = DATASETS[scene.dataset]
    if about.several:
        return f"{about.classes[0]}: {100 * answer[0]:.0f} %"
    seen = seen_in(answer, about)
    return f"{named(seen, about)}, {100 * answer[seen[0]]:.0f} %"


def show_calibration(scene: Scene, missing: Tensor, cache: ImputationCache, names: list[str]) -> Shown:
    """Return films of growing intervals: hidden pixels whose interval misses the truth are red."""
    films, words = [], []
    for name in names:
        imputation, title = cache.impute(name, scene, missing), method_class(name).title
        needed, hidden = interval_needed(scene, missing, cache, name), missing.expand_as(scene.image)
        pictures = []
        for level in torch.linspace(0.05, 0.95, FRAMES).tolist():
            inside = (needed <= level)[hidden].float().mean().item()
            missed = ((needed > level) & hidden).any(0)
            caption = f"{100 * level:.0f} % intervals contain {100 * inside:.0f} %"
            alt = f"{title}'s {100 * level:.0f} % intervals contain {100 * inside:.0f} % of the hidden values"
            pictures.append(Picture(_marked(imputation.mean[0], missed), caption, alt))
        films.append(Film(f"{title}: red is outside", pictures, tells_truth=True))
        inside = (needed <= INTERVAL)[hidden].float().mean().item()
        words.append(f"{100 * inside:.0f} % of the values are inside {title}'s {100 * INTERVAL:.0f} % intervals")
    ratio = error_of_samples(scene, missing, cache, names[0])
    title = method_class(names[0]).title
    return Shown(
        films, f"Here {' and '.join(words)}. A sample of {title} has {ratio:.1f} times the squared error of its mean."
    )


def interval_needed(scene: Scene, missing: Tensor, cache: ImputationCache, name: str) -> Tensor:
    """Return the probability of the smallest central interval of a method's density that contains the truth, for each value `(C, H, W)`."""
    density = cache.impute(name, scene, missing).density
    assert density is not None, "by the method's trait"
    return (2 * density.cdf(scene.image.view(1, -1)) - 1).abs().view_as(scene.image)


def error_of_samples(scene: Scene, missing: Tensor, cache: ImputationCache, name: str) -> float:
    """Return how many times as large the squared error of a method's samples is as that of its mean, over the hidden pixels."""
    imputation, hidden = cache.impute(name, scene, missing), missing.expand_as(scene.image)
    of_samples = (imputation.sample(DRAWN)[:, 0] - scene.image)[:, hidden].square().mean()
    return (of_samples / (imputation.mean[0] - scene.image)[hidden].square().mean().clamp(min=1e-10)).item()


def _marked(image: Tensor, marked: Tensor) -> np.ndarray:
    """Return an image `(C, H, W)` in colour with some pixels `(H, W)` red, uint8 `(H, W, 3)`."""
    pixels = grey_or_colour(image.expand(3, -1, -1)).copy()
    pixels[marked.numpy()] = RED
    return pixels


def show_training(scene: Scene, missing: Tensor, cache: ImputationCache, names: list[str]) -> Shown:
    """Return each method's mean and samples, and what a classifier sees in the picture before and after."""
    films = [original(scene)]
    means = {method_class(name).title: cache.impute(name, scene, missing).mean[0] for name in names}
    films += [_still(f"{title}: the mean", grey_or_colour(mean), f"{title}'s mean") for title, mean in means.items()]
    title = method_class(names[0]).title
    film = [
        Picture(grey_or_colour(one), f"sample {number}", f"Sample {number} of {title}")
        for number, one in enumerate(cache.impute(names[0], scene, missing).sample(FRAMES, noise=False)[:, 0], 1)
    ]
    films.append(Film(f"{title}: samples", film))
    seen = properties([scene.image, *means.values()], scene.dataset)
    classes = DATASETS[scene.dataset].classes
    lost = int((seen[0] - seen[1:].mean(0)).argmax())
    after = ", ".join(
        f"{100 * share:.0f} % as {title} fills it" for title, share in zip(means, seen[1:, lost].tolist())
    )
    return Shown(
        films,
        f"Here the property “{classes[lost]}” fades most. A classifier gives it {100 * seen[0, lost]:.0f} % in the picture, {after}.",
    )


def properties(images: list[Tensor], dataset: str) -> Tensor:
    """Return the probability of each class `(len(images), classes)` that the classifier for complete pictures gives to images `(C, H, W)`."""
    stacked = torch.stack(images)
    classifier = load_classifier(available_classifiers(dataset)[0], dataset)
    return classifier.predict(stacked, torch.zeros(len(stacked), 1, *stacked.shape[2:], dtype=torch.bool))
