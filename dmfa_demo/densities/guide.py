"""A linear Gaussian of whole images that tells a network what it expects behind a hole.

Of one component of MFA, x = mean + A z + e, and of the values that are seen, with temperature t (see `shared_mixture`),

    C = I + A_o^T D_oo^-1 A_o / t,      z = C^-1 A_o^T D_oo^-1 (x_o - mean_o) / t.

What depends on the hole alone, C^-1 and the deviation of each hidden value, may be computed once a hole (`look`); what then depends
on the image is two products with A for a whole batch. How badly the visible values are explained scales all deviations, as
it does in a multivariate Student distribution of nu degrees of freedom,

    surprise = (nu + z^T z + |x_o - mean_o - A_o z|^2 / (t D_oo)) / (nu + |o| / t).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from dmfa_demo.densities.shared_mixture import ConditionalMixture, SharedComponents, SharedMixture

# Degrees of freedom: so many visible values, each of which counts 1 / t, say as much of the scale as is known without any.
FREEDOM = 20.0


@dataclass(frozen=True)
class Guidance:
    """What a linear Gaussian says about each value on its own.

    Args:
        mean: `(B, n)`, also of visible values, which it does not give back exactly.
        deviation: `(B, n)`, positive where a value is hidden and zero where it is visible.
    """

    mean: Tensor
    deviation: Tensor


@dataclass(frozen=True)
class Guide:
    """One factor analyser of whole images, asked about holes.

    Args:
        mixture: an MFA of one component before anything is seen.
        temperature: how many visible values count as one.
    """

    mixture: SharedMixture
    temperature: float

    def first(self, count: int) -> Guide:
        """The guide of the first `count` factors; what the others explain becomes noise."""
        parts = self.mixture.components
        kept, left = parts.factors[:, :count], parts.factors[:, count:]
        parts = SharedComponents(parts.mean, kept.contiguous(), parts.noise + left.square().sum(1))
        return replace(self, mixture=SharedMixture.prior(self.mixture.log_weights[0], parts))

    def condition(self, x: Tensor, missing: Tensor) -> ConditionalMixture:
        """p(x_m | x_o) of x and missing `(B, n)`, as the guide sees it."""
        return self.mixture.condition(x, missing, self.temperature)

    def look(self, missing: Tensor) -> tuple[Tensor, Tensor]:
        """What holes `(B, n)` leave uncertain: the latents' covariance C^-1 `(B, l, l)` and the deviation of hidden values `(B, n)`."""
        looked = self.condition(torch.zeros(missing.shape), missing)
        return looked.posterior.latents.covariance[:, 0].float(), looked.variance.sqrt()

    def infer(self, x: Tensor, missing: Tensor, covariance: Tensor) -> Tensor:
        """The latents' mean z `(B, l)` of x and missing `(B, n)`, when `look` was asked before."""
        mean, factors, noise = self._single
        shift = (torch.where(missing, 0, x - mean) / (self.temperature * noise)) @ factors.mT
        return (covariance @ shift.unsqueeze(-1)).squeeze(-1)

    def explain(self, x: Tensor, missing: Tensor, latents: Tensor, deviation: Tensor) -> Guidance:
        """What images x `(B, n)` are told, whose latents `(B, l)` and hidden deviations `(B, n)` are known."""
        mean, factors, noise = self._single
        explained = mean + latents @ factors
        left = torch.where(missing, 0, x - explained).square() / (self.temperature * noise)
        counted = (~missing).sum(1) / self.temperature
        surprise = (FREEDOM + latents.square().sum(1) + left.sum(1)) / (FREEDOM + counted)
        return Guidance(explained, deviation * surprise.sqrt().unsqueeze(1))

    @cached_property
    def _single(self) -> tuple[Tensor, Tensor, Tensor]:
        """Mean `(n,)`, factors `(l, n)` and noise `(n,)` in single precision."""
        parts = self.mixture.components
        return parts.mean[0].float(), parts.factors[0].float(), parts.noise[0].float()
