"""Time the forward pass of MisConv2d against a plain first layer (MisConv paper, table 10: 4 to 6 times on a GPU).

python -m benchmarks.misconv
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks import report
from dmfa_demo.data.masks import mask_family
from dmfa_demo.densities.factor_analyzer import FactorAnalyzer
from dmfa_demo.models.classifier import ClassifierConfig, ConvNet
from dmfa_demo.models.misconv import MisConv2d, replace_first_conv

# (channels, side) of CelebA, of SVHN and CIFAR-10, of MNIST; the hole is half as high and wide. The largest come first, because
# the memory allocator requests memory from the system for each new size.
IMAGES = ((3, 64), (3, 32), (1, 28))
BATCHES = (64, 32, 16)
FACTORS, FILTERS, REPEATS = 4, 32, 30


def main() -> None:
    """Print the medians."""
    rows = []
    for channels, side in IMAGES:
        for batch in BATCHES:
            plain, misconv = _times(channels, side, batch)
            rows.append((f"{side} px, batch {batch}", plain, misconv, misconv / plain))
    plain, misconv = _times_of_classifiers()
    rows.append((f"complete classifier, 28 px, batch {BATCHES[0]}", plain, misconv, misconv / plain))
    report(
        f"Convolution 3x3, {FILTERS} filters, ReLU; l = {FACTORS}; {torch.get_num_threads()} threads",
        ("what", "plain ms", "MisConv2d ms", "ratio"),
        rows,
    )


@torch.inference_mode()
def _times(channels: int, side: int, batch: int) -> tuple[float, float]:
    images, missing, density = _batch(channels, side, batch)
    conv = nn.Conv2d(channels, FILTERS, 3, padding=1)
    layer = MisConv2d(conv)
    return _median(lambda: conv(images).relu()), _median(lambda: layer(images, missing, density))


@torch.inference_mode()
def _times_of_classifiers() -> tuple[float, float]:
    images, missing, density = _batch(1, 28, BATCHES[0])
    network = ConvNet(ClassifierConfig(), 1).eval()
    misconv = replace_first_conv(network, lambda *_: density)
    return _median(lambda: network(images)), _median(lambda: misconv(images, missing))


def _batch(channels: int, side: int, batch: int) -> tuple[Tensor, Tensor, FactorAnalyzer]:
    """Return images, their holes, and a density of each."""
    generator = torch.Generator().manual_seed(0)
    images, n = torch.rand(batch, channels, side, side, generator=generator), channels * side * side
    missing = mask_family(f"square{side // 2}")(batch, side, side, generator)
    mean, noise = (torch.rand(batch, n, generator=generator) for _ in range(2))
    factors = 0.1 * torch.randn(batch, FACTORS, n, generator=generator)
    return images, missing, FactorAnalyzer(mean, factors, 0.01 * noise)


def _median(forward: Callable[[], Tensor]) -> float:
    """Return the median milliseconds, after a warm-up."""
    spent = []
    for _ in range(2 * REPEATS):
        started = time.perf_counter()
        forward()
        spent.append(1000 * (time.perf_counter() - started))
    return sorted(spent[REPEATS:])[REPEATS // 2]


if __name__ == "__main__":
    main()
