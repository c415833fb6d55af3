"""MIWAE: a variational auto-encoder trained on incomplete images only (Mattei and Frellsen, 2019).

The encoder sees the visible pixels; training maximises the importance-weighted bound of their likelihood alone,

    E log (1 / K) sum_k p(x_o | z_k) p(z_k) / q(z_k | x_o),    z_k ~ q(z | x_o)

so no image ever needs to be complete. The same weights, normalised, answer for the missing pixels:

    E[x_m | x_o] = sum_k w_k E[x_m | z_k]
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dmfa_demo.densities.diagonal_gaussian import DiagonalGaussian
from dmfa_demo.densities.pixels import Pixels
from dmfa_demo.imputation import Imputation, Imputer
from dmfa_demo.models.autoencoder import AutoencoderConfig, ConvolutionalDecoder, ConvolutionalEncoder
from dmfa_demo.networks.engine import graph
from dmfa_demo.networks.unet import observe
from dmfa_demo.options import PositiveFloat
from dmfa_demo.storage.checkpoints import load_network


@dataclass(frozen=True)
class MIWAEConfig(AutoencoderConfig):
    """The shape of a MIWAE; `deviation` is that of a pixel at the start of training."""

    deviation_floor: PositiveFloat = 0.05
    """the smallest standard deviation of a pixel, in units of pixel values"""


class MIWAE(nn.Module):
    """An encoder from visible pixels to a Gaussian over latents, and a decoder to pixels with one learned deviation."""

    def __init__(self, config: MIWAEConfig):
        super().__init__()
        self.config = config
        self.encoder = ConvolutionalEncoder(config.channels + 1, config, 2 * config.latents)
        self.decoder = ConvolutionalDecoder(config)
        self.raw_deviation = nn.Parameter(torch.tensor(math.log(math.expm1(config.deviation))))

    def forward(self, images: Tensor, missing: Tensor) -> DiagonalGaussian:
        """Return q(z | x_o) for images `(B, C, H, W)` with missing `(B, 1, H, W)`; values under `missing` are ignored."""
        return DiagonalGaussian.from_raw(self.encode(observe(images, missing)))

    @graph("encoder")
    def encode(self, seen: Tensor) -> Tensor:
        """Map `(B, C + 1, H, W)` to raw latents `(B, 2 d)`."""
        return self.encoder(seen)

    @graph("decoder")
    def decode(self, z: Tensor) -> Tensor:
        """Map latents `(B, d)` to the mean of every pixel `(B, C, H, W)`."""
        return self.decoder(z)

    def pixels(self, z: Tensor) -> Pixels:
        """Return p(x | z) for latents `(..., d)`."""
        mean = self.decode(z.flatten(0, -2)).unflatten(0, z.shape[:-1])
        return Pixels(mean, (F.softplus(self.raw_deviation) + self.config.deviation_floor).expand_as(mean))

    def weigh(self, images: Tensor, missing: Tensor, noise: Tensor) -> tuple[Tensor, Pixels]:
        """Return the unnormalised log-weights `(K, B)` of K draws of the latents, and their pixels.

        Args:
            noise: standard normal draws `(K, B, d)`.
        """
        proposal = self(images, missing)
        z = proposal.at(noise)
        pixels = self.pixels(z)
        prior = DiagonalGaussian(torch.zeros_like(proposal.mean), torch.ones_like(proposal.mean))
        return pixels.log_prob(images, ~missing) + prior.log_prob(z) - proposal.log_prob(z), pixels

    def bound(self, images: Tensor, missing: Tensor, noise: Tensor) -> Tensor:
        """Return the importance-weighted bound of log p(x_o) in nats, `(B,)`; `noise` is `(K, B, d)`."""
        log_weights, _ = self.weigh(images, missing, noise)
        return log_weights.logsumexp(0) - math.log(len(noise))


class MIWAEImputer(Imputer):
    """A trained MIWAE as an imputer."""

    name = "miwae"
    title = "MIWAE"
    summary = "A variational auto-encoder that never saw a complete image: it weighs random completions by how well they fit what is visible."
    limits = (
        "Few of its draws fit a picture well when much is visible, so its samples differ little. It describes an image by a few latents, "
        "and blurs what they do not hold."
    )
    formula = "E[x_m | x_o] = Σₖ wₖ E[x_m | zₖ], with wₖ ∝ p(x_o | zₖ) p(zₖ) / q(zₖ | x_o)"
    citation = "Mattei, Frellsen: MIWAE: Deep generative modelling and imputation of incomplete data sets (2019)"
    url = "https://arxiv.org/abs/1812.02633"
    paper = None
    colour = "#6d7f1f"
    has_samples = True
    shown_first = False

    # K, the number of draws that are weighed.
    DRAWS = 100

    def __init__(self, model: MIWAE):
        self.model, self.shape = model.eval(), model.config.shape

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(load_network(folder, MIWAE, MIWAEConfig))

    def predict(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Imputation:
        seed = generator.initial_seed()
        # The same noise for all rows, so that a row's answer does not depend on the others.
        noise = torch.randn(self.DRAWS, 1, self.model.config.latents, generator=generator)
        log_weights, pixels = self.model.weigh(images, missing, noise.expand(-1, len(images), -1))
        weights = log_weights.softmax(0)  # (K, B)
        share = weights[..., None, None, None]
        mean = (share * pixels.mean).sum(0)
        between = (share * (pixels.mean - mean).square()).sum(0)

        def sampler(count: int, noise: bool) -> Tensor:
            again = torch.Generator().manual_seed(seed)
            points = torch.rand(count, generator=again)
            # The draw at each point of the cumulative weights, with the same points for all rows.
            chosen = (weights.cumsum(0)[None] < points[:, None, None]).sum(1).clamp(max=len(weights) - 1)  # (S, B)
            drawn = pixels.mean[chosen, torch.arange(len(images))]
            if not noise:
                return drawn
            white = torch.randn(count, 1, *images.shape[1:], generator=again)
            return drawn + pixels.variance[:1].sqrt() * white

        return Imputation(mean=mean, marginal_variance=pixels.variance[0] + between, sampler=sampler)
