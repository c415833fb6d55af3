"""Prepared scenes: something to see with one click, each with a sentence that says what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from dmfa_demo.app.scene.scene import Scene, draw_mask
from dmfa_demo.app.sharing.address import Address


@dataclass(frozen=True)
class Example:
    """A prepared scene.

    Attributes:
        title, sentence: for people.
        dataset, sample: the picture.
        hole, seed: the mask family, and which of its masks.
        tab: the one to open.
        settings: what else differs from a first visit, by the words of an address.
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
    def missing(self) -> Tensor:
        """Its hidden pixels, bool `(H, W)`."""
        return draw_mask(self.hole, Scene.sample(self.dataset, self.sample), self.seed)

    @property
    def address(self) -> Address:
        """Where it is to be seen."""
        first = Address.first(self.dataset)
        return first.changed(sample=self.sample, mask=self.missing, tab=self.tab, **self.settings)


EXAMPLES = (
    Example(
        "A 4, or a 9?",
        "Only the lower half is visible, and both would fit: the samples differ, and the mean is a blur of all of them.",
        "mnist",
        42,
        "half-top",
        tab="samples",
    ),
    Example(
        "The middle of an 8",
        "The middle is missing, where the strokes cross. The ends are enough: every model completes an 8.",
        "mnist",
        84,
        "centre",
    ),
    Example(
        "A digit behind noise",
        "Three of four pixels are gone, and the networks still complete a 5: neighbouring pixels say much about each other.",
        "mnist",
        50,
        "noise75",
    ),
    Example(
        "Nothing but a line",
        "Three rows of pixels fit several digits. Each sample is one of them, and the mean is none.",
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
        "From noise the walk ends at a 2, from a good first guess at a 7: where it ends depends on where it begins.",
        "mnist",
        72,
        "half-bottom",
        tab="attractors",
    ),
    Example(
        "How sure should it be?",
        "Half of an 8 looks like a 3. One classifier is sure of the 3 all the same; MisConv sees the 8, and is unsure.",
        "mnist",
        83,
        "half",
        tab="predictions",
    ),
    Example(
        "Shirt, coat or pullover?",
        "The lower half would fit all three. The deviation shows where the models are in doubt.",
        "fashion-mnist",
        42,
        "half-top",
        settings={"show": "deviation"},
    ),
    Example(
        "Half a face",
        "The visible half tells skin, hair and light of the other, so that DMFA comes much nearer than the average face.",
        "celeba",
        3,
        "half-left",
    ),
    Example(
        "A face behind 80 % noise",
        "One pixel in five is left. The eye hardly finds the face; the networks do.",
        "celeba",
        0,
        "noise80",
    ),
)
