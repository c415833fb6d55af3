"""Train posterior matching: an encoder of visible pixels learns the posterior of a trained variational auto-encoder (Strauss and Oliva, 2022)."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from dmfa_demo import metrics
from dmfa_demo.data.datasets import load_split, to_float
from dmfa_demo.data.masks import mask_family
from dmfa_demo.models.autoencoder import Autoencoder, AutoencoderConfig
from dmfa_demo.models.posterior_matching import PosteriorMatching, PosteriorMatchingConfig, PosteriorMatchingImputer
from dmfa_demo.storage.checkpoints import beside, digest, load_network
from train.engine.loop import LoopConfig
from train.engine.network_run import NetworkRunConfig, fit_network
from train.engine.run import finish, load_training
from train.methods.vaeac import ANY_HOLE


@dataclass(frozen=True)
class PosteriorMatchingTraining(NetworkRunConfig):
    """Posterior matching, an encoder of visible pixels for a variational auto-encoder."""

    network: PosteriorMatchingConfig = field(default_factory=PosteriorMatchingConfig)
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=14_000, batch_size=64, validate_every=2_000))
    vae: str = "vae"
    """the sibling checkpoint of the variational auto-encoder, with the same latents, widths and deviation"""
    masks: str = ANY_HOLE
    """the mask family in training, see dmfa_demo/data/masks.py"""

    method = "posterior-matching"

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.vae,)


class MatchingObjective(nn.Module):
    """The loss of an encoder of visible pixels.

    Args:
        model: the encoder, with a copy of the auto-encoder's decoder.
        vae: the auto-encoder, which stays as it is.
    """

    def __init__(self, model: PosteriorMatching, vae: Autoencoder):
        super().__init__()
        self.model, self.vae = model, vae.requires_grad_(False)
        model.decoder.load_state_dict(vae.decoder.state_dict())
        model.decoder.requires_grad_(False)

    def forward(self, images: Tensor, missing: Tensor, noise: Tensor) -> Tensor:
        """Return -log r(z | x_o) of each image in nats, `(B,)`, for a draw z of q(z | x) made of standard normal noise `(B, d)`."""
        with torch.no_grad():
            z = self.vae.posterior(images).at(noise[None])[0]
        return -self.model(images, missing).log_prob(z)


def load_vae(folder: Path, shape: PosteriorMatchingConfig) -> Autoencoder:
    """Load a variational auto-encoder.

    Raises:
        ValueError: If the checkpoint is that of another auto-encoder, or of another shape.
    """
    vae = load_network(folder, Autoencoder, AutoencoderConfig)
    for option in fields(AutoencoderConfig):
        here, there = getattr(shape, option.name), getattr(vae.config, option.name)
        if here != there:
            raise ValueError(
                f"{folder} has {option.name} {there}, not {here}; name a variational auto-encoder with --vae, or change --{option.name}"
            )
    return vae


def train(config: PosteriorMatchingTraining) -> None:
    """Train, then write the checkpoint with its model card."""
    config.check_output()
    folder = beside(config.checkpoint, config.vae)
    vae = load_vae(folder, config.network)
    training = load_training(config)
    validation = load_split(config.dataset, "validation", config.data_root)
    family, (height, width) = mask_family(config.masks), training.images.shape[-2:]

    def batch(images: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        noise = torch.randn(len(images), config.network.latents, generator=generator)
        return images, family(len(images), height, width, generator), noise

    def draw(rows: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        return batch(to_float(training.images[rows]), generator)

    def loss(network: nn.Module, step: int, *tensors: Tensor) -> Tensor:
        return network(*tensors).mean()

    images, missing, noise = batch(to_float(validation.images[:2_000]), torch.Generator().manual_seed(1))

    @torch.no_grad()  # not inference mode, in which moved weights could not be trained further
    def validate(network: nn.Module) -> dict[str, float]:
        device = next(network.parameters()).device
        bound = network(*(one.to(device) for one in (images, missing, noise))).mean().item()
        answer = PosteriorMatchingImputer(cast(PosteriorMatching, network.model).cpu()).impute(
            images[:500], missing[:500], seed=0
        )
        network.to(device)
        return {"validation": bound, "psnr_image": metrics.psnr_image(answer.mean, images[:500]).mean().item()}

    torch.manual_seed(config.loop.seed)
    objective = MatchingObjective(PosteriorMatching(config.network), vae)
    seconds = fit_network(config, objective, training, draw=draw, loss=loss, validate=validate, source=digest(folder))
    finish(config, objective.model.state_dict(), seconds=seconds, training=training)
