"""Independent Gaussians, over latents (as encoders return them) or over values."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class DiagonalGaussian:
    """An independent Gaussian for each latent.

    Args:
        mean, deviation: `(B, d)`, deviations positive.
    """

    mean: Tensor
    deviation: Tensor

    @classmethod
    def from_raw(cls, raw: Tensor) -> DiagonalGaussian:
        """Read means, and deviations by softplus, from a network's output `(B, 2 d)`."""
        mean, deviation = (raw if raw.dtype == torch.float64 else raw.float()).chunk(2, -1)
        return cls(mean, F.softplus(deviation) + 1e-4)

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw `count` samples `(count, B, d)`."""
        white = torch.randn(count, *self.mean.shape, generator=generator, dtype=self.mean.dtype)
        return self.at(white.to(self.mean.device))

    def at(self, noise: Tensor) -> Tensor:
        """Turn standard normal `noise` `(S, B, d)` into samples `(S, B, d)`, differentiable in mean and deviation."""
        return self.mean + self.deviation * noise

    def log_prob(self, z: Tensor) -> Tensor:
        """Return the log-density in nats, `(..., B)`, of z `(..., B, d)`."""
        return self.log_prob_each(z).sum(-1)

    def log_prob_each(self, z: Tensor) -> Tensor:
        """Return the marginal log-density in nats of each entry of z `(..., B, d)`, shaped like z."""
        ratio = (z - self.mean) / self.deviation
        return -(0.5 * ratio.square() + self.deviation.log() + 0.5 * math.log(2 * math.pi))

    def kl(self, other: DiagonalGaussian) -> Tensor:
        """Return KL(self || other) in nats, `(B,)`."""
        ratio = (self.deviation / other.deviation).square()
        gap = ((self.mean - other.mean) / other.deviation).square()
        return 0.5 * (ratio + gap - 1 - ratio.log()).sum(-1)
