"""A single Gaussian with a full covariance, conditioned exactly.

Of N(mean, Lambda^-1) the conditional of the missing values is read off the precision Lambda without touching the observed
block (Bishop, *Pattern Recognition and Machine Learning*, equations (2.73) and (2.75)):

    x_m | x_o  ~  N(mean_m - Lambda_mm^-1 Lambda_mo (x_o - mean_o),  Lambda_mm^-1)

Rows miss different values, and differently many: each row's missing values are gathered to the front and filled up with
values of an identity matrix, so that a batch is one stack of matrices as large as its largest hole. Each different hole is
factorised once; memory is for B x M x M numbers, so large holes want small batches.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
class ConditionalGaussian:
    """The conditional Gaussian of the missing values of B rows; observed values are pinned and do not vary.

    Args:
        center: `(n,)`, the mean before anything is seen.
        precision: Lambda, `(n, n)`, symmetric and positive definite. Float64 is worth its price.
        observed: `(B, n)`, the observed values; what it holds elsewhere plays no role. Results have its precision.
        missing: bool `(B, n)`.
        noise: the variance that no direction falls below.
        extra: what is added to it for `with_noise_floor`.
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
        pull = -(known @ self.precision).gather(1, self._order)  # (B, M)
        offset = torch.cholesky_solve((pull * self._kept).unsqueeze(-1), self._base[self._holes[1]]).squeeze(-1)
        return self._scatter(self.center[self._order] + offset, self.observed)

    @cached_property
    def variance(self) -> Tensor:
        """The marginal variance of each value `(B, n)`."""
        return self._scatter(self._spread[1][self._holes[1]], torch.zeros_like(self.observed))

    def log_prob(self, x: Tensor, missing: Tensor) -> Tensor:
        """log p(x_m | x_o) in nats, `(B,)`.

        Raises:
            ValueError: when `missing` is not the set this density is over.
        """
        if not torch.equal(missing, self.missing):
            raise ValueError("this density is over the values that were missing when it was made; ask about these")
        residual = (torch.where(missing, x - self.mean, 0).to(self.center)).gather(1, self._order)
        cholesky = self._cholesky
        white = (cholesky.mT @ residual.unsqueeze(-1)).squeeze(-1)
        log_det = 2 * cholesky.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        spread = missing.sum(-1) * torch.tensor(2 * torch.pi).to(self.center).log()
        return (0.5 * (log_det - white.square().sum(-1) - spread)).to(self.observed)

    def cdf(self, x: Tensor) -> Tensor:
        """P(X_i <= x_i) for each missing value on its own, `(B, n)`."""
        return torch.special.ndtr((x - self.mean) / self.variance.sqrt())

    def sample(self, count: int, generator: torch.Generator | None = None, noise: bool = True) -> Tensor:
        """`count` draws, `(count, B, n)`; a full covariance has no part that is noise, so there is nothing to leave out."""
        white = torch.randn(*self._order.shape, count, generator=generator, dtype=self.center.dtype)  # (B, M, count)
        steps = torch.linalg.solve_triangular(self._cholesky.mT, white * self._kept.unsqueeze(-1), upper=True)
        zeros = torch.zeros_like(self.observed)
        return torch.stack([self.mean + self._scatter(step, zeros) for step in steps.unbind(-1)])

    def with_noise_floor(self, floor: float) -> ConditionalGaussian:
        """The same density with no noise variance below `floor`; the mean stays."""
        return replace(self, extra=max(0.0, floor - self.noise))

    @cached_property
    def _holes(self) -> tuple[Tensor, Tensor]:
        """The different holes `(U, n)`, and which of them each row has, `(B,)`."""
        holes, which = self.missing.unique(dim=0, return_inverse=True)
        return holes, which

    @cached_property
    def _order(self) -> Tensor:
        """Each row's missing values first, `(B, M)`, M those of the row that misses most."""
        return _first(self._holes[0])[self._holes[1]]

    @cached_property
    def _kept(self) -> Tensor:
        """1 where `_order` holds a missing value, 0 where it fills up, `(B, M)`."""
        return self.missing.gather(1, self._order).to(self.center)

    @cached_property
    def _base(self) -> Tensor:
        """The lower Cholesky factor of Lambda_mm, filled up with the identity, of each different hole `(U, M, M)`."""
        holes, _ = self._holes
        order = _first(holes)
        kept = holes.gather(1, order).to(self.center)
        block = self.precision[order[:, :, None], order[:, None, :]] * kept.unsqueeze(-1) * kept.unsqueeze(-2)
        return torch.linalg.cholesky(block + torch.diag_embed(1 - kept))

    @cached_property
    def _spread(self) -> tuple[Tensor, Tensor]:
        """The Cholesky factor of the conditional precision with its extra noise, and the variances, of each different hole."""
        covariance = torch.cholesky_inverse(self._base)
        variance = covariance.diagonal(dim1=-2, dim2=-1) + self.extra
        if not self.extra:
            return self._base, variance
        holes, _ = self._holes
        covariance = covariance + self.extra * torch.diag_embed(holes.gather(1, _first(holes)).to(covariance))
        return torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(covariance))), variance

    @cached_property
    def _cholesky(self) -> Tensor:
        """The factor of each row's own hole, `(B, M, M)`."""
        return self._spread[0][self._holes[1]]

    def _scatter(self, values: Tensor, elsewhere: Tensor) -> Tensor:
        """`(B, M)` back to their places, `elsewhere` `(B, n)` where a value is not missing."""
        return torch.where(self.missing, elsewhere.scatter(1, self._order, values.to(elsewhere)), elsewhere)


def _first(holes: Tensor) -> Tensor:
    """The places of the missing values of each row before the others, `(U, M)`, M as many as the largest hole has."""
    most = int(holes.sum(1).max())
    return holes.to(torch.int8).argsort(dim=1, descending=True, stable=True)[:, :most]
