"""WAE: a Wasserstein auto-encoder that learns from images with holes (MisConv paper, section 4 and appendix A.3).

    image + missing mask  ->  treatment  ->  encoder  ->  latents z  ->  decoder  ->  the whole image

The encoder is the network of a classifier (classifier.py) with d outputs in place of classes, so each treatment of missing pixels
works in it unchanged. In training the squared error is taken over the observed pixels only, and an adversary draws the latents towards a
standard normal distribution. New images are decoded from a mixture of Gaussians fitted to the latents of training images, since the
adversary succeeds only roughly (Ghosh et al., *From variational to deterministic autoencoders*, 2020, section 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from dmfa_demo.imputation import ImageShape, Imputation, Imputer, check
from dmfa_demo.models.autoencoder import AutoencoderConfig, ConvolutionalDecoder
from dmfa_demo.models.classifier import CLASSIFIERS, Classifier, ClassifierConfig, believe_all, load_source_beside
from dmfa_demo.networks.engine import graph
from dmfa_demo.options import PositiveInt, Width
from dmfa_demo.storage.checkpoints import ROOT, fill, is_usable, load_checkpoint, load_chosen

# K, the number of Gaussians in the distribution of latents.
COMPONENTS = 10


@dataclass(frozen=True)
class WAEConfig(ImageShape):
    """The shape of a WAE, its treatment of missing pixels and the source of its imputations."""

    treatment: str = "misconv-dmfa"
    """the treatment of missing pixels, a key of `CLASSIFIERS`"""
    source: str = ""
    """the sibling checkpoint that provides imputations or the density; empty for treatments that need none"""
    latents: PositiveInt = 20
    """d"""
    widths: tuple[Width, ...] = (32, 64, 128)
    """channels at each resolution, finest first"""
    hidden: PositiveInt = 128
    """outputs of the encoder's first linear layer"""

    @property
    def encoder(self) -> ClassifierConfig:
        """The shape of the encoder."""
        return ClassifierConfig(
            *self.shape,
            classes=self.latents,
            halvings=len(self.widths) - 1,
            widths=self.widths,
            hidden=self.hidden,
            source=self.source,
        )

    @property
    def decoder(self) -> AutoencoderConfig:
        """The shape of the decoder."""
        return AutoencoderConfig(*self.shape, latents=self.latents, widths=self.widths[1:])


class Decoder(ConvolutionalDecoder):
    """The decoder g, which ONNX Runtime can compute."""

    @graph("decoder")
    def forward(self, z: Tensor) -> Tensor:
        """Map latents `(B, d)` to images `(B, C, H, W)` in [0, 1]."""
        return super().forward(z)


class WAENetwork(nn.Module):
    """An encoder for a treatment of missing pixels, a decoder, and the distribution of latents: a mixture of `COMPONENTS` Gaussians.

    Attributes:
        weights, means: `(K,)` and `(K, d)`.
        scales: `(K, d, d)`, lower triangular Cholesky factors of the covariances.
    """

    weights: Tensor
    means: Tensor
    scales: Tensor

    def __init__(self, encoder: nn.Module, decoder: nn.Module, latents: int):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.register_buffer("weights", torch.full((COMPONENTS,), 1 / COMPONENTS))
        self.register_buffer("means", torch.zeros(COMPONENTS, latents))
        self.register_buffer("scales", torch.eye(latents).repeat(COMPONENTS, 1, 1))

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Return draws of the latents `(count, d)`."""
        rows = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        white = torch.randn(count, self.means.shape[1], generator=generator)
        return self.means[rows] + torch.einsum("nij,nj->ni", self.scales[rows], white)


class WAE:
    """A WAE with its treatment of missing pixels.

    Attributes:
        treatment: prepares the encoder's inputs; its network is the encoder.
        network: the encoder and the decoder.
    """

    name = "wae"
    title = "WAE"
    summary = (
        "An auto-encoder that learns from images with holes and paints whole images, also new ones from random latents."
    )
    limits = "Everything passes through a few latents, so it also repaints the visible pixels, smoother than they are."
    formula = "x ≈ g(f(x_o, mask)), with the squared error over the visible pixels only; new images are g(z) for latents z drawn like those of training images"
    citation = "Tolstikhin, Bousquet, Gelly, Schölkopf: Wasserstein auto-encoders (2018)"
    url = "https://arxiv.org/abs/1711.01558"

    def __init__(self, config: WAEConfig, source: Imputer | None):
        self.config = config
        self.treatment: Classifier = CLASSIFIERS[config.treatment](config.encoder, source)
        self.network = WAENetwork(self.treatment.network, Decoder(config.decoder), config.latents)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load the trained WAE in a folder, and its source from a sibling folder."""
        config, tensors = load_checkpoint(folder, WAEConfig)
        kind = CLASSIFIERS[config.treatment]
        wae = cls(config, load_source_beside(kind, folder, config.source))
        fill(wae.network, tensors, folder)
        return wae

    def encode(self, network: WAENetwork, *prepared: Tensor) -> Tensor:
        """Return the latents `(B, d)` of the treatment's inputs, computed by `network`, its own or one in training."""
        return self.treatment.logits(network.encoder, *prepared)

    @torch.inference_mode()
    def reconstruct(self, images: Tensor, missing: Tensor, belief: Imputation | None = None) -> Tensor:
        """Return g(f(x)), the whole image `(B, C, H, W)` as the decoder paints it, visible pixels included.

        Args:
            images: float32 `(B, C, H, W)` in [0, 1]; values under `missing` are ignored, unless the treatment takes complete images.
            missing: bool `(B, 1, H, W)`.
            belief: what the source believes, if already computed.

        Raises:
            ValueError: If an argument breaks the contract or has another size.
        """
        check(images, missing)
        if images.shape[1:] != self.config.shape:
            raise ValueError(f"this WAE takes images of (C, H, W) = {self.config.shape}, got {tuple(images.shape[1:])}")
        belief = belief or self.treatment.believe(images, missing)
        return self.network.decoder(self.encode(self.network, *self.treatment.prepare(images, missing, belief)))

    @torch.inference_mode()
    def dream(self, count: int, generator: torch.Generator) -> Tensor:
        """Return `count` images `(count, C, H, W)` decoded from draws of the distribution of latents."""
        return self.network.decoder(self.network.draw(count, generator))


def folder_of(treatment: str) -> str:
    """Return the name of a WAE's checkpoint folder, beside those of the methods."""
    return f"wae-{treatment}"


def available_waes(dataset: str) -> list[str]:
    """Return the treatments whose WAE has a checkpoint for `dataset`, in the page's order."""
    return [name for name in CLASSIFIERS if is_usable(ROOT / dataset / folder_of(name))]


@cache
def load_wae(treatment: str, dataset: str) -> WAE:
    """Load the trained WAE with a treatment of missing pixels from the repository's checkpoints, once per process.

    Raises:
        ValueError: If it does not exist; the message lists those available.
    """
    return load_chosen(
        treatment,
        kind="WAE",
        dataset=dataset,
        known=available_waes(dataset),
        load=WAE.load,
        folder=ROOT / dataset / folder_of(treatment),
    )


def reconstruct_all(waes: Sequence[WAE], images: Tensor, missing: Tensor) -> list[Tensor]:
    """Return each WAE's reconstruction `(B, C, H, W)`, in order; a source that several share runs once."""
    beliefs = believe_all([wae.treatment for wae in waes], images, missing)
    return [wae.reconstruct(images, missing, belief) for wae, belief in zip(waes, beliefs)]
