"""Train an auto-encoder: plain, denoising, variational or Wasserstein."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dmfa_demo.data.datasets import load_split, to_float
from dmfa_demo.data.masks import mask_family
from dmfa_demo.densities.diagonal_gaussian import DiagonalGaussian
from dmfa_demo.models.autoencoder import Autoencoder, AutoencoderConfig
from dmfa_demo.options import NonNegativeFloat, NonNegativeInt
from train.engine.loop import LoopConfig
from train.engine.network_run import NetworkRunConfig, train_network
from train.engine.run import load_training

Kind = Literal["ae", "dae", "vae", "wae-mmd", "wae-gan"]


@dataclass(frozen=True)
class AutoencoderTraining(NetworkRunConfig):
    """An auto-encoder whose dynamics fill holes."""

    network: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(batch_size=64))
    kind: Kind = "ae"
    """plain, denoising, variational, Wasserstein with a kernel or with an adversary"""
    noise: NonNegativeFloat = 0.3
    """standard deviation of the noise that a denoising auto-encoder removes"""
    masks: str | None = None
    """a mask family: a denoising auto-encoder's noise is uniform, in these holes only, see `masking_noise`"""
    match: NonNegativeFloat = 10.0
    """weight of the match between latents and a standard normal in a Wasserstein auto-encoder"""
    labels: tuple[NonNegativeInt, ...] = ()
    """train on these classes only; on all by default"""

    method = "autoencoder"
    recipes: ClassVar = {
        "mnist": {
            "network": AutoencoderConfig(latents=64),
            "loop": LoopConfig(steps=15_000, batch_size=64),
            "kind": "dae",
        },
        "fashion-mnist": {
            "network": AutoencoderConfig(latents=64),
            "loop": LoopConfig(steps=12_000, batch_size=64),
            "kind": "dae",
        },
        "celeba": {
            "network": AutoencoderConfig(latents=128, widths=(32, 64, 128, 256)),
            "loop": LoopConfig(steps=6_000, batch_size=32, save_every=200),
            "kind": "dae",
            "masks": "square25*2+squares16-40*2+noise30-90+half+strokes",
        },
    }


class AutoencoderObjective(nn.Module):
    """The loss of each kind of auto-encoder."""

    def __init__(self, model: Autoencoder, kind: Kind, match: float):
        super().__init__()
        self.model, self.kind, self.match = model, kind, match
        if kind == "wae-gan":
            self.critic = Critic(model.config.latents)

    def forward(self, images: Tensor, seen: Tensor, latent_noise: Tensor) -> Tensor:
        """Return the mean loss of images `(B, C, H, W)`, which the encoder sees with noise, and standard normal noise `(B, d)`."""
        if self.kind == "vae":
            posterior = self.model.posterior(seen)
            everything = torch.ones_like(images[:, :1], dtype=torch.bool)
            fit = self.model.pixels(posterior.at(latent_noise[None])[0]).log_prob(images, everything)
            prior = DiagonalGaussian(torch.zeros_like(posterior.mean), torch.ones_like(posterior.mean))
            return (posterior.kl(prior) - fit).mean()
        z = self.model.encode(seen)
        error = (self.model.decode(z) - images).square().sum((1, 2, 3)).mean()
        if self.kind == "wae-mmd":
            return error + self.match * mmd(z, latent_noise)
        if self.kind == "wae-gan":
            return error + self.match * self.critic.loss(z, latent_noise)
        return error


def masking_noise(images: Tensor, missing: Tensor, generator: torch.Generator) -> Tensor:
    """Return images `(B, C, H, W)` whose missing pixels `(B, 1, H, W)` are mixed with uniform noise, by one random share per image.

    In half of the images nothing is left of these pixels, as at the start of a walk; the others are like later points of it. Masking
    noise is one of the corruptions of Vincent et al., *Stacked denoising autoencoders* (2010), section 3.3.
    """
    share = (2 * torch.rand(len(images), 1, 1, 1, generator=generator)).clamp(max=1)
    noise = torch.rand(images.shape, generator=generator)
    return torch.where(missing, images + share * (noise - images), images)


class Critic(nn.Module):
    """A critic that distinguishes encoded latents from normal ones, and that the encoder learns to deceive (MisConv paper, appendix A.3)."""

    def __init__(self, latents: int, width: int = 64, depth: int = 4):
        super().__init__()
        sizes = [latents, *[width] * depth]
        layers = [layer for a, b in zip(sizes, sizes[1:]) for layer in (nn.Linear(a, b), nn.ReLU())]
        self.layers = nn.Sequential(*layers, nn.Linear(width, 1))

    def loss(self, encoded: Tensor, normal: Tensor) -> Tensor:
        """Return the cross-entropy, which the critic minimises and, by gradient reversal, the encoder maximises (Ganin and Lempitsky, 2015)."""
        guess = self.layers(torch.cat([_reversed(encoded), normal]))[:, 0]
        truth = torch.cat([torch.zeros(len(encoded)), torch.ones(len(normal))]).to(guess)
        return F.binary_cross_entropy_with_logits(guess, truth)


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(context, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(context, gradient: Tensor) -> Tensor:
        return -gradient


_reversed = _Reversal.apply


def mmd(x: Tensor, y: Tensor) -> Tensor:
    """Return an unbiased squared maximum mean discrepancy of samples `(B, d)` of two distributions (Tolstikhin et al., 2018).

    The kernel is a sum of inverse multiquadratics C / (C + |x - y|^2), C = 2 d s, s from 0.1 to 10.
    """
    count, scales = len(x), 2 * x.shape[1] * x.new_tensor([0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0])[:, None, None]

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (scales / (scales + torch.cdist(a, b).square())).sum(0)

    def within(a: Tensor) -> Tensor:
        values = kernel(a, a)
        return (values.sum() - values.diagonal().sum()) / (count * (count - 1))

    return within(x) + within(y) - 2 * kernel(x, y).mean()


def train(config: AutoencoderTraining) -> None:
    """Train, then write the checkpoint with its model card."""
    if (config.kind == "vae") != (config.network.posterior == "gaussian"):
        raise ValueError("only a VAE has a Gaussian encoder: use --kind vae and --posterior gaussian together")
    if config.masks is not None and config.kind != "dae":
        raise ValueError("only a denoising auto-encoder has noise: use --kind dae with --masks, or omit --masks")
    config.check_output()
    training = load_training(config)
    validation = load_split(config.dataset, "validation", config.data_root)
    if config.labels:
        training, validation = training.only(config.labels), validation.only(config.labels)
    latents = config.network.latents

    def corrupt(images: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        seen, (height, width) = images, images.shape[-2:]
        if config.masks is not None:
            missing = mask_family(config.masks)(len(images), height, width, generator)
            seen = masking_noise(images, missing, generator)
        elif config.kind == "dae":
            seen = images + config.noise * torch.randn(images.shape, generator=generator)
        return images, seen, torch.randn(len(images), latents, generator=generator)

    def draw(rows: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        return corrupt(to_float(training.images[rows]), generator)

    def loss(network: nn.Module, step: int, *batch: Tensor) -> Tensor:
        return network(*batch)

    held_out = to_float(validation.images[:2_000])
    batch = corrupt(held_out, torch.Generator().manual_seed(1))

    @torch.inference_mode()
    def validate(network: nn.Module) -> dict[str, float]:
        device = next(network.parameters()).device
        images = held_out.to(device)
        error = (
            (cast(AutoencoderObjective, network).model.reconstruct(images) - images)
            .square()
            .sum((1, 2, 3))
            .mean()
            .item()
        )
        # The critic's part of a WAE-GAN's loss rises and falls, so validation uses the error.
        chosen = error if config.kind == "wae-gan" else network(*(one.to(device) for one in batch)).item()
        return {"validation": chosen, "sse": error}

    torch.manual_seed(config.loop.seed)
    objective = AutoencoderObjective(Autoencoder(config.network), config.kind, config.match)
    train_network(config, objective, training, draw=draw, loss=loss, validate=validate, shipped=objective.model)
