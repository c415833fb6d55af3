"""The map of a latent plane: where the dynamics of an auto-encoder lead from each of its points."""

from __future__ import annotations

import dataclasses
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from dmfa_demo.models.autoencoder import Autoencoder
from dmfa_demo.models.dynamics import Map, flow, latent_field, spectral_radius
from dmfa_demo.storage.files import read_tensors, write_tensors

# The file with the map, in the auto-encoder's folder.
MAP = "map.safetensors"

# Points per pass through the auto-encoder.
CHUNK = 200

# The ends of walks are followed for this many times the steps, to 1 / PRECISION of the tolerance, to tell fixed points from slow places.
LONGER, FINER = 20, 100

# The share of points that may be outside the map on each side, and the margin around the others.
OUTSIDE, MARGIN = 0.005, 0.06


@dataclass(frozen=True)
class LatentPlane:
    """An auto-encoder restricted to a plane through its latent space: places `(B, 2)` instead of latents `(B, d)`.

    With two latents the plane is the latent space. With more, the dynamics on the map are those of an auto-encoder that drops
    the components outside the plane; `reconstruct` keeps them.

    Attributes:
        model: the auto-encoder.
        centre: `(d,)`, the latents at the origin of the plane.
        axes: `(2, d)`, orthonormal.
    """

    model: Autoencoder
    centre: Tensor
    axes: Tensor

    @classmethod
    def principal(cls, model: Autoencoder, latents: Tensor) -> Self:
        """Return the plane of the first two principal directions of latents `(N, d)`; with d = 2, the latent space itself."""
        if latents.shape[1] == 2:
            return cls(model, torch.zeros(2), torch.eye(2))
        centre = latents.mean(0)
        _, _, directions = torch.linalg.svd(latents - centre, full_matrices=False)
        return cls(model, centre, directions[:2])

    def place(self, latents: Tensor) -> Tensor:
        """Project latents `(B, d)` to places in the plane, `(B, 2)`."""
        return (latents - self.centre) @ self.axes.mT

    def encode(self, images: Tensor) -> Tensor:
        """Encode images `(B, C, H, W)` to places in the plane, `(B, 2)`."""
        return self.place(self.model.encode(images))

    def decode(self, places: Tensor) -> Tensor:
        """Decode places in the plane, `(B, 2)`, to images `(B, C, H, W)`."""
        return self.model.decode(self.centre + places @ self.axes)

    def reconstruct(self, images: Tensor) -> Tensor:
        """Reconstruct images by the auto-encoder, with all its latents."""
        return self.model.reconstruct(images)


@dataclass(frozen=True, kw_only=True)
class LatentMap:
    """The walks z <- f(g(z)) from a grid over the plane, and the places of training images.

    Attributes:
        low, high: `(2,)`, the corners of the grid.
        field: u(z) = f(g(z)) - z on the grid, `(rows, columns, 2)`; rows follow the second latent, columns the first.
        basins: int64 `(rows, columns)`, the attractor reached from each point, -1 where none is reached within the steps.
        attractors: `(A, 2)`, most visited first.
        radii: `(A,)`, spectral radius of the Jacobian of f(g(z)); below 1, since an attractor draws in nearby points.
        pictures: `(A, C, H, W)` in [0, 1], the decoded attractors.
        points, labels: places `(N, 2)` and kinds `(N,)` of training images.
        centre, axes: those of the `LatentPlane`, `(d,)` and `(2, d)`.
    """

    low: Tensor
    high: Tensor
    field: Tensor
    basins: Tensor
    attractors: Tensor
    radii: Tensor
    pictures: Tensor
    points: Tensor
    labels: Tensor
    centre: Tensor = dataclasses.field(default_factory=lambda: torch.zeros(2))
    axes: Tensor = dataclasses.field(default_factory=lambda: torch.eye(2))

    def plane(self, model: Autoencoder) -> LatentPlane:
        """Return the plane of this map, through the latent space of its auto-encoder."""
        return LatentPlane(model, self.centre, self.axes)

    def basin_of(self, z: Tensor) -> Tensor:
        """Return the basin `(B,)` of each of z `(B, 2)`, by the nearest grid point."""
        rows, columns = self.basins.shape
        last = torch.tensor([columns - 1, rows - 1])
        column, row = ((z - self.low) / (self.high - self.low) * last).round().clamp(torch.zeros(2), last).long().T
        return self.basins[row, column]

    @property
    def classes(self) -> Tensor:
        """Return the commonest class of training images in each attractor's basin, or the nearest image's if it has none, `(A,)`."""
        basin = self.basin_of(self.points)
        nearest = self.labels[torch.cdist(self.attractors, self.points).argmin(1)]
        inside = [self.labels[basin == number] for number in range(len(self.attractors))]
        return torch.stack([one.mode().values if len(one) else nearest[number] for number, one in enumerate(inside)])

    def save(self, folder: Path) -> None:
        """Write the map to a checkpoint's folder."""
        write_tensors(folder / MAP, asdict(self))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the map that `save` wrote."""
        return cls(**read_tensors(folder / MAP))


def grid(low: Tensor, high: Tensor, resolution: int) -> Tensor:
    """Return points `(resolution, resolution, 2)` from `low` to `high`, inclusive."""
    x, y = (torch.linspace(a, b, resolution, dtype=low.dtype) for a, b in zip(low.tolist(), high.tolist()))
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)


@torch.no_grad()
def latent_map(
    encode: Map,
    decode: Map,
    points: Tensor,
    labels: Tensor,
    resolution: int,
    steps: int,
    tolerance: float,
    apart: float,
) -> LatentMap:
    """Compute a map by following z <- f(g(z)) from every point of a grid over the training images' latents to a fixed point.

    Args:
        encode, decode: f, from images to latents `(B, 2)`, and g, back.
        points, labels: latents `(N, 2)` of training images, which the grid covers, and their classes `(N,)`.
        resolution: points per side.
        steps: the maximum number of steps.
        tolerance: a point that moves no further than this in a step has arrived; attractors are fixed to a hundredth of it.
        apart: ends closer than this are merged.
    """
    low, high = torch.quantile(points, torch.tensor([OUTSIDE, 1 - OUTSIDE]).to(points), dim=0)
    low, high = low - MARGIN * (high - low), high + MARGIN * (high - low)
    starts, whole = grid(low, high, resolution).flatten(0, 1), latent_field(encode, decode)

    def u(z: Tensor) -> Tensor:
        return torch.cat([whole(part) for part in z.split(CHUNK)])

    *_, last = flow(lambda z, rows: u(z), start=starts, step_size=1.0, steps=steps, tolerance=tolerance)
    arrived = ~last.moving
    ends, reached = cluster(last.points[arrived], apart)
    *_, settled = flow(
        lambda z, rows: u(z), start=ends, step_size=1.0, steps=LONGER * steps, tolerance=tolerance / FINER
    )
    fixed, same = cluster(settled.points, apart)
    reached, radii = same[reached], spectral_radius(lambda z: encode(decode(z)), fixed)
    # A saddle is a fixed point too, but only points exactly on its ridge stay there; and some ends never settle.
    visits = torch.where(radii < 1, reached.bincount(minlength=len(fixed)), 0)
    visits[same[settled.moving]] = 0
    order = visits.argsort(descending=True, stable=True)[: int((visits > 0).sum())]
    number = torch.full((len(fixed),), -1)
    number[order] = torch.arange(len(order))
    basins = torch.full((len(starts),), -1)
    basins[arrived] = number[reached]
    return LatentMap(
        low=low,
        high=high,
        field=u(starts).view(resolution, resolution, 2),
        basins=basins.view(resolution, resolution),
        attractors=fixed[order],
        radii=radii[order],
        pictures=decode(fixed[order]),
        points=points,
        labels=labels,
    )


def cluster(points: Tensor, apart: float) -> tuple[Tensor, Tensor]:
    """Group points `(N, d)`: return each group's mean `(A, d)`, largest group first, and each point's group `(N,)`.

    A point joins the first group whose first member is closer than `apart`, or starts a new one.
    """
    group, left, firsts = torch.full((len(points),), -1), torch.ones(len(points), dtype=torch.bool), []
    while left.any():
        first = points[left.nonzero()[0, 0]]
        near = left & ((points - first).norm(dim=1) < apart)
        group[near], left = len(firsts), left & ~near
        firsts.append(points[near].mean(0))
    if not firsts:
        return points, group
    order = group.bincount(minlength=len(firsts)).argsort(descending=True, stable=True)
    return torch.stack(firsts)[order], order.argsort()[group]
