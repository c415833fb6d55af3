"""Train a probabilistic circuit: maximise the exact likelihood of the images, or of their visible pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor, nn

from dmfa_demo import metrics
from dmfa_demo.data.datasets import load_split, to_float
from dmfa_demo.data.masks import mask_family
from dmfa_demo.imputation import flatten, flatten_missing
from dmfa_demo.models.circuit import Circuit, CircuitConfig, CircuitDensity
from train.engine.loop import LoopConfig
from train.engine.network_run import NetworkRunConfig, train_network
from train.engine.run import absent_pixels, load_training

# The validation images that are measured, in parts of this many.
HELD_OUT, PART = 500, 50


@dataclass(frozen=True)
class CircuitTraining(NetworkRunConfig):
    """A probabilistic circuit of complete images, or of images with holes."""

    network: CircuitConfig = field(default_factory=CircuitConfig)
    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(
            steps=1_500,
            batch_size=64,
            learning_rate=0.05,
            warmup_steps=50,
            weight_decay=0,
            ema_decay=0.98,
            precision="no",
            validate_every=300,
            save_every=100,
        )
    )
    incomplete: str | None = None
    """a mask family: these pixels of each training image are never known"""

    method = "circuit"


def train(config: CircuitTraining) -> None:
    """Train, then write the checkpoint with its model card."""
    config.check_output()
    training = load_training(config, incomplete=config.incomplete is not None)
    if len(training) < config.network.components:
        raise ValueError(
            f"--components is {config.network.components}, but there are only {len(training)} training images"
        )
    validation = load_split(config.dataset, "validation", config.data_root).first(HELD_OUT)
    height, width = training.images.shape[-2:]
    absent = absent_pixels(config.incomplete, len(training), (height, width), config.loop.seed)

    def draw(rows: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        return flatten(to_float(training.images[rows])), absent[rows].flatten(1)

    def loss(network: nn.Module, step: int, x: Tensor, missing: Tensor) -> Tensor:
        return -network(x, missing).mean()

    x = flatten(to_float(validation.images))
    holes = absent_pixels(config.incomplete, len(x), (height, width), 1).flatten(1)
    generator = torch.Generator().manual_seed(2)
    squares = flatten_missing(mask_family(f"square{height // 2}")(len(x), height, width, generator), 1)

    @torch.no_grad()
    def validate(network: nn.Module) -> dict[str, float]:
        """Return the NLL of what is known, and of a square given the rest with the squared error of its mean."""
        circuit, found = cast(Circuit, network), []
        for rows, hidden, square in zip(x.split(PART), holes.split(PART), squares.split(PART)):
            density = CircuitDensity(circuit, rows, square)
            nll, sse = -density.log_prob(rows, square), metrics.sse(density.mean, rows, square)
            found.append(torch.stack([-circuit(rows, hidden), nll, sse]))
        known, nll, sse = torch.cat(found, 1).mean(1).tolist()
        return {"validation": known, "square_nll": nll, "square_sse": sse}

    torch.manual_seed(config.loop.seed)
    circuit = Circuit(config.network)
    first = torch.randperm(len(training))[: config.network.components]
    circuit.begin_at(torch.where(absent[first], 0.5, to_float(training.images[first])))
    train_network(config, circuit, training, draw=draw, loss=loss, validate=validate)
