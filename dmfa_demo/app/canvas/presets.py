"""What the page offers for each data set: its name, the picture to begin with, and the buttons that hide pixels."""

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
    """What the page offers for one data set.

    Attributes:
        title: its name on the page.
        sample: the picture to begin with.
        presets: of each button what people read, and the mask family; as many for each data set.
    """

    title: str
    sample: int
    presets: tuple[tuple[str, str], ...]


# The first is what a visitor sees first.
OFFERS = {
    "mnist": Offer("MNIST", 42, _DIGITS),
    "fashion-mnist": Offer("Fashion-MNIST", 93, _DIGITS),
    "celeba": Offer("Faces", 0, _FACES),
}
START = next(iter(OFFERS))
