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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dmfa_demo.densities.diagonal_gaussian import DiagonalGaussian
from dmfa_demo.densities.guide import Guidance, Guide
from dmfa_demo.densities.pixels import Likelihood, Pixels, as_seen
from dmfa_demo.imputation import ImageShape, Imputation, Imputer, Latents, flatten, hide
from dmfa_demo.models.guided import GuidedConfig, load_guide
from dmfa_demo.models.guided_vaeac import GuidedGenerator, GuidedPrior
from dmfa_demo.networks.unet import Decoder, Encoder, ResidualBlock, observe, to_pixels
from dmfa_demo.options import NonNegativeInt, PositiveFloat, PositiveInt, Width
from dmfa_demo.storage.checkpoints import beside, load_network

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
    guide: str | None = None
    """the checkpoint beside this one that guides it, an MFA of one component, see guided_vaeac.py"""
    factors: PositiveInt = 600
    """so many of the guide's factors, the strongest first"""


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

    def forward(self, images: Tensor, missing: Tensor, guidance: Guidance | None = None) -> ConditionalVAEAC:
        """images `(B, C, H, W)`, missing `(B, 1, H, W)`; what lies under `missing` reaches no network, and no guide is needed."""
        raw, passed = self.prior(observe(images, missing))
        return ConditionalVAEAC(self, DiagonalGaussian.from_raw(raw), passed)

    def propose(
        self, images: Tensor, missing: Tensor, absent: Tensor, guidance: Guidance | None = None
    ) -> DiagonalGaussian:
        """The latents given the whole image; `absent` pixels are never known (section 4.3.3)."""
        masks = torch.cat([missing, absent], 1).to(images)
        return DiagonalGaussian.from_raw(self.proposal(torch.cat([hide(images, absent), masks], 1)))

    def decode(self, z: Tensor, passed: tuple[Tensor, ...], guidance: Guidance | None) -> Pixels:
        """The pixels given latents z `(S, B, d)` and what the prior network passed on of the B rows."""
        raw = self.generator(z.flatten(0, 1), passed)
        return Pixels.from_raw(raw.unflatten(0, z.shape[:2]), self.likelihood, self.deviation_floor)


class GuidedVAEAC(VAEAC):
    """A VAEAC whose latents are the coordinates of a guide's shapes, see guided_vaeac.py.

    Raises:
        ValueError: for images that are not grey levels, or more latents than the guide has factors.
    """

    def __init__(self, config: VAEACConfig):
        if config.likelihood != "gaussian":
            raise ValueError("a guide expects grey levels; leave --likelihood bernoulli or --guide away")
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
        """images `(B, C, H, W)`, missing `(B, 1, H, W)`, and what the guide says of them, with its shapes."""
        prior, passed = self.prior(images, missing, guidance)
        return ConditionalVAEAC(model=self, prior=prior, passed=passed, guidance=guidance)

    def propose(
        self, images: Tensor, missing: Tensor, absent: Tensor, guidance: Guidance | None = None
    ) -> DiagonalGaussian:
        """The latents given the whole image, of which no pixel may be absent."""
        return cast(Guidance, guidance).recognise(flatten(images), missing)

    def decode(self, z: Tensor, passed: tuple[Tensor, ...], guidance: Guidance | None) -> Pixels:
        """The pixels given latents z `(S, B, d)` and what the prior network passed on of the B rows."""
        assert guidance is not None and guidance.shapes is not None
        painted = guidance.shapes.paint(z)  # (S, B, n)
        raw = self.generator(painted.flatten(0, 1), passed).unflatten(0, z.shape[:2])  # (S, B, 3, C, H, W)
        pixels, trust = Pixels.from_raw(raw, self.likelihood, self.deviation_floor), raw[:, :, 2].float().sigmoid()
        linear = (guidance.mean + painted).view_as(pixels.mean)
        return replace(pixels, mean=linear + trust * (pixels.mean - linear))

    def begin_from(self, tensors: dict[str, Tensor]) -> None:
        """Take over what a guided DMFA of the same widths and blocks has learnt, from its state.

        The prior network is then that DMFA, and the generator mixes its mean with each draw of the guide.

        Raises:
            ValueError: when it is of another shape.
        """
        network = cast(GuidedPrior, self.prior).network
        try:
            network.load_state_dict(tensors)
        except RuntimeError as error:
            reason = str(error).splitlines()[-1].strip()
            raise ValueError(f"a VAEAC of these widths cannot begin from that guided DMFA: {reason:.200}") from None
        cast(GuidedGenerator, self.generator).begin_from(network)


def image_vaeac(config: VAEACConfig) -> VAEAC:
    """A VAEAC of three convolutional networks, the generator a U-Net's way up beside the prior's way down, or one with a guide."""
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
        guidance: what the guide says, if the model has one.
    """

    model: VAEAC
    prior: DiagonalGaussian
    passed: tuple[Tensor, ...]
    guidance: Guidance | None = None

    def decode(self, z: Tensor) -> Pixels:
        """The pixels given latents z `(S, B, d)`, all S x B in one pass."""
        return self.model.decode(z, self.passed, self.guidance)

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
        proposal, scored = self.model.propose(x, missing, absent, self.guidance), missing & ~absent

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
    def load(cls, folder: Path) -> VAEACImputer:
        model = load_network(folder, image_vaeac, VAEACConfig)
        if not isinstance(model, GuidedVAEAC):
            return cls(model)
        guide = load_guide(beside(folder, cast(str, model.config.guide)), model.config.factors)
        return GuidedVAEACImputer(model.to(memory_format=torch.channels_last), guide)

    def condition(self, images: Tensor, missing: Tensor) -> ConditionalVAEAC:
        """The conditional distribution of a batch of images in [0, 1] with holes."""
        return self.model(as_seen(images, self.model.likelihood), missing)

    def predict(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Imputation:
        conditional, seed = self.condition(images, missing), generator.initial_seed()
        prior = conditional.prior

        def draw(count: int, generator: torch.Generator) -> Pixels:
            # The same latents' noise for all rows, so that a row's answer does not depend on the others.
            white = torch.randn(count, 1, prior.mean.shape[1], generator=generator)
            return conditional.decode(prior.at(white.expand(-1, len(images), -1)))

        pixels = draw(self.SAMPLES, generator)
        drawn = pixels.mean.clamp(0, 1)  # with a guide it may be darker than black
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
            latents=Latents(prior.mean.shape[1], decode),
        )


class GuidedVAEACImputer(VAEACImputer):
    """A trained guided VAEAC and its guide as an imputer."""

    limits = (
        "Its likelihood is only known by sampling. What varies between its samples are the shapes by which a linear model of whole faces "
        "differs from its own expectation; finer detail is what the network expects beside these."
    )
    formula = "p(x_m | x_o) = ∫ p(x_m | z, x_o) p(z | x_o) dz, where z are coordinates of shapes in which a linear model may fill the hole"

    def __init__(self, model: GuidedVAEAC, guide: Guide):
        super().__init__(model)
        self.guide, self.latents = guide, model.config.latents

    def condition(self, images: Tensor, missing: Tensor) -> ConditionalVAEAC:
        """The conditional distribution of a batch of images in [0, 1] with holes, given what the guide says of them."""
        return self.model(images, missing, self.guide.advise(images, missing, self.latents))
