"""Independent distributions of pixels: Gaussian grey levels, or Bernoulli for ink or no ink."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Likelihood = Literal["gaussian", "bernoulli"]


def as_seen(images: Tensor, likelihood: Likelihood) -> Tensor:
    """Prepare images in [0, 1] for a model with this likelihood: Bernoulli pixels are binarised at one half."""
    return (images >= 0.5).to(images) if likelihood == "bernoulli" else images


@dataclass(frozen=True)
class Pixels:
    """Independent distributions of pixels.

    Args:
        mean: `(..., C, H, W)` in [0, 1]; the likelihood clamps the mean of a Bernoulli pixel 1e-6 away from both ends.
        deviation: shaped like `mean`, for Gaussian pixels; None for Bernoulli pixels.
    """

    mean: Tensor
    deviation: Tensor | None

    @classmethod
    def from_raw(cls, raw: Tensor, likelihood: Likelihood, floor: float) -> Pixels:
        """Read the pixels from a network's output `(..., p, C, H, W)`, p = 1 for Bernoulli pixels and 2 for Gaussian ones."""
        raw = raw if raw.dtype == torch.float64 else raw.float()
        deviation = None if likelihood == "bernoulli" else F.softplus(raw[..., 1, :, :, :] - 2) + floor
        return cls(raw[..., 0, :, :, :].sigmoid(), deviation)

    @property
    def variance(self) -> Tensor:
        """The variance of each pixel, shaped like `mean`."""
        return self.mean * (1 - self.mean) if self.deviation is None else self.deviation.square()

    def log_prob(self, x: Tensor, missing: Tensor) -> Tensor:
        """Return the log-density (or log-probability) of the missing pixels of x `(B, C, H, W)`, in nats, `(..., B)`."""
        if self.deviation is None:
            mean = self.mean.clamp(1e-6, 1 - 1e-6)
            value = x * mean.log() + (1 - x) * (-mean).log1p()
        else:
            ratio = (x - self.mean) / self.deviation
            value = -0.5 * ratio.square() - self.deviation.log() - 0.5 * math.log(2 * math.pi)
        return torch.where(missing, value, 0).sum((-3, -2, -1))

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """Draw every pixel once, shaped like `mean`."""
        like: dict[str, Any] = dict(generator=generator, dtype=self.mean.dtype)
        if self.deviation is None:
            return (torch.rand(self.mean.shape, **like).to(self.mean.device) < self.mean).to(self.mean)
        return self.mean + self.deviation * torch.randn(self.mean.shape, **like).to(self.mean.device)
