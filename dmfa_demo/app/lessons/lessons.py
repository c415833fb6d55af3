"""Six short chapters for a student who knows linear algebra but no jargon: one idea each, shown on the canvas's picture."""

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

# The number of pictures in a film, and of draws.
FRAMES, DRAWN = 16, 32
# The extent of a film along factors, in standard deviations, and the number of factors.
SWAY, SHOWN_FACTORS = 2.5, 3
# The number of draws on a walk through the latents.
ENDS = 3
# Two walks end in different pictures if a pixel differs by more than this.
APART = 0.1
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


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One chapter.

    Attributes:
        title: the chapter's title; `short` is its label on a button.
        idea: a few sentences, HTML.
        methods: data set -> the names of the methods or classifiers shown; raises a ValueError if it has none.
        show: (scene, hole `(H, W)`, cache, these names) -> the chapter's view; None for a picture that the browser draws.
        question, options, answer: a guess to make before reading on; `answer` is the position of the right option.
        because: the explanation, HTML.
        formula: MathML.
        symbols: each symbol and its meaning: MathML and words.
        paper, address: a reference and its address.
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
    """Return a function from a data set to its first method with a trait."""

    def choose(dataset: str) -> list[str]:
        names = available_methods(dataset, trait)
        if not names:
            raise ValueError("no method for these pictures can show this yet; choose another data set")
        return names[:1]

    return choose


def _walkers(dataset: str) -> list[str]:
    names = available_methods(dataset, "has_trajectory")
    if not names:
        raise ValueError("there is no auto-encoder for these pictures yet; choose another data set")
    # The same walk from another start, if there is one.
    return [name for name in names if name in (names[0], method_class(names[0]).other_start)]


def _doubters(dataset: str) -> list[str]:
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


def _still(title: str, pixels, alt: str) -> Film:
    return Film(title, [Picture(pixels, "", alt)])


def _original(scene: Scene) -> Film:
    picture = Picture(grey_or_colour(scene.image), "", f"The original: {scene.caption}")
    return Film("Original", [picture], tells_truth=True)


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
        _original(scene),
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
    assert space is not None, "by the method's trait"
    walk = space.decode(space.tour(ENDS, FRAMES, torch.Generator().manual_seed(0)))[:, 0]
    samples = imputation.sample(DRAWN, noise=False)[:, 0]
    best, mean = (
        psnr_in_hole(samples, scene, missing).max().item(),
        psnr_in_hole(imputation.mean, scene, missing).item(),
    )
    films = [
        _original(scene),
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


def _walks(scene: Scene, missing: Tensor, cache: ImputationCache, names: list[str]) -> Shown:
    films, ends, last = [], [], []
    for title, name, seed in starts(names):
        walked = cache.impute(name, scene, missing, seed).trajectory
        assert walked is not None, "by the method's trait"
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
        words = [_answer_text(answer, scene) for answer in classifier.predict(images, holes)]
        pictures = [
            Picture(with_holes(scene.image, hole), word, f"{classifier.title} says {word} given the visible pixels")
            for hole, word in zip(holes[:, 0], words)
        ]
        films.append(Film(classifier.title, pictures))
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


_HIDDEN, _VISIBLE = sub("x", "m"), sub("x", "o")

LESSONS = (
    Lesson(
        title="Why a single imputation lies",
        short="Guesses",
        idea="Hidden pixels are not known, only more or less likely. Filling them with one picture turns a guess into a fact, and "
        "later nobody can tell them apart. The <strong>mean</strong> is the best single guess, and yet it looks like nothing that "
        "could have been there: where several answers fit, it is their average, a blur. A <strong>sample</strong> is one "
        "complete answer that could be true.",
        methods=_first_with("has_samples"),
        show=_samples,
        question="A sample looks sharper than the mean. Which of them is nearer to the truth on average, in squared error?",
        options=("The sample: it looks real", "The mean, blurred as it is", "Both are equally near"),
        answer=1,
        because="A sample has two errors: that of the mean, and its own distance from the mean. So good scores and good looks are different things, and "
        "a guess should come with its variance.",
        formula=formula(
            "E", row("[", sup(row("(", "x", "−", "s", ")"), "2"), "]"), "=", sup(row("(", "x", "−", "μ", ")"), "2"), "+", sup("σ", "2")
        ),
        symbols=(
            (formula("x", block=False), "the true value of a hidden pixel"),
            (formula("s", block=False), "its value in a sample"),
            (formula("μ", block=False), "the mean of all samples"),
            (formula(sup("σ", "2"), block=False), "their variance: how much samples differ"),
            (formula("E", block=False), "the average over samples"),
        ),
        paper="Przewięźlikowski, Śmieja, Struski: Estimating conditional density of missing values (2020)",
        address="https://arxiv.org/abs/2010.02183",
    ),
    Lesson(
        title="A Gaussian that can be conditioned",
        short="Conditions",
        idea="Consider just two pixels. All pictures together make a cloud of points, one for each picture, and a <strong>Gaussian</strong> is "
        "the simplest cloud: an ellipse. Now the first pixel is visible and the second is hidden. What remains of the cloud is a "
        "slice through it, and the slice is again a Gaussian. Drag the observed value, and change how strongly the pixels are correlated.",
        methods=lambda dataset: [],
        show=None,
        question="You see that the first pixel is far lighter than usual. How sure can you be of the second, compared with the case of an ordinary first pixel?",
        options=("Less sure: something unusual happened", "Equally sure, whatever the first pixel is", "More sure: an extreme value is more informative"),
        answer=1,
        because="The observed value moves the mean of the slice but not its width: the second formula does not contain it. With a "
        "single fixed Gaussian the uncertainty cannot depend on the visible pixels. With mixtures and networks it can.",
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
        idea="Hidden pixels do not vary one by one. If an edge were a little further to the right, many pixels would change together. Each such way of "
        "changing together is a <strong>factor</strong>: a picture, more or less of which is added to the mean. A handful of factors and "
        "a little independent noise for each pixel replace a full covariance matrix.",
        methods=_first_with("has_factors"),
        show=_factors,
        question="How many numbers would the full covariance of all hidden pixels need?",
        options=("One for each hidden pixel", "One for each pair of hidden pixels", "One for each pixel and factor"),
        answer=1,
        because="A covariance matrix has one number for each pair, too many to learn. With factors the count grows with the number of "
        "pixels, not with its square.",
        formula=formula("Σ", "=", "A", sup("A", "⊤"), "+", "diag", row("(", "d", ")")),
        symbols=(
            (formula("Σ", block=False), "the covariance of all hidden pixels"),
            (formula("A", block=False), "the factors, one in each column"),
            (formula(sup("A", "⊤"), block=False), "its transpose"),
            (formula("d", block=False), "the variance of each pixel's independent noise"),
        ),
        paper="Ghahramani, Hinton: The EM algorithm for mixtures of factor analyzers (1996)",
        address="https://www.cs.toronto.edu/~hinton/absps/tr-96-1.pdf",
    ),
    Lesson(
        title="Many answers from one network",
        short="Draws",
        idea="Another way to represent a distribution is a network that draws from it. A <strong>variational auto-encoder</strong> first draws a few numbers, the "
        "<strong>latents</strong>, from a Gaussian that depends on the visible pixels, and a second network turns them into pixels. "
        "Nearby latents give similar pictures, so there is a smooth path from one answer to another.",
        methods=_first_with("has_latents"),
        show=_latents,
        question="You draw the latents once and decode them twice. What do you get?",
        options=("Two different pictures", "The same picture twice", "The average of all pictures"),
        answer=1,
        because="All variety comes from the latents; the decoder only translates them (all it leaves open is noise in single pixels). Many draws, seen "
        "side by side, are the answer, and the best of many is nearer to the truth than a typical one.",
        formula=formula("p", row("(", _HIDDEN, "|", _VISIBLE, ")"), "=", "∫", "p", row("(", _HIDDEN, "|", "z", ",", _VISIBLE, ")"), "p", row("(", "z", "|", _VISIBLE, ")"), "d", "z"),
        symbols=(
            (formula(_VISIBLE, block=False), "the visible (observed) pixels"),
            (formula(_HIDDEN, block=False), "the hidden (missing) pixels"),
            (formula("z", block=False), "the latents"),
            (formula("p", row("(", "z", "|", _VISIBLE, ")"), block=False), "how likely latents are, given the visible pixels: the first network"),
            (formula("p", row("(", _HIDDEN, "|", "z", ",", _VISIBLE, ")"), block=False), "how likely pixels are, given both: the second"),
        ),
        paper="Ivanov, Figurnov, Vetrov: Variational autoencoder with arbitrary conditioning (2019)",
        address="https://arxiv.org/abs/1806.02382",
    ),
    Lesson(
        title="Walking to an attractor",
        short="Walks",
        idea="An <strong>auto-encoder</strong> compresses a picture to a few numbers and rebuilds it. It was not trained on holes; but it moves "
        "every picture a little towards those on which it was trained. Repeat this step for the hidden pixels only, and they end where "
        "nothing moves any more, at an <strong>attractor</strong>.",
        methods=_walkers,
        show=_walks,
        question="Two walks start in different places. Where do they end?",
        options=("Always in the same picture", "Perhaps in two different pictures", "They never stop"),
        answer=1,
        because="There are many attractors, each surrounded by its basin, the places from which walks lead to it. Start in another basin and you end elsewhere: "
        "the start decides, as the Attractors tab shows on a map.",
        formula=formula(_HIDDEN, "←", _HIDDEN, "+", "h", sub(row("(", "r", "(", "x", ")", "−", "x", ")"), "m")),
        symbols=(
            (formula("x", block=False), "the complete picture"),
            (formula(_HIDDEN, block=False), "its hidden pixels, the only ones that move"),
            (formula("r", row("(", "x", ")"), block=False), "the auto-encoder's reconstruction of it"),
            (formula("h", block=False), "the length of a step, at most 1"),
        ),
        paper="Śmieja, Kołomycki, Struski, Juda, Figueiredo: Iterative imputation of missing data using auto-encoder dynamics (2020)",
        address="https://dblp.org/search?q=Iterative%20imputation%20of%20missing%20data%20using%20auto-encoder%20dynamics",
    ),
    Lesson(
        title="Let the classifier know what is unknown",
        short="Doubt",
        idea="A classifier believes the filled-in picture that it is given. <strong>MisConv</strong> gives its first layer the full density "
        "instead: each of its small filters returns the average of its responses to all possible pictures. An "
        "uncertain pixel then counts as uncertain.",
        methods=_doubters,
        show=_doubt,
        question="More and more of a picture is hidden. What should a good classifier say?",
        options=("The likeliest class, as certain as before", "The likeliest class, less and less certain", "A random class"),
        answer=1,
        because="Its confidence should match how often it is right; the Results tab shows how far each classifier is from that, as calibration error. On these "
        "pictures averaging improves the confidence a little, and the accuracy hardly at all.",
        formula=formula(
            "E", row("[", "max", "(", "u", ",", "0", ")", "]"), "=", frac("m", "2"),
            row("(", "1", "+", "erf", row("(", frac("m", row("s", root("2"))), ")"), ")"), "+", frac("s", root(row("2", "π"))), sup("e", row("−", sup("m", "2"), "/", "2", sup("s", "2"))),
        ),
        symbols=(
            (formula("u", block=False), "the sum that a filter computes; Gaussian, since it depends on hidden pixels"),
            (formula("m", ",", "s", block=False), "its mean and standard deviation over all possible hidden pixels"),
            (formula("max", row("(", "u", ",", "0", ")"), block=False), "the filter's response (ReLU)"),
            (formula("E", block=False), "the average over all possible hidden pixels"),
            (formula("erf", block=False), "the error function, the area under a Gaussian"),
        ),
        paper="Przewięźlikowski, Śmieja, Struski, Tabor: MisConv (2022), whose equation (4) is printed with a Gaussian term four times too small",
        address="https://arxiv.org/abs/2110.14010",
    ),
)  # fmt: skip
