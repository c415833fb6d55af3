"""The contract of a conditional density over flattened values."""

from __future__ import annotations

from typing import Protocol, Self

import torch
from torch import Tensor


class Density(Protocol):
    """A conditional density over B rows of n flattened values, observed ones pinned; n = C * H * W."""

    @property
    def mean(self) -> Tensor:
        """`(B, n)`, observed values the row's own."""
        ...

    @property
    def variance(self) -> Tensor:
        """The marginal variance of each value `(B, n)`, zero where it is observed."""
        ...

    def log_prob(self, x: Tensor, missing: Tensor) -> Tensor:
        """log p(x_m | x_o) in nats, `(B,)`, for x and bool missing `(B, n)`."""
        ...

    def cdf(self, x: Tensor) -> Tensor:
        """P(X_i <= x_i) for each missing value on its own, `(B, n)`; anything elsewhere."""
        ...

    def sample(self, count: int, generator: torch.Generator | None = None, noise: bool = True) -> Tensor:
        """`count` draws, `(count, B, n)`; without `noise`, what is independent in every value is left out."""
        ...

    def with_noise_floor(self, floor: float) -> Self:
        """The same density with no noise variance below `floor`: none becomes smaller, and observed values stay pinned."""
        ...
