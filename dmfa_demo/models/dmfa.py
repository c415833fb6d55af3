"""DMFA: a network that returns the conditional density of the missing pixels (DMFA paper, section 2.3).

Given the visible pixels, one pass gives the mean, l factors and noise of a Gaussian over the hole or, with more than one
component, of a mixture of such Gaussians:

    p(x_m | x_o) = sum_k w_k N(x_m; mean_k, A_k A_k^T + diag(noise_k)),   everything restricted to the missing pixels
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dmfa_demo.densities.density import Density
from dmfa_demo.densities.factor_analyzer import FactorAnalyzer, MixtureOfFactorAnalyzers
from dmfa_demo.densities.guide import Guide
from dmfa_demo.densities.rescaled import Rescaled
from dmfa_demo.densities.shared_mixture import SharedComponents
from dmfa_demo.imputation import ImageShape, Imputation, Imputer, flatten, flatten_missing
from dmfa_demo.models.guided import GuidedConfig, GuidedDMFA, load_guide
from dmfa_demo.networks.engine import graph
from dmfa_demo.networks.plug_in import network_class
from dmfa_demo.networks.unet import UNet, observe, to_pixels
from dmfa_demo.options import NonNegativeInt, PositiveFloat, PositiveInt, Width
from dmfa_demo.storage.checkpoints import beside, load_network, read_config

# The variance of rounding to 8 bits, (1 / 255)^2 / 12, a lower bound on a pixel's uncertainty.
NOISE_FLOOR = 1 / (255**2 * 12)


@dataclass(frozen=True)
class DMFAConfig(ImageShape):
    """The shape of a DMFA network.

    `components=1` with `head="dense"` or `head="convolutional"` gives the two variants of the DMFA paper.
    """

    components: PositiveInt = 3
    """K, the number of Gaussians in the mixture; one in the paper"""
    factors: NonNegativeInt = 4
    """l, the number of factor images of each Gaussian"""
    widths: tuple[Width, ...] = (64, 128)
    """channels of each level of the U-Net, finest first"""
    blocks: PositiveInt = 2
    """residual blocks per level"""
    head: Literal["convolutional", "dense"] = "convolutional"
    """dense: one linear layer of all features, as in the paper's grey-scale network"""
    noise_floor: PositiveFloat = NOISE_FLOOR
    """the smallest noise variance, in units of (pixel value in [0, 1])^2"""
    network: str | None = None
    """the "module:class" of a network of your own in place of the U-Net, see docs/extending.md"""
    mirrored: bool = False
    """whether a trained network also runs on the mirror image and both answers are mixed, for data sets whose mirror images are as
    plausible: twice the time, and a mixture of twice as many Gaussians"""


class DMFA(nn.Module):
    """The network. `forward(images, missing)` returns a `MixtureOfFactorAnalyzers` over all n values of each image.

    Only the restriction to the missing values is meaningful; other outputs were never trained.
    """

    DENSE_CHANNELS = 8

    def __init__(self, config: DMFAConfig):
        super().__init__()
        self.config = config
        width, maps = config.widths[0], config.components * (2 + config.factors) * config.channels
        build = UNet if config.network is None else network_class(config.network)
        self.unet = build(config.channels + 1, config.widths, config.blocks)
        self.norm = nn.GroupNorm(8, width)
        if config.head == "convolutional":
            self.head = nn.Conv2d(width, maps * UNet.BLOCK**2, 1)
        else:
            side = UNet.BLOCK << (len(config.widths) - 1)
            positions = math.prod(math.ceil(size / side) * side // UNet.BLOCK for size in (config.height, config.width))
            self.squeeze = nn.Conv2d(width, self.DENSE_CHANNELS, 1)
            self.head = nn.Linear(self.DENSE_CHANNELS * positions, maps * config.height * config.width)
        self.weigh = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, config.components))
        # Outputs are small at first, and noise biases range from tight to broad, so that components specialise: tight ones
        # give blank paper its high density, broad ones cover surprises.
        nn.init.normal_(self.head.weight, std=0.01)
        assert self.head.bias is not None
        nn.init.zeros_(self.head.bias)
        self.noise_bias: Tensor
        self.register_buffer("noise_bias", torch.linspace(-9.0, -3.0, config.components + 1)[1:], persistent=False)

    def forward(self, images: Tensor, missing: Tensor) -> MixtureOfFactorAnalyzers:
        """Map images `(B, C, H, W)` and missing `(B, 1, H, W)` to a mixture of K components over n = C H W values, float32."""
        log_weights, mean, factors, noise = self.parameters_of(images, missing)
        return MixtureOfFactorAnalyzers(log_weights, FactorAnalyzer(mean, factors, noise))

    @graph("model")
    def parameters_of(self, images: Tensor, missing: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the mixture's unnormalised log-weights `(B, K)`, means `(B, K, n)`, factors `(B, K, l, n)` and noise `(B, K, n)`."""
        config = self.config
        features = F.silu(self.norm(self.unet(observe(images, missing)))).float()
        # From here on float32, also under autocast: a density needs all its digits.
        with torch.autocast(features.device.type, enabled=False):
            if config.head == "convolutional":
                maps = to_pixels(self.head(features), config.height, config.width)  # (B, K (2 + l) C, H, W)
            else:
                maps = self.head(F.silu(self.squeeze(features)).flatten(1))
            maps = maps.reshape(images.shape[0], config.components, 2 + config.factors, -1)  # (B, K, 2 + l, n)
            log_weights = self.weigh(_pool(features, missing))  # (B, K)
            mean, noise, factors = maps.split([1, 1, config.factors], dim=2)  # one gradient for all three
            noise = F.softplus(noise.squeeze(2) + self.noise_bias[:, None]) + config.noise_floor
            # Factors are in units of the noise: from blank paper to ink a pixel's spread grows a thousandfold, and a head that is
            # linear in absolute terms never learns its factors.
            factors = 3 * factors * noise.sqrt().unsqueeze(2)
            return log_weights, mean.squeeze(2).sigmoid(), factors, noise


class DMFAImputer(Imputer):
    """A trained DMFA network as an imputer."""

    name = "dmfa"
    title = "DMFA"
    summary = "A network takes the visible pixels and returns a full Gaussian (here a mixture) over the hidden ones."
    limits = (
        "The density is restricted to the hidden pixels; the network's other outputs were never trained. A mixture of few "
        "Gaussians with few factors cannot represent every way to fill a large hole: its samples are noisier than real "
        "images, and its mean is blurred. On faces it is guided by MFA: a network corrects the mean and the deviations that MFA "
        "expects in this hole, and the correlations between pixels remain those of MFA."
    )
    formula = "p(x_m | x_o) = Σₖ πₖ N(x_m; μₖ, Aₖ Aₖᵀ + Dₖ), with π, μ, A and D from one pass of a network over x_o and the mask"
    citation = "Przewięźlikowski, Śmieja, Struski: Estimating conditional density of missing values using deep Gaussian mixture model (2020)"
    url = "https://arxiv.org/abs/2010.02183"
    paper = "DMFA"
    colour = "#2f6db5"
    has_samples = True
    has_factors = True
    starts_walks = True

    def __init__(self, network: DMFA):
        self.network = network.eval()
        self.shape = network.config.shape

    @classmethod
    def load(cls, folder: Path) -> DMFAImputer:
        if "guide" in read_config(folder)["network"]:
            return GuidedDMFAImputer.load(folder)
        return cls(load_network(folder, DMFA, DMFAConfig))

    def predict(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Imputation:
        density = self.network(images, missing)
        if self.network.config.mirrored:
            density = _mixed(density, _mirrored(self.network(images.flip(-1), missing.flip(-1)), images.shape[1:]))
        density = density.restrict(flatten(images), flatten_missing(missing, images.shape[1]))
        return Imputation(mean=density.mean.view_as(images), density=density)


class GuidedDMFAImputer(DMFAImputer):
    """A trained guided network and its guide as an imputer."""

    limits = (
        "The correlations of hidden pixels come from a linear model, which depends on the hole but not on the face; its "
        "samples are the network's mean plus smooth shapes from that model."
    )

    def __init__(self, network: GuidedDMFA, guide: Guide):
        self.network, self.guide, self.shape = network.eval(), guide, network.config.shape
        parts, share = guide.mixture.components, network.config.noise_share
        self.predicting = parts if share == 1 else SharedComponents(parts.mean, parts.factors, parts.noise * share)

    @classmethod
    def load(cls, folder: Path) -> Self:
        network = load_network(folder, GuidedDMFA, GuidedConfig).to(memory_format=torch.channels_last)
        return cls(network, load_guide(beside(folder, network.config.guide), network.config.factors))

    def predict(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Imputation:
        x, hidden = flatten(images), flatten_missing(missing, images.shape[1])
        linear = self.guide.condition(x, hidden)
        latents = linear.posterior.latents.mean[:, 0].float()
        if self.predicting is not self.guide.mixture.components:
            linear = replace(linear, posterior=replace(linear.posterior, components=self.predicting))
        # The guide's own answer, without computing a second variance, which takes longest.
        more = (self.guide.mixture.components.noise - self.predicting.noise).to(x)
        deviation = torch.where(hidden, linear.variance + more, 0).sqrt()
        found = self.network(images, missing, self.guide.explain(x, hidden, latents, deviation))
        scale = torch.where(hidden, self.network.config.deviation_scale * found.deviation / linear.variance.sqrt(), 1)
        density = Rescaled(linear, torch.where(hidden, found.mean, x), scale)
        return Imputation(mean=density.mean.view_as(images).clamp(0, 1), density=cast(Density, density))


def _mirrored(density: MixtureOfFactorAnalyzers, shape: tuple[int, ...]) -> MixtureOfFactorAnalyzers:
    """Return the density of mirror images of shape (C, H, W)."""

    def mirror(values: Tensor) -> Tensor:
        return values.unflatten(-1, shape).flip(-1).flatten(-3)

    parts = density.components
    components = FactorAnalyzer(mirror(parts.mean), mirror(parts.factors), mirror(parts.noise))
    return MixtureOfFactorAnalyzers(density.log_weights, components)


def _mixed(one: MixtureOfFactorAnalyzers, other: MixtureOfFactorAnalyzers) -> MixtureOfFactorAnalyzers:
    """Mix two densities with equal weights."""
    pairs = ((getattr(density.components, name) for density in (one, other)) for name in ("mean", "factors", "noise"))
    mean, factors, noise = (torch.cat([*pair], 1) for pair in pairs)
    log_weights = torch.cat([one.log_weights, other.log_weights], 1)
    return MixtureOfFactorAnalyzers(log_weights, FactorAnalyzer(mean, factors, noise))


def _pool(features: Tensor, missing: Tensor) -> Tensor:
    """Average features over the missing blocks and over all blocks, `(B, 2 channels)`."""
    height, width = (side * UNet.BLOCK for side in features.shape[-2:])
    padded = F.pad(missing.to(features.dtype), (0, width - missing.shape[-1], 0, height - missing.shape[-2]))
    share = F.avg_pool2d(padded, UNet.BLOCK)  # (B, 1, H', W')
    # A hole smaller than a block counts as part of one, so that it differs from a full block.
    hidden = (features * share).sum((2, 3)) / share.sum((2, 3)).clamp(min=1)
    return torch.cat([hidden, features.mean((2, 3))], dim=1)
