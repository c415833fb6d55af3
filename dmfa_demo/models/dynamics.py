"""Auto-encoder dynamics: imputation as a walk along an auto-encoder's vector field (Smieja et al., AE-dynamics paper).

An auto-encoder r = g o f moves every point slightly: v(x) = r(x) - x in pixels, u(z) = f(g(z)) - z in its latent space. For a
denoising auto-encoder, v is approximately the noise variance times the gradient of the log-density (equation (1)), so following
it climbs towards likely points; the fixed points it reaches are the attractors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

Map = Callable[[Tensor], Tensor]
"""A function of a batch of points that treats rows independently: `(B, ...)` -> `(B, ...)`."""


@dataclass(frozen=True)
class State:
    """The state of a batch of walks.

    Attributes:
        points: `(B, ...)`.
        residual: the norm of the field at the points, `(B,)`; zero at a fixed point.
        moving: bool `(B,)`, False for rows that have arrived and stay.
    """

    points: Tensor
    residual: Tensor
    moving: Tensor


def latent_field(encode: Map, decode: Map) -> Map:
    """Return the field u(z) = f(g(z)) - z (section 2)."""
    return lambda z: encode(decode(z)) - z


def flow(
    field: Callable[[Tensor, Tensor], Tensor], start: Tensor, step_size: float, steps: int, tolerance: float
) -> Iterator[State]:
    """Follow a field from `start` `(B, ...)`: y <- y + h v(y), each row until it stops (section 3, step 2).

    Args:
        field: maps `(points, rows)` to the field at the points of these rows of the batch; called for moving rows only.
        step_size: h; 1 replaces a point by its image.
        steps: the maximum number of steps.
        tolerance: a row has arrived when its residual is not above this.

    Yields:
        The state at the start and after each step, until no row moves.
    """
    points, residual = start, start.new_full((len(start),), torch.inf)
    moving = torch.ones(len(start), dtype=torch.bool, device=start.device)
    for step in range(steps + 1):
        rows = moving.nonzero()[:, 0]
        forces = field(points[rows], rows)
        residual = residual.index_copy(0, rows, forces.flatten(1).norm(dim=1))
        moving = moving & (residual > tolerance)
        yield State(points, residual, moving)
        if step == steps or not moving.any():
            return
        onward = moving[rows]
        points = points.index_add(0, rows[onward], step_size * forces[onward])


def impute_along(
    reconstruct: Map, start: Tensor, missing: Tensor, step_size: float, steps: int, tolerance: float
) -> Iterator[State]:
    """Follow the missing part of v(x) = r(x) - x with the observed pixels fixed (section 3).

    Step size 1 is pseudo-Gibbs sampling: the missing pixels become their reconstruction.

    Args:
        start: `(B, C, H, W)`, observed pixels and an initial filling.
        missing: bool `(B, 1, H, W)`.
    """

    def field(points: Tensor, rows: Tensor) -> Tensor:
        return torch.where(missing[rows], reconstruct(points) - points, 0)

    return flow(field, start=start, step_size=step_size, steps=steps, tolerance=tolerance)


def spectral_radius(step: Map, point: Tensor) -> Tensor:
    """Return the spectral radius `(B,)`, the largest modulus of an eigenvalue, of the Jacobian of `step` at points `(B, d)`.

    Below 1, nearby points are drawn in, and a fixed point is an attractor.
    """
    if not len(point):
        return point.new_zeros(0)
    jacobian = torch.func.vmap(torch.func.jacrev(lambda z: step(z[None])[0]))(point)  # (B, d, d)
    return torch.linalg.eigvals(jacobian).abs().amax(-1)
