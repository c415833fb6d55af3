"""Find a handwritten digit in a photograph, cut it out and convert it to MNIST's form, with a reason if the result is doubtful."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from torch import Tensor

from dmfa_demo.app.canvas.uploads import grey_levels

# MNIST's recipe: the digit fits a 20 x 20 box, and its centre of mass is in the pixel right below the middle of 28 x 28
# (measured: between 14 and 15 from the edge in every digit of the sample).
BOX, SIDE = 20, 28

BLANK = "No digit can be seen: the picture is blank. Write one in dark ink on light paper, or light on dark."
# The longer side of the picture in the search; a digit of a twentieth of it still has MNIST's detail.
WORK = 640
# The weight of a mark by the number of sides it touches: a digit may be cut off, tables and ruled lines touch more.
BORDER = (1.0, 0.3, 0.1, 0.1, 0.1)
# The same in a box that the visitor chose, where only light or dark ink is undecided.
CHOSEN = (1.0, 0.5, 0.3, 0.3, 0.3)
# Stroke widths in MNIST's pixels: 99 % of its digits have strokes wider than 1.5 on average; thinner pens are widened to 2.
THIN, USUAL = 1.5, 2.0

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Cutout:
    """A digit found in a picture.

    Attributes:
        image: float32 `(1, 28, 28)` in [0, 1], light ink on black.
        box: the square it was cut from, as left, top, right, bottom in the upright picture's pixels; with MNIST's margin it
            may extend beyond the picture.
        unsure: why the digit may be wrong, as a clause in plain English; None if there is no doubt.
    """

    image: Tensor
    box: Box
    unsure: str | None = None


class _Mark(NamedTuple):
    """A connected piece of ink: its label, its box and the number of sides of the picture it touches."""

    number: int
    box: tuple[slice, slice]
    touching: int

    @property
    def side(self) -> int:
        return max(part.stop - part.start for part in self.box)


class _Found(NamedTuple):
    """The most prominent mark: its prominence, its ink, the least ink in it, and its place."""

    score: float
    strength: float
    level: float
    mark: _Mark
    mask: np.ndarray


def find_digit(picture: Image.Image) -> Cutout:
    """Find the digit in a photograph or drawing: the most prominent separate mark, with the pieces that belong to it.

    Args:
        picture: of any mode, upright; ink darker or lighter than its paper.

    Raises:
        ValueError: If the picture is blank.
    """
    dark, ink, found = _search(picture, BORDER)
    mask, unsure = _gathered(dark, ink, found)
    lines = [np.flatnonzero(mask.any(axis)) for axis in (0, 1)]
    scale = max(picture.size) / max(mask.shape)
    half = scale * SIDE / BOX * max(np.ptp(line) + 1 for line in lines) / 2
    x, y = (scale * float(line[0] + line[-1] + 1) / 2 for line in lines)
    return Cutout(_drawn(ink, mask, found.strength), (x - half, y - half, x + half, y + half), unsure)


def cut_digit(picture: Image.Image, box: Box) -> Tensor:
    """Convert everything drawn in a box that the visitor chose to MNIST's form: float32 `(1, 28, 28)` in [0, 1].

    Args:
        picture: of any mode, upright.
        box: left, top, right, bottom in the picture's pixels; it may extend beyond the picture.

    Raises:
        ValueError: If the box is blank.
    """
    left, top, right, bottom = (round(min(max(edge, 0), limit)) for edge, limit in zip(box, picture.size * 2))
    if left >= right or top >= bottom:
        raise ValueError(BLANK)
    _, ink, found = _search(picture.crop((left, top, right, bottom)), CHOSEN)
    labels, marks = _marks(ink, found.strength / 2)
    speck = 0.08 * max(mark.side for mark in marks)
    return _drawn(ink, np.isin(labels, [mark.number for mark in marks if mark.side >= speck]), found.strength)


def _search(picture: Image.Image, border: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray, _Found]:
    """Return the picture `(H, W)`, how much darker each pixel is than the paper around it, and the most prominent mark.

    Uses the negative (brightness below zero) if its mark is more prominent. Areas broader than `reach` in both directions count as
    paper, assuming that they continue beyond the picture's border: so do tables and large shadows.
    """
    values = grey_levels(picture)
    share = min(WORK / max(values.shape), 1)
    size = max(1, round(share * values.shape[1])), max(1, round(share * values.shape[0]))
    values = np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BOX))
    values = ndimage.gaussian_filter(values, max(size) / 1000)
    for share in (0.3, 1.0):  # strokes are nearly always narrower than the first share of the picture
        reach, results = math.ceil(share * min(size)), []
        for negative in (0, 1):
            dark = -values if negative else values
            paper = ndimage.grey_closing(np.pad(dark, reach, "edge"), (reach, reach))[reach:-reach, reach:-reach]
            ink = (paper - dark) / np.maximum(paper + negative, 0.3)
            if share < 1:  # the closing follows the top of the noise
                ink = np.maximum(ink - np.median(ink), 0)
            if found := _strongest(dark, ink, border):
                results.append((dark, ink, found))
        if results:
            return max(results, key=lambda one: one[2].score)
    raise ValueError(BLANK)


def _strongest(dark: np.ndarray, ink: np.ndarray, border: tuple[float, ...]) -> _Found | None:
    """Find the mark that is both large and prominent, at any level of ink."""
    best, least, level = None, 0.0, 0.9 * float(ink.max())
    while level > 0.05:
        labels, marks = _marks(ink, level)
        if len(marks) > 2_000:
            break  # this is the noise
        for weight, mark in sorted((mark.side * border[mark.touching], mark) for mark in marks)[-6:]:
            if weight > least and (score := weight * _prominence(dark, labels, mark)) > least:
                mask = labels == mark.number
                best, least = (
                    _Found(
                        score=score, strength=float(np.quantile(ink[mask], 0.75)), level=level, mark=mark, mask=mask
                    ),
                    score,
                )
        level *= 0.8
    return best


def _gathered(dark: np.ndarray, ink: np.ndarray, found: _Found) -> tuple[np.ndarray, str | None]:
    """Return all pieces of the mark's digit as a mask `(H, W)`, and why they may be wrong."""
    for level in (found.strength / 2, found.level):  # half, unless that joins the mark to lines or a shadow
        labels, marks = _marks(ink, level)
        inside = set(labels[found.mask].tolist())
        own = [mark for mark in marks if mark.number in inside]
        main = max(own, key=lambda mark: mark.side)
        if main.touching <= found.mark.touching and main.side <= 1.25 * found.mark.side:
            break
    prominence = _prominence(dark, labels, main)
    others = [mark for mark in marks if mark not in own and not mark.touching and mark.side >= 0.12 * main.side]
    others = [(mark, _prominence(dark, labels, mark)) for mark in others]
    pieces, mask = own, found.mask
    for _ in range(3):  # pieces of pieces; those of one digit are above each other rather than side by side
        mask = np.isin(labels, [mark.number for mark in pieces])
        reach = ndimage.maximum_filter(mask, [2 * round(share * main.side) + 1 for share in (0.35, 0.2)])
        near = set(labels[reach.astype(bool)].tolist())
        pieces = own + [
            mark
            for mark, stand in others
            if mark.number in near and mark.side <= 1.5 * main.side and stand >= 0.4 * prominence
        ]
    rivals = (
        stand * mark.side > 0.5 * prominence * main.side and (mark not in pieces or _is_beside(mark, main))
        for mark, stand in others
    )
    rows, columns = (mask.any(axis).sum() for axis in (1, 0))
    reasons = {
        "it touches the border of the picture": main.touching,
        "it is very small": max(rows, columns) < 0.025 * max(mask.shape),
        "there are several large marks": any(rivals),
        "it is faint": prominence < 0.08,
        "lines or a shadow run into it": level == found.level,
        "it does not look like strokes": _width(mask) > 0.35 * main.side,
        "it is wider than digits are": columns > 1.5 * rows,
    }
    return mask, next((reason for reason, so in reasons.items() if so), None)


def _marks(ink: np.ndarray, level: float) -> tuple[np.ndarray, list[_Mark]]:
    """Return the connected pieces of ink above a level: their labels from 1, `(H, W)`, and a list of them."""
    labels = np.zeros(ink.shape, np.int32)
    ndimage.label(ink >= level, np.ones((3, 3)), labels)
    rim = max(ink.shape) // 200
    marks = [
        _Mark(number, box, sum((part.start <= rim) + (part.stop >= end - rim) for part, end in zip(box, ink.shape)))
        for number, box in enumerate(ndimage.find_objects(labels), 1)
    ]
    return labels, marks


def _prominence(dark: np.ndarray, labels: np.ndarray, mark: _Mark) -> float:
    """Return a mark's contrast with its surroundings, at most 1; it is low for lines and for blurred outlines.

    This separates strokes from the gaps between them and from soft shadows.
    """
    away = 1 + mark.side // 40
    around = tuple(slice(max(part.start - away - 1, 0), part.stop + away + 1) for part in mark.box)
    dark, inside, others = dark[around], labels[around] == mark.number, labels[around] > 0
    near, beyond = (ndimage.maximum_filter(inside, 2 * far + 1) for far in (away, away + 1))
    ring = beyond > near
    outline = dark[ring & ~others]
    if not outline.size or outline.size < ring.sum() / 2:
        return 0.0
    paper, pen = float(np.quantile(outline, 0.15)), float(np.quantile(dark[inside], 0.75))
    contrast = (paper - pen) / max(abs(paper), abs(pen), 0.1)  # relative to the brighter, also in the negative
    return contrast * (0.2 if _is_line(labels[mark.box] == mark.number) else 1)


def _is_line(inside: np.ndarray) -> bool:
    """Return whether a mark is one long thin line, or only follows its box, like a sheet's edge or a printed box."""
    top, left = (math.ceil(0.12 * length) for length in inside.shape)
    hollow = min(inside.shape) > 20 and not inside[top:-top, left:-left].any()
    return hollow or inside.sum() < 0.015 * max(inside.shape) ** 2


def _is_beside(mark: _Mark, other: _Mark) -> bool:
    """Return whether two marks are side by side and similar in height, like the digits of a number."""
    (rows, columns), (others, across) = mark.box, other.box
    apart = columns.start >= across.stop or columns.stop <= across.start
    lower, taller = sorted((rows.stop - rows.start, others.stop - others.start))
    return apart and lower > 0.7 * taller


def _width(mask: np.ndarray) -> float:
    """Return the average width of a mask's strokes in pixels."""
    return 4 * float(_depth(np.pad(mask, 1)).sum() / mask.sum())


def _depth(mask: np.ndarray) -> np.ndarray:
    """Return each pixel's distance to the nearest one outside the mask."""
    return np.asarray(ndimage.distance_transform_edt(mask))


def _drawn(ink: np.ndarray, mask: np.ndarray, strength: float) -> Tensor:
    """Convert the ink in `mask` to MNIST's form: in a box of 20 x 20, centred by mass; float32 `(1, 28, 28)`."""
    lines = [np.flatnonzero(mask.any(axis)) for axis in (1, 0)]
    pixel = math.ceil(max(map(np.ptp, lines)) / BOX)
    part = tuple(slice(max(line[0] - pixel, 0), line[-1] + 1 + pixel) for line in lines)
    ink, mask, wide = ink[part], mask[part], _width(mask[part])
    soft = (_depth(~mask) <= pixel) & (ink >= 0.2 * strength)
    ink = np.where(soft, ink / np.quantile(ink[mask], 0.75), 0).clip(0, 1).astype(np.float32)
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if wide * BOX / max(ink.shape) < THIN:
        grow = round((USUAL * max(ink.shape) / BOX - wide) / 2)
        disc = np.hypot(*np.mgrid[-grow : grow + 1, -grow : grow + 1]) <= grow + 0.3
        ink = ndimage.maximum_filter(np.pad(ink, grow), footprint=disc)
    height, width = (max(1, round(length * BOX / max(ink.shape))) for length in ink.shape)
    small = np.asarray(Image.fromarray(ink).resize((width, height), Image.Resampling.BOX))
    canvas = np.zeros((SIDE, SIDE), dtype=np.float32)
    top, left = (
        min(max(math.ceil(SIDE / 2 - _centre_of_mass(small, axis)), 0), SIDE - small.shape[axis]) for axis in (0, 1)
    )
    canvas[top : top + height, left : left + width] = small / small.max()
    return torch.from_numpy(canvas)[None]


def _centre_of_mass(values: np.ndarray, axis: int) -> float:
    weights = values.sum(1 - axis)
    return float((weights * (np.arange(len(weights)) + 0.5)).sum() / weights.sum())
