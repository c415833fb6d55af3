"""Train the denoiser of diffusion on complete images: the squared error of x behind noise of a random level (Karras et al., 2022)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from dmfa_demo.data.datasets import load_split, to_float
from dmfa_demo.models.diffusion import DiffusionConfig, DiffusionNetwork, denoiser_of, to_signal
from train.engine.loop import LoopConfig
from train.engine.network_run import NetworkRunConfig, train_network
from train.engine.run import load_training


def _loop(**settings: Any) -> LoopConfig:
    return LoopConfig(batch_size=128, ema_decay=0.9995, **settings)


@dataclass(frozen=True)
class DiffusionTraining(NetworkRunConfig):
    """Diffusion: a denoiser of complete images."""

    network: DiffusionConfig = field(default_factory=DiffusionConfig)
    loop: LoopConfig = field(default_factory=lambda: _loop(steps=28_500, validate_every=7_500))

    method = "diffusion"
    without_effect = ("sampler", "levels", "repeats")
    recipes: ClassVar = {
        "fashion-mnist": {"loop": _loop(steps=25_500, validate_every=6_500)},
        # Stopped after 15,176 steps.
        "celeba": {
            "network": DiffusionConfig(widths=(48, 96, 192)),
            "loop": _loop(steps=17_000, validate_every=4_500, learning_rate=5e-4),
        },
    }


class DiffusionObjective(nn.Module):
    """The loss of a denoiser, weighted so that every level of noise counts alike (`KarrasDenoiser.loss` with given noise)."""

    def __init__(self, network: DiffusionNetwork):
        super().__init__()
        self.network = network

    def forward(self, images: Tensor, time: Tensor, noise: Tensor) -> Tensor:
        """Return the mean loss of images `(B, C, H, W)` in [0, 1] at times `(B,)` in [0, 1] with standard normal noise, shaped like the images."""
        denoiser, x = denoiser_of(self.network), to_signal(images)
        alpha, sigma = (scale.view(-1, 1, 1, 1) for scale in denoiser.schedule(time))
        found = denoiser(alpha * x + sigma * noise, time).mean.float()
        weight = (alpha / sigma).square() + 1
        return (weight * (found - x).square()).mean()


def train(config: DiffusionTraining) -> None:
    """Train, then write the checkpoint with its model card."""
    config.check_output()
    training = load_training(config)
    validation = load_split(config.dataset, "validation", config.data_root)

    def with_noise(images: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        time = torch.rand(len(images), generator=generator)
        return images, time, torch.randn(images.shape, generator=generator)

    def draw(rows: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        return with_noise(to_float(training.images[rows]), generator)

    def loss(network: nn.Module, step: int, *batch: Tensor) -> Tensor:
        return network(*batch)

    held_out = with_noise(to_float(validation.images[:2_000]), torch.Generator().manual_seed(1))

    @torch.inference_mode()
    def validate(network: nn.Module) -> dict[str, float]:
        device = next(network.parameters()).device
        parts = zip(*(tensor.to(device).split(200) for tensor in held_out))
        return {"validation": torch.stack([network(*part) for part in parts]).mean().item()}

    torch.manual_seed(config.loop.seed)
    objective = DiffusionObjective(DiffusionNetwork(config.network))
    train_network(config, objective, training, draw=draw, loss=loss, validate=validate, shipped=objective.network)
