"""Train the Universal Marginalizer: the marginal of every hidden pixel, with holes as they occur while filling (appendix B.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor, nn

from dmfa_demo.data.datasets import load_split, to_float
from dmfa_demo.data.masks import mask_family
from dmfa_demo.densities.pixels import as_seen
from dmfa_demo.models.universal_marginalizer import (
    UniversalMarginalizer,
    UniversalMarginalizerConfig,
    log_prob,
    random_order,
)
from dmfa_demo.options import PositiveInt
from train.engine.loop import LoopConfig
from train.engine.network_run import NetworkRunConfig, train_network
from train.engine.run import load_training


@dataclass(frozen=True)
class UniversalMarginalizerTraining(NetworkRunConfig):
    """The Universal Marginalizer."""

    network: UniversalMarginalizerConfig = field(default_factory=UniversalMarginalizerConfig)
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(batch_size=64))
    masks: str = "line10%*3+arbitrary*2+squares30-70%*1+strokes*1"
    """the mask family of the initial holes b0, see dmfa_demo/data/masks.py"""
    chains: PositiveInt = 20
    """validation images whose complete chain is measured"""

    method = "universal-marginalizer"


def part_of(hole: Tensor, generator: torch.Generator) -> Tensor:
    """Return partly filled holes `(B, 1, H, W)`, as they occur while filling in random order: b0 Bernoulli(U), U uniform.

    VAEAC paper, appendix B.3: a network trained on complete holes only would not know partly filled ones.
    """
    share = torch.rand(len(hole), 1, 1, 1, generator=generator)
    return hole & (torch.rand(hole.shape, generator=generator) < share)


def train(config: UniversalMarginalizerTraining) -> None:
    """Train, then write the checkpoint with its model card."""
    config.check_output()
    training = load_training(config)
    validation = load_split(config.dataset, "validation", config.data_root)
    family, likelihood = mask_family(config.masks), config.network.likelihood
    height, width = training.images.shape[-2:]

    def draw(rows: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        return as_seen(to_float(training.images[rows]), likelihood), part_of(
            family(len(rows), height, width, generator), generator
        )

    def loss(network: nn.Module, step: int, images: Tensor, missing: Tensor) -> Tensor:
        # Per missing pixel, so that early and late pixels of the chain have equal weight.
        return -(network(images, missing).log_prob(images, missing) / missing.sum((1, 2, 3)).clamp(min=1)).mean()

    generator = torch.Generator().manual_seed(1)
    held_out = as_seen(to_float(validation.images[:2_000]), likelihood)
    holes = family(len(held_out), height, width, generator)
    parts = part_of(holes, generator)
    order = random_order(holes[: config.chains], generator)

    @torch.no_grad()  # not inference mode, in which moved weights could not be trained further
    def validate(network: nn.Module) -> dict[str, float]:
        device = next(network.parameters()).device
        values = [
            loss(network, 0, a.to(device), b.to(device)).item() for a, b in zip(held_out.split(500), parts.split(500))
        ]
        chains = log_prob(
            cast(UniversalMarginalizer, network.cpu()), held_out[: config.chains], holes[: config.chains], order
        )
        network.to(device)
        return {"validation": sum(values) / len(values), "nll": -chains.mean().item()}

    torch.manual_seed(config.loop.seed)
    network = UniversalMarginalizer(config.network)
    train_network(config, network, training, draw=draw, loss=loss, validate=validate)
