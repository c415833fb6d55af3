"""Context encoder: an auto-encoder trained to fill holes (Pathak et al., 2016; AE-dynamics paper, section 4).

It has the auto-encoder's encoder and decoder, the mask as an extra channel, and the squared error inside the hole as its loss.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from dmfa_demo.imputation import Imputation, Imputer
from dmfa_demo.models.autoencoder import AutoencoderConfig, ConvolutionalDecoder, ConvolutionalEncoder
from dmfa_demo.networks.engine import graph
from dmfa_demo.networks.unet import observe
from dmfa_demo.storage.checkpoints import load_network


class ContextEncoder(nn.Module):
    """The network. `forward(images, missing)` returns the completed image `(B, C, H, W)` in [0, 1]."""

    def __init__(self, config: AutoencoderConfig):
        super().__init__()
        self.config = config
        self.encoder = ConvolutionalEncoder(config.channels + 1, config, config.latents)
        self.decoder = ConvolutionalDecoder(config)

    @graph("model")
    def forward(self, images: Tensor, missing: Tensor) -> Tensor:
        """Complete images `(B, C, H, W)` with missing `(B, 1, H, W)`; values under `missing` are ignored."""
        return self.decoder(self.encoder(observe(images, missing)))


class ContextEncoderImputer(Imputer):
    """A trained context encoder."""

    name = "context-encoder"
    title = "Context encoder"
    summary = "An auto-encoder trained to fill holes, with the squared error inside the hole as its loss."
    limits = "It gives one answer, an average over what is possible, which is blurred; everything passes through a few latents."
    formula = "x_m = f(x_o, mask)_m, with f trained on the squared error in the hole"
    citation = "Pathak et al.: Context encoders: feature learning by inpainting (2016)"
    url = "https://arxiv.org/abs/1604.07379"
    paper = "context encoder"
    colour = "#5b7a2a"

    def __init__(self, model: ContextEncoder):
        self.model, self.shape = model.eval(), model.config.shape

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(load_network(folder, ContextEncoder, AutoencoderConfig))

    def predict(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Imputation:
        return Imputation(mean=self.model(images, missing))
