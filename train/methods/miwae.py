"""Train MIWAE: maximise an importance-weighted bound of the likelihood of the visible pixels (Mattei and Frellsen, 2019, section 2.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor, nn

from dmfa_demo import metrics
from dmfa_demo.data.datasets import load_split, to_float
from dmfa_demo.data.masks import mask_family
from dmfa_demo.imputation import flatten, flatten_missing
from dmfa_demo.models.miwae import MIWAE, MIWAEConfig, MIWAEImputer
from dmfa_demo.options import PositiveInt
from train.engine.loop import LoopConfig
from train.engine.network_run import NetworkRunConfig, train_network
from train.engine.run import absent_pixels, load_training


@dataclass(frozen=True)
class MIWAETraining(NetworkRunConfig):
    """MIWAE, a variational auto-encoder of incomplete images."""

    network: MIWAEConfig = field(default_factory=MIWAEConfig)
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=20_000, batch_size=64))
    incomplete: str | None = "noise50"
    """a mask family: these pixels of each training image are never known"""
    importance_samples: PositiveInt = 20
    """K, the number of draws in the bound"""

    method = "miwae"


def train(config: MIWAETraining) -> None:
    """Train, then write the checkpoint with its model card."""
    config.check_output()
    training = load_training(config, incomplete=config.incomplete is not None)
    validation = load_split(config.dataset, "validation", config.data_root)
    height, width = training.images.shape[-2:]
    absent = absent_pixels(config.incomplete, len(training), (height, width), config.loop.seed)

    def noise_for(count: int, generator: torch.Generator) -> Tensor:
        return torch.randn(count, config.importance_samples, config.network.latents, generator=generator)

    def draw(rows: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        return to_float(training.images[rows]), absent[rows], noise_for(len(rows), generator)

    def loss(network: nn.Module, step: int, images: Tensor, missing: Tensor, noise: Tensor) -> Tensor:
        return -network(images, missing, noise).mean()

    held_out = to_float(validation.images[:1_000])
    holes = absent_pixels(config.incomplete, len(held_out), (height, width), 1)
    noise = noise_for(len(held_out), torch.Generator().manual_seed(1))
    squares = mask_family(f"square{height // 2}")(len(held_out), height, width, torch.Generator().manual_seed(2))

    @torch.no_grad()  # not inference mode, in which moved weights could not be trained further
    def validate(network: nn.Module) -> dict[str, float]:
        device = next(network.parameters()).device
        batches = zip(*(tensor.to(device).split(100) for tensor in (held_out, holes, noise)))
        bound = torch.cat([network(*batch) for batch in batches]).mean().item()
        model = cast(MIWAE, network.model).cpu()
        found = MIWAEImputer(model).impute(held_out[:200], squares[:200], seed=0)
        network.to(device)
        hidden = flatten_missing(squares[:200], held_out.shape[1])
        error = metrics.sse(flatten(found.mean), flatten(held_out[:200]), hidden).mean().item()
        return {"validation": -bound, "square_sse": error}

    torch.manual_seed(config.loop.seed)
    objective = MIWAEObjective(MIWAE(config.network))
    train_network(config, objective, training, draw=draw, loss=loss, validate=validate, shipped=objective.model)


class MIWAEObjective(nn.Module):
    """The bound that training maximises."""

    def __init__(self, model: MIWAE):
        super().__init__()
        self.model = model

    def forward(self, images: Tensor, missing: Tensor, noise: Tensor) -> Tensor:
        """Return the bound of each image in nats, `(B,)`, for standard normal noise `(B, K, d)`."""
        return self.model.bound(images, missing, noise.transpose(0, 1))
