"""A handwritten digit in a photograph: found, cut out and drawn as MNIST has it, with a word when that is doubtful."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from torch import Tensor

from dmfa_demo.app.uploads import grey_levels

# MNIST's own recipe: the digit fits a 20 x 20 box, and its centre of mass lies in the pixel right below the middle of
# 28 x 28 (measured: between 14 and 15 from the edge in every digit of the sample).
BOX, SIDE = 20, 28

BLANK = "No digit can be seen: the picture is blank. Write one in dark ink on light paper, or light on dark."
# The longer side of the picture in which a digit is looked for: a tenth of it still has more pixels than MNIST.
WORK = 640
# Paper is even where half of the picture differs by no more from its border, of 1.
EVEN = 0.01
# Marks smaller than this share of the picture are specks as long as there is anything else.
SPECK = 0.04
# The share of a mark's own strength from which on a pixel belongs to it; more, where it would else run into lines or shadows.
EDGES = (0.5, 0.6, 0.7, 0.8)
# Pens thinner than MNIST's, of whose digits 99 % have strokes of 1.5 pixels and more, are drawn as wide as its usual ones.
THINNEST, WIDTH = 1.5, 2.0

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Cutout:
    """A digit found in a picture.

    Attributes:
        image: float32 `(1, 28, 28)` in [0, 1], light ink on black.
        box: the square it was cut from, as left, top, right, bottom in the upright picture's own pixels; it leaves the margin
            that MNIST has, and so may reach beyond the picture.
        unsure: why something else may be meant, in plain English; None when nothing speaks for that.
    """

    image: Tensor
    box: Box
    unsure: str | None = None


class _Mark(NamedTuple):
    """A connected piece of ink: its number among all, its box, and how many sides of the picture it touches."""

    number: int
    rows: slice
    columns: slice
    touching: int

    @property
    def side(self) -> int:
        return max(self.rows.stop - self.rows.start, self.columns.stop - self.columns.start)

    def gap(self, other: _Mark) -> int:
        """How many empty rows or columns lie between the boxes of two marks."""
        pairs = (self.rows, other.rows), (self.columns, other.columns)
        return max(max(one.start, two.start) - min(one.stop, two.stop) for one, two in pairs)

    def with_(self, other: _Mark) -> _Mark:
        """The box around both."""
        rows, columns = (
            slice(min(one.start, two.start), max(one.stop, two.stop))
            for one, two in ((self.rows, other.rows), (self.columns, other.columns))
        )
        return self._replace(rows=rows, columns=columns)


class _Found(NamedTuple):
    """The mark that stands out most, how much it does, its mean ink, the ink from which on it was cut, and one pixel of it."""

    score: float = 0.0
    strength: float = 0.0
    level: float = 0.0
    mark: _Mark | None = None
    pixel: tuple[int, int] = (0, 0)


def find_digit(picture: Image.Image) -> Cutout:
    """The digit in a photograph or drawing: the strongest and largest mark that lies free, with the pieces beside it.

    Args:
        picture: of any mode, upright; ink darker or lighter than its paper.

    Raises:
        ValueError: when the picture is blank.
    """
    values = _shrunk(picture)
    if (drawn := _on_even_paper(values, picture)) is not None:
        return drawn
    # Ink that fills most of the picture is like the paper around it; then only the border is taken for paper.
    for inks in (_inks(values), _inks_within_border(values)):
        dark, ink, found = max(((*both, _strongest(*both)) for both in inks), key=lambda one: one[2].score)
        if found.mark is not None:
            break
    else:
        raise ValueError(BLANK)
    labels, _ = _marks(ink, found.level)
    mask = labels == labels[found.pixel]
    wide = 4 * _depth(mask)[mask].mean()
    thick = ndimage.grey_opening(ink, max(1, round(wide / 2.5)))
    main, pieces, marks, level = found.mark, [], [], found.level
    # What is left of thin strokes may be nothing, but of the ink itself there is the mark.
    for source, level in (
        *((thick, edge * found.strength) for edge in EDGES),
        (thick, found.level),
        (ink, found.level),
    ):
        labels, marks = _marks(source, level)
        pieces = [marks[number - 1] for number in np.unique(labels[mask]) if number]
        if not pieces:
            continue
        main = max(pieces, key=lambda mark: mark.side)
        if main.touching <= found.mark.touching and main.side <= 1.25 * found.mark.side:
            break
    whole = main
    for mark in pieces:
        whole = whole.with_(mark)
    loose = [mark for mark in marks if not mark.touching and mark.side / main.side >= 0.12 and mark not in pieces]

    def belongs(mark: _Mark) -> bool:
        inside = labels[mark.rows, mark.columns] == mark.number
        return (
            mark.gap(whole) <= 0.25 * main.side
            and mark.side <= 1.5 * main.side
            and not _line(inside)
            and ink[mark.rows, mark.columns][inside].mean() >= 0.6 * found.strength
        )

    while near := [mark for mark in loose if belongs(mark)]:
        pieces.append(near[0])
        loose.remove(near[0])
        whole = whole.with_(near[0])
    image = _drawn(ink, np.isin(labels, [mark.number for mark in pieces]), found.strength)
    unsure = None
    if main.touching:
        unsure = "it touches the border of the picture"
    elif any(_standing(dark, labels, mark) * mark.side > 0.5 * found.score for mark in loose):
        unsure = "there are several large marks"
    elif found.score < 0.1 * main.side:
        unsure = "it is faint"
    elif level > 0.6 * found.strength:
        unsure = "lines run through it"
    return Cutout(image, _square(whole, values, picture), unsure)


def _on_even_paper(values: np.ndarray, picture: Image.Image) -> Cutout | None:
    """The digit of a drawing whose paper is all of one shade: whatever is darker or lighter than that, but specks and far marks.

    None where the paper is not so, or where the largest mark does not lie free and alone.
    """
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    ink = np.abs(values - np.median(border))
    if np.median(ink) > EVEN or ink.max() < 0.1:
        return None
    labels, marks = _marks(ink, 0.2 * ink.max())
    whole = main = max(marks, key=lambda mark: mark.side)
    pieces, loose = [main], [mark for mark in marks if mark is not main and mark.side >= 0.08 * main.side]
    while near := [mark for mark in loose if mark.gap(whole) <= 0.25 * main.side]:
        pieces.append(near[0])
        loose.remove(near[0])
        whole = whole.with_(near[0])
    if whole.touching or any(mark.touching or mark.side > 0.5 * main.side for mark in loose):
        return None
    mask = np.isin(labels, [mark.number for mark in pieces])
    return Cutout(_placed(np.where(mask, ink, 0)), _square(whole, values, picture))


def _square(mark: _Mark, values: np.ndarray, picture: Image.Image) -> Box:
    """The square around a mark of the shrunk picture, with MNIST's margin, in the picture's own pixels."""
    scale = picture.width / values.shape[1], picture.height / values.shape[0]
    x, y = ((part.start + part.stop) / 2 * one for part, one in zip((mark.columns, mark.rows), scale))
    half = mark.side * max(scale) * SIDE / BOX / 2
    return x - half, y - half, x + half, y + half


def cut_digit(picture: Image.Image, box: Box) -> Tensor:
    """What is drawn in a box that somebody chose, as MNIST has it; only specks are left out.

    Args:
        picture: of any mode, upright.
        box: left, top, right, bottom in the picture's own pixels; it may reach beyond the picture.

    Returns:
        float32 `(1, 28, 28)` in [0, 1].

    Raises:
        ValueError: when the box is blank.
    """
    values = _shrunk(picture)
    columns, rows = (
        slice(*(round(min(max(side / whole, 0), 1) * length) for side in sides))
        for sides, whole, length in zip((box[::2], box[1::2]), picture.size, values.shape[::-1])
    )
    parts = [(dark[rows, columns], ink[rows, columns]) for dark, ink in _inks(values)]
    ink, found = max(((part[1], _strongest(*part, True)) for part in parts), key=lambda one: one[1].score)
    if found.mark is None:
        raise ValueError(BLANK)
    labels, marks = _marks(ink, EDGES[0] * found.strength)
    large = [mark.number for mark in marks if mark.side >= 0.08 * max(mark.side for mark in marks)]
    return _drawn(ink, np.isin(labels, large), found.strength)


def _shrunk(picture: Image.Image) -> np.ndarray:
    """Grey levels in [0, 1], float32 `(H, W)`, at most `WORK` a side."""
    values = grey_levels(picture)
    share = min(WORK / max(values.shape), 1)
    size = [max(1, round(share * length)) for length in values.shape[::-1]]
    return np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BOX))


def _inks(values: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The picture, and how much darker each pixel is than the paper around it, as a share of that; both `(H, W)`.

    Then the same of the negative. Whatever is broader than `reach` in both directions is paper, if only it may go on as it is
    beyond the picture's border: so are tables and large shadows.
    """
    values = ndimage.gaussian_filter(values, max(values.shape) / 1000)
    reach = math.ceil(0.3 * min(values.shape))
    inside = slice(reach, -reach), slice(reach, -reach)
    for dark in (values, 1 - values):
        paper = ndimage.grey_closing(np.pad(dark, reach, "edge"), (reach, reach))[inside]
        ink = (paper - dark) / np.maximum(paper, 0.3)
        yield dark, np.maximum(ink - np.median(ink), 0)  # the closing runs along the top of the noise


def _inks_within_border(values: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The same where the paper is everywhere as light as the picture's border."""
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    for dark, paper in ((values, np.median(border)), (1 - values, 1 - np.median(border))):
        yield dark, np.maximum(paper - dark, 0) / max(paper, 0.3)


def _strongest(dark: np.ndarray, ink: np.ndarray, cut: bool = False) -> _Found:
    """The mark that is at once large and stands out from what is around it.

    Marks that touch the picture's border, and specks, count less; not in a `cut` that somebody chose.
    """
    noise = np.median(ink[ink > 0]) if ink.any() else 0
    floor = min(max(0.05, 4.5 * noise), 0.15)
    speck = SPECK * max(ink.shape)

    def weight(mark: _Mark) -> float:
        return mark.side * (1 if cut else (0.1 if mark.side < speck else 1) * (1, 0.3, 0.1, 0.1, 0.1)[mark.touching])

    best, level = _Found(), 0.9 * ink.max()
    while level > floor:
        labels, marks = _marks(ink, level)
        for mark in sorted(marks, key=weight)[-12:]:
            if weight(mark) > best.score:
                score = _standing(dark, labels, mark) * weight(mark)
                if score > best.score:
                    inside = labels[mark.rows, mark.columns] == mark.number
                    part = np.where(inside, ink[mark.rows, mark.columns], 0)
                    row, column = np.unravel_index(part.argmax(), part.shape)
                    strength = np.quantile(part[inside], 0.75)
                    best = _Found(score, strength, level, mark, (mark.rows.start + row, mark.columns.start + column))
        level *= 0.85
    return best


def _marks(ink: np.ndarray, level: float) -> tuple[np.ndarray, list[_Mark]]:
    """The connected pieces of all that is at least that strong: their numbers from 1, `(H, W)`, and each in turn."""
    labels, _ = cast(tuple[np.ndarray, int], ndimage.label(ink >= level, np.ones((3, 3))))
    (height, width), rim = ink.shape, max(ink.shape) // 200
    marks = [
        _Mark(i, y, x, (y.start <= rim) + (x.start <= rim) + (y.stop >= height - rim) + (x.stop >= width - rim))
        for i, (y, x) in enumerate(ndimage.find_objects(labels), 1)
    ]
    return labels, marks


def _standing(dark: np.ndarray, labels: np.ndarray, mark: _Mark) -> float:
    """How much darker a mark is than what lies all around it; little, where a part of its outline is no edge in the picture.

    That is how strokes are told from the spaces between them, and from soft shadows. A frame does not stand out at all.
    """
    away = 1 + mark.side // 40
    around = tuple(slice(max(part.start - away - 1, 0), part.stop + away + 1) for part in (mark.rows, mark.columns))
    inside = labels[around] == mark.number
    near, ring = (ndimage.maximum_filter(inside, 2 * far + 1) for far in (away, away + 1))
    ring = ring & np.logical_not(near) & (labels[around] == 0)
    if not ring.any():
        return 0.0
    return (np.quantile(dark[around][ring], 0.15) - dark[around][inside].mean()) * (
        0.2 if _line(labels[mark.rows, mark.columns] == mark.number) else 1
    )


def _line(inside: np.ndarray) -> bool:
    """Whether a mark is a long thin line, or runs along its box only, as a sheet's edge does or a printed box."""
    top, left = (math.ceil(0.12 * length) for length in inside.shape)
    return inside.sum() < 0.015 * max(inside.shape) ** 2 or (
        min(inside.shape) > 20 and not inside[top:-top, left:-left].any()
    )


def _drawn(ink: np.ndarray, mask: np.ndarray, strength: float) -> Tensor:
    """Ink around the marks in `mask` as MNIST has it: in a box of 20 x 20, centred by mass; float32 `(1, 28, 28)`."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    pixel = math.ceil(max(np.ptp(rows), np.ptp(columns)) / BOX)
    part = tuple(slice(max(one[0] - pixel, 0), one[-1] + 1 + pixel) for one in (rows, columns))
    ink, mask = ink[part], mask[part]
    near = _depth(~mask) <= pixel
    wide = 4 * _depth(mask)[mask].mean()
    ink = np.where(near & (ink >= 0.2 * strength), ink / np.quantile(ink[mask], 0.75), 0).clip(0, 1)
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = BOX / max(ink.shape)
    if wide * scale < THINNEST:
        grow = round((WIDTH / scale - wide) / 2)
        disc = np.hypot(*np.mgrid[-grow : grow + 1, -grow : grow + 1]) <= grow + 0.3
        ink = ndimage.maximum_filter(np.pad(ink, grow), footprint=disc)
        scale = BOX / max(ink.shape)
    return _placed(ink)


def _depth(mask: np.ndarray) -> np.ndarray:
    """How far each pixel of a mask lies from what is outside, `(H, W)`."""
    return np.asarray(ndimage.distance_transform_edt(mask))


def _placed(ink: np.ndarray) -> Tensor:
    """Ink scaled into a box of 20 x 20 and placed with its centre of mass in the middle of 28 x 28; float32 `(1, 28, 28)`."""
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = BOX / max(ink.shape)
    height, width = (max(1, round(length * scale)) for length in ink.shape)
    small = np.asarray(Image.fromarray(ink.astype(np.float32)).resize((width, height), Image.Resampling.BOX))
    canvas = np.zeros((SIDE, SIDE), dtype=np.float32)
    corner = [
        min(max(math.ceil(SIDE / 2 - _centre_of_mass(small, axis)), 0), SIDE - small.shape[axis]) for axis in (0, 1)
    ]
    canvas[corner[0] : corner[0] + small.shape[0], corner[1] : corner[1] + small.shape[1]] = small / small.max()
    return torch.from_numpy(canvas)[None]


def _centre_of_mass(values: np.ndarray, axis: int) -> float:
    weights = values.sum(1 - axis)
    return float((weights * (np.arange(len(weights)) + 0.5)).sum() / weights.sum())
