"""Prepared scenes: something to see with one click, each with a sentence that says what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from dmfa_demo.app.scene.scene import Scene, draw_mask
from dmfa_demo.app.sharing.address import Address


@dataclass(frozen=True, kw_only=True)
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
        title="A 4, or a 9?",
        sentence="Only the lower half is visible, and both would fit: the samples differ, and the mean is a blur of all of them.",
        dataset="mnist",
        sample=42,
        hole="half-top",
        tab="samples",
    ),
    Example(
        title="The middle of an 8",
        sentence="The middle is missing, where the strokes cross. The ends are enough: every model completes an 8.",
        dataset="mnist",
        sample=84,
        hole="centre",
    ),
    Example(
        title="A digit behind noise",
        sentence="Three of four pixels are gone, and the networks still complete a 5: neighbouring pixels say much about each other.",
        dataset="mnist",
        sample=50,
        hole="noise75",
    ),
    Example(
        title="Nothing but a line",
        sentence="Three rows of pixels fit several digits. Each sample is one of them, and the mean is none.",
        dataset="mnist",
        sample=20,
        hole="line3",
        tab="samples",
    ),
    Example(
        title="The ways it could be otherwise",
        sentence="One Gaussian of DMFA taken apart: move its sliders and see which strokes come and go together.",
        dataset="mnist",
        sample=33,
        hole="square14",
        seed=4,
        tab="factors",
    ),
    Example(
        title="Walking to an attractor",
        sentence="From noise the walk ends at a 2, from a good first guess at a 7: where it ends depends on where it begins.",
        dataset="mnist",
        sample=72,
        hole="half-bottom",
        tab="attractors",
    ),
    Example(
        title="How sure should it be?",
        sentence="Half of an 8 looks like a 3. One classifier is sure of the 3 all the same; MisConv sees the 8, and is unsure.",
        dataset="mnist",
        sample=83,
        hole="half",
        tab="predictions",
    ),
    Example(
        title="Shirt, coat or pullover?",
        sentence="The lower half would fit all three. The deviation shows where the models are in doubt.",
        dataset="fashion-mnist",
        sample=42,
        hole="half-top",
        settings={"show": "deviation"},
    ),
    Example(
        title="Half a face",
        sentence="The visible half tells skin, hair and light of the other, so that DMFA comes much nearer than the average face.",
        dataset="celeba",
        sample=3,
        hole="half-left",
    ),
    Example(
        title="A face behind 80 % noise",
        sentence="One pixel in five is left. The eye hardly finds the face; the networks do.",
        dataset="celeba",
        sample=0,
        hole="noise80",
    ),
)
