"""Train guided DMFA: hide pixels, give the network its linear guide's prediction, and minimise -log p of each value.

Correlations come from the guide, so the loss needs no covariance: -log N(x_i; m_i, s_i^2) and the squared error. The guide's
computations for one hole take as long as the network takes for a few images; so holes come from a collection that is prepared
once, and are mirrored at random, with the picture, if the data set allows it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from dmfa_demo.data.datasets import DATASETS, load_split, to_float
from dmfa_demo.data.masks import mask_family
from dmfa_demo.densities.guide import Guidance
from dmfa_demo.imputation import flatten, flatten_missing
from dmfa_demo.models.dmfa import DMFAConfig
from dmfa_demo.models.guided import GuidedConfig, GuidedDMFA, load_guide
from dmfa_demo.options import NonNegativeFloat, PositiveInt
from dmfa_demo.storage.checkpoints import beside, load_checkpoint
from train.engine.holes import Holes
from train.engine.loop import LoopConfig
from train.engine.network_run import NetworkRunConfig, train_network
from train.engine.run import load_training


@dataclass(frozen=True)
class GuidedTraining(NetworkRunConfig):
    """DMFA guided by the conditional Gaussian of an MFA with one component, which must be trained first."""

    network: GuidedConfig = field(default_factory=GuidedConfig)
    masks: str = "squares30-70%*5+rectangles*1+half*1+strokes*3+noise30-90*1+line10%*0.5"
    """the mask family in training, see dmfa_demo/data/masks.py"""
    holes: PositiveInt = 1_000
    """the number of different holes"""
    start: str | None = None
    """the sibling checkpoint to start from: a DMFA without a guide, with one component and the same widths and blocks"""
    mse_weight: NonNegativeFloat = 100.0
    """weight of the squared error, in addition to the likelihood"""

    method = "dmfa"
    recipes: ClassVar = {
        "celeba": {
            "network": GuidedConfig(deviation_scale=1.05),
            "loop": LoopConfig(steps=25_000, batch_size=32, validate_every=500, save_every=200),
            "start": "dmfa-plain",
            "masks": "squares16-40*5+rectangles*1+half*1+strokes*3+noise30-90*1+pattern*1",
        },
        "celeba32": {
            "network": GuidedConfig(widths=(32, 96, 192), deviation_scale=1.05),
            "loop": LoopConfig(steps=14_000, batch_size=32, validate_every=500, save_every=200),
            "start": "dmfa-plain",
            "masks": "square16*3+rect12x20*2+squares8-20",
        },
    }

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.network.guide, self.start)))


def train(config: GuidedTraining) -> None:
    """Train, then write the checkpoint with its model card."""
    config.check_output()
    training = load_training(config)
    validation = load_split(config.dataset, "validation", config.data_root)
    guide = load_guide(beside(config.checkpoint, config.network.guide), config.network.factors)
    family, (channels, height, width) = mask_family(config.masks), config.network.shape
    holes = family(config.holes, height, width, torch.Generator().manual_seed(config.loop.seed))
    holes, mirrored = Holes.prepare(guide, holes, channels), DATASETS[config.dataset].mirrored

    def draw(rows: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        images, chosen = to_float(training.images[rows]), torch.randint(config.holes, rows.shape, generator=generator)
        guidance = holes.explain(guide, images, chosen)
        mean, deviation = guidance.mean.view_as(images), guidance.deviation.view_as(images)
        turned = (torch.rand(len(rows), 1, 1, 1, generator=generator) < 0.5) & mirrored
        return tuple(
            torch.where(turned, part.flip(-1), part) for part in (images, holes.missing[chosen], mean, deviation)
        )

    def loss(network: nn.Module, step: int, images: Tensor, missing: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
        nll, sse = score(network, images, missing, Guidance(mean, deviation))
        # Per missing pixel, so that large holes do not dominate small ones.
        return ((nll + config.mse_weight * sse) / flatten_missing(missing, channels).sum(1).clamp(min=1)).mean()

    held_out = to_float(validation.images[:150])
    known = {}
    for name, masks, seed in (("all", family, 1), ("square", mask_family(f"square{height // 2}"), 2)):
        missing = masks(len(held_out), height, width, torch.Generator().manual_seed(seed))
        looked = Holes.prepare(guide, missing, channels)
        known[name] = missing, looked.explain(guide, held_out, torch.arange(len(held_out)))

    @torch.inference_mode()
    def validate(network: nn.Module) -> dict[str, float]:
        nll, sse = score(network, held_out, *known["all"])
        square_nll, square_sse = score(network, held_out, *known["square"])
        count = flatten_missing(known["all"][0], channels).sum(1).clamp(min=1)
        return {
            "validation": ((nll + config.mse_weight * sse) / count).mean().item(),
            "value_nll": (nll / count).mean().item(),
            "square_value_nll": square_nll.mean().item(),
            "square_sse": square_sse.mean().item(),
        }

    torch.manual_seed(config.loop.seed)
    network = GuidedDMFA(config.network)
    if config.start is not None:
        network.begin_from(load_checkpoint(beside(config.checkpoint, config.start), DMFAConfig)[1])
    train_network(config, network, training, draw=draw, loss=loss, validate=validate)


def score(network: nn.Module, images: Tensor, missing: Tensor, guidance: Guidance) -> tuple[Tensor, Tensor]:
    """Return each image's negative log-likelihood in nats, summed over marginals, and squared error of the mean, both `(B,)`."""
    density, truth, mask = (
        network(images, missing, guidance),
        flatten(images),
        flatten_missing(missing, images.shape[1]),
    )
    error = torch.where(mask, density.mean - truth, 0)
    return torch.where(mask, -density.log_prob_each(truth), 0).sum(1), error.square().sum(1)
