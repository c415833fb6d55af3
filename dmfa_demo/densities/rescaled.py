"""A density whose values are moved and stretched, each on its own: x = mean + scale (y - E[y]).

How values hang together stays as it is, which makes of N(mu, Sigma) the Gaussian N(mean, diag(scale) Sigma diag(scale)):

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
    """What becomes of a density over B rows of n values.

    Args:
        inner: p_y.
        centre: the mean `(B, n)`, observed values the row's own.
        scale: `(B, n)`, positive; observed values do not vary, whatever it is there.
    """

    inner: ConditionalMixture
    centre: Tensor
    scale: Tensor

    @property
    def mean(self) -> Tensor:
        """`(B, n)`, observed values the row's own."""
        return self.centre

    @property
    def weights(self) -> Tensor:
        """The weights of the mixture `(B, K)`."""
        return self.inner.weights

    @cached_property
    def variance(self) -> Tensor:
        """The marginal variance of each value `(B, n)`, zero where it is observed."""
        return self.inner.variance * self.scale.square()

    def log_prob(self, x: Tensor, missing: Tensor) -> Tensor:
        """log p(x_m | x_o) in nats, `(B,)`, of values that are missing here; exactly 0 for a row that asks for none."""
        stretched = torch.where(missing, self.scale.log(), 0).sum(1)
        return self.inner.log_prob(self._undone(x), missing) - stretched

    def cdf(self, x: Tensor) -> Tensor:
        """P(X_i <= x_i) for each value on its own, `(B, n)`."""
        return self.inner.cdf(self._undone(x))

    def sample(self, count: int, generator: torch.Generator | None = None, noise: bool = True) -> Tensor:
        """`count` draws, `(count, B, n)`; without `noise`, what is independent in every value is left out."""
        return self._done(self.inner.sample(count, generator, noise))

    def leading(self, count: int) -> MixtureOfFactorAnalyzers:
        """The `count` heaviest components of each row, the heaviest first, written out."""
        mixture = self.inner.leading(count)
        parts, scale = mixture.components, self.scale.unsqueeze(-2)
        mean = self.mean.unsqueeze(-2) + scale * (parts.mean - self.inner.mean.unsqueeze(-2))
        parts = FactorAnalyzer(mean, parts.factors * scale.unsqueeze(-2), parts.noise * scale.square())
        return MixtureOfFactorAnalyzers(mixture.log_weights, parts)

    def with_noise_floor(self, floor: float) -> Rescaled | MixtureOfFactorAnalyzers:
        """The same density with no noise variance below `floor`: written out where some is, which takes memory for all factors."""
        lowest = self.inner.posterior.components.noise.amin(0) * self.scale.square()
        if torch.where(self.inner.missing, lowest, floor).min() >= floor:
            return self
        mixture = self.leading(self.weights.shape[-1]).with_noise_floor(floor)
        return mixture.restrict(self.mean, self.inner.missing)

    def _done(self, y: Tensor) -> Tensor:
        return self.mean + self.scale * (y - self.inner.mean)

    def _undone(self, x: Tensor) -> Tensor:
        return self.inner.mean + (x - self.mean) / self.scale
