"""Train ACFlow: hide pixels, and maximise their exact conditional likelihood (Li, Akbar, Oliva, 2020, section 3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor, nn

from dmfa_demo import metrics
from dmfa_demo.data.datasets import load_split, to_float
from dmfa_demo.data.masks import mask_family
from dmfa_demo.imputation import hide
from dmfa_demo.models.acflow import ACFlow, ACFlowConfig, dequantise
from train.engine.loop import LoopConfig
from train.engine.network_run import NetworkRunConfig, train_network
from train.engine.run import load_training
from train.methods.vaeac import ANY_HOLE


@dataclass(frozen=True)
class ACFlowTraining(NetworkRunConfig):
    """ACFlow, a flow with arbitrary conditioning."""

    network: ACFlowConfig = field(default_factory=ACFlowConfig)
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=9_000, batch_size=64, validate_every=1_500))
    masks: str = ANY_HOLE
    """the mask family in training, see dmfa_demo/data/masks.py"""

    method = "acflow"


class FlowObjective(nn.Module):
    """The training loss of a flow."""

    def __init__(self, model: ACFlow):
        super().__init__()
        self.model = model

    def forward(self, images: Tensor, missing: Tensor, noise: Tensor) -> Tensor:
        """Return minus the log-density per missing value in nats, `(B,)`, of images `(B, C, H, W)` with uniform noise of the same shape."""
        values = images.shape[1] * missing.sum((1, 2, 3)).clamp(min=1)
        return -self.model(hide(images, missing), missing).log_prob_of(dequantise(images, noise)) / values


def train(config: ACFlowTraining) -> None:
    """Train, then write the checkpoint with its model card."""
    config.check_output()
    training = load_training(config)
    validation = load_split(config.dataset, "validation", config.data_root)
    family, (height, width) = mask_family(config.masks), training.images.shape[-2:]

    def batch(images: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        missing = family(len(images), height, width, generator)
        return images, missing, torch.rand(images.shape, generator=generator)

    def draw(rows: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        return batch(to_float(training.images[rows]), generator)

    def loss(network: nn.Module, step: int, *tensors: Tensor) -> Tensor:
        return network(*tensors).mean()

    held_out = batch(to_float(validation.images[:1_000]), torch.Generator().manual_seed(1))

    @torch.no_grad()  # not inference mode, in which moved weights could not be trained further
    def validate(network: nn.Module) -> dict[str, float]:
        device = next(network.parameters()).device
        images, missing, noise = (one.to(device) for one in held_out)
        parts = zip(*(one.split(200) for one in (images, missing, noise)))
        bound = torch.cat([network(*part) for part in parts]).mean().item()
        images, missing = images[:200], missing[:200]  # sampling is slow
        flow = cast(ACFlow, network.model)(images, missing)
        mean = flow.sample(10, torch.Generator().manual_seed(0)).mean(0)
        psnr = metrics.psnr_image(torch.where(missing, mean, images), images).mean().item()
        return {"validation": bound, "psnr_image": psnr}

    torch.manual_seed(config.loop.seed)
    objective = FlowObjective(ACFlow(config.network))
    train_network(config, objective, training, draw=draw, loss=loss, validate=validate, shipped=objective.model)
