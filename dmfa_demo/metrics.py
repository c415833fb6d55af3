"""How good an imputation is. Every function returns one figure per image, `(B,)`."""

from __future__ import annotations

import math

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


def psnr_image(images: Tensor, truth: Tensor) -> Tensor:
    """Peak signal-to-noise ratio over whole images `(B, C, H, W)` in dB, peak 1, at most 100."""
    return -10 * (images - truth).square().flatten(1).mean(1).clamp(min=1e-10).log10()


def ssim(images: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity of whole images `(B, C, H, W)`, 11 x 11 Gaussian window of sigma 1.5 (torchmetrics)."""
    from torchmetrics.functional.image import structural_similarity_index_measure  # slow to import

    return structural_similarity_index_measure(images, truth, data_range=1.0, reduction="none").reshape(len(images))


def coverage(density: Density, truth: Tensor, missing: Tensor, level: float = 0.9) -> Tensor:
    """Share of missing values inside their central `level` interval, by the marginal of each value. All `(B, n)`.

    NaN where nothing is missing. A calibrated density gives `level` on average.
    """
    weights, mean, variance = density.marginals()
    deviation = torch.where(missing.unsqueeze(1), variance, 1).sqrt()
    rank = (weights.unsqueeze(-1) * torch.special.ndtr((truth.unsqueeze(1) - mean) / deviation)).sum(1)
    inside = missing & (rank >= (1 - level) / 2) & (rank <= (1 + level) / 2)
    return inside.sum(1) / missing.sum(1)


def crps(density: Density, truth: Tensor, missing: Tensor) -> Tensor:
    """Continuous ranked probability score of each missing value's marginal, averaged over them; lower is better.

    In units of pixel values; for a single guess it is the absolute error. In closed form for mixtures of Gaussians
    (Grimit et al., *The continuous ranked probability score for circular variables*, 2006, equation (5)):
    sum_j w_j E|X_j - x| - 1/2 sum_jk w_j w_k E|X_j - X_k|. All `(B, n)`; NaN where nothing is missing.
    """
    weights, mean, variance = density.marginals()
    variance = torch.where(missing.unsqueeze(1), variance, 1)
    score = (weights.unsqueeze(-1) * _expected_distance(truth.unsqueeze(1) - mean, variance)).sum(1)
    for shift in range(weights.shape[1]):  # all pairs of components that lie `shift` places apart
        left, right = slice(shift, None), slice(0, weights.shape[1] - shift)
        both = weights[:, left] * weights[:, right]
        # Rows are ordered or small: pairs that weigh nothing in any row are not worth their exponentials.
        kept = both.amax(0) > 1e-7
        if not kept.any():
            continue
        gap, spread = (mean[:, left] - mean[:, right])[:, kept], (variance[:, left] + variance[:, right])[:, kept]
        pairs = (both[:, kept].unsqueeze(-1) * _expected_distance(gap, spread)).sum(1)
        score = score - (0.5 if shift == 0 else 1.0) * pairs
    return torch.where(missing, score, 0).sum(1) / missing.sum(1)


def absolute_error(mean: Tensor, truth: Tensor, missing: Tensor) -> Tensor:
    """Mean absolute error over the missing values: the `crps` of a single guess. All `(B, n)`."""
    return torch.where(missing, mean - truth, 0).abs().sum(1) / missing.sum(1)


def _expected_distance(gap: Tensor, variance: Tensor) -> Tensor:
    """E|X| of X ~ N(gap, variance)."""
    deviation = variance.sqrt()
    ratio = gap / deviation
    return (
        gap * (2 * torch.special.ndtr(ratio) - 1) + deviation * math.sqrt(2 / math.pi) * (-0.5 * ratio.square()).exp()
    )
