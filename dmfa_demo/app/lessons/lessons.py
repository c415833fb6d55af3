"""Eight short chapters for a student who knows linear algebra but no jargon: one idea each, shown on the canvas's picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from dmfa_demo.app.lessons.mathml import formula, frac, root, row, sub, subsup, sup
from dmfa_demo.app.lessons.shows import (
    Show,
    doubters,
    fillers_of_labelled,
    first_with,
    show_calibration,
    show_doubt,
    show_factors,
    show_latents,
    show_samples,
    show_training,
    show_walks,
    two_with,
    walkers,
)
from dmfa_demo.app.scene.setting import Setting
from dmfa_demo.data.mask_text import mask_text


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One chapter.

    Attributes:
        title: the chapter's title; `short` is its label on a button.
        idea: a few sentences, HTML.
        setting, sight: a picture and a hole on which the chapter is seen well, and what to see there, HTML; the setting is None for a picture
            that the browser draws.
        methods: data set -> the names of the methods or classifiers shown; raises a ValueError if it has none.
        show: (scene, hole `(H, W)`, cache, these names) -> the chapter's view; None for a picture that the browser draws.
        question, options, answer: a guess to make before reading on; `answer` is the position of the right option.
        because: the explanation, HTML.
        formula: MathML.
        symbols: each symbol and its meaning: MathML and words.
        paper, address: a reference, "Authors: Title (year)", and its address.
        about_paper: what to say of it, after a comma.
    """

    title: str
    short: str
    idea: str
    setting: Setting | None
    sight: str
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
    about_paper: str = ""


_HIDDEN, _VISIBLE = sub("x", "m"), sub("x", "o")

LESSONS = (
    Lesson(
        title="Why a single imputation lies",
        short="Guesses",
        idea="Hidden pixels are not known, only more or less likely. Filling them with one picture turns a guess into a fact, and "
        "later nobody can tell them apart. The <strong>mean</strong> is the best single guess, and yet it looks like nothing that "
        "could have been there: where several answers fit, it is their average, a blur. A <strong>sample</strong> is one "
        "complete answer that could be true.",
        setting=Setting(dataset="mnist", sample=42, hole="half-top"),
        sight='The upper half of a 4 is hidden. The samples are digits; the mean is a blur, and nearer to the truth than they are on average.',
        methods=first_with("has_samples"),
        show=show_samples,
        question="A sample looks sharper than the mean. Which of them is nearer to the truth on average, in squared error?",
        options=("The mean, blurred as it is", "The sample: it looks real", "Both are equally near"),
        answer=0,
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
        paper="Przewięźlikowski, Śmieja, Struski: Estimating conditional density of missing values using deep Gaussian mixture model (2020)",
        address="https://arxiv.org/abs/2010.02183",
    ),
    Lesson(
        title="A Gaussian that can be conditioned",
        short="Conditions",
        idea="Consider just two pixels. All pictures together make a cloud of points, one for each picture, and a <strong>Gaussian</strong> is "
        "the simplest cloud: an ellipse. Now the first pixel is visible and the second is hidden. What remains of the cloud is a "
        "slice through it, and the slice is again a Gaussian. Drag the observed value, and change how strongly the pixels are correlated.",
        setting=None,
        sight='With the first pixel at 1.5 and a correlation of 0.8, the second has mean 1.20 and standard deviation 0.60. Move the first pixel: the deviation stays.',
        methods=lambda dataset: [],
        show=None,
        question="You see that the first pixel is far lighter than usual. How sure can you be of the second, compared with the case of an ordinary first pixel?",
        options=("Less sure: something unusual happened", "More sure: an extreme value is more informative", "Equally sure, whatever the first pixel is"),
        answer=2,
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
        paper="Przewięźlikowski, Śmieja, Struski: Estimating conditional density of missing values using deep Gaussian mixture model (2020)",
        about_paper="section 2",
        address="https://arxiv.org/abs/2010.02183",
    ),
    Lesson(
        title="Factors: why a few directions are enough",
        short="Factors",
        idea="Hidden pixels do not vary one by one. If an edge were a little further to the right, many pixels would change together. Each such way of "
        "changing together is a <strong>factor</strong>: a picture, more or less of which is added to the mean. A handful of factors and "
        "a little independent noise for each pixel replace a full covariance matrix.",
        setting=Setting(dataset="mnist", sample=10, hole="half-top"),
        sight='The upper half of a 1 is hidden. Its first factor alone, which tilts the stroke, carries more than half of what all factors explain.',
        methods=first_with("has_factors"),
        show=show_factors,
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
        setting=Setting(dataset="mnist", sample=42, hole="half-top"),
        sight='The upper half of a 4 is hidden. Most draws are a 4, some are a 9, and the path between them stays a digit.',
        methods=first_with("has_latents"),
        show=show_latents,
        question="You draw the latents once and decode them twice. What do you get?",
        options=("Two different pictures", "The average of all pictures", "The same picture twice"),
        answer=2,
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
        setting=Setting(dataset="mnist", sample=72, hole="half-bottom"),
        sight='The lower half of a 7 is hidden. From noise and from a good first guess the walk ends in two different pictures.',
        methods=walkers,
        show=show_walks,
        question="Two walks start in different places. Where do they end?",
        options=("Perhaps in two different pictures", "Always in the same picture", "They never stop"),
        answer=0,
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
        setting=Setting(dataset="mnist", sample=83, hole="half"),
        sight='Half of an 8 is hidden and looks like a 3. With zeros in the hole a classifier is sure of the 3; MisConv says 8, and is unsure.',
        methods=doubters,
        show=show_doubt,
        question="More and more of a picture is hidden. What should a good classifier say?",
        options=("A random class", "The likeliest class, as certain as before", "The likeliest class, less and less certain"),
        answer=2,
        because="Its confidence should match how often it is right; how far it is from that is its <strong>calibration error</strong>. On these "
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
        paper="Przewięźlikowski, Śmieja, Struski, Tabor: MisConv: Convolutional neural networks for missing data (2022)",
        about_paper="whose equation (4) is printed with a Gaussian term four times too small",
        address="https://arxiv.org/abs/2110.14010",
    ),
    Lesson(
        title="How to know whether a density is right",
        short="Calibration",
        idea="A method that says how sure it is can be checked. For each hidden pixel it gives an <strong>interval</strong> that should contain the "
        "truth in, say, 90 of 100 cases. Count how many do, over many pixels and pictures: this share is its <strong>coverage</strong>. If it is lower, "
        "the method is too sure; if it is higher, not sure enough.",
        setting=Setting(dataset="celeba", sample=11, hole="half-top"),
        sight="The upper half of a face is hidden. MFA is too sure here: its 90 % intervals contain fewer than nine of ten values; DMFA's contain more. One picture "
        "says little: coverage is measured over many test images.",
        methods=two_with("has_factors"),
        show=show_calibration,
        question="A method is calibrated. How much larger is the squared error of one of its samples than that of its mean, on average?",
        options=("Twice as large", "Equally large: both come from the same density", "It is smaller: a sample is a complete picture"),
        answer=0,
        because="If the density is right, the truth is just one more draw from it. Truth and sample are then equally far from the mean, independently of each other, and "
        "the squares of both distances add up. A ratio far above two says that the samples are too different, one near one that they are too alike.",
        formula=formula("E", row("[", sup(row("(", "x", "−", "s", ")"), "2"), "]"), "=", sup("σ", "2"), "+", sup("σ", "2"), "=", "2", "E", row("[", sup(row("(", "x", "−", "μ", ")"), "2"), "]")),
        symbols=(
            (formula("x", block=False), "the true value of a hidden pixel, if the density is right one more draw"),
            (formula("s", block=False), "its value in a sample"),
            (formula("μ", ",", sup("σ", "2"), block=False), "mean and variance of the density"),
            (formula("E", block=False), "the average over pictures and samples"),
        ),
        paper="Gneiting, Raftery: Strictly proper scoring rules, prediction, and estimation (2007)",
        address="https://doi.org/10.1198/016214506000001437",
    ),
    Lesson(
        title="What the training data do not show",
        short="Training",
        idea="Behind a hole a model puts what was <strong>common in its training pictures</strong> next to such visible pixels. It knows nothing about this "
        "person. The faces of CelebA come from press photographs of celebrities: most are young and smile, and one in fifteen wears glasses. So a model makes a person "
        "look more like those photographs, and turns one person into another.",
        setting=Setting(dataset="celeba", sample=19, hole="rect20x64", seed=2),
        sight="This man wears glasses, and a band across his eyes is hidden. Nothing visible tells of glasses, so no method draws any: a classifier sees them before, and not after.",
        methods=fillers_of_labelled,
        show=show_training,
        question="A photograph of a woman with a scar below her eye is damaged there, and a model repairs it. What will the repaired picture show?",
        options=("The scar, since the rest of her face belongs to it", "Smooth skin, since that is what most training pictures show", "A grey patch, since the model cannot know"),
        answer=1,
        because="Nothing in the visible pixels points to the scar, so it has the probability that it had in training: almost none. The result looks flawless, and is wrong. "
        "Never take a completed picture as evidence of what was there.",
        formula=formula("p", row("(", _HIDDEN, "|", _VISIBLE, ")"), "=", frac(row("p", "(", _HIDDEN, ",", _VISIBLE, ")"), row("p", "(", _VISIBLE, ")"))),
        symbols=(
            (formula("p", block=False), "the distribution of the training pictures, as far as the model has learnt it"),
            (formula(_VISIBLE, block=False), "the visible (observed) pixels"),
            (formula(_HIDDEN, block=False), "the hidden (missing) pixels"),
        ),
        paper="Liu, Luo, Wang, Tang: Deep learning face attributes in the wild (2015)",
        about_paper="the paper of CelebA",
        address="https://arxiv.org/abs/1411.7766",
    ),
)  # fmt: skip


def query_of(number: int) -> str:
    """Return the query of the address that shows a chapter, from 1, on its own picture."""
    query: dict[str, int | str] = {"lesson": number}
    if (setting := LESSONS[number - 1].setting) is not None:
        query |= {"dataset": setting.dataset, "sample": setting.sample, "mask": mask_text(setting.missing)}
    return urlencode(query, safe=",")
