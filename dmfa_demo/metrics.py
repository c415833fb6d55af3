"""How good an imputation is. Every function returns one figure per image, `(B,)`."""

from __future__ import annotations

import torch
from torch import Tensor

from dmfa_demo.imputation import Density

# The second floor that a likelihood of 8-bit values is reported with: half a grey level, as a variance.
WIDE_FLOOR = (1 / 510) ** 2


def nll(density: Density, truth: Tensor, missing: Tensor) -> Tensor:
    """-log p(x_m | x_o) in nats, a density of undequantised values in [0, 1]; truth and missing are `(B, n)`."""
    return -density.log_prob(truth, missing)


def sse(mean: Tensor, truth: Tensor, missing: Tensor) -> Tensor:
    """Sum of squared errors over the missing values, which the DMFA paper calls MSE (its table 1). All `(B, n)`."""
    return torch.where(missing, mean - truth, 0).square().sum(1)


def psnr(mean: Tensor, truth: Tensor, missing: Tensor) -> Tensor:
    """Peak signal-to-noise ratio over the missing values in dB, peak 1, at most 100; NaN where nothing is missing."""
    return -10 * (sse(mean, truth, missing) / missing.sum(1)).clamp(min=1e-10).log10()


def ssim(images: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity of whole images `(B, C, H, W)`, 11 x 11 Gaussian window of sigma 1.5 (torchmetrics)."""
    from torchmetrics.functional.image import structural_similarity_index_measure  # slow to import

    return structural_similarity_index_measure(images, truth, data_range=1.0, reduction="none").reshape(len(images))


def coverage(density: Density, truth: Tensor, missing: Tensor, level: float = 0.9) -> Tensor:
    """Share of missing values inside their central `level` interval, by the marginal of each value. All `(B, n)`.

    NaN where nothing is missing. A calibrated density gives `level` on average.
    """
    rank = density.cdf(truth)
    inside = missing & (rank >= (1 - level) / 2) & (rank <= (1 + level) / 2)
    return inside.sum(1) / missing.sum(1)
