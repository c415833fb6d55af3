"""Six short chapters for a student who knows linear algebra and no jargon: one idea each, shown on the picture of the canvas."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from dmfa_demo.app.lessons.mathml import formula, frac, root, row, sub, subsup, sup
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

# Pictures of a film, and draws where they are counted.
FRAMES, DRAWN = 16, 32
# How far, in standard deviations, a film goes along factors, and how many of them.
SWAY, SHOWN_FACTORS = 2.5, 3
# Draws that a walk through the latents passes.
ENDS = 3
# Two walks end in different pictures when a pixel differs by more, of 1.
APART = 0.1
# Shares of the picture that the growing hole takes.
DOUBTED = range(0, len(SHARES) - 1, 2)


@dataclass(frozen=True)
class Film:
    """Pictures that follow each other under one title; a single one stands still."""

    title: str
    pictures: list[Picture]


@dataclass(frozen=True)
class Shown:
    """What a chapter shows of a scene: films that run together, and the figures that answer its question here."""

    films: list[Film]
    figures: str = ""


Show = Callable[[Scene, Tensor, ImputationCache, list[str]], Shown]


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One chapter.

    Attributes:
        title: of the chapter, and `short` for a button.
        idea: a few sentences, HTML.
        methods: of a data set, the names of what is shown; a ValueError when it has none.
        show: of scene, hole `(H, W)`, cache and these names, what is to be seen; None where the picture is one to play with in the browser.
        question, options, answer: a guess to make before reading on; `answer` is the position of the right option.
        because: why, HTML.
        formula: MathML.
        symbols: what each symbol stands for: MathML and words.
        paper, address: where to read more.
    """

    title: str
    short: str
    idea: str
    methods: Callable[[str], list[str]]
    show: Show | None
    question: str
    options: tuple[str, ...]
    answer: int
    because: str
    formula: str
    symbols: tuple[tuple[str, str], ...]
    paper: str
    address: str


def _first_with(trait: str) -> Callable[[str], list[str]]:
    """Data set -> its first method with a trait."""

    def choose(dataset: str) -> list[str]:
        names = available_methods(dataset, trait)
        if not names:
            raise ValueError("no method for these pictures can show this yet; choose another data set")
        return names[:1]

    return choose


def _walkers(dataset: str) -> list[str]:
    names = available_methods(dataset, "has_trajectory")
    if not names:
        raise ValueError("no auto-encoder for these pictures walks yet; choose another data set")
    # The same walk from another start, where there is one.
    return [name for name in names if name in (names[0], method_class(names[0]).stands_in_for)]


def _doubters(dataset: str) -> list[str]:
    """One that averages over a density, one that takes the mean of the same density for the truth, and one that does neither."""
    kinds = [CLASSIFIERS[name] for name in available_classifiers(dataset)]
    averaging = next((kind for kind in kinds if issubclass(kind, MisConvClassifier)), None)
    filling = next((kind for kind in kinds if averaging and kind.fills_in and kind.asks == averaging.asks), None)
    plain = next((kind for kind in kinds if not (kind.sees_mask or kind.fills_in or kind.takes_complete)), None)
    names = [kind.name for kind in (averaging, filling, plain) if kind is not None]
    if not names:
        raise ValueError("there is no classifier for these pictures yet; choose another data set")
    return names


def _still(title: str, pixels, alt: str) -> Film:
    return Film(title, [Picture(pixels, "", alt)])


def _samples(scene: Scene, missing: Tensor, cache: ImputationCache, names: list[str]) -> Shown:
    imputation, title = cache.impute(names[0], scene, missing), method_class(names[0]).title
    samples = imputation.sample(DRAWN, noise=False)[:, 0]
    hidden = missing.expand(scene.image.shape)

    def decibels(error: Tensor) -> float:
        return -10 * math.log10(max(error.square().mean().item(), 1e-10))

    mean = decibels((imputation.mean[0] - scene.image)[hidden])
    drawn = decibels((samples - scene.image)[:, hidden])
    film = [
        Picture(grey_or_colour(one), f"sample {number}", f"Sample {number} of {title}")
        for number, one in enumerate(samples[:FRAMES], 1)
    ]
    films = [
        _still("Original", grey_or_colour(scene.image), f"The original: {scene.caption}"),
        _still(f"{title}: the mean", grey_or_colour(imputation.mean[0]), f"{title}'s mean"),
        Film(f"{title}: samples", film),
    ]
    return Shown(films, f"Here: the mean reaches {mean:.1f} dB, {DRAWN} samples of {title} {drawn:.1f} dB on average.")


def _factors(scene: Scene, missing: Tensor, cache: ImputationCache, names: list[str]) -> Shown:
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


def _latents(scene: Scene, missing: Tensor, cache: ImputationCache, names: list[str]) -> Shown:
    imputation, title = cache.impute(names[0], scene, missing), method_class(names[0]).title
    space = imputation.latents
    assert space is not None, "by the method's own word"
    walk = space.decode(space.tour(ENDS, FRAMES, torch.Generator().manual_seed(0)))[:, 0]
    samples = imputation.sample(DRAWN, noise=False)[:, 0]
    best, mean = (
        psnr_in_hole(samples, scene, missing).max().item(),
        psnr_in_hole(imputation.mean, scene, missing).item(),
    )
    films = [
        _still("Original", grey_or_colour(scene.image), f"The original: {scene.caption}"),
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
    """Two walks, as (title, method, seed): of two methods, or of one from two draws of noise."""
    if len(names) > 1:
        return [(method_class(name).title, name, 0) for name in names]
    title = method_class(names[0]).title
    return [(f"{title}, noise {seed + 1}", names[0], seed) for seed in range(2)]


def _walks(scene: Scene, missing: Tensor, cache: ImputationCache, names: list[str]) -> Shown:
    films, ends, last = [], [], []
    for title, name, seed in starts(names):
        walked = cache.impute(name, scene, missing, seed).trajectory
        assert walked is not None, "by the method's own word"
        trajectory = walked[:, 0]
        places = torch.linspace(0, len(trajectory) - 1, FRAMES).round().long().tolist()
        pictures = [
            Picture(grey_or_colour(trajectory[place]), f"step {place}", f"{title} after {place} steps")
            for place in places
        ]
        films.append(Film(title, pictures))
        last.append(trajectory[-1])
        ends.append(f"{title} arrives at {psnr_in_hole(trajectory[-1:], scene, missing).item():.1f} dB")
    apart = (last[0] - last[1]).abs().max() > APART
    end = "Here they end in two pictures" if apart else "Here they end in the same picture, in one basin"
    return Shown(films, f"{end}: {'; '.join(ends)}.")


def _doubt(scene: Scene, missing: Tensor, cache: ImputationCache, names: list[str]) -> Shown:
    holes = grown("blobs", 0, *scene.image.shape[1:])[list(DOUBTED)]
    images = scene.image.expand(len(holes), *scene.image.shape)
    films = []
    for name in names:
        classifier = load_classifier(name, scene.dataset)
        said = [_said(answer, scene) for answer in classifier.predict(images, holes)]
        pictures = [
            Picture(with_holes(scene.image, hole), word, f"{classifier.title} says {word} of what is visible")
            for hole, word in zip(holes[:, 0], said)
        ]
        films.append(Film(classifier.title, pictures))
    here = [
        f"{one.title} says {_said(answer, scene)}"
        for one, answer in predict(scene, missing, cache)
        if one.name in names
    ]
    return Shown(films, f"With your own hole: {'; '.join(here)}.")


def _said(answer: Tensor, scene: Scene) -> str:
    about = DATASETS[scene.dataset]
    if about.several:
        return f"{about.classes[0]}: {100 * answer[0]:.0f} %"
    seen = seen_in(answer, about)
    return f"{named(seen, about)}, {100 * answer[seen[0]]:.0f} %"


_HIDDEN, _VISIBLE = sub("x", "m"), sub("x", "o")

LESSONS = (
    Lesson(
        title="Why a single imputation lies",
        short="Guesses",
        idea="What is hidden is not known, only more or less likely. To fill it in with one picture is to take a guess for a fact, and "
        "later the two look the same. The <strong>mean</strong> is the best single guess, and yet it looks like nothing that "
        "could have been there: where several answers would fit it is their average, a blur. A <strong>sample</strong> is one "
        "whole answer that could have been.",
        methods=_first_with("has_samples"),
        show=_samples,
        question="A sample looks sharper than the mean. Which of them is nearer to the truth on average, in squared error?",
        options=("The sample: it looks real", "The mean, blurred as it is", "Both are equally near"),
        answer=1,
        because="A sample errs twice: as the mean does, and by being only one of many. That is why good scores and good looks are two things, and "
        "why a guess should come with its variance.",
        formula=formula(
            "E", row("[", sup(row("(", "x", "−", "s", ")"), "2"), "]"), "=", sup(row("(", "x", "−", "μ", ")"), "2"), "+", sup("σ", "2")
        ),
        symbols=(
            (formula("x", block=False), "the true value of a hidden pixel"),
            (formula("s", block=False), "what a sample puts there"),
            (formula("μ", block=False), "the mean of all samples"),
            (formula(sup("σ", "2"), block=False), "their variance: how far samples spread"),
            (formula("E", block=False), "the average over samples"),
        ),
        paper="Przewięźlikowski, Śmieja, Struski: Estimating conditional density of missing values (2020)",
        address="https://arxiv.org/abs/2010.02183",
    ),
    Lesson(
        title="A Gaussian that can be conditioned",
        short="Conditions",
        idea="Think of two pixels only. All pictures together make a cloud of points, one for each picture, and a <strong>Gaussian</strong> is "
        "the simplest cloud: an ellipse. Now the first pixel is visible and the second hidden. What is left of the cloud is a "
        "slice through it, and the slice is a Gaussian again. Drag the observed value, and change how much the pixels have to do with each other.",
        methods=lambda dataset: [],
        show=None,
        question="You see that the first pixel is far lighter than usual. How sure can you be of the second, compared with an ordinary first pixel?",
        options=("Less sure: something unusual happened", "Equally sure, whatever the first one is", "Surer: an extreme value says more"),
        answer=1,
        because="The observed value moves the mean of the slice, but not its width: the second formula does not contain it. With a "
        "single fixed Gaussian the doubt cannot depend on what is seen. With mixtures and networks it can.",
        formula=formula(sub("μ", "2|1"), "=", sub("μ", "2"), "+", frac(sub("Σ", "21"), sub("Σ", "11")), row("(", sub("x", "1"), "−", sub("μ", "1"), ")"))
        + formula(subsup("σ", "2|1", "2"), "=", sub("Σ", "22"), "−", frac(subsup("Σ", "21", "2"), sub("Σ", "11"))),
        symbols=(
            (formula(sub("x", "1"), block=False), "the observed value of the first pixel"),
            (formula(sub("μ", "1"), ",", sub("μ", "2"), block=False), "the pixels' means over all pictures"),
            (formula(sub("Σ", "11"), ",", sub("Σ", "22"), block=False), "their variances"),
            (formula(sub("Σ", "21"), block=False), "their covariance: how much they move together"),
            (formula(sub("μ", "2|1"), ",", subsup("σ", "2|1", "2"), block=False), "mean and variance of the second pixel once the first is known"),
        ),
        paper="Przewięźlikowski, Śmieja, Struski: Estimating conditional density of missing values (2020), section 2",
        address="https://arxiv.org/abs/2010.02183",
    ),
    Lesson(
        title="Factors: why a few directions are enough",
        short="Factors",
        idea="Hidden pixels do not vary one by one. If an edge lay a little further to the right, many pixels would change together. Each such way of "
        "changing together is a <strong>factor</strong>: a picture that is added to the mean, more or less of it. A handful of factors and "
        "a little independent noise for each pixel stand in for a whole covariance matrix.",
        methods=_first_with("has_factors"),
        show=_factors,
        question="How many numbers would the full covariance of all hidden pixels need?",
        options=("One for each hidden pixel", "One for each pair of hidden pixels", "One for each pixel and factor"),
        answer=1,
        because="A covariance matrix holds one number for each pair, and they could not all be learnt. With factors their number grows with the "
        "pixels and not with their square.",
        formula=formula("Σ", "=", "A", sup("A", "⊤"), "+", "diag", row("(", "d", ")")),
        symbols=(
            (formula("Σ", block=False), "the covariance of all hidden pixels"),
            (formula("A", block=False), "the factors, one in each column"),
            (formula(sup("A", "⊤"), block=False), "its transpose"),
            (formula("d", block=False), "the variance of each pixel's own noise"),
        ),
        paper="Ghahramani, Hinton: The EM algorithm for mixtures of factor analyzers (1996)",
        address="https://www.cs.toronto.edu/~hinton/absps/tr-96-1.pdf",
    ),
    Lesson(
        title="Many answers from one network",
        short="Draws",
        idea="Another way to a distribution: let a network draw. A <strong>variational auto-encoder</strong> first draws a few numbers, the "
        "<strong>latents</strong>, from a Gaussian that depends on what is visible, and a second network turns them into pixels. "
        "Near latents give similar pictures, so one answer can be walked into another.",
        methods=_first_with("has_latents"),
        show=_latents,
        question="You draw the latents once and decode them twice. What do you get?",
        options=("Two different pictures", "The same picture twice", "The average of all pictures"),
        answer=1,
        because="All variety comes from the latents; the decoder only translates (what it leaves open is noise in single pixels). Many draws, seen "
        "side by side, are the answer, and the best of many is nearer to the truth than a typical one.",
        formula=formula("p", row("(", _HIDDEN, "|", _VISIBLE, ")"), "=", "∫", "p", row("(", _HIDDEN, "|", "z", ",", _VISIBLE, ")"), "p", row("(", "z", "|", _VISIBLE, ")"), "d", "z"),
        symbols=(
            (formula(_VISIBLE, block=False), "what is visible (observed)"),
            (formula(_HIDDEN, block=False), "what is hidden (missing)"),
            (formula("z", block=False), "the latents"),
            (formula("p", row("(", "z", "|", _VISIBLE, ")"), block=False), "how likely latents are, given what is visible: the first network"),
            (formula("p", row("(", _HIDDEN, "|", "z", ",", _VISIBLE, ")"), block=False), "how likely pixels are, given both: the second"),
        ),
        paper="Ivanov, Figurnov, Vetrov: Variational autoencoder with arbitrary conditioning (2019)",
        address="https://arxiv.org/abs/1806.02382",
    ),
    Lesson(
        title="Walking to an attractor",
        short="Walks",
        idea="An <strong>auto-encoder</strong> squeezes a picture through a few numbers and rebuilds it. It never saw a hole; but it moves "
        "every picture a little towards those that it knows. Follow that again and again on the hidden pixels only, and they end where "
        "nothing moves any more, at an <strong>attractor</strong>.",
        methods=_walkers,
        show=_walks,
        question="Two walks start in different places. Where do they end?",
        options=("In the same picture, always", "Each where its own way leads, perhaps in two pictures", "They never come to rest"),
        answer=1,
        because="There are many attractors, and around each the places that lead there, its basin. Start in another basin and you end elsewhere: "
        "the beginning decides, as the Attractors tab shows on a map.",
        formula=formula(_HIDDEN, "←", _HIDDEN, "+", "h", sub(row("(", "r", "(", "x", ")", "−", "x", ")"), "m")),
        symbols=(
            (formula("x", block=False), "the whole picture"),
            (formula(_HIDDEN, block=False), "its hidden pixels, the only ones that move"),
            (formula("r", row("(", "x", ")"), block=False), "what the auto-encoder rebuilds of it"),
            (formula("h", block=False), "the length of a step, at most 1"),
        ),
        paper="Śmieja, Kołomycki, Struski, Juda, Figueiredo: Iterative imputation of missing data using auto-encoder dynamics (2020)",
        address="https://dblp.org/search?q=Iterative%20imputation%20of%20missing%20data%20using%20auto-encoder%20dynamics",
    ),
    Lesson(
        title="Let the classifier know what is unknown",
        short="Doubt",
        idea="A classifier that is given a filled-in picture believes it. <strong>MisConv</strong> gives its first layer the whole density "
        "instead: each of its small filters answers with the average of what it would answer to all the pictures that are possible. A "
        "doubtful pixel then counts as doubtful.",
        methods=_doubters,
        show=_doubt,
        question="More and more of a picture is hidden. What should a good classifier say?",
        options=("The likeliest class, as certain as before", "The likeliest class, less and less certain", "A random class"),
        answer=1,
        because="How sure it is should follow how often it is right; the Results tab holds, as calibration error, how far each is from that. On these "
        "pictures averaging helps the certainty a little, and the accuracy hardly.",
        formula=formula(
            "E", row("[", "max", "(", "u", ",", "0", ")", "]"), "=", frac("m", "2"),
            row("(", "1", "+", "erf", row("(", frac("m", row("s", root("2"))), ")"), ")"), "+", frac("s", root(row("2", "π"))), sup("e", row("−", sup("m", "2"), "/", "2", sup("s", "2"))),
        ),
        symbols=(
            (formula("u", block=False), "what a filter sums up; Gaussian, as it depends on hidden pixels"),
            (formula("m", ",", "s", block=False), "its mean and standard deviation over all that may be hidden"),
            (formula("max", row("(", "u", ",", "0", ")"), block=False), "the filter's answer (ReLU)"),
            (formula("E", block=False), "the average over all that may be hidden"),
            (formula("erf", block=False), "the error function, the area under a Gaussian"),
        ),
        paper="Przewięźlikowski, Śmieja, Struski, Tabor: MisConv (2022); its equation (4) is printed with a Gaussian term four times too small",
        address="https://arxiv.org/abs/2110.14010",
    ),
)  # fmt: skip
