"""Strips of small pictures: a method's name, its pictures in a row, and a caption below each."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np
from torch import Tensor

from dmfa_demo.app.widgets.info import info_button
from dmfa_demo.figures import SEQUENTIAL, coloured, grey_or_colour, png_address
from dmfa_demo.imputation import Imputer
from dmfa_demo.models.classifier import Classifier

# The number of pictures of samples in a row.
SHOWN = 8

# Pictures with more rows of pixels are shown larger, fewer in a row.
LARGE = 32


@dataclass(frozen=True)
class Picture:
    """A picture in a strip.

    Attributes:
        pixels: uint8 `(H, W)`, `(H, W, 3)` or `(H, W, 4)`.
        caption: the short text below it.
        alt: a description for screen readers.
        framed: whether it is highlighted, as the nearest to the truth.
        tells_truth: whether the caption needs the hidden pixels, and is covered with them.
        spoken: what a screen reader adds to the caption.
    """

    pixels: np.ndarray
    caption: str
    alt: str
    framed: bool = False
    tells_truth: bool = False
    spoken: str = ""


def strip(method: type[Imputer] | type[Classifier], pictures: list[Picture], remark: str = "", title: str = "") -> str:
    """Return a method's pictures in a row, as HTML, under its title or another."""
    large = " large" if len(pictures[0].pixels) > LARGE else ""
    info = "" if title else info_button(method.name, method.title)
    remark = f"<small>{escape(remark)}</small>" if remark else ""
    return (
        f'<section class="strip{large}"><h2><i style="background:{method.colour}"></i>{escape(title or method.title)}{info}{remark}</h2>'
        f"<div>{''.join(map(_figure, pictures))}</div></section>"
    )


def sample_pictures(method: type[Imputer], samples: Tensor, psnr: Tensor) -> list[Picture]:
    """Return pictures of the first of samples `(S, C, H, W)`, with the nearest to the truth by `psnr` `(S,)` framed, and of their deviation."""
    best, pictures = int(psnr[:SHOWN].argmax()), []
    for number, (sample, value) in enumerate(zip(samples[:SHOWN], psnr[:SHOWN])):
        nearest = number == best
        alt = f"Sample {number + 1} of {method.title}"
        spoken = ", nearest of these to the truth" if nearest else ""
        pictures.append(
            Picture(grey_or_colour(sample), f"{value:.1f} dB", alt, framed=nearest, tells_truth=True, spoken=spoken)
        )
    spread = samples.std(0).mean(0)
    alt = f"How much {method.title}'s samples differ in each pixel, at most {spread.max():.2f}"
    return [*pictures, Picture(coloured(spread, 0, 0.5, SEQUENTIAL), "spread", alt)]


def _figure(picture: Picture) -> str:
    spoken = f'<span class="unseen">{escape(picture.spoken)}</span>' if picture.spoken else ""
    return (
        f'<figure{" class=framed" if picture.framed else ""}><img src="{png_address(picture.pixels)}" alt="{escape(picture.alt)}">'
        f"<figcaption{' class=truth' if picture.tells_truth else ''}>{escape(picture.caption)}{spoken}</figcaption></figure>"
    )
