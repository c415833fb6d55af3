"""Time log_prob forward and backward: ours, all rows at once, against a dense and a low-rank Gaussian, row by row.

python -m benchmarks.densities
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import LowRankMultivariateNormal, MultivariateNormal

from benchmarks import report
from dmfa_demo.data.masks import mask_family
from dmfa_demo.densities.factor_analyzer import FactorAnalyzer

BATCH, FACTORS, N, REPEATS = 64, 4, 784, 7


def ours(density: FactorAnalyzer, x: Tensor, missing: Tensor) -> Tensor:
    """Compute all rows at once, each over its missing values."""
    return density.log_prob(x, missing)


def dense(density: FactorAnalyzer, x: Tensor, missing: Tensor) -> Tensor:
    """Compute row by row, with the covariance of the missing values."""
    rows = []
    for mean, factors, noise, value, at in zip(density.mean, density.factors, density.noise, x, missing):
        covariance = factors[:, at].T @ factors[:, at] + torch.diag(noise[at])
        rows.append(MultivariateNormal(mean[at], covariance).log_prob(value[at]))
    return torch.stack(rows)


def low_rank(density: FactorAnalyzer, x: Tensor, missing: Tensor) -> Tensor:
    """Compute row by row, with torch's low-rank normal, whose batches share one mask."""
    rows = []
    for mean, factors, noise, value, at in zip(density.mean, density.factors, density.noise, x, missing):
        rows.append(LowRankMultivariateNormal(mean[at], factors[:, at].T, noise[at]).log_prob(value[at]))
    return torch.stack(rows)


def main() -> None:
    """Time all three on the same batch of 14 x 14 holes, and check that they agree."""
    generator = torch.Generator().manual_seed(0)
    parts = [torch.rand(BATCH, N, generator=generator), torch.randn(BATCH, FACTORS, N, generator=generator), torch.rand(BATCH, N, generator=generator) + 0.1]  # fmt: skip
    density = FactorAnalyzer(*(part.requires_grad_() for part in parts))
    x = torch.rand(BATCH, N, generator=generator)
    missing = mask_family("square14")(BATCH, 28, 28, generator).flatten(1)
    ways: dict[str, Callable[[FactorAnalyzer, Tensor, Tensor], Tensor]] = {
        "ours": ours,
        "dense covariance": dense,
        "torch LowRank": low_rank,
    }
    expected, rows = dense(density, x, missing), []
    for name, way in ways.items():
        torch.testing.assert_close(way(density, x, missing), expected, rtol=1e-3, atol=0.05)
        seconds = []
        for _ in range(REPEATS):
            started = time.perf_counter()
            way(density, x, missing).sum().backward()
            seconds.append(time.perf_counter() - started)
        rows.append((name, 1000 * statistics.median(seconds), 1000 * max(seconds)))
    title = f"log_prob forward + backward, {BATCH} rows, 196 of {N} values missing, {FACTORS} factors, {torch.get_num_threads()} threads"
    report(title, ("method", "median ms", "slowest ms"), rows)


if __name__ == "__main__":
    main()
