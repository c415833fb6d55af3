"""A single Gaussian with a full covariance, conditioned exactly.

The precision Lambda of N(mean, Lambda^-1) gives the conditional of the missing values without touching the observed
block (Bishop, *Pattern Recognition and Machine Learning*, equations (2.73) and (2.75)):

    x_m | x_o  ~  N(mean_m - Lambda_mm^-1 Lambda_mo (x_o - mean_o),  Lambda_mm^-1)

Rows differ in which values they miss. Rows with the same hole are computed together, with one Cholesky factor of its
Lambda_mm, which takes M x M numbers of memory and O(M^3) time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from dmfa_demo.densities.density import check_same_hole


@dataclass(frozen=True)
class _Hole:
    """The rows that miss the same values.

    Attributes:
        rows: their indices, `(R, 1)`.
        places: the indices of the values they miss, `(M,)`.
        base: the lower Cholesky factor of Lambda_mm, `(M, M)`.
        extra: added to each variance.
    """

    rows: Tensor
    places: Tensor
    base: Tensor
    extra: float

    @cached_property
    def covariance(self) -> Tensor:
        """The covariance of the missing values, `(M, M)`."""
        return torch.cholesky_inverse(self.base) + self.extra * torch.eye(len(self.places)).to(self.base)

    @cached_property
    def cholesky(self) -> Tensor:
        """The lower Cholesky factor of the precision of the missing values, `(M, M)`."""
        if not self.extra:
            return self.base
        return torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(self.covariance)))


@dataclass(frozen=True)
class ConditionalGaussian:
    """The conditional Gaussian of the missing values of B rows; observed values are fixed and do not vary.

    Args:
        center: `(n,)`, the mean before anything is observed.
        precision: Lambda, `(n, n)`, symmetric and positive definite; preferably float64.
        observed: `(B, n)`, the observed values; other entries are ignored. Results have its precision.
        missing: bool `(B, n)`.
        noise: a lower bound of the variance in every direction.
        extra: added to it by `with_noise_floor`.
    """

    center: Tensor
    precision: Tensor
    observed: Tensor
    missing: Tensor
    noise: float
    extra: float = 0.0

    @cached_property
    def mean(self) -> Tensor:
        """The conditional mean `(B, n)`."""
        known = torch.where(self.missing, 0, self.observed.to(self.center) - self.center)
        pull, mean = known @ self.precision, self.observed.clone()
        for hole in self._holes:
            step = torch.cholesky_solve(pull[hole.rows, hole.places].T, hole.base).T
            mean[hole.rows, hole.places] = (self.center[hole.places] - step).to(mean)
        return mean

    @cached_property
    def variance(self) -> Tensor:
        """The marginal variance of each value `(B, n)`."""
        variance = torch.zeros_like(self.observed)
        for hole in self._holes:
            variance[hole.rows, hole.places] = hole.covariance.diagonal().to(variance)
        return variance

    def covariance(self, row: int) -> Tensor:
        """Return the conditional covariance of a row's missing values, in order, `(M, M)`."""
        for hole in self._holes:
            if (hole.rows == row).any():
                return hole.covariance
        return self.precision.new_zeros(0, 0)

    def log_prob(self, x: Tensor, missing: Tensor) -> Tensor:
        """Return log p(x_m | x_o) in nats, `(B,)`.

        Raises:
            ValueError: If `missing` is not the set that this density is over.
        """
        check_same_hole(missing, self.missing)
        residual, result = (x - self.mean).to(self.center), x.new_zeros(len(x))
        for hole in self._holes:
            distance = (residual[hole.rows, hole.places] @ hole.cholesky).square().sum(-1)
            log_det = 2 * hole.cholesky.diagonal().log().sum()
            spread = len(hole.places) * math.log(2 * math.pi)
            result[hole.rows[:, 0]] = (0.5 * (log_det - distance - spread)).to(result)
        return result

    def cdf(self, x: Tensor) -> Tensor:
        """Return P(X_i <= x_i) for each missing value, `(B, n)`."""
        return torch.special.ndtr((x - self.mean) / self.variance.sqrt())

    def sample(self, count: int, generator: torch.Generator | None = None, noise: bool = True) -> Tensor:
        """Draw `count` samples, `(count, B, n)`; `noise` has no effect, since a full covariance has no separate noise."""
        white = torch.randn(count, *self.missing.shape, generator=generator, dtype=self.center.dtype)
        draws = self.mean.expand(count, -1, -1).clone()
        for hole in self._holes:
            steps = torch.linalg.solve_triangular(
                hole.cholesky, white[:, hole.rows, hole.places], upper=False, left=False
            )
            draws[:, hole.rows, hole.places] += steps.to(draws)
        return draws

    def with_noise_floor(self, floor: float) -> ConditionalGaussian:
        """Return the density with no noise variance below `floor` or an earlier floor; the mean does not change."""
        return replace(self, extra=max(self.extra, floor - self.noise))

    @cached_property
    def _holes(self) -> list[_Hole]:
        """Return the different holes of rows that miss something."""
        masks, which = self.missing.unique(dim=0, return_inverse=True)
        holes = []
        for number, mask in enumerate(masks):
            places = mask.nonzero()[:, 0]
            if len(places):
                base = torch.linalg.cholesky(self.precision[places[:, None], places])
                holes.append(_Hole(rows=(which == number).nonzero(), places=places, base=base, extra=self.extra))
        return holes
