"""ACFlow: a normalising flow of the missing pixels given the visible ones, for any mask (Li, Akbar, Oliva, 2020).

Grey levels are made continuous by uniform noise and mapped to the real line by a logit. A sequence of conditional affine couplings and a
conditional Gaussian base give the likelihood exactly (equations (2), (3)):

    z_0 = logit(x_m),    z_k = z_{k-1} exp(s_k) + t_k on half of the missing pixels,
    log p(x_m | x_o) = log N(z_L; mean(x_o), deviation(x_o)) + sum_k sum s_k + log |d z_0 / d x_m|

The networks of scale s_k and shift t_k see the visible pixels, the mask, and the other half of the missing pixels, so each coupling can be
inverted. Only missing pixels are transformed. Unlike the paper's, these networks are small U-Nets, and the base is Gaussian.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dmfa_demo.densities.diagonal_gaussian import DiagonalGaussian
from dmfa_demo.imputation import ImageShape, Imputation, Imputer, flatten
from dmfa_demo.networks.engine import graph
from dmfa_demo.networks.unet import Encoder, UNet, observe, to_pixels
from dmfa_demo.options import PositiveInt, Width
from dmfa_demo.storage.checkpoints import load_network

# Continuous grey levels in [0, 1] are moved into [MARGIN, 1 - MARGIN] before the logit (Dinh et al., 2017, section 4.1).
MARGIN = 0.05
# The largest |s|: a coupling stretches or shrinks a pixel by a factor of at most exp(2).
LARGEST_SCALE = 2.0
# Added to the raw deviation of the base, which is zero at the start of training, so that the deviation is then about one.
ABOUT_ONE = 0.54
# The variance of rounding to 256 levels.
ROUNDING = 1 / (12 * 256**2)


@dataclass(frozen=True)
class ACFlowConfig(ImageShape):
    """The shape of an ACFlow."""

    couplings: PositiveInt = 8
    """L, the number of couplings, which transform both colours of a checkerboard in turns"""
    widths: tuple[Width, ...] = (48, 96)
    """channels of each level of the U-Nets, finest first"""
    blocks: PositiveInt = 1
    """residual blocks per level"""


class ConditionalMap(nn.Module):
    """A U-Net from images `(B, in_channels, H, W)` to two numbers for each pixel, zero at the start of training."""

    def __init__(self, in_channels: int, config: ACFlowConfig):
        super().__init__()
        self.config = config
        self.unet = UNet(in_channels, config.widths, config.blocks)
        self.norm = nn.GroupNorm(8, config.widths[0])
        self.head = nn.Conv2d(config.widths[0], 2 * config.channels * Encoder.BLOCK**2, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(cast(Tensor, self.head.bias))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        maps = to_pixels(self.head(F.silu(self.norm(self.unet(x)))), self.config.height, self.config.width)
        first, second = (maps if maps.dtype == torch.float64 else maps.float()).chunk(2, 1)
        return first, second


class Coupling(nn.Module):
    """An invertible map of the missing pixels of one colour of a checkerboard, given the others.

    Args:
        config: the flow's shape.
        colour: 0 or 1.
    """

    def __init__(self, config: ACFlowConfig, colour: int):
        super().__init__()
        self.network = ConditionalMap(2 * config.channels + 2, config)
        rows, columns = torch.arange(config.height)[:, None], torch.arange(config.width)
        self.own: Tensor
        self.register_buffer("own", (rows + columns) % 2 == colour, persistent=False)

    def forward(self, z: Tensor, seen: Tensor, missing: Tensor) -> tuple[Tensor, Tensor]:
        """Return the transformed z `(B, C, H, W)` and s `(B, C, H, W)`, which is zero where nothing changes.

        Args:
            z: values of the missing pixels, `(B, C, H, W)`.
            seen: `observe(images, missing)`, `(B, C + 1, H, W)`.
            missing: bool `(B, 1, H, W)`.
        """
        scale, shift = self.scale_and_shift(z, seen, missing)
        return z * scale.exp() + shift, scale

    def inverse(self, z: Tensor, seen: Tensor, missing: Tensor) -> Tensor:
        """Invert `forward`."""
        scale, shift = self.scale_and_shift(z, seen, missing)
        return (z - shift) * (-scale).exp()

    def scale_and_shift(self, z: Tensor, seen: Tensor, missing: Tensor) -> tuple[Tensor, Tensor]:
        """Return s and t `(B, C, H, W)`, which depend on the other colour of z only; zero where nothing changes."""
        changed, given = missing & self.own, missing & ~self.own
        x = torch.cat([seen, torch.where(given, z, 0), changed.to(z)], 1)
        scale, shift = self.network(x)
        scale = LARGEST_SCALE * (scale / LARGEST_SCALE).tanh()
        return torch.where(changed, scale, 0), torch.where(changed, shift, 0)


class ACFlow(nn.Module):
    """The flow. `forward(images, missing)` returns the conditional density of the missing pixels."""

    def __init__(self, config: ACFlowConfig):
        super().__init__()
        self.config = config
        self.base = ConditionalMap(config.channels + 1, config)
        self.couplings = nn.ModuleList(Coupling(config, number % 2) for number in range(config.couplings))

    def forward(self, images: Tensor, missing: Tensor) -> ConditionalFlow:
        """Condition on images `(B, C, H, W)` with missing `(B, 1, H, W)`; values under `missing` are ignored."""
        return ConditionalFlow(self, observe(images, missing), missing)

    @graph("base")
    def start(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and deviation of the base, `(B, C, H, W)` each, for `observe(images, missing)`."""
        mean, raw = self.base(seen)
        return mean, F.softplus(raw + ABOUT_ONE) + 1e-3

    @graph("sample")
    def draw(self, z: Tensor, seen: Tensor, missing: Tensor) -> Tensor:
        """Map draws of the base `(B, C, H, W)` to images in [0, 1], of which only the missing pixels are meaningful."""
        for coupling in reversed(self.couplings):
            z = cast(Coupling, coupling).inverse(z, seen, missing)
        return ((z.sigmoid() - MARGIN) / (1 - 2 * MARGIN)).clamp(0, 1)

    @graph("likelihood")
    def transform(self, levels: Tensor, seen: Tensor, missing: Tensor) -> tuple[Tensor, Tensor]:
        """Map continuous grey levels `(B, C, H, W)` in (0, 1) to the base.

        Returns:
            z `(B, C, H, W)`, and the logarithm of |dz / d levels| of the missing pixels, `(B,)`.
        """
        share = MARGIN + (1 - 2 * MARGIN) * levels
        z = share.logit()
        slopes = torch.where(missing, (1 - 2 * MARGIN) / (share * (1 - share)), 1).log()
        for coupling in self.couplings:
            z, scale = coupling(z, seen, missing)
            slopes = slopes + scale
        return z, slopes.sum((1, 2, 3))


class ConditionalFlow:
    """The conditional density of the missing pixels of B images, with the images as they are seen.

    Args:
        model: the flow.
        seen: `observe(images, missing)`, `(B, C + 1, H, W)`.
        missing: bool `(B, 1, H, W)`.
    """

    def __init__(self, model: ACFlow, seen: Tensor, missing: Tensor):
        self.model, self.seen, self.missing = model, seen, missing

    @cached_property
    def base(self) -> DiagonalGaussian:
        """The base, of every pixel, `(B, C, H, W)`."""
        return DiagonalGaussian(*self.model.start(self.seen))

    def log_prob_of(self, levels: Tensor) -> Tensor:
        """Return the log-density of the missing pixels of continuous grey levels `(B, C, H, W)` in (0, 1), in nats, `(B,)`."""
        z, slopes = self.model.transform(levels, self.seen, self.missing)
        return torch.where(self.missing, self.base.log_prob_each(z), 0).sum((1, 2, 3)) + slopes

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw images `(count, B, C, H, W)` in [0, 1], with the same noise for all rows; only their missing pixels are meaningful."""
        white = torch.randn(count, 1, *self.base.mean.shape[1:], generator=generator, dtype=self.base.mean.dtype)
        z = self.base.at(white.to(self.base.mean.device))
        seen, missing = (one.expand(count, *one.shape).flatten(0, 1) for one in (self.seen, self.missing))
        return self.model.draw(z.flatten(0, 1), seen, missing).unflatten(0, (count, -1))


def dequantise(images: Tensor, noise: Tensor) -> Tensor:
    """Return continuous grey levels in (0, 1) of images with 256 levels in [0, 1], for uniform noise of the same shape."""
    return ((255 * images + noise) / 256).clamp(1e-6, 1 - 1e-6)


class FlowDensity:
    """A conditional flow as a density over flattened values.

    Mean, variance and distribution functions come from draws; the likelihood is exact, except for the noise that makes grey levels
    continuous, of which one draw gives a lower bound on average (Theis et al., 2016).

    Args:
        flow: the conditional flow of B images.
        images: the images `(B, C, H, W)`, for their visible pixels.
        drawn: draws `(S, B, C, H, W)` for mean and variance, at least two.
        seed: seeds further draws.
    """

    # The number of draws for a distribution function.
    RANKS = 50

    def __init__(self, flow: ConditionalFlow, images: Tensor, drawn: Tensor, seed: int):
        self.flow, self.images, self.seed = flow, images, seed
        self.mean = self._pasted(drawn.mean(0))
        self.variance = flatten(torch.where(flow.missing, drawn.var(0) + ROUNDING, 0))

    def _pasted(self, values: Tensor) -> Tensor:
        return flatten(torch.where(self.flow.missing, values, self.images))

    @torch.inference_mode()
    def log_prob(self, x: Tensor, missing: Tensor) -> Tensor:
        """Return log p(x_m | x_o) in nats, `(B,)`, for x `(B, n)`; `missing` is that of the flow."""
        noise = torch.rand(self.images.shape[1:], generator=torch.Generator().manual_seed(self.seed))
        return self.flow.log_prob_of(dequantise(x.view_as(self.images), noise))

    def cdf(self, x: Tensor) -> Tensor:
        """Return an estimate of P(X_i <= x_i) for each missing value with 256 levels, `(B, n)`; draws of the same level count half."""
        drawn = self.sample(self.RANKS, torch.Generator().manual_seed(self.seed))
        drawn, x = (256 * drawn).floor().clamp(max=255), (255 * x).round()
        return ((drawn < x).double().mean(0) + (drawn <= x).double().mean(0)).to(x) / 2

    @torch.inference_mode()
    def sample(self, count: int, generator: torch.Generator | None = None, noise: bool = True) -> Tensor:
        """Draw `count` samples, `(count, B, n)`; a flow has no independent part to leave out."""
        return self._pasted(self.flow.sample(count, generator))

    def with_noise_floor(self, floor: float) -> None:
        """Return None: a flow has no noise variance."""


class ACFlowImputer(Imputer):
    """A trained ACFlow as an imputer, whose answer is the mean of several samples."""

    name = "acflow"
    title = "ACFlow"
    summary = (
        "A flow: invertible steps turn noise into the hidden pixels, which gives the exact likelihood of any answer."
    )
    limits = (
        "Each step changes every pixel a little, so large shapes are put together from many small decisions and may not fit. Its mean and "
        "variance can only be estimated by sampling."
    )
    formula = "log p(x_m | x_o) = log N(z; μ(x_o), σ(x_o)) + log |∂z / ∂x_m|, with z = f(x_m; x_o) invertible"
    citation = "Li, Akbar, Oliva: ACFlow: Flow models for arbitrary conditional likelihoods (2020)"
    url = "https://arxiv.org/abs/1909.06319"
    paper = "ACFlow"
    colour = "#c93ccf"
    has_samples = True
    shown_first = False

    # The number of samples in the mean, as in the paper.
    SAMPLES = 10

    def __init__(self, model: ACFlow):
        self.model, self.shape = model.eval(), model.config.shape

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(load_network(folder, ACFlow, ACFlowConfig))

    def predict(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Imputation:
        flow, seed = self.model(images, missing), generator.initial_seed()
        drawn = flow.sample(self.SAMPLES, generator)

        def sampler(count: int, noise: bool) -> Tensor:
            return flow.sample(count, torch.Generator().manual_seed(seed))

        density = FlowDensity(flow, images=images, drawn=drawn, seed=seed)
        return Imputation(mean=drawn.mean(0), density=density, sampler=sampler)
