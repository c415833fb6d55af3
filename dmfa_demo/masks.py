"""The mask families of `dmfa_demo.data.masks` under their public name."""

from dmfa_demo.data.masks import (
    FixedBox,
    Half,
    Mixture,
    Noise,
    ObservedLine,
    Pattern,
    Quarter,
    RandomRectangle,
    RandomSquare,
    Rectangle,
    Strokes,
    Trapezoid,
    mask_family,
)

__all__ = [
    "FixedBox",
    "Half",
    "Mixture",
    "Noise",
    "ObservedLine",
    "Pattern",
    "Quarter",
    "RandomRectangle",
    "RandomSquare",
    "Rectangle",
    "Strokes",
    "Trapezoid",
    "mask_family",
]
