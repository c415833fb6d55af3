"""Prepared scenes, each with a sentence that explains what to see."""

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
        title, sentence: for visitors.
        dataset, sample: the picture.
        hole, seed: the mask family and the seed of its mask.
        tab: the tab to open.
        settings: other differences from a first visit, by keys of the address.
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
        """The address that shows it."""
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
        "Three of four pixels are hidden, and the networks still complete a 5: neighbouring pixels are highly correlated.",
        "mnist",
        50,
        "noise75",
    ),
    Example(
        "Nothing but a line",
        "Three rows of pixels fit several digits. Each sample is one of them; the mean is none of them.",
        "mnist",
        20,
        "line3",
        tab="samples",
    ),
    Example(
        "The ways it can vary",
        "One Gaussian of DMFA in detail: move its sliders and see which strokes appear and disappear together.",
        "mnist",
        33,
        "square14",
        seed=4,
        tab="factors",
    ),
    Example(
        "Walking to an attractor",
        "From noise the walk ends at a 2, from a good first guess at a 7: the end depends on the start.",
        "mnist",
        72,
        "half-bottom",
        tab="attractors",
    ),
    Example(
        "How sure should it be?",
        "Half of an 8 looks like a 3. One classifier is sure that it is a 3; MisConv recognises the 8, and is unsure.",
        "mnist",
        83,
        "half",
        tab="predictions",
    ),
    Example(
        "Shirt, coat or pullover?",
        "The lower half would fit all three. The deviation shows where the models are unsure.",
        "fashion-mnist",
        42,
        "half-top",
        settings={"show": "deviation"},
    ),
    Example(
        "Half a face",
        "The visible half shows the skin, hair and light of the other, so DMFA comes much closer than the average face.",
        "celeba",
        3,
        "half-left",
    ),
    Example(
        "A face behind 80 % noise",
        "One pixel in five is visible. The eye can hardly find the face; the networks do.",
        "celeba",
        0,
        "noise80",
    ),
)
