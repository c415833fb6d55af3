"""A short test for before and after a lesson. Answers are not checked on the page: they leave it only as a file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import gradio as gr

from dmfa_demo.app.widgets.own_component import files_of


@dataclass(frozen=True)
class Item:
    """One question of the test.

    Attributes:
        options: what may be chosen.
        answer: the position of the right option; it is in the teachers' key, and never on the page.
        because: the explanation in the key.
    """

    question: str
    options: tuple[str, ...]
    answer: int
    because: str


ITEMS = (
    Item(
        "A hospital replaces every missing value by the likeliest one, and then computes averages with error bars as if nothing had been missing. The error bars are",
        ("too large", "too small", "right"),
        1,
        "Filled-in values count as observed, and their own uncertainty is left out.",
    ),
    Item(
        "You must hand in one picture, and pay the squared error in each hidden pixel. Which one costs least on average?",
        ("a sample of the model", "the likeliest complete picture", "the mean of the model's density"),
        2,
        "The mean minimises the expected squared error, although it may look like no real picture.",
    ),
    Item(
        "One more pixel of a picture becomes visible. What happens, on average, to a good model's variance in the pixels that remain hidden?",
        ("it grows", "it stays or shrinks", "it does not depend on what is visible"),
        1,
        "Observing more never increases the expected conditional variance.",
    ),
    Item(
        "For the same hidden pixels, model A has an NLL of −200 nats and model B of −150. Which model finds the truth more likely?",
        ("A", "B", "they cannot be compared, since both are negative"),
        0,
        "NLL is minus the logarithm of the density. Densities may exceed one, so it may be negative; less is better.",
    ),
    Item(
        "The 90 % intervals of a model contain the truth in 70 of 100 hidden pixels. The model is",
        ("not sure enough", "calibrated", "too sure"),
        2,
        "Its intervals are too narrow: a calibrated model's would contain 90.",
    ),
    Item(
        "A model has seen faces without beards only. The lower half of a bearded man's face is hidden. Its samples will show",
        ("men with and without a beard, in equal parts", "chins without a beard", "a blur, since it cannot know"),
        1,
        "A model draws from what it has seen; that it never saw a beard does not make it unsure.",
    ),
)


class Quiz(gr.HTML):
    """Two buttons that open the test, before and after; it sends nothing to Python."""

    def __init__(self, **kwargs: Any):
        super().__init__(value=questions(), **files_of(__file__), **kwargs)


def questions() -> list[dict[str, Any]]:
    """Return the test without its answers, for the browser."""
    return [{name: asdict(item)[name] for name in ("question", "options")} for item in ITEMS]
