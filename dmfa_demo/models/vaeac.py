"""VAEAC: a variational auto-encoder with arbitrary conditioning (Ivanov, Figurnov, Vetrov, 2019).

A prior network looks at the visible pixels and says where the latents lie; a generator turns a draw of them, together with
what the prior network saw on its way, into pixels (equation (5)):

    p(x_m | x_o) = E_{z ~ p(z | x_o)} prod_i p(x_i | z, x_o),        i over the missing pixels

A proposal network, which sees the whole image, is there for training and for measuring: importance sampling from it gives
the likelihood that sampling from the prior would need thousands of draws for (equations (17), (18)).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dmfa_demo.densities.diagonal_gaussian import DiagonalGaussian
from dmfa_demo.densities.pixels import Likelihood, Pixels, as_seen
from dmfa_demo.imputation import ImageShape, Imputation, Imputer, Latents, hide
from dmfa_demo.networks.unet import Decoder, Encoder, ResidualBlock, observe, to_pixels
from dmfa_demo.options import NonNegativeInt, PositiveFloat, PositiveInt, Width
from dmfa_demo.storage.checkpoints import load_network

# Latents times images that go through the generator at once.
CHUNK = 200


@dataclass(frozen=True)
class VAEACConfig(ImageShape):
    """The shape of a VAEAC for images."""

    latents: NonNegativeInt = 32
    """d; with none it is a plain network, with one answer"""
    widths: tuple[Width, ...] = (48, 96)
    """channels of each level of the prior, proposal and generator networks, finest first"""
    blocks: PositiveInt = 1
    """residual blocks a level"""
    likelihood: Likelihood = "gaussian"
    """of a pixel: bernoulli for binarised images"""
    deviation_floor: PositiveFloat = 0.05
    """the smallest standard deviation of a Gaussian pixel, in units of pixel values"""


class VAEAC(nn.Module):
    """The three networks. `forward(images, missing)` returns the conditional distribution of the missing pixels.

    Args:
        prior: `observe(images, missing)` -> raw latents `(B, 2 d)`, and whatever the generator shall see of the image.
        proposal: the same of the whole image and its masks -> raw latents `(B, 2 d)`.
        generator: latents `(S B, d)`, S draws for all rows one after the other, and what the prior network passed on of the
            B rows -> raw pixels `(S B, p, C, H, W)`.
        likelihood: of a pixel.
    """

    def __init__(
        self,
        prior: nn.Module,
        proposal: nn.Module,
        generator: nn.Module,
        likelihood: Likelihood,
        deviation_floor: float = 1e-3,
    ):
        super().__init__()
        self.prior, self.proposal, self.generator = prior, proposal, generator
        self.likelihood: Likelihood = likelihood
        self.deviation_floor = deviation_floor

    def forward(self, images: Tensor, missing: Tensor) -> ConditionalVAEAC:
        """images `(B, C, H, W)`, missing `(B, 1, H, W)`; what lies under `missing` reaches no network."""
        raw, passed = self.prior(observe(images, missing))
        return ConditionalVAEAC(self, DiagonalGaussian.from_raw(raw), passed)

    def propose(self, images: Tensor, missing: Tensor, absent: Tensor) -> DiagonalGaussian:
        """The latents given the whole image; `absent` pixels are known to nobody (section 4.3.3)."""
        masks = torch.cat([missing, absent], 1).to(images)
        return DiagonalGaussian.from_raw(self.proposal(torch.cat([hide(images, absent), masks], 1)))


def image_vaeac(config: VAEACConfig) -> VAEAC:
    """A VAEAC of three convolutional networks, the generator a U-Net's way up beside the prior's way down."""
    return VAEAC(
        ImagePrior(config), ImageProposal(config), ImageGenerator(config), config.likelihood, config.deviation_floor
    )


class ImagePrior(Encoder):
    """Visible pixels and mask to raw latents and the features of every level."""

    def __init__(self, config: VAEACConfig):
        super().__init__(config.channels + 1, config.widths, config.blocks)
        self.latents = _to_latents(config)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        features = self.encode(x)
        return self.latents(features[-1]), tuple(features)


class ImageProposal(Encoder):
    """Whole image and both masks to raw latents."""

    def __init__(self, config: VAEACConfig):
        super().__init__(config.channels + 2, config.widths, config.blocks)
        self.latents = _to_latents(config)

    def forward(self, x: Tensor) -> Tensor:
        return self.latents(self.encode(x)[-1])


class ImageGenerator(nn.Module):
    """Latents, added to the coarsest features that the prior network passed on, to raw pixels."""

    def __init__(self, config: VAEACConfig):
        super().__init__()
        self.config = config
        rows, columns = _coarsest(config)
        self.spread = nn.Sequential(nn.Linear(config.latents, config.widths[-1] * rows * columns), nn.Unflatten(1, (config.widths[-1], rows, columns)))  # fmt: skip
        self.mix = ResidualBlock(2 * config.widths[-1], config.widths[-1])
        self.decoder = Decoder(config.widths, config.blocks)
        self.norm = nn.GroupNorm(8, config.widths[0])
        maps = config.channels * (1 if config.likelihood == "bernoulli" else 2)
        self.head = nn.Conv2d(config.widths[0], maps * Encoder.BLOCK**2, 1)

    def forward(self, z: Tensor, passed: tuple[Tensor, ...]) -> Tensor:
        mixed = self.mix(self.spread(z), passed[-1])
        features = F.silu(self.norm(self.decoder((*passed[:-1], mixed))))
        maps = to_pixels(self.head(features), self.config.height, self.config.width)
        return maps.unflatten(1, (-1, self.config.channels))


def _coarsest(config: VAEACConfig) -> tuple[int, int]:
    """Rows and columns of the coarsest level."""
    side = Encoder.BLOCK << (len(config.widths) - 1)
    return math.ceil(config.height / side), math.ceil(config.width / side)


def _to_latents(config: VAEACConfig) -> nn.Sequential:
    rows, columns = _coarsest(config)
    width = config.widths[-1]
    squeeze = nn.Conv2d(width, width // 4, 1)
    return nn.Sequential(nn.GroupNorm(8, width), nn.SiLU(), squeeze, nn.Flatten(), nn.Linear(width // 4 * rows * columns, 2 * config.latents))  # fmt: skip


@dataclass(frozen=True)
class ConditionalVAEAC:
    """The conditional distribution of a batch of B images with holes; everything it needs goes with it, nothing is global.

    Attributes:
        model: the networks.
        prior: the latents given what is visible.
        passed: what the prior network passed on to the generator, rows first.
    """

    model: VAEAC
    prior: DiagonalGaussian
    passed: tuple[Tensor, ...]

    def decode(self, z: Tensor) -> Pixels:
        """The pixels given latents z `(S, B, d)`, all S x B in one pass: raw `(S, B, p, C, H, W)`."""
        raw = self.model.generator(z.flatten(0, 1), self.passed)
        return Pixels.from_raw(raw.unflatten(0, z.shape[:2]), self.model.likelihood, self.model.deviation_floor)

    def sample(self, count: int, generator: torch.Generator | None = None, noise: bool = False) -> Tensor:
        """`count` images `(count, B, C, H, W)`: latents from the prior, then every pixel's mean, or with `noise` a draw of it."""
        pixels = self.decode(self.prior.sample(count, generator))
        return pixels.sample(generator) if noise else pixels.mean

    def mean(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """The mean of `count` samples, `(B, C, H, W)`."""
        return self.sample(count, generator).mean(0)

    def monte_carlo(self, x: Tensor, missing: Tensor, count: int, generator: torch.Generator | None = None) -> Tensor:
        """log p(x_m | x_o) in nats estimated from `count` draws of the prior (equation (17)), `(B,)`; low on average."""

        def terms(size: int) -> Tensor:
            return self.decode(self.prior.sample(size, generator)).log_prob(x, missing)

        return self._estimate(count, terms)

    def log_prob(
        self,
        x: Tensor,
        missing: Tensor,
        count: int = 100,
        absent: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """log p(x_m | x_o) in nats by importance sampling with `count` draws of the proposal (equation (18)), `(B,)`.

        Low on average, less so the more draws (Burda et al., 2015). `absent` pixels count as unknown, not as missed.
        """
        absent = torch.zeros_like(missing) if absent is None else absent
        proposal, scored = self.model.propose(x, missing, absent), missing & ~absent

        def terms(size: int) -> Tensor:
            z = proposal.sample(size, generator)
            return self.decode(z).log_prob(x, scored) + self.prior.log_prob(z) - proposal.log_prob(z)

        return self._estimate(count, terms)

    def _estimate(self, count: int, terms: Callable[[int], Tensor]) -> Tensor:
        """The logarithm of the mean of exp(terms), `CHUNK` at a time."""
        size = max(1, CHUNK // len(self.prior.mean))
        parts = [terms(min(size, count - done)).logsumexp(0) for done in range(0, count, size)]
        return torch.stack(parts).logsumexp(0) - math.log(count)


class VAEACImputer(Imputer):
    """A trained VAEAC as an imputer: its answer is the mean of several samples."""

    name = "vaeac"
    title = "VAEAC"
    summary = "A variational auto-encoder that draws whole, different answers: each a guess of what the hidden pixels may be together."
    limits = (
        "Its likelihood is only known by sampling. Pixels are independent once the latents are drawn, so its samples are smooth "
        "where real strokes have texture."
    )
    formula = "p(x_m | x_o) = ∫ p(x_m | z, x_o) p(z | x_o) dz, with both factors from networks"
    citation = "Ivanov, Figurnov, Vetrov: Variational autoencoder with arbitrary conditioning (2019)"
    url = "https://arxiv.org/abs/1806.02382"
    paper = "VAEAC"
    colour = "#1f8a8c"
    has_samples = True
    has_latents = True

    # Samples that the mean is taken of, as in the comparison with ACFlow.
    SAMPLES = 10

    def __init__(self, model: VAEAC):
        self.model, self.shape = model.eval(), cast(ImageGenerator, model.generator).config.shape

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(load_network(folder, image_vaeac, VAEACConfig))

    def predict(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Imputation:
        conditional, seed = self.model(as_seen(images, self.model.likelihood), missing), generator.initial_seed()
        prior = conditional.prior

        def draw(count: int, generator: torch.Generator) -> Pixels:
            # The same latents' noise for all rows, so that a row's answer does not depend on the others.
            white = torch.randn(count, 1, prior.mean.shape[1], generator=generator)
            return conditional.decode(prior.at(white.expand(-1, len(images), -1)))

        pixels = draw(self.SAMPLES, generator)
        mean = pixels.mean.mean(0)
        between = (pixels.mean - mean).square().sum(0) / (self.SAMPLES - 1)  # .var takes thirty times as long

        def sampler(count: int, noise: bool) -> Tensor:
            again = torch.Generator().manual_seed(seed)
            drawn = draw(count, again)
            return drawn.sample(again) if noise else drawn.mean

        @torch.inference_mode()
        def decode(z: Tensor) -> Tensor:
            return conditional.decode(prior.at(z[:, None].expand(-1, len(images), -1))).mean

        return Imputation(
            mean=mean,
            marginal_variance=pixels.variance.mean(0) + between,  # within samples and between them
            sampler=sampler,
            latents=Latents(prior.mean.shape[1], decode),
        )
