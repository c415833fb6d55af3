"""The run of a method with a network: the training loop, then the checkpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from torch import nn

from dmfa_demo.data.datasets import LabelledImages
from train.engine.loop import Draw, LoopConfig, Loss, Validate, fit
from train.engine.run import RunConfig, finish


@dataclass(frozen=True)
class NetworkRunConfig(RunConfig):
    """The inputs and outputs of a run, and the settings of its loop."""

    loop: LoopConfig = field(default_factory=LoopConfig)


def train_network(
    config: NetworkRunConfig,
    objective: nn.Module,
    training: LabelledImages,
    *,
    draw: Draw,
    loss: Loss,
    validate: Validate,
    shipped: nn.Module | None = None,
) -> None:
    """Train, or resume, then write the checkpoint with its model card and graphs.

    Args:
        config: its settings and the number of images identify the run; a saved state of another run is refused.
        objective: the module that is trained.
        training: the training images, whose rows are drawn.
        draw, loss, validate: see `train.engine.loop`.
        shipped: the part of `objective` whose weights are written; all of it by default.
    """
    seconds = fit_network(config, objective, training, draw=draw, loss=loss, validate=validate)
    weights = (objective if shipped is None else shipped).state_dict()
    finish(config, weights, seconds=seconds, training=training)


def fit_network(
    config: NetworkRunConfig,
    objective: nn.Module,
    training: LabelledImages,
    *,
    draw: Draw,
    loss: Loss,
    validate: Validate,
    source: str = "",
) -> float:
    """Train, or resume, without writing a checkpoint; return the seconds it took.

    Args:
        source: the digest of the checkpoint that prepares the training images, if there is one, which also identifies the run.
    """
    return fit(
        objective,
        rows=len(training),
        draw=draw,
        loss=loss,
        validate=validate,
        config=config.loop,
        folder=config.folder,
        identity=json.dumps([config.settings, *filter(None, [source]), len(training)]),
    )
