"""Posterior matching: arbitrary conditioning for a variational auto-encoder that was trained without holes (Strauss and Oliva, 2022).

The auto-encoder has a posterior q(z | x) for complete images and a decoder p(x | z). A second encoder sees the visible pixels only. It
returns a mixture of Gaussians over the same latents, and learns to match the posterior (equation (5)),

    max E_x E_mask E_{z ~ q(z | x)} log r(z | x_o),

while the auto-encoder stays as it is. The answer decodes draws of the mixture:

    p(x_m | x_o) = E_{z ~ r(z | x_o)} p(x_m | z)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

import torch
from torch import Tensor, nn

from dmfa_demo.densities.diagonal_mixture import DiagonalMixture
from dmfa_demo.imputation import Imputation, Imputer
from dmfa_demo.models.autoencoder import AutoencoderConfig, ConvolutionalDecoder, ConvolutionalEncoder
from dmfa_demo.networks.engine import graph
from dmfa_demo.networks.unet import observe
from dmfa_demo.options import PositiveInt, Width
from dmfa_demo.storage.checkpoints import load_network


@dataclass(frozen=True)
class PosteriorMatchingConfig(AutoencoderConfig):
    """The shape of a variational auto-encoder, and of the encoder of visible pixels."""

    posterior: Literal["point", "gaussian"] = "gaussian"
    """gaussian, since only a variational auto-encoder has a posterior"""
    components: PositiveInt = 10
    """K, the number of Gaussians in the mixture over latents"""
    visible_widths: tuple[Width, ...] = (48, 96, 192)
    """channels after each convolution of the encoder of visible pixels, multiples of 8"""


class PosteriorMatching(nn.Module):
    """The encoder r of visible pixels, and the auto-encoder's decoder."""

    def __init__(self, config: PosteriorMatchingConfig):
        super().__init__()
        self.config = config
        outputs = config.components * (1 + 2 * config.latents)
        self.encoder = ConvolutionalEncoder(config.channels + 1, replace(config, widths=config.visible_widths), outputs)
        self.decoder = ConvolutionalDecoder(config)

    def forward(self, images: Tensor, missing: Tensor) -> DiagonalMixture:
        """Return r(z | x_o) for images `(B, C, H, W)` with missing `(B, 1, H, W)`; values under `missing` are ignored."""
        return DiagonalMixture.from_raw(self.encode(observe(images, missing)), self.config.components)

    @graph("visible")
    def encode(self, seen: Tensor) -> Tensor:
        """Map `(B, C + 1, H, W)` to a raw mixture `(B, K (1 + 2 d))`."""
        return self.encoder(seen)

    @graph("decoder")
    def decode(self, z: Tensor) -> Tensor:
        """Map latents `(B, d)` to the mean of every pixel `(B, C, H, W)`."""
        return self.decoder(z)


class PosteriorMatchingImputer(Imputer):
    """A trained encoder of visible pixels and its auto-encoder as an imputer."""

    name = "posterior-matching"
    title = "Posterior Matching"
    summary = "A variational auto-encoder that never saw a hole, and a second encoder that guesses its latents from the visible pixels."
    limits = (
        "All pixels come from a few latents, and the decoder sees no visible pixel, so its answer may not continue a stroke exactly where it "
        "ends."
    )
    formula = "p(x_m | x_o) = ∫ p(x_m | z) r(z | x_o) dz, where r matches the posterior q(z | x) of complete images"
    citation = "Strauss, Oliva: Posterior matching for arbitrary conditioning (2022)"
    url = "https://arxiv.org/abs/2201.12414"
    paper = None
    colour = "#a08600"
    has_samples = True
    shown_first = False

    # The number of samples in the mean, as for VAEAC.
    SAMPLES = 10

    def __init__(self, model: PosteriorMatching):
        self.model, self.shape = model.eval(), model.config.shape

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(load_network(folder, PosteriorMatching, PosteriorMatchingConfig))

    def predict(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Imputation:
        mixture, seed = self.model(images, missing), generator.initial_seed()

        def draw(count: int, generator: torch.Generator) -> Tensor:
            points = torch.rand(count, generator=generator)
            noise = torch.randn(count, mixture.parts.mean.shape[-1], generator=generator)
            z = mixture.at(points, noise)
            return self.model.decode(z.flatten(0, 1)).unflatten(0, z.shape[:2])

        drawn = draw(self.SAMPLES, generator)
        mean = drawn.mean(0)
        between = (drawn - mean).square().sum(0) / (self.SAMPLES - 1)
        deviation = self.model.config.deviation

        def sampler(count: int, noise: bool) -> Tensor:
            again = torch.Generator().manual_seed(seed)
            drawn = draw(count, again)
            return drawn + deviation * torch.randn(count, 1, *self.shape, generator=again) if noise else drawn

        return Imputation(mean=mean, marginal_variance=deviation**2 + between, sampler=sampler)
