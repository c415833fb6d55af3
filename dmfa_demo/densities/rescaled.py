"""A density with each value shifted and scaled: x = mean + scale (y - E[y]).

Correlations do not change, so that N(mu, Sigma) becomes N(mean, diag(scale) Sigma diag(scale)):

    log p(x) = log p_y(E[y] + (x - mean) / scale) - sum_i log scale_i
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from dmfa_demo.densities.factor_analyzer import FactorAnalyzer, MixtureDensity, MixtureOfFactorAnalyzers
from dmfa_demo.densities.shared_mixture import ConditionalMixture


@dataclass(frozen=True)
class Rescaled(MixtureDensity):
    """A density over B rows of n values with a new mean and scale.

    Args:
        inner: the density p_y.
        centre: the mean `(B, n)`; observed values are the row's.
        scale: `(B, n)`, positive; ignored at observed values, which do not vary.
    """

    inner: ConditionalMixture
    centre: Tensor
    scale: Tensor

    @property
    def mean(self) -> Tensor:
        """The mean `(B, n)`; observed values are the row's."""
        return self.centre

    @property
    def weights(self) -> Tensor:
        """The weights of the mixture `(B, K)`."""
        return self.inner.weights

    @cached_property
    def variance(self) -> Tensor:
        """The marginal variance of each value `(B, n)`, zero where observed."""
        return self.inner.variance * self.scale.square()

    def log_prob(self, x: Tensor, missing: Tensor) -> Tensor:
        """Return log p(x_m | x_o) in nats, `(B,)`, of values missing in this density; exactly 0 for a row without any."""
        stretched = torch.where(missing, self.scale.log(), 0).sum(1)
        return self.inner.log_prob(self._to_inner(x), missing) - stretched

    def cdf(self, x: Tensor) -> Tensor:
        """Return P(X_i <= x_i) for each value, `(B, n)`."""
        return self.inner.cdf(self._to_inner(x))

    def sample(self, count: int, generator: torch.Generator | None = None, noise: bool = True) -> Tensor:
        """Draw `count` samples, `(count, B, n)`; without `noise`, the part that is independent in each value is left out."""
        return self._from_inner(self.inner.sample(count, generator, noise))

    def leading(self, count: int) -> MixtureOfFactorAnalyzers:
        """Return the `count` heaviest components of each row, heaviest first, with explicit factors."""
        mixture = self.inner.leading(count)
        parts, scale = mixture.components, self.scale.unsqueeze(-2)
        mean = self.mean.unsqueeze(-2) + scale * (parts.mean - self.inner.mean.unsqueeze(-2))
        parts = FactorAnalyzer(mean, parts.factors * scale.unsqueeze(-2), parts.noise * scale.square())
        return MixtureOfFactorAnalyzers(mixture.log_weights, parts)

    def with_noise_floor(self, floor: float) -> Rescaled | MixtureOfFactorAnalyzers:
        """Return the density with no noise variance below `floor`; if some is, with explicit factors, which take memory."""
        lowest = self.inner.posterior.components.noise.amin(0) * self.scale.square()
        if torch.where(self.inner.missing, lowest, floor).min() >= floor:
            return self
        mixture = self.leading(self.weights.shape[-1]).with_noise_floor(floor)
        return mixture.restrict(self.mean, self.inner.missing)

    def _from_inner(self, y: Tensor) -> Tensor:
        return self.mean + self.scale * (y - self.inner.mean)

    def _to_inner(self, x: Tensor) -> Tensor:
        return self.inner.mean + (x - self.mean) / self.scale
