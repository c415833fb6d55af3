"""The page's offers for each data set: its name, its first picture, and the buttons that hide pixels."""

from __future__ import annotations

from dataclasses import dataclass

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
    """

    title: str
    sample: int
    presets: tuple[tuple[str, str], ...]


# The page starts with the first.
OFFERS = {
    "mnist": Offer("MNIST", 42, _DIGITS),
    "fashion-mnist": Offer("Fashion-MNIST", 93, _DIGITS),
    "celeba": Offer("Faces", 0, _FACES),
}
START = next(iter(OFFERS))
