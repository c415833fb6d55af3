"""VAEAC: a variational auto-encoder with arbitrary conditioning (Ivanov, Figurnov, Vetrov, 2019).

A prior network maps the visible pixels to a distribution of latents; a generator turns a draw of them, together with the prior
network's features, into pixels (equation (5)):

    p(x_m | x_o) = E_{z ~ p(z | x_o)} prod_i p(x_i | z, x_o),        i over the missing pixels

A proposal network, which sees the complete image, is used in training and measuring: importance sampling from it gives
the likelihood for which sampling from the prior would need thousands of draws (equations (17), (18)).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dmfa_demo.densities.diagonal_gaussian import DiagonalGaussian
from dmfa_demo.densities.guide import Guidance, Guide
from dmfa_demo.densities.pixels import Likelihood, Pixels, as_seen
from dmfa_demo.imputation import ImageShape, Imputation, Imputer, LatentSpace, flatten, hide
from dmfa_demo.models.guided import GuidedConfig, load_guide
from dmfa_demo.models.guided_vaeac import GuidedGenerator, GuidedPrior
from dmfa_demo.networks.engine import graph
from dmfa_demo.networks.unet import Decoder, Encoder, ResidualBlock, observe, to_pixels
from dmfa_demo.options import NonNegativeInt, PositiveFloat, PositiveInt, Width
from dmfa_demo.storage.checkpoints import beside, load_network

# Draws times images per pass through the generator.
CHUNK = 200


@dataclass(frozen=True)
class VAEACConfig(ImageShape):
    """The shape of a VAEAC for images."""

    latents: NonNegativeInt = 32
    """d; with 0 it is a plain network with a single answer"""
    widths: tuple[Width, ...] = (48, 96)
    """channels of each level of the prior, proposal and generator networks, finest first"""
    blocks: PositiveInt = 1
    """residual blocks per level"""
    likelihood: Likelihood = "gaussian"
    """the distribution of a pixel: bernoulli for binarised images"""
    deviation_floor: PositiveFloat = 0.05
    """the smallest standard deviation of a Gaussian pixel, in units of pixel values"""
    guide: str | None = None
    """the sibling checkpoint of its guide, an MFA with one component, see guided_vaeac.py"""
    factors: PositiveInt = 600
    """the number of the guide's factors to use, strongest first"""


class VAEAC(nn.Module):
    """The three networks. `forward(images, missing)` returns the conditional distribution of the missing pixels.

    Args:
        prior: maps `observe(images, missing)` to raw latents `(B, 2 d)` and the features for the generator, a tensor each.
        proposal: maps the complete image and its masks to raw latents `(B, 2 d)`.
        generator: maps latents `(S, B, d)`, S draws for each row, and the prior network's features of the B rows, a tensor
            each, to raw pixels `(S, B, p, C, H, W)`.
        likelihood: the distribution of a pixel.
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

    def forward(self, images: Tensor, missing: Tensor, guidance: Guidance | None = None) -> ConditionalVAEAC:
        """Condition on images `(B, C, H, W)` with missing `(B, 1, H, W)`; values under `missing` reach no network. `guidance` is ignored."""
        raw, *passed = self.prior(observe(images, missing))
        return ConditionalVAEAC(self, DiagonalGaussian.from_raw(raw), tuple(passed))

    def propose(
        self, images: Tensor, missing: Tensor, absent: Tensor, guidance: Guidance | None = None
    ) -> DiagonalGaussian:
        """Return the latents given the complete image; `absent` pixels are never known (section 4.3.3)."""
        masks = torch.cat([missing, absent], 1).to(images)
        return DiagonalGaussian.from_raw(self.proposal(torch.cat([hide(images, absent), masks], 1)))

    def decode(self, z: Tensor, passed: tuple[Tensor, ...], guidance: Guidance | None) -> Pixels:
        """Return the pixels given latents z `(S, B, d)` and the prior network's features of the B rows."""
        return Pixels.from_raw(self.generator(z, *passed), self.likelihood, self.deviation_floor)


class GuidedVAEAC(VAEAC):
    """A VAEAC whose latents are the coordinates of a guide's shapes, see guided_vaeac.py.

    Raises:
        ValueError: If images are not grey levels, or there are more latents than the guide has factors.
    """

    def __init__(self, config: VAEACConfig):
        if config.likelihood != "gaussian":
            raise ValueError("a guide needs grey levels; omit --likelihood bernoulli or --guide")
        if not 1 <= config.latents <= config.factors:
            raise ValueError(
                f"with a guide --latents must be from 1 to --factors, {config.factors}; got {config.latents}"
            )
        channels, height, width = config.shape
        network = GuidedConfig(channels, height, width, widths=config.widths, blocks=config.blocks)
        prior, generator = GuidedPrior(network, config.latents), GuidedGenerator(network)
        super().__init__(prior, nn.Identity(), generator, config.likelihood, config.deviation_floor)
        self.config = config

    def forward(self, images: Tensor, missing: Tensor, guidance: Guidance | None = None) -> ConditionalVAEAC:
        """Condition on images `(B, C, H, W)` with missing `(B, 1, H, W)` and on their guidance, with its shapes."""
        prior, passed = self.prior(images, missing, guidance)
        return ConditionalVAEAC(model=self, prior=prior, passed=passed, guidance=guidance)

    def propose(
        self, images: Tensor, missing: Tensor, absent: Tensor, guidance: Guidance | None = None
    ) -> DiagonalGaussian:
        """Return the latents given the complete image, of which no pixel may be absent."""
        return cast(Guidance, guidance).recognise(flatten(images), missing)

    def decode(self, z: Tensor, passed: tuple[Tensor, ...], guidance: Guidance | None) -> Pixels:
        """Return the pixels given latents z `(S, B, d)` and the prior network's features of the B rows."""
        assert guidance is not None and guidance.shapes is not None
        painted = guidance.shapes.paint(z)  # (S, B, n)
        raw = self.generator(painted, *passed)  # (S, B, 3, C, H, W)
        pixels, trust = Pixels.from_raw(raw, self.likelihood, self.deviation_floor), raw[:, :, 2].float().sigmoid()
        linear = (guidance.mean + painted).view_as(pixels.mean)
        return replace(pixels, mean=linear + trust * (pixels.mean - linear))

    def begin_from(self, tensors: dict[str, Tensor]) -> None:
        """Start from the state of a guided DMFA with the same widths and blocks.

        The prior network is then that DMFA, and the generator mixes its mean with each draw of the guide.

        Raises:
            ValueError: If its shape differs.
        """
        network = cast(GuidedPrior, self.prior).network
        try:
            network.load_state_dict(tensors)
        except RuntimeError as error:
            reason = str(error).splitlines()[-1].strip()
            raise ValueError(f"a VAEAC of these widths cannot start from that guided DMFA: {reason:.200}") from None
        cast(GuidedGenerator, self.generator).begin_from(network)


def image_vaeac(config: VAEACConfig) -> VAEAC:
    """Build a VAEAC of three convolutional networks, with prior and generator as encoder and decoder of a U-Net, or one with a guide."""
    if config.guide is not None:
        return GuidedVAEAC(config)
    return VAEAC(
        ImagePrior(config),
        proposal=ImageProposal(config),
        generator=ImageGenerator(config),
        likelihood=config.likelihood,
        deviation_floor=config.deviation_floor,
    )


class ImagePrior(Encoder):
    """A network from visible pixels and mask to raw latents and the features of every level."""

    def __init__(self, config: VAEACConfig):
        super().__init__(config.channels + 1, config.widths, config.blocks)
        self.latents = _to_latents(config)

    @graph("prior")
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map `(B, C + 1, H, W)` to raw latents `(B, 2 d)` and the features of each level, finest first."""
        features = self.encode(x)
        return self.latents(features[-1]), *features


class ImageProposal(Encoder):
    """A network from the complete image and both masks to raw latents."""

    def __init__(self, config: VAEACConfig):
        super().__init__(config.channels + 2, config.widths, config.blocks)
        self.latents = _to_latents(config)

    def forward(self, x: Tensor) -> Tensor:
        return self.latents(self.encode(x)[-1])


class ImageGenerator(nn.Module):
    """A network from latents, added to the prior network's coarsest features, to raw pixels."""

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

    @graph("generator")
    def forward(self, z: Tensor, *passed: Tensor) -> Tensor:
        """Map z `(S, B, d)` and the features of B rows to raw pixels `(S, B, p, C, H, W)`."""
        mixed = self.mix(self.spread(z.flatten(0, 1)), passed[-1])
        features = F.silu(self.norm(self.decoder((*passed[:-1], mixed))))
        maps = to_pixels(self.head(features), self.config.height, self.config.width)
        return maps.unflatten(1, (-1, self.config.channels)).unflatten(0, z.shape[:2])


def _coarsest(config: VAEACConfig) -> tuple[int, int]:
    """Return height and width of the coarsest level."""
    side = Encoder.BLOCK << (len(config.widths) - 1)
    return math.ceil(config.height / side), math.ceil(config.width / side)


def _to_latents(config: VAEACConfig) -> nn.Sequential:
    rows, columns = _coarsest(config)
    width = config.widths[-1]
    squeeze = nn.Conv2d(width, width // 4, 1)
    return nn.Sequential(nn.GroupNorm(8, width), nn.SiLU(), squeeze, nn.Flatten(), nn.Linear(width // 4 * rows * columns, 2 * config.latents))  # fmt: skip


@dataclass(frozen=True)
class ConditionalVAEAC:
    """The conditional distribution of a batch of B images with holes, with everything that it needs.

    Attributes:
        model: the networks.
        prior: the latents given what is visible.
        passed: the prior network's features for the generator, rows first.
        guidance: the guide's prediction, if the model has a guide.
    """

    model: VAEAC
    prior: DiagonalGaussian
    passed: tuple[Tensor, ...]
    guidance: Guidance | None = None

    def decode(self, z: Tensor) -> Pixels:
        """Return the pixels given latents z `(S, B, d)`, all S x B in one pass."""
        return self.model.decode(z, self.passed, self.guidance)

    def sample(self, count: int, generator: torch.Generator | None = None, noise: bool = False) -> Tensor:
        """Draw `count` images `(count, B, C, H, W)`: latents from the prior, then every pixel's mean or, with `noise`, a draw."""
        pixels = self.decode(self.prior.sample(count, generator))
        return pixels.sample(generator) if noise else pixels.mean

    def mean(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Return the mean of `count` samples, `(B, C, H, W)`."""
        return self.sample(count, generator).mean(0)

    def monte_carlo(self, x: Tensor, missing: Tensor, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Estimate log p(x_m | x_o) in nats, `(B,)`, from `count` draws of the prior (equation (17)); biased low."""

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
        """Estimate log p(x_m | x_o) in nats, `(B,)`, by importance sampling with `count` draws of the proposal (equation (18)).

        Biased low, less so with more draws (Burda et al., 2015). `absent` pixels are unknown and are not scored.
        """
        absent = torch.zeros_like(missing) if absent is None else absent
        proposal, scored = self.model.propose(x, missing, absent, self.guidance), missing & ~absent

        def terms(size: int) -> Tensor:
            z = proposal.sample(size, generator)
            return self.decode(z).log_prob(x, scored) + self.prior.log_prob(z) - proposal.log_prob(z)

        return self._estimate(count, terms)

    def _estimate(self, count: int, terms: Callable[[int], Tensor]) -> Tensor:
        """Return the logarithm of the mean of exp(terms), computed `CHUNK` at a time."""
        size = max(1, CHUNK // len(self.prior.mean))
        parts = [terms(min(size, count - done)).logsumexp(0) for done in range(0, count, size)]
        return torch.stack(parts).logsumexp(0) - math.log(count)


class VAEACImputer(Imputer):
    """A trained VAEAC as an imputer, whose answer is the mean of several samples."""

    name = "vaeac"
    title = "VAEAC"
    summary = (
        "A variational auto-encoder that draws different complete answers, each a joint guess of all hidden pixels."
    )
    limits = (
        "Its likelihood can only be estimated by sampling. Pixels are independent once the latents are drawn, so its samples are smooth "
        "where real strokes have texture."
    )
    formula = "p(x_m | x_o) = ∫ p(x_m | z, x_o) p(z | x_o) dz, with both factors from networks"
    citation = "Ivanov, Figurnov, Vetrov: Variational autoencoder with arbitrary conditioning (2019)"
    url = "https://arxiv.org/abs/1806.02382"
    paper = "VAEAC"
    colour = "#1f8a8c"
    has_samples = True
    has_latents = True

    # The number of samples in the mean, as in the comparison with ACFlow.
    SAMPLES = 10

    def __init__(self, model: VAEAC):
        self.model, self.shape = model.eval(), cast(ImageGenerator, model.generator).config.shape

    @classmethod
    def load(cls, folder: Path) -> VAEACImputer:
        model = load_network(folder, image_vaeac, VAEACConfig)
        if not isinstance(model, GuidedVAEAC):
            return cls(model)
        guide = load_guide(beside(folder, cast(str, model.config.guide)), model.config.factors)
        return GuidedVAEACImputer(model.to(memory_format=torch.channels_last), guide)

    def condition(self, images: Tensor, missing: Tensor) -> ConditionalVAEAC:
        """Return the conditional distribution of a batch of images in [0, 1] with holes."""
        return self.model(as_seen(images, self.model.likelihood), missing)

    def predict(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Imputation:
        conditional, seed = self.condition(images, missing), generator.initial_seed()
        prior = conditional.prior

        def draw(count: int, generator: torch.Generator) -> Pixels:
            # The same noise of the latents for all rows, so that a row's answer does not depend on the others.
            white = torch.randn(count, 1, prior.mean.shape[1], generator=generator)
            return conditional.decode(prior.at(white.expand(-1, len(images), -1)))

        pixels = draw(self.SAMPLES, generator)
        drawn = pixels.mean.clamp(0, 1)  # with a guide it may be below 0
        mean = drawn.mean(0)
        between = (drawn - mean).square().sum(0) / (self.SAMPLES - 1)  # .var takes thirty times as long

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
            latents=LatentSpace(prior.mean.shape[1], decode),
        )


class GuidedVAEACImputer(VAEACImputer):
    """A trained guided VAEAC and its guide as an imputer."""

    limits = (
        "Its likelihood can only be estimated by sampling. Its samples vary in the principal shapes of a linear model of faces, "
        "given the visible pixels; finer detail is the network's mean given these shapes."
    )
    formula = "p(x_m | x_o) = ∫ p(x_m | z, x_o) p(z | x_o) dz, where z are the coordinates of a linear model's shapes"

    def __init__(self, model: GuidedVAEAC, guide: Guide):
        super().__init__(model)
        self.guide, self.latents = guide, model.config.latents

    def condition(self, images: Tensor, missing: Tensor) -> ConditionalVAEAC:
        """Return the conditional distribution of a batch of images in [0, 1] with holes, given their guidance."""
        return self.model(images, missing, self.guide.advise(images, missing, self.latents))
