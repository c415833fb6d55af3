"""The map of a two-dimensional latent space: where the dynamics of an auto-encoder lead from every point of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dmfa_demo.models.dynamics import Map, flow, spectral_radius


@dataclass(frozen=True)
class LatentMap:
    """What a walk z <- f(g(z)) does on a grid over the plane.

    Attributes:
        low, high: `(2,)`, the corners of the grid.
        field: u(z) = f(g(z)) - z on the grid, `(rows, columns, 2)`; rows go up the second latent, columns along the first.
        basins: int64 `(rows, columns)`, the attractor reached from there, -1 where none is within the steps.
        attractors: `(A, 2)`, most visited first.
        radii: `(A,)`, spectral radius of the Jacobian of f(g(z)); below 1 it draws in what is near.
    """

    low: Tensor
    high: Tensor
    field: Tensor
    basins: Tensor
    attractors: Tensor
    radii: Tensor


def grid(low: Tensor, high: Tensor, resolution: int) -> Tensor:
    """Points `(resolution, resolution, 2)` from `low` to `high`, both ends included."""
    x, y = (torch.linspace(a, b, resolution, dtype=low.dtype) for a, b in zip(low.tolist(), high.tolist()))
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)


@torch.no_grad()
def latent_map(
    step: Map, low: Tensor, high: Tensor, resolution: int, steps: int, tolerance: float, apart: float
) -> LatentMap:
    """Follow z <- step(z) from every point of a grid until it is fixed.

    Args:
        step: f(g(z)), `(B, 2)` -> `(B, 2)`.
        low, high: `(2,)`, the corners.
        resolution: points a side.
        steps: at most so many.
        tolerance: a point that moves no further than this in a step has arrived.
        apart: ends closer than this are one attractor.
    """
    starts = grid(low, high, resolution).flatten(0, 1)
    field = step(starts) - starts
    *_, last = flow(lambda z, rows: step(z) - z, starts, 1.0, steps, tolerance)
    arrived = ~last.moving
    attractors, reached = cluster(last.points[arrived], apart)
    basins = torch.full((len(starts),), -1)
    basins[arrived] = reached
    return LatentMap(
        low,
        high,
        field.view(resolution, resolution, 2),
        basins.view(resolution, resolution),
        attractors,
        spectral_radius(step, attractors),
    )


def cluster(points: Tensor, apart: float) -> tuple[Tensor, Tensor]:
    """Points `(N, d)` as few: the mean of each group `(A, d)`, largest group first, and each point's group `(N,)`.

    A point joins the first group whose first member is closer than `apart`, or begins a new one.
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
