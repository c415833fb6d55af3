"""Measures of imputations and predictions. Most functions return one figure per image, `(B,)`."""

from __future__ import annotations

import torch
from torch import Tensor

from dmfa_demo.densities.density import Density

# The second noise floor with which we report likelihoods of 8-bit values: half a grey level, as a variance.
WIDE_FLOOR = (1 / 510) ** 2


def nll(density: Density, truth: Tensor, missing: Tensor) -> Tensor:
    """Return -log p(x_m | x_o) in nats, for a density of undequantised values in [0, 1]; truth and missing are `(B, n)`."""
    return -density.log_prob(truth, missing)


def sse(mean: Tensor, truth: Tensor, missing: Tensor) -> Tensor:
    """Return the sum of squared errors over the missing values, "MSE" in the DMFA paper (table 1). All `(B, n)`."""
    return torch.where(missing, mean - truth, 0).square().sum(1)


def psnr(mean: Tensor, truth: Tensor, missing: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio over the missing values in dB, peak 1, at most 100; NaN where nothing is missing."""
    return -10 * (sse(mean, truth, missing) / missing.sum(1)).clamp(min=1e-10).log10()


def distance(samples: Tensor, missing: Tensor) -> Tensor:
    """Return the root mean square difference of the missing values `(B, n)` over all pairs of samples `(S, B, n)`, `(B,)`; NaN where nothing is missing.

    The mean square difference of two draws is twice their variance.
    """
    return (2 * torch.where(missing, samples.var(0), 0).sum(1) / missing.sum(1)).sqrt()


def psnr_image(images: Tensor, truth: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio over all pixels of images `(B, C, H, W)` in dB, peak 1, at most 100."""
    return -10 * (images - truth).square().flatten(1).mean(1).clamp(min=1e-10).log10()


def ssim(images: Tensor, truth: Tensor) -> Tensor:
    """Return the structural similarity `(B,)` of images `(B, C, H, W)` in [0, 1] with sides of at least 6 pixels.

    Wang, Bovik, Sheikh, Simoncelli, *Image quality assessment* (2004), section III.B, with its 11 x 11 Gaussian window of sigma 1.5
    around every pixel of the image with mirrored borders, averaged over channels. Equal to torchmetrics', whose import would cost
    the page a quarter of a gigabyte.
    """
    rows, columns = (_blur(size).to(truth) for size in truth.shape[2:])
    pairs = torch.stack([images, truth, images * images, truth * truth, images * truth])
    mean_a, mean_b, square_a, square_b, product = rows @ (pairs @ columns.mT)
    variance_a, variance_b = square_a - mean_a.square(), square_b - mean_b.square()
    alike = (2 * mean_a * mean_b + 0.01**2) * (2 * (product - mean_a * mean_b) + 0.03**2)
    most = (mean_a.square() + mean_b.square() + 0.01**2) * (variance_a + variance_b + 0.03**2)
    return (alike / most).mean((1, 2, 3))


def _blur(size: int) -> Tensor:
    """Return the `(size, size)` matrix that replaces each value of a row by the average over its window; the ends are mirrored."""
    around = torch.arange(-5, 6)
    window = torch.exp(-0.5 * (around / 1.5).square())
    places = (torch.arange(size)[:, None] + around).abs()
    places = size - 1 - (size - 1 - places).abs()
    return torch.zeros(size, size).scatter_add(1, places, (window / window.sum()).expand(size, -1))


def coverage(density: Density, truth: Tensor, missing: Tensor, level: float = 0.9) -> Tensor:
    """Return the share of missing values inside the central `level` interval of their marginals. All `(B, n)`.

    NaN where nothing is missing. A calibrated density gives `level` on average.
    """
    rank = density.cdf(truth)
    inside = missing & (rank >= (1 - level) / 2) & (rank <= (1 + level) / 2)
    return inside.sum(1) / missing.sum(1)


def crps(samples: Tensor, truth: Tensor, missing: Tensor) -> Tensor:
    """Return the continuous ranked probability score, averaged over missing values; lower is better.

    E|X - x| - E|X - X'| / 2 in units of pixel values, estimated from S samples without bias by the fair form of Ferro, *Fair
    scores for ensemble forecasts* (2014), equation (7). A single sample counts as a certain guess: its absolute error.

    Args:
        samples: `(S, B, n)`; truth and missing `(B, n)`.

    Returns:
        `(B,)`, NaN where nothing is missing.
    """
    count = len(samples)
    score = (samples - truth).abs().mean(0)
    if count > 1:
        # The i-th of the sorted samples is above i - 1 others and below S - i, which gives sum_ij |x_i - x_j| without pairs.
        rank = torch.arange(1, count + 1).to(samples)
        pairs = ((2 * rank - count - 1).view(-1, 1, 1) * samples.sort(0).values).sum(0)
        score = score - pairs / (count * (count - 1))
    return torch.where(missing, score, 0).sum(1) / missing.sum(1)


def balanced_accuracy(predicted: Tensor, true: Tensor) -> Tensor:
    """Return, for each class, the mean of the shares of positives and of negatives recognised; a constant answer gives 1/2.

    Args:
        predicted, true: bool `(B, classes)`.

    Returns:
        float64 `(classes,)`, NaN for a class with only positives or only negatives.
    """
    right = (predicted == true).double()
    positives, negatives = (right.mul(part).sum(0) / part.sum(0) for part in (true, ~true))
    return (positives + negatives) / 2


def calibration_error(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Return the expected calibration error: the difference between confidence and accuracy, in 15 equal bins of confidence.

    Needs torchmetrics, which the extra `train` installs. Guo et al., *On calibration of modern neural networks* (2017), equation (3).

    Args:
        probabilities: `(B, classes)`.
        labels: int64 `(B,)`.
    """
    from torchmetrics.functional.classification import multiclass_calibration_error  # slow to import

    return multiclass_calibration_error(probabilities, labels, probabilities.shape[1], n_bins=15)
