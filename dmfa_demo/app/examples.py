"""Prepared scenes: something to see with one click, each with a sentence that says what."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from dmfa_demo.app.address import Address
from dmfa_demo.app.scene import Scene, draw_mask


@dataclass(frozen=True)
class Example:
    """A prepared scene.

    Attributes:
        title, sentence: for people.
        dataset, sample: the picture.
        hole, seed: the mask family, and which of its masks.
        tab: the one to open.
        settings: what else is not as on a first visit, attributes of `Address`.
    """

    title: str
    sentence: str
    dataset: str
    sample: int
    hole: str
    seed: int = 0
    tab: str = "compare"
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> Address:
        """Where it is to be seen."""
        missing = draw_mask(self.hole, Scene.sample(self.dataset, self.sample), self.seed)
        first = Address.first(self.dataset)
        return replace(first, sample=self.sample, mask=missing, tab=self.tab, **self.settings)


EXAMPLES = (
    Example(
        "A 4, or a 9?",
        "Only the lower half is visible, and both would fit: look at how the samples differ, and at what one mean makes of them.",
        "mnist",
        42,
        "half-top",
        tab="samples",
    ),
    Example(
        "The middle of an 8",
        "Where the strokes cross is missing; what the ends say decides.",
        "mnist",
        84,
        "centre",
    ),
    Example(
        "A digit behind noise",
        "Three quarters of the pixels are gone, and hardly anything is lost: neighbours know each other.",
        "mnist",
        50,
        "noise75",
    ),
    Example(
        "Nothing but a line",
        "Three rows of pixels. A single guess must be grey; a density can say that it does not know.",
        "mnist",
        20,
        "line3",
        tab="samples",
    ),
    Example(
        "The ways it could be otherwise",
        "One Gaussian of DMFA taken apart: move its sliders and see which strokes come and go together.",
        "mnist",
        33,
        "square14",
        seed=4,
        tab="factors",
    ),
    Example(
        "Walking to an attractor",
        "From noise, or from a good first guess: where the walk ends depends on where it begins.",
        "mnist",
        3,
        "half-right",
        tab="attractors",
    ),
    Example(
        "How sure should it be?",
        "Most of the digit is hidden. Some classifiers are certain all the same; compare their bars with MisConv's.",
        "mnist",
        71,
        "trapezoid",
        seed=1,
        tab="predictions",
    ),
    Example(
        "Shirt, coat or pullover?",
        "The lower half would fit all three. The deviation shows where the models are in doubt.",
        "fashion-mnist",
        43,
        "half-top",
        settings={"show": "deviation"},
    ),
    Example(
        "Half a face",
        "The other half tells a lot, as faces are almost symmetric, but not all.",
        "celeba",
        1,
        "half-left",
    ),
    Example(
        "A face behind 80 % noise",
        "One pixel in five is left, and the eye hardly finds the face that the models find.",
        "celeba",
        0,
        "noise80",
    ),
)
