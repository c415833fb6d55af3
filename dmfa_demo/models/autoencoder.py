"""Auto-encoders: an encoder f to a small latent space, a decoder g back, r = g o f.

Plain, denoising, variational and Wasserstein auto-encoders differ in how they are trained (train/methods/autoencoder.py) and, for the
variational one, in an encoder that returns a Gaussian. Encoder and decoder are strided convolutions with a linear layer to and
from the latents (Tolstikhin et al., 2018, appendix F), with group instead of batch normalisation, so that no image depends on
the others in its batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from dmfa_demo.densities.diagonal_gaussian import DiagonalGaussian
from dmfa_demo.densities.pixels import Pixels
from dmfa_demo.imputation import ImageShape
from dmfa_demo.networks.engine import graph
from dmfa_demo.options import PositiveFloat, PositiveInt, Width


@dataclass(frozen=True)
class AutoencoderConfig(ImageShape):
    """The shape of an auto-encoder."""

    latents: PositiveInt = 32
    """d"""
    widths: tuple[Width, ...] = (32, 64, 128)
    """channels after each convolution, which halves the resolution; multiples of 8"""
    posterior: Literal["point", "gaussian"] = "point"
    """what the encoder returns; gaussian for a VAE"""
    deviation: PositiveFloat = 0.1
    """standard deviation of a pixel around the decoder's mean, for the density"""


class Autoencoder(nn.Module):
    """An encoder f and a decoder g. All maps treat rows independently."""

    def __init__(self, config: AutoencoderConfig):
        super().__init__()
        self.config = config
        outputs = config.latents * (2 if config.posterior == "gaussian" else 1)
        self.encoder = ConvolutionalEncoder(config.channels, config, outputs)
        self.decoder = ConvolutionalDecoder(config)

    def forward(self, images: Tensor) -> Pixels:
        """Reconstruct images `(B, C, H, W)`: r(x) with its deviation."""
        return self.pixels(self.encode(images))

    @graph("encoder")
    def encode(self, images: Tensor) -> Tensor:
        """Apply f: `(B, C, H, W)` -> latents `(B, d)`; the mean of a Gaussian encoder."""
        return self.encoder(images)[:, : self.config.latents]

    def posterior(self, images: Tensor) -> DiagonalGaussian:
        """Return the Gaussian over latents of a Gaussian encoder."""
        return DiagonalGaussian.from_raw(self.encoder(images))

    @graph("decoder")
    def decode(self, z: Tensor) -> Tensor:
        """Apply g: latents `(B, d)` -> `(B, C, H, W)` in [0, 1]."""
        return self.decoder(z)

    def pixels(self, z: Tensor) -> Pixels:
        """Return p(x | z): `decode` with the deviation around it."""
        mean = self.decode(z)
        return Pixels(mean, torch.full_like(mean, self.config.deviation))

    def reconstruct(self, images: Tensor) -> Tensor:
        """Apply r = g o f: `(B, C, H, W)` -> the same shape."""
        return self.decode(self.encode(images))


class ConvolutionalEncoder(nn.Sequential):
    """An encoder from images with `in_channels` to `outputs` numbers."""

    def __init__(self, in_channels: int, config: AutoencoderConfig, outputs: int):
        channels = [in_channels, *config.widths]
        levels = [
            layer
            for a, b in zip(channels, config.widths)
            for layer in (nn.Conv2d(a, b, 4, stride=2, padding=1), nn.GroupNorm(8, b), nn.ReLU())
        ]
        rows, columns = _sizes(config)[-1]
        super().__init__(*levels, nn.Flatten(), nn.Linear(config.widths[-1] * rows * columns, outputs))


class ConvolutionalDecoder(nn.Sequential):
    """A decoder from latents to images, with the encoder's sizes in reverse."""

    def __init__(self, config: AutoencoderConfig):
        (rows, columns), channels = _sizes(config)[-1], [*reversed(config.widths), config.widths[0]]
        levels: list[nn.Module] = [
            nn.Linear(config.latents, channels[0] * rows * columns),
            nn.Unflatten(1, (channels[0], rows, columns)),
        ]
        targets = list(reversed(_sizes(config)[:-1]))
        for a, b, (height, width) in zip(channels, channels[1:], targets):
            extra = height % 2, width % 2
            grow = nn.ConvTranspose2d(a, b, 4, stride=2, padding=1, output_padding=extra)
            levels += [nn.GroupNorm(8, a), nn.ReLU(), grow]
        levels += [nn.GroupNorm(8, channels[-1]), nn.ReLU(), nn.Conv2d(channels[-1], config.channels, 3, padding=1), nn.Sigmoid()]  # fmt: skip
        super().__init__(*levels)


def _sizes(config: AutoencoderConfig) -> list[tuple[int, int]]:
    """Return height and width of the image and of each level, finest first."""
    sizes = [(config.height, config.width)]
    for _ in config.widths:
        sizes.append((sizes[-1][0] // 2, sizes[-1][1] // 2))
    return sizes
