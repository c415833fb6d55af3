"""The mask families of the papers, by name: callables that draw missing pixels.

A family is called as `family(count, height, width, generator)` and returns bool `(count, 1, height, width)`, True where
the pixel is missing; `count` is at least 1. The same generator state gives the same masks. No family loops over the masks
of a batch.

    >>> import torch
    >>> mask_family("square14")(2, 28, 28, torch.Generator().manual_seed(0)).sum((1, 2, 3))
    tensor([196, 196])
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

MaskFamily = Callable[[int, int, int, torch.Generator], Tensor]


@dataclass(frozen=True)
class Rectangle:
    """A `rows` x `columns` rectangle at a uniformly random position inside the image (DMFA paper, section 3.1)."""

    rows: int
    columns: int

    def __post_init__(self):
        if self.rows < 1 or self.columns < 1:
            raise ValueError(f"a hole needs at least 1x1 pixels, got {self.rows}x{self.columns}")

    def __call__(self, count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
        _check_fits(self.rows, self.columns, height, width)
        top = torch.randint(height - self.rows + 1, (count,), generator=generator)
        left = torch.randint(width - self.columns + 1, (count,), generator=generator)
        return _boxes(top, top + self.rows, left, left + self.columns, height, width)


@dataclass(frozen=True)
class Quarter:
    """A rectangle with half the image's sides at a uniformly random position: 14 x 14 pixels of 28 x 28."""

    def __call__(self, count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
        return Rectangle(max(1, height // 2), max(1, width // 2))(count, height, width, generator)


@dataclass(frozen=True)
class RandomSquare:
    """A square at a random position with a side uniform between `smallest` and `largest` pixels."""

    smallest: int
    largest: int

    def __post_init__(self):
        if not 1 <= self.smallest <= self.largest:
            raise ValueError(f"random squares need 1 <= smallest <= largest, got {self.smallest} and {self.largest}")

    def __call__(self, count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
        _check_fits(self.largest, self.largest, height, width)
        side = torch.randint(self.smallest, self.largest + 1, (count,), generator=generator)
        top = (torch.rand(count, generator=generator) * (height - side + 1)).long()
        left = (torch.rand(count, generator=generator) * (width - side + 1)).long()
        return _boxes(top, top + side, left, left + side, height, width)


@dataclass(frozen=True)
class RandomRectangle:
    """A rectangle with uniformly random corners, kept if its share of the area is within bounds.

    VAEAC paper, appendix A.3: at least a quarter of the area. Instead of drawing and rejecting, draws the side lengths from
    the exact distribution that rejection would give: two corners are `rows` apart in 2 (height - rows + 1) ways, equal
    corners in half as many.
    """

    smallest: float = 0.25
    largest: float = 1.0

    def __post_init__(self):
        if not 0 <= self.smallest <= self.largest <= 1:
            raise ValueError(
                f"random rectangles need 0 <= smallest <= largest <= 100 percent of the area, got {100 * self.smallest:g} "
                f"and {100 * self.largest:g}"
            )

    def __call__(self, count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
        rows, columns = torch.arange(1, height + 1), torch.arange(1, width + 1)
        ways_down = (height - rows + 1) * torch.where(rows == 1, 1.0, 2.0)
        ways_across = (width - columns + 1) * torch.where(columns == 1, 1.0, 2.0)
        share = rows[:, None] * columns / (height * width)
        kept = (share >= self.smallest) & (share <= self.largest)
        ways = torch.where(kept, ways_down[:, None] * ways_across, 0.0).flatten()
        if not ways.any():
            raise ValueError(
                f"no rectangle covers {self.smallest:.0%} to {self.largest:.0%} of {height}x{width} pixels"
            )
        size = torch.multinomial(ways, count, replacement=True, generator=generator)
        rows, columns = size // width + 1, size % width + 1
        top = (torch.rand(count, generator=generator) * (height - rows + 1)).long()
        left = (torch.rand(count, generator=generator) * (width - columns + 1)).long()
        return _boxes(top, top + rows, left, left + columns, height, width)


@dataclass(frozen=True)
class FixedBox:
    """A fixed box, given in fractions of the height and width, with its edges rounded to pixels."""

    top: float
    bottom: float
    left: float
    right: float

    def __call__(self, count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
        edges = (
            round(self.top * height),
            round(self.bottom * height),
            round(self.left * width),
            round(self.right * width),
        )
        top, bottom, left, right = (torch.full((count,), edge) for edge in edges)
        return _boxes(top, bottom, left, right, height, width)


@dataclass(frozen=True)
class Half:
    """One of the four halves, equally likely (VAEAC paper, appendix A.3)."""

    def __call__(self, count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
        side = torch.randint(4, (count,), generator=generator)
        halves = torch.cat([HALVES[name](1, height, width, generator) for name in ("left", "right", "top", "bottom")])
        return halves[side]


@dataclass(frozen=True)
class Trapezoid:
    """A trapezoid over half of the image, one side of it a full image edge, on a random one of the four sides.

    MisConv paper, appendix B, figure 4, which shows the shape without its dimensions. Ours spans the full edge and narrows
    to half of it over two thirds of the depth, so its area is half of the image.
    """

    def __call__(self, count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
        side = torch.randint(4, (count,), generator=generator)
        y = ((torch.arange(height) + 0.5) / height)[:, None]
        x = ((torch.arange(width) + 0.5) / width)[None, :]
        shapes = torch.stack([_in_trapezoid(d, a) for d, a in ((y, x), (1 - y, x), (x, y), (1 - x, y))])
        return shapes[side].unsqueeze(1)


@dataclass(frozen=True)
class Noise:
    """Independent missing pixels, with a probability uniform between `low` and `high`, drawn once per image."""

    low: float
    high: float

    def __post_init__(self):
        if not 0 <= self.low <= self.high <= 1:
            raise ValueError(
                f"noise needs 0 <= low <= high <= 100 percent, got {100 * self.low:g} and {100 * self.high:g}"
            )

    def __call__(self, count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
        share = self.low + (self.high - self.low) * torch.rand(count, 1, 1, 1, generator=generator)
        return torch.rand(count, 1, height, width, generator=generator) < share


@dataclass(frozen=True)
class ObservedLine:
    """A horizontal line of `rows` observed rows at a random height; the rest is missing (VAEAC paper, appendix A.3)."""

    rows: int

    def __post_init__(self):
        if self.rows < 1:
            raise ValueError(f"an observed line needs at least 1 row, got {self.rows}")

    def __call__(self, count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
        return ~Rectangle(self.rows, width)(count, height, width, generator)


@dataclass(frozen=True)
class Pattern:
    """Blobs with a smooth random outline over a quarter of the image (Pathak et al. 2016, VAEAC paper appendix A.3).

    Uniform noise at 6 % of the resolution, interpolated bicubically. Where the original thresholds at 0.25 and rejects
    crops that miss 20-30 %, every image here is thresholded at its own quantile, so that the share is exact.
    """

    share: float = 0.25
    resolution: float = 0.06

    def __call__(self, count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
        cell = 1 / self.resolution  # pixels between two noise values
        rows, columns = (math.ceil(size / cell) + 4 for size in (height, width))
        noise = torch.rand(count, 1, rows, columns, generator=generator)
        offset = torch.rand(count, 2, 1, generator=generator)  # where the crop starts between two noise values
        y = 2 * (1.5 + offset[:, 0] + torch.arange(height) / cell) / (rows - 1) - 1
        x = 2 * (1.5 + offset[:, 1] + torch.arange(width) / cell) / (columns - 1) - 1
        grid = torch.stack([x[:, None, :].expand(-1, height, -1), y[:, :, None].expand(-1, -1, width)], -1)
        smooth = F.grid_sample(noise, grid, mode="bicubic", padding_mode="border", align_corners=True)
        # Ties at the border would break the exact share; ranks cannot tie.
        rank = smooth.flatten(1).argsort(1).argsort(1).view_as(smooth)
        return rank < round(self.share * height * width)


@dataclass(frozen=True)
class Strokes:
    """Free-form brush strokes as people paint them: up to `most` bent lines drawn with a round brush."""

    most: int = 3
    bends: int = 4

    def __call__(self, count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
        size = min(height, width)
        strokes = 1 + (torch.rand(count, generator=generator) * self.most).long()
        radius = size * (0.03 + 0.09 * torch.rand(count, self.most, 1, generator=generator))
        start = torch.rand(count, self.most, 1, 2, generator=generator)
        turn = (torch.rand(count, self.most, self.bends, generator=generator) - 0.5) * 1.6
        angle = 2 * math.pi * torch.rand(count, self.most, 1, generator=generator) + turn.cumsum(-1)
        length = 0.05 + 0.25 * torch.rand(count, self.most, self.bends, generator=generator)
        steps = torch.stack([angle.sin(), angle.cos()], -1) * length.unsqueeze(-1)
        corners = torch.cat([start, (start + steps.cumsum(-2))], -2) * torch.tensor([height, width])
        painted = _distance_to_segments(corners, height, width) <= radius[..., None]  # (count, most, H, W)
        drawn = torch.arange(self.most) < strokes[:, None]
        return (painted & drawn[:, :, None, None]).any(1, keepdim=True)


@dataclass(frozen=True)
class Relative:
    """A family with sizes in percent of the image's shorter side, rounded to pixels: 30 % of 28 pixels are 8."""

    family: Callable[..., MaskFamily]
    percent: tuple[int, ...]

    def __post_init__(self):
        self.family(*self.percent)  # raises if they are not in order
        if not all(1 <= size <= 100 for size in self.percent):
            raise ValueError(f"sizes in percent must be from 1 to 100, got {', '.join(map(str, self.percent))}")

    def __call__(self, count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
        sizes = (max(1, round(share * min(height, width) / 100)) for share in self.percent)
        return self.family(*sizes)(count, height, width, generator)


@dataclass(frozen=True)
class Mixture:
    """A mixture of families: each mask comes from one, drawn by weight."""

    families: tuple[MaskFamily, ...]
    weights: tuple[float, ...]

    def __call__(self, count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
        chosen = torch.multinomial(torch.tensor(self.weights), count, replacement=True, generator=generator)
        masks = torch.empty(count, 1, height, width, dtype=torch.bool)
        for index, family in enumerate(self.families):
            rows = chosen == index
            if rows.any():
                masks[rows] = family(int(rows.sum()), height, width, generator)
        return masks


HALVES = {
    "left": FixedBox(top=0, bottom=1, left=0, right=0.5),
    "right": FixedBox(top=0, bottom=1, left=0.5, right=1),
    "top": FixedBox(top=0, bottom=0.5, left=0, right=1),
    "bottom": FixedBox(top=0.5, bottom=1, left=0, right=1),
}

# Generative Face Completion's boxes on 128x128 (VAEAC paper, table 6, as x1, x2, y1, y2 with both ends included).
# The table's rows O1 and O2 are garbled in print; we read O1 as x 33-70, y 52-115 and O2 as x 57-95, y 52-115.
_GFC = {
    1: (33, 70, 52, 115),
    2: (57, 95, 52, 115),
    3: (29, 98, 52, 73),
    4: (29, 66, 52, 73),
    5: (61, 99, 52, 73),
    6: (40, 87, 86, 123),
}

_FIXED: dict[str, MaskFamily] = {
    "half": Half(),
    **{f"half-{side}": box for side, box in HALVES.items()},
    "centre": FixedBox(top=0.25, bottom=0.75, left=0.25, right=0.75),
    "quarter": Quarter(),
    "trapezoid": Trapezoid(),
    "rectangles": RandomRectangle(),
    "pattern": Pattern(),
    "strokes": Strokes(),
    **{
        f"gfc-o{k}": FixedBox(top=y1 / 128, bottom=(y2 + 1) / 128, left=x1 / 128, right=(x2 + 1) / 128)
        for k, (x1, x2, y1, y2) in _GFC.items()
    },
}


def _square(side: int) -> MaskFamily:
    return Rectangle(side, side)


_SIZED: tuple[tuple[str, Callable[..., MaskFamily]], ...] = (
    (r"square(\d+)", _square),
    (r"square(\d+)%", lambda *percent: Relative(_square, percent)),
    (r"rect(\d+)x(\d+)", Rectangle),
    (r"squares(\d+)-(\d+)", RandomSquare),
    (r"squares(\d+)-(\d+)%", lambda *percent: Relative(RandomSquare, percent)),
    (r"noise(\d+)", lambda percent: Noise(percent / 100, percent / 100)),
    (r"noise(\d+)-(\d+)", lambda low, high: Noise(low / 100, high / 100)),
    (r"line(\d+)", ObservedLine),
    (r"line(\d+)%", lambda *percent: Relative(ObservedLine, percent)),
    (r"rectangles(\d+)-(\d+)", lambda low, high: RandomRectangle(low / 100, high / 100)),
)


_MIXTURES = {
    # The holes of ACFlow (Li, Akbar, Oliva, 2020) and Posterior Matching (Strauss, Oliva, 2022) on MNIST.
    "arbitrary": "noise50*2+half-left+half-right+half-top+half-bottom+quarter*2+rectangles30-100*2",
    # The kinds of hole in the MisConv paper's table 9, and strokes as people paint them.
    "mixed": "quarter+trapezoid+noise75+strokes",
}


def mask_family(name: str) -> MaskFamily:
    """Return the mask family called `name`.

    Sizes are part of the name: `square14`, `rect10x15` (rows x columns), `squares8-20` (random side), `noise75` (percent),
    `noise30-90`, `rectangles30-100` (percent of the area), `line3` (observed rows). Squares and lines also have sizes in percent
    of the image's shorter side: `square50%`, `squares30-70%`, `line10%`. Without a size: `half`, `half-left`,
    `half-right`, `half-top`, `half-bottom`, `centre`, `quarter`, `trapezoid`, `rectangles`, `pattern`, `strokes`, `gfc-o1` to `gfc-o6`,
    `arbitrary` (ACFlow's mixture), `mixed` (squares, trapezoids, noise and strokes).
    Names joined by `+`, each with an optional weight, mix: `square14*2+strokes`.

    Raises:
        ValueError: If the name is none of these.
    """
    if "+" in name or "*" in name:
        parts = [part.partition("*") for part in name.split("+")]
        try:
            weights = tuple(float(weight or 1) for _, _, weight in parts)
        except ValueError:
            raise ValueError(
                f"a weight in the mask mixture {name!r} is not a number; write it as square14*2+strokes"
            ) from None
        if min(weights) < 0 or not 0 < sum(weights) < math.inf:
            raise ValueError(f"the weights in the mask mixture {name!r} must be positive numbers")
        return Mixture(tuple(mask_family(part) for part, _, _ in parts), weights)
    if name in _MIXTURES:
        return mask_family(_MIXTURES[name])
    if name in _FIXED:
        return _FIXED[name]
    for pattern, build in _SIZED:
        if match := re.fullmatch(pattern, name):
            return build(*map(int, match.groups()))
    raise ValueError(
        f"unknown mask family {name!r}. Accepted: {', '.join((*_FIXED, *_MIXTURES))}, square<side>, rect<rows>x<columns>, "
        f"squares<from>-<to>, noise<percent>, noise<from>-<to>, line<rows>, rectangles<from>-<to>, square<percent>%, "
        f"squares<from>-<to>%, line<percent>%, or a mixture such as square14*2+strokes."
    )


def _check_fits(rows: int, columns: int, height: int, width: int) -> None:
    if rows > height or columns > width:
        raise ValueError(f"a hole of {rows}x{columns} pixels does not fit into an image of {height}x{width}")


def _boxes(top: Tensor, bottom: Tensor, left: Tensor, right: Tensor, height: int, width: int) -> Tensor:
    """Return masks `(count, 1, height, width)` that are True inside each one's box `[top, bottom) x [left, right)`."""
    y, x = torch.arange(height), torch.arange(width)
    inside_y = (y >= top[:, None]) & (y < bottom[:, None])
    inside_x = (x >= left[:, None]) & (x < right[:, None])
    return (inside_y[:, :, None] & inside_x[:, None, :]).unsqueeze(1)


def _in_trapezoid(depth: Tensor, along: Tensor) -> Tensor:
    """Return whether points are in the trapezoid: full width at depth 0, half at its end at depth 2/3, area (1 + 1/2) / 2 * 2/3 = 1/2."""
    return (depth < 2 / 3) & ((along - 0.5).abs() < 0.5 - 0.375 * depth)


def _distance_to_segments(corners: Tensor, height: int, width: int) -> Tensor:
    """Return every pixel centre's distance to the polylines through `corners` `(..., corners, 2)`, `(..., height, width)`."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    pixels = torch.stack([y, x], -1).view(-1, 2)
    start, step = corners[..., :-1, None, :], corners.diff(dim=-2).unsqueeze(-2)  # (..., segments, 1, 2)
    offset = pixels - start
    along = ((offset * step).sum(-1) / step.square().sum(-1)).clamp(0, 1)
    distance = (offset - along.unsqueeze(-1) * step).norm(dim=-1)  # (..., segments, pixels)
    return distance.amin(-2).unflatten(-1, (height, width))
