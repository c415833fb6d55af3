"""The page's offers for each data set: its name, its first picture, and the buttons that hide pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dmfa_demo.data.datasets import DATASETS
from dmfa_demo.storage.checkpoints import CONFIG, ROOT
from dmfa_demo.storage.own_data import find_described

_DIGITS = (
    ("Square 14×14", "square14"),
    ("Rectangle 10×15", "rect10x15"),
    ("Half", "half"),
    ("Centre", "centre"),
    ("Trapezoid", "trapezoid"),
    ("Noise 75 %", "noise75"),
    ("All but a line", "line3"),
    ("Blobs", "pattern"),
    ("Strokes", "strokes"),
)

_FACES = (
    ("Square 25×25", "square25"),
    ("Both eyes", "gfc-o3"),
    ("Half", "half"),
    ("Centre", "centre"),
    ("Mouth and chin", "gfc-o6"),
    ("Noise 80 %", "noise80"),
    ("Half a face", "gfc-o1"),
    ("Blobs", "pattern"),
    ("Strokes", "strokes"),
)


@dataclass(frozen=True)
class Offer:
    """The page's offer for a data set.

    Attributes:
        title: its name on the page.
        sample: the number of its first picture.
        presets: each button's label and mask family; the same number for each data set.
        upload: the kind of picture that visitors can upload; "" for none.
    """

    title: str
    sample: int
    presets: tuple[tuple[str, str], ...]
    upload: Literal["digit", "face", ""] = ""


_BUILT_IN = {
    "mnist": Offer("MNIST", 42, _DIGITS, upload="digit"),
    "fashion-mnist": Offer("Fashion-MNIST", 93, _DIGITS),
    "omniglot": Offer("Omniglot", 40, _DIGITS),
    "celeba": Offer("Faces", 0, _FACES, upload="face"),
}


def _offers() -> dict[str, Offer]:
    """Return the offers for the data sets with checkpoints; those of the project if there are no checkpoints."""
    offers = {**_BUILT_IN, **{name: _own(name) for name in find_described(ROOT)}}
    trained = {name: offer for name, offer in offers.items() if any((ROOT / name).glob(f"*/{CONFIG}"))}
    return trained or _BUILT_IN


def _own(dataset: str) -> Offer:
    """Return the offer for a data set of your own: squares and rectangles of half its size, and the presets that fit any size."""
    about = DATASETS[dataset]
    half = about.shape[-1] // 2
    return Offer(
        about.title, 0, ((f"Square {half}×{half}", f"square{half}"), ("Rectangle", "rectangles"), *_DIGITS[2:])
    )


# The page starts with the first.
OFFERS = _offers()
START = next(iter(OFFERS))
