"""Prepared scenes, each with a sentence that explains what to see."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from dmfa_demo.app.canvas.presets import OFFERS
from dmfa_demo.app.scene.setting import Setting
from dmfa_demo.app.sharing.address import Address


@dataclass(frozen=True, kw_only=True)
class Example(Setting):
    """A prepared scene.

    Attributes:
        title, sentence: for visitors.
        ask, options: a question for an audience before it is explained, and its answers to vote on.
        tab: the tab to open.
        settings: other differences from a first visit, by keys of the address.
    """

    title: str
    sentence: str
    ask: str
    options: tuple[str, ...]
    tab: str = "compare"
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> Address:
        """The address that shows it."""
        first = Address.first(self.dataset)
        return first.changed(sample=self.sample, mask=self.missing, tab=self.tab, **self.settings)

    @property
    def query(self) -> str:
        """The query of the address that shows it."""
        return urlencode(self.address.query(), safe=",")


_EXAMPLES = (
    Example(
        title="A 4, or a 9?",
        sentence="Only the lower half is visible, and both would fit: the samples differ, and the mean is a blur of all of them.",
        ask="Which digits fit the lower half?",
        options=("A 4", "A 9", "Both", "Others as well"),
        dataset="mnist",
        sample=42,
        hole="half-top",
        tab="samples",
    ),
    Example(
        title="The middle of an 8",
        sentence="The middle is missing, where the strokes cross. The ends are enough: every model completes an 8.",
        ask="Will the models agree?",
        options=("All draw an 8", "Some draw a 0", "None draws an 8", "The mean is a blur"),
        dataset="mnist",
        sample=84,
        hole="centre",
    ),
    Example(
        title="A digit behind noise",
        sentence="Three of four pixels are hidden, and the networks still complete a 5: neighbouring pixels are highly correlated.",
        ask="Can you read it?",
        options=("A 3", "A 5", "An 8", "No"),
        dataset="mnist",
        sample=50,
        hole="noise75",
    ),
    Example(
        title="Nothing but a line",
        sentence="Three rows of pixels fit several digits. Each sample is one of them; the mean is none of them.",
        ask="How many digits fit three rows of pixels?",
        options=("One", "Two", "Several", "All"),
        dataset="mnist",
        sample=20,
        hole="line3",
        tab="samples",
    ),
    Example(
        title="The ways it can vary",
        sentence="One Gaussian of DMFA in detail: move its sliders and see which strokes appear and disappear together.",
        ask="What will the first slider move?",
        options=("One pixel", "A whole stroke", "Brightness", "Nothing"),
        dataset="mnist",
        sample=33,
        hole="square14",
        seed=4,
        tab="factors",
    ),
    Example(
        title="Walking to an attractor",
        sentence="From noise the walk ends at a 2, from a good first guess at a 7: the end depends on the start.",
        ask="Two walks start in different places. Where do they end?",
        options=("At the same picture", "At two pictures", "They never end", "At the truth"),
        dataset="mnist",
        sample=72,
        hole="half-bottom",
        tab="attractors",
    ),
    Example(
        title="How sure should it be?",
        sentence="Half of an 8 looks like a 3. One classifier is sure that it is a 3; MisConv recognises the 8, and is unsure.",
        ask="What is it?",
        options=("A 3", "An 8", "A 0", "Something else"),
        dataset="mnist",
        sample=83,
        hole="half",
        tab="predictions",
    ),
    Example(
        title="Shirt, coat or pullover?",
        sentence="The lower half would fit all three. The deviation shows where the models are unsure.",
        ask="What is hidden below?",
        options=("A shirt", "A coat", "A pullover", "It cannot be known"),
        dataset="fashion-mnist",
        sample=42,
        hole="half-top",
        settings={"show": "deviation"},
    ),
    Example(
        title="Half a face",
        sentence="The visible half shows the skin, hair and light of the other, so DMFA comes much closer than the average face.",
        ask="Which method comes nearest?",
        options=("DMFA", "The average face", "Zeros", "All alike"),
        dataset="celeba",
        sample=3,
        hole="half-left",
    ),
    Example(
        title="A face behind 80 % noise",
        sentence="One pixel in five is visible. The eye can hardly find the face; the networks do.",
        ask="Can you see who or what it is?",
        options=("A face", "A landscape", "Text", "Nothing"),
        dataset="celeba",
        sample=0,
        hole="noise80",
    ),
)

# Those whose data set the page offers.
EXAMPLES = tuple(example for example in _EXAMPLES if example.dataset in OFFERS)
