"""Forward of a plain first layer against MisConv2d (MisConv paper, table 10: 4 to 6 times on a GPU).

python -m benchmarks.misconv
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import nn

from benchmarks import report
from dmfa_demo.densities import FactorAnalyzer
from dmfa_demo.masks import mask_family
from dmfa_demo.models.misconv import MisConv2d

# (channels, side) of MNIST, of SVHN and CIFAR-10, of CelebA; the hole is half as high and wide.
IMAGES = ((1, 28), (3, 32), (3, 64))
BATCHES = (16, 32, 64)
FACTORS, FILTERS, REPEATS = 4, 32, 30


def main() -> None:
    """Print the medians."""
    rows = []
    for channels, side in IMAGES:
        for batch in BATCHES:
            plain, misconv = _times(channels, side, batch)
            rows.append((f"{side} px, batch {batch}", plain, misconv, misconv / plain))
    report(
        f"Convolution 3x3, {FILTERS} filters, ReLU; l = {FACTORS}; {torch.get_num_threads()} threads",
        ("what", "plain ms", "MisConv2d ms", "times"),
        rows,
    )


@torch.inference_mode()
def _times(channels: int, side: int, batch: int) -> tuple[float, float]:
    generator = torch.Generator().manual_seed(0)
    images, n = torch.rand(batch, channels, side, side, generator=generator), channels * side * side
    missing = mask_family(f"square{side // 2}")(batch, side, side, generator)
    density = FactorAnalyzer(
        torch.rand(batch, n, generator=generator),
        0.1 * torch.randn(batch, FACTORS, n, generator=generator),
        0.01 * torch.rand(batch, n, generator=generator),
    )
    conv = nn.Conv2d(channels, FILTERS, 3, padding=1)
    layer = MisConv2d(conv)
    return _median(lambda: conv(images).relu()), _median(lambda: layer(images, missing, density))


def _median(forward: Callable[[], torch.Tensor]) -> float:
    """Milliseconds."""
    spent = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        forward()
        spent.append(1000 * (time.perf_counter() - started))
    return sorted(spent)[REPEATS // 2]


if __name__ == "__main__":
    main()
