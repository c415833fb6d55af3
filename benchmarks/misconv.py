"""Time the forward pass of MisConv2d against a plain first layer (MisConv paper, table 10: 4 to 6 times on a GPU), in both engines.

Everything runs on one thread. python -m benchmarks.misconv
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from benchmarks import report
from dmfa_demo.data.masks import mask_family
from dmfa_demo.densities.factor_analyzer import FactorAnalyzer
from dmfa_demo.models.classifier import ClassifierConfig, ConvNet
from dmfa_demo.models.misconv import MisConv2d, replace_first_conv
from dmfa_demo.networks.engine import open_session

# (channels, side) of CelebA, of SVHN and CIFAR-10, of MNIST; the hole is half as high and wide. The largest come first, because
# the memory allocator requests memory from the system for each new size.
IMAGES = ((3, 64), (3, 32), (1, 28))
BATCHES = (64, 32, 16)
FACTORS, FILTERS, REPEATS = 4, 32, 30
INPUTS = ("images", "missing", "mean", "factors", "noise")


def main() -> None:
    """Print the medians."""
    torch.set_num_threads(1)
    rows = []
    for channels, side in IMAGES:
        for batch in BATCHES:
            rows.append(_row(f"{side} px, batch {batch}", *_layers(channels, side, batch)))
    rows.append(_row(f"complete classifier, 28 px, batch {BATCHES[0]}", *_classifiers()))
    columns = (
        "what",
        *(f"{engine} {what}" for engine in ("PyTorch", "ONNX") for what in ("plain ms", "MisConv ms", "ratio")),
    )
    report(f"Convolution 3x3, {FILTERS} filters, ReLU; l = {FACTORS}; one thread", columns, rows)


class _Over(nn.Module):
    """A module of images, missing pixels and a density, as a function of tensors."""

    def __init__(self, compute: Callable[[Tensor, Tensor, FactorAnalyzer], Tensor], network: nn.Module):
        super().__init__()
        self.compute, self.network = compute, network

    def forward(self, images: Tensor, missing: Tensor, mean: Tensor, factors: Tensor, noise: Tensor) -> Tensor:
        return self.compute(images, missing, FactorAnalyzer(mean, factors, noise))


def _layers(channels: int, side: int, batch: int) -> tuple[_Over, _Over, tuple[Tensor, ...]]:
    """Return a plain layer, one with MisConv, and their inputs."""
    conv = nn.Conv2d(channels, FILTERS, 3, padding=1)
    return (
        _Over(lambda images, *_: conv(images).relu(), conv),
        _Over(MisConv2d(conv), conv),
        _batch(channels, side, batch),
    )


def _classifiers() -> tuple[_Over, _Over, tuple[Tensor, ...]]:
    """Return a plain classifier, one with MisConv, and their inputs."""
    network, given = ConvNet(ClassifierConfig(), 1).eval(), list[FactorAnalyzer]()
    misconv = replace_first_conv(network, lambda *_: given[-1])

    def over_density(images: Tensor, missing: Tensor, density: FactorAnalyzer) -> Tensor:
        given[:] = [density]
        return misconv(images, missing)

    return _Over(lambda images, *_: network(images), network), _Over(over_density, misconv), _batch(1, 28, BATCHES[0])


@torch.inference_mode()
def _row(name: str, plain: _Over, misconv: _Over, inputs: tuple[Tensor, ...]) -> tuple[object, ...]:
    """Return the median milliseconds of both, and their ratio, in PyTorch and in ONNX Runtime."""
    ours = [_median(partial(module, *inputs)) for module in (plain, misconv)]
    theirs = [_median(_in_onnx(module, inputs)) for module in (plain, misconv)]
    return name, *ours, ours[1] / ours[0], *theirs, theirs[1] / theirs[0]


def _in_onnx(module: nn.Module, inputs: tuple[Tensor, ...]) -> Callable[[], object]:
    """Return a function that computes a module with ONNX Runtime."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "graph.onnx"
        inputs = tuple(tensor.clone() for tensor in inputs)  # inference tensors cannot be exported
        program = torch.onnx.export(module.eval(), inputs, dynamo=True, verbose=False)
        assert program is not None
        program.save(path)
        session = open_session(path)
    known = {one.name for one in session.get_inputs()}  # the plain layer uses images only
    given = {name: tensor.numpy() for name, tensor in zip(INPUTS, inputs) if name in known}
    return lambda: session.run(None, given)


def _batch(channels: int, side: int, batch: int) -> tuple[Tensor, ...]:
    """Return images, their holes, and mean, factors and noise of a density of each."""
    generator = torch.Generator().manual_seed(0)
    images, n = torch.rand(batch, channels, side, side, generator=generator), channels * side * side
    missing = mask_family(f"square{side // 2}")(batch, side, side, generator)
    mean, noise = (torch.rand(batch, n, generator=generator) for _ in range(2))
    factors = 0.1 * torch.randn(batch, FACTORS, n, generator=generator)
    return images, missing, mean, factors, 0.01 * noise


def _median(forward: Callable[[], object]) -> float:
    """Return the median milliseconds, after a warm-up."""
    spent = []
    for _ in range(2 * REPEATS):
        started = time.perf_counter()
        forward()
        spent.append(1000 * (time.perf_counter() - started))
    return sorted(spent[REPEATS:])[REPEATS // 2]


if __name__ == "__main__":
    main()
