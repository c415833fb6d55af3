"""Context encoder: an auto-encoder trained to fill holes (Pathak et al., 2016; AE-dynamics paper, section 4).

It has the auto-encoder's encoder and decoder, the mask as an extra channel, and the squared error inside the hole as its loss. With
skip connections, which the papers do not have, it is a U-Net whose coarsest level passes through the latents.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dmfa_demo.imputation import Imputation, Imputer
from dmfa_demo.models.autoencoder import AutoencoderConfig, ConvolutionalDecoder, ConvolutionalEncoder
from dmfa_demo.networks.engine import graph
from dmfa_demo.networks.unet import UNet, observe, to_pixels
from dmfa_demo.storage.checkpoints import load_network


@dataclass(frozen=True)
class ContextEncoderConfig(AutoencoderConfig):
    """The shape of a context encoder."""

    skips: bool = False
    """skip connections: the decoder also receives the encoder's features of each level, so that not everything passes through the
    latents; the finest level then has one position per 2 x 2 block of pixels"""


class ContextEncoder(nn.Module):
    """The network. `forward(images, missing)` returns the completed image `(B, C, H, W)` in [0, 1]."""

    def __init__(self, config: ContextEncoderConfig):
        super().__init__()
        self.config = config
        if config.skips:
            self.unet = UNetWithLatents(config)
        else:
            self.encoder = ConvolutionalEncoder(config.channels + 1, config, config.latents)
            self.decoder = ConvolutionalDecoder(config)

    @graph("model")
    def forward(self, images: Tensor, missing: Tensor) -> Tensor:
        """Complete images `(B, C, H, W)` with missing `(B, 1, H, W)`; values under `missing` are ignored."""
        seen = observe(images, missing)
        return self.unet(seen) if self.config.skips else self.decoder(self.encoder(seen))


class UNetWithLatents(nn.Module):
    """A U-Net with one residual block per level, and latents of the whole image beside its coarsest level."""

    # The features of the coarsest level are squeezed to this share of their channels before the linear layer.
    SQUEEZE = 4

    def __init__(self, config: ContextEncoderConfig):
        super().__init__()
        self.config = config
        width, side = config.widths[-1], UNet.BLOCK << (len(config.widths) - 1)
        rows, columns = -(-config.height // side), -(-config.width // side)
        self.unet = UNet(config.channels + 1, config.widths, blocks=1)
        squeezed = width // self.SQUEEZE
        self.encode = nn.Sequential(
            nn.GroupNorm(8, width),
            nn.SiLU(),
            nn.Conv2d(width, squeezed, 1),
            nn.Flatten(),
            nn.Linear(squeezed * rows * columns, config.latents),
        )
        self.decode = nn.Sequential(
            nn.SiLU(), nn.Linear(config.latents, width * rows * columns), nn.Unflatten(1, (width, rows, columns))
        )
        self.norm = nn.GroupNorm(8, config.widths[0])
        self.head = nn.Conv2d(config.widths[0], config.channels * UNet.BLOCK**2, 1)

    def forward(self, seen: Tensor) -> Tensor:
        """Map `(B, C + 1, H, W)` to images `(B, C, H, W)` in [0, 1]."""
        *levels, coarsest = self.unet.encode(seen)
        coarsest = coarsest + self.decode(self.encode(coarsest))
        features = F.silu(self.norm(self.unet.decode([*levels, coarsest])))
        return to_pixels(self.head(features), self.config.height, self.config.width).sigmoid()


class ContextEncoderImputer(Imputer):
    """A trained context encoder."""

    name = "context-encoder"
    title = "Context encoder"
    summary = "An auto-encoder trained to fill holes, with the squared error inside the hole as its loss."
    limits = (
        "It gives one answer, an average over what is possible, which is blurred. On digits and clothes everything passes through a few "
        "latents; on faces, skip connections keep what is near the hole sharp."
    )
    formula = "x_m = f(x_o, mask)_m, with f trained on the squared error in the hole"
    citation = "Pathak et al.: Context encoders: feature learning by inpainting (2016)"
    url = "https://arxiv.org/abs/1604.07379"
    paper = "context encoder"
    colour = "#5b7a2a"

    def __init__(self, model: ContextEncoder):
        self.model, self.shape = model.eval(), model.config.shape

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(load_network(folder, ContextEncoder, ContextEncoderConfig))

    def predict(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Imputation:
        return Imputation(mean=self.model(images, missing))
