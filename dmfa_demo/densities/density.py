"""The contract of a conditional density over flattened values."""

from __future__ import annotations

from typing import Protocol, Self

import torch
from torch import Tensor


class Density(Protocol):
    """A conditional density over B rows of n flattened values, observed ones fixed; n = C * H * W."""

    @property
    def mean(self) -> Tensor:
        """The mean `(B, n)`; observed values are the row's."""
        ...

    @property
    def variance(self) -> Tensor:
        """The marginal variance of each value `(B, n)`, zero where observed."""
        ...

    def log_prob(self, x: Tensor, missing: Tensor) -> Tensor:
        """Return log p(x_m | x_o) in nats, `(B,)`, for x and bool missing `(B, n)`."""
        ...

    def cdf(self, x: Tensor) -> Tensor:
        """Return P(X_i <= x_i) for each missing value, `(B, n)`; other entries are undefined."""
        ...

    def sample(self, count: int, generator: torch.Generator | None = None, noise: bool = True) -> Tensor:
        """Draw `count` samples, `(count, B, n)`; without `noise`, the part that is independent in each value is left out."""
        ...

    def with_noise_floor(self, floor: float) -> Self | None:
        """Return the density with no noise variance below `floor`: no variance decreases, and observed values stay fixed.

        None for a density without noise variances.
        """
        ...


def check_same_hole(missing: Tensor, hole: Tensor) -> None:
    """Raise a ValueError if `missing` is not the set of values `hole` that a density is over, both bool `(B, n)`."""
    if not torch.equal(missing, hole):
        raise ValueError("this density is over the values that were missing when it was made; pass the same mask")
