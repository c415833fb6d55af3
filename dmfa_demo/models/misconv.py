"""MisConv: the expected activation of a convolution over a density of the missing pixels (MisConv paper, section 3).

A convolution M is linear, so each value of M Z is Gaussian when Z is a factor analyser with mean m, factors a_j and noise d:

    E[M Z] = M m + bias,      Var[M Z] = (M * M) d + sum_j (M a_j)^2                       (theorem 3.1, diagonal)
    E[ReLU(N(m, s^2))] = m Phi(m / s) + s phi(m / s)                                       (theorem 3.2)

M * M is the convolution with the squared kernel; Phi and phi belong to the standard normal. Both lines correct the print:
the paper omits the square and has a quarter of the term with phi.

    >>> import torch
    >>> expected_relu(torch.tensor(0.3), torch.tensor(1.44))
    tensor(0.6436)
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, fx, nn
from torch.autograd.function import once_differentiable
from torch.fx.proxy import TraceError
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from dmfa_demo.densities.factor_analyzer import FactorAnalyzer, MixtureOfFactorAnalyzers
from dmfa_demo.imputation import flatten, flatten_missing, hide

FactorDensity = FactorAnalyzer | MixtureOfFactorAnalyzers


def expected_relu(mean: Tensor, variance: Tensor) -> Tensor:
    """Return E[max(X, 0)] for X ~ N(mean, variance); max(mean, 0), with finite gradients, where the variance is zero."""
    if torch.is_grad_enabled() and (mean.requires_grad or variance.requires_grad):
        return _ExpectedReLU.apply(mean, variance)
    return _expected_relu(mean, variance)[0]


class _ExpectedReLU(torch.autograd.Function):
    """`expected_relu` with gradients it computes anyway: dE / d mean = Phi(mean / s), dE / d variance = phi(mean / s) / (2 s)."""

    @staticmethod
    def forward(ctx, mean: Tensor, variance: Tensor) -> Tensor:
        expected, above, slope, deviation = _expected_relu(mean, variance)
        spreads = variance > 0
        if not spreads.all():
            above, slope = torch.where(spreads, above, (mean > 0).to(mean)), torch.where(spreads, slope, 0)
        ctx.save_for_backward(above, slope.div_(deviation).mul_(0.5))
        return expected

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor]:
        by_mean, by_variance = ctx.saved_tensors
        return gradient * by_mean, gradient * by_variance


def _expected_relu(mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return `expected_relu`, Phi(mean / s), phi(mean / s) and s, which is set to 1 where the variance is zero."""
    spreads = variance > 0
    deviation = torch.where(spreads, variance, 1).sqrt_()
    ratio = mean / deviation
    above = (ratio * -math.sqrt(0.5)).erfc_().mul_(0.5)  # Phi
    slope = ratio.square_().mul_(-0.5).exp_().mul_(1 / math.sqrt(2 * math.pi))  # phi
    expected = torch.addcmul(mean * above, deviation, slope)
    return torch.where(spreads, expected, mean.relu()), above, slope, deviation


def expected_leaky_relu(mean: Tensor, variance: Tensor, slope: float) -> Tensor:
    """Return E[max(X, 0) + slope min(X, 0)] for X ~ N(mean, variance): slope 0 is ReLU, slope 1 the identity."""
    if slope == 1:
        return mean
    return slope * mean + (1 - slope) * expected_relu(mean, variance)


def activation(values: Tensor, slope: float) -> Tensor:
    """Apply ReLU (slope 0), leaky ReLU or the identity (slope 1) to known values."""
    return values.relu() if slope == 0 else F.leaky_relu(values, slope)


class MisConv2d(nn.Module):
    """A convolution with its activation, averaged over a density of the missing pixels.

    Only windows with a missing pixel cost more than in the convolution; the others give exactly its result.

    Args:
        conv: the convolution, whose weights are shared, not copied; any stride, padding, padding mode, dilation and groups.
        slope: the slope of the activation below zero: 0 for ReLU, 1 for no activation, between them leaky ReLU.
    """

    def __init__(self, conv: nn.Conv2d, slope: float = 0.0):
        super().__init__()
        self.conv, self.slope = conv, slope

    def forward(self, images: Tensor, missing: Tensor, density: FactorDensity) -> Tensor:
        """Return the expected activation.

        Args:
            images: `(B, C, H, W)`; values under `missing` are ignored.
            missing: bool `(B, 1, H, W)`.
            density: over all n = C H W values of each image, `(B, ...)`; only missing values are used.

        Returns:
            `(B, C_out, H', W')`, like the convolution's output.

        Raises:
            ValueError: If the mask or the density does not match the images.
        """
        check_mask(images, missing)
        values = density.components.mean if isinstance(density, MixtureOfFactorAnalyzers) else density.mean
        if values.shape[-1] != images[0].numel():
            raise ValueError(f"the density is over {values.shape[-1]} values, the images have {images[0].numel()} each")
        plain = activation(self.conv(hide(images, missing)), self.slope)  # (B, C_out, H', W')
        taps = window_taps(self.conv, *images.shape[-2:])  # (P, T)
        seen = count_in_windows(self.conv, missing).flatten(1)  # (B, P)
        rows, windows = seen.nonzero(as_tuple=True)  # N windows with a missing pixel
        # In full precision also under autocast: the density enters in these few windows.
        with torch.autocast(images.device.type, enabled=False):
            mean, variance = self._moments(images, missing, density, rows, taps[windows])  # (N, K, C_out)
            expected = expected_leaky_relu(mean, variance, self.slope)
            if isinstance(density, MixtureOfFactorAnalyzers):
                expected = density.weights.expand(images.shape[0], -1)[rows].unsqueeze(-1) * expected
            expected = expected.sum(1).to(plain.dtype)
        flat = plain.movedim(1, -1).reshape(-1, expected.shape[1])  # (B P, C_out)
        flat = flat.index_copy(0, rows * taps.shape[0] + windows, expected)
        return flat.view(images.shape[0], *plain.shape[-2:], -1).movedim(-1, 1)

    def _moments(
        self, images: Tensor, missing: Tensor, density: FactorDensity, rows: Tensor, taps: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return mean and variance of the convolution in N windows, `(N, K, C_out)`."""
        channels, groups = images.shape[1], self.conv.groups
        pinned = density.restrict(flatten(images), flatten_missing(missing, channels))
        parts = pinned.components if isinstance(pinned, MixtureOfFactorAnalyzers) else pinned
        weight = self.conv.weight.flatten(2).unflatten(0, (groups, -1))  # (G, C_out / G, C / G, T)

        def read(maps: Tensor) -> Tensor:
            """Return what the windows read of maps `(B, ..., n)`, `(N, M, G, C / G, T)` for M maps an image."""
            maps = maps.reshape(images.shape[0], -1, channels, images.shape[-2] * images.shape[-1])
            # One place more, always zero, for what padding reads.
            by_pixel = F.pad(maps, (0, 1)).movedim(-1, 1).flatten(2)  # (B, H W + 1, M C)
            found = by_pixel.flatten(0, 1)[rows.unsqueeze(-1) * by_pixel.shape[1] + taps]  # (N, T, M C)
            return found.unflatten(-1, (maps.shape[1], groups, -1)).movedim(1, -1)

        def convolved(maps: Tensor) -> Tensor:
            return torch.einsum("nmgct,goct->nmgo", read(maps), weight).flatten(-2)  # (N, M, C_out)

        mean, noise = convolved(parts.mean), read(parts.noise)
        if self.conv.bias is not None:
            mean = mean + self.conv.bias
        if self.conv.padding_mode == "zeros":
            variance = torch.einsum("nkgct,goct->nkgo", noise, weight.square())
        else:
            # With some padding modes a window reads the same pixel twice; its weights are added before squaring.
            same = (taps.unsqueeze(-1) == taps.unsqueeze(-2)).to(noise.dtype)  # (N, T, T)
            variance = torch.einsum("nkgct,goct,nts,gocs->nkgo", noise, weight, same, weight)
        factors = convolved(parts.factors).unflatten(1, (mean.shape[1], parts.factors.shape[-2]))  # (N, K, l, C_out)
        return mean, variance.flatten(-2) + factors.square().sum(2)


def check_mask(images: Tensor, missing: Tensor) -> None:
    """Raise a ValueError if `missing` is not one bool mask for all channels of each image."""
    expected = (images.shape[0], 1, *images.shape[-2:])
    if missing.dtype != torch.bool or missing.shape != expected:
        raise ValueError(
            f"missing must be bool {expected}, True where a pixel is unknown; got {missing.dtype} {tuple(missing.shape)}"
        )


def window_taps(conv: nn.Conv2d, height: int, width: int) -> Tensor:
    """Return the pixel that each tap of each window reads, `(P, T)`: P output places, T = kernel height x width.

    Pixels are numbered row by row; zeros from padding have the number `height * width`.
    """
    pixels = torch.arange(height * width, dtype=torch.float64).view(1, 1, height, width)
    if conv.padding == "valid":
        sides = (0, 0, 0, 0)
    elif conv.padding == "same":
        spare = [d * (k - 1) for d, k in zip(conv.dilation, conv.kernel_size)]
        sides = (spare[1] // 2, spare[1] - spare[1] // 2, spare[0] // 2, spare[0] - spare[0] // 2)
    else:
        down, right = (int(side) for side in conv.padding)
        sides = (right, right, down, down)
    if conv.padding_mode == "zeros":
        padded = F.pad(pixels, sides, value=height * width)
    else:
        padded = F.pad(pixels, sides, mode=conv.padding_mode)
    return F.unfold(padded, conv.kernel_size, conv.dilation, stride=conv.stride)[0].T.long().to(conv.weight.device)


def count_in_windows(conv: nn.Conv2d, pixels: Tensor) -> Tensor:
    """Return how many true pixels of bool `(B, 1, H, W)` each window of a convolution reads, `(B, 1, H', W')`; zero padding adds none."""
    padding, counted = conv.padding, pixels.to(conv.weight.dtype)
    if conv.padding_mode != "zeros":
        padding, counted = 0, F.pad(counted, conv._reversed_padding_repeated_twice, mode=conv.padding_mode)
    with torch.autocast(pixels.device.type, enabled=False):
        return F.conv2d(counted, counted.new_ones(1, 1, *conv.kernel_size), None, conv.stride, padding, conv.dilation)


class MisConvNetwork(nn.Module):
    """A network whose first layer is a `MisConv2d`, and the source of its density; made by `replace_first_conv`."""

    def __init__(self, network: nn.Module, density_network: Callable[[Tensor, Tensor], FactorDensity]):
        super().__init__()
        self.network, self.density_network = network, density_network

    def forward(self, images: Tensor, missing: Tensor, density: FactorDensity | None = None) -> Tensor:
        """Run the network on images `(B, C, H, W)` with missing, bool `(B, 1, H, W)`.

        The density network does not run if its `density` is given.
        """
        return self.network(images, missing, self.density_network(images, missing) if density is None else density)


def replace_first_conv(model: nn.Module, density_network: Callable[[Tensor, Tensor], FactorDensity]) -> MisConvNetwork:
    """Convert a network for complete images to one for images with missing pixels, unchanged after its first activation.

    Weights are shared with `model`, except for a first convolution followed by batch normalisation: since the activation is
    averaged, the normalisation, with its current statistics, is folded into the convolution.

    Args:
        model: traceable by torch.fx. Its input is used by one Conv2d only, then an optional BatchNorm2d (in evaluation mode),
            then ReLU or leaky ReLU.
        density_network: maps (images, missing) to a factor analyser or a mixture of them over all values of each image.

    While torch.fx traces, no network may run in another thread: tracing changes how every module is called.

    Raises:
        ValueError: If the network has another form; the message names the difference.
    """
    try:
        traced = fx.symbolic_trace(model)
    except TraceError as error:
        raise ValueError(f"torch.fx cannot trace the network ({error}); insert MisConv2d by hand") from error
    graph, modules = traced.graph, dict(traced.named_modules())
    images = next(node for node in graph.nodes if node.op == "placeholder")

    def follows(node: fx.Node | None) -> tuple[fx.Node | None, nn.Module | None]:
        """Return the only user of `node`, and its module."""
        if node is None or len(node.users) != 1:
            return None, None
        user = next(iter(node.users))
        return user, modules.get(str(user.target)) if user.op == "call_module" else None

    node, conv = follows(images)
    if not isinstance(conv, nn.Conv2d):
        raise ValueError(f"the network's input must be used by one Conv2d only; it is used by {list(images.users)}")
    node, module = follows(node)
    if isinstance(module, nn.BatchNorm2d):
        if module.training or module.running_var is None:
            raise ValueError(
                "the batch normalisation after the first convolution must be in evaluation mode, with running statistics: "
                "call .eval() first"
            )
        conv = fuse_conv_bn_eval(copy.copy(conv).eval(), module)
        node, module = follows(node)
    slope = _slope(node, module)
    if node is None or slope is None:
        raise ValueError(
            f"the first convolution must be followed by ReLU or leaky ReLU, not {module or node}; "
            "insert MisConv2d by hand, with the slope of the activation"
        )

    traced.add_submodule("misconv", MisConv2d(conv, slope))
    with graph.inserting_after(images):
        missing = graph.placeholder("missing")
    with graph.inserting_after(missing):
        density = graph.placeholder("density")
    with graph.inserting_after(node):
        misconv = graph.call_module("misconv", (images, missing, density))
    node.replace_all_uses_with(misconv)
    graph.eliminate_dead_code()
    traced.delete_all_unused_submodules()
    traced.recompile()
    return MisConvNetwork(traced, density_network)


def _slope(node: fx.Node | None, module: nn.Module | None) -> float | None:
    """Return the slope below zero of the activation at a node; None if its expectation is not implemented."""
    if node is None:
        return None
    if node.op == "call_module":
        return (
            module.negative_slope if isinstance(module, nn.LeakyReLU) else 0.0 if isinstance(module, nn.ReLU) else None
        )
    if node.target in (F.relu, F.relu_, torch.relu, torch.relu_, "relu", "relu_"):
        return 0.0
    if node.target in (F.leaky_relu, F.leaky_relu_):
        return float(cast(float, node.kwargs.get("negative_slope", (*node.args, 0.01)[1])))
    return None
