"""Mixtures of independent Gaussians over latents."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dmfa_demo.densities.diagonal_gaussian import DiagonalGaussian


@dataclass(frozen=True)
class DiagonalMixture:
    """A mixture of K independent Gaussians for each of B rows: p(z) = sum_k w_k N(z; mean_k, deviation_k^2).

    Args:
        log_weights: normalised, `(B, K)`.
        parts: the Gaussians, of shape `(B, K, d)`.
    """

    log_weights: Tensor
    parts: DiagonalGaussian

    @classmethod
    def from_raw(cls, raw: Tensor, components: int) -> DiagonalMixture:
        """Read weights by softmax and Gaussians from a network's output `(B, K (1 + 2 d))`."""
        weights, gaussians = raw.split([components, raw.shape[-1] - components], -1)
        parts = DiagonalGaussian.from_raw(gaussians.unflatten(-1, (components, -1)))
        return cls(weights.to(parts.mean).log_softmax(-1), parts)

    def log_prob(self, z: Tensor) -> Tensor:
        """Return the log-density in nats, `(..., B)`, of z `(..., B, d)`."""
        return (self.log_weights + self.parts.log_prob(z.unsqueeze(-2))).logsumexp(-1)

    def at(self, points: Tensor, noise: Tensor) -> Tensor:
        """Turn uniform `points` `(S,)` and standard normal `noise` `(S, d)` into samples `(S, B, d)`, with the same draws for all rows."""
        cumulative = self.log_weights.exp().cumsum(-1)
        chosen = (cumulative < points[:, None, None]).sum(-1).clamp(max=cumulative.shape[-1] - 1)  # (S, B)
        rows = torch.arange(chosen.shape[1], device=chosen.device)
        return self.parts.mean[rows, chosen] + self.parts.deviation[rows, chosen] * noise[:, None]
