"""Train DMFA: hide pixels, predict their density, and minimise -log p of the hidden pixels (DMFA paper, section 2.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from dmfa_demo.data.datasets import load_split, to_float
from dmfa_demo.data.masks import mask_family
from dmfa_demo.imputation import flatten, flatten_missing
from dmfa_demo.models.dmfa import DMFA, DMFAConfig
from dmfa_demo.options import NonNegativeFloat, PositiveInt, Share
from train.engine.loop import LoopConfig
from train.engine.network_run import NetworkRunConfig, train_network
from train.engine.run import absent_pixels, load_training

# The settings for CIFAR-10 and SVHN.
_SMALL_PHOTOS: dict[str, Any] = {
    "network": DMFAConfig(components=1, factors=10, widths=(64, 128, 192)),
    "loop": LoopConfig(steps=9_500, batch_size=64, validate_every=1_500),
    "masks": "square16*3+squares8-20*3+half+strokes*2+noise30-90*2",
    "mse_weight": 100.0,
    "mse_weight_end": 100.0,
}


@dataclass(frozen=True)
class DMFATraining(NetworkRunConfig):
    """DMFA, the deep mixture of factor analysers."""

    network: DMFAConfig = field(default_factory=DMFAConfig)
    images: PositiveInt | None = None
    """the number of training images to use, from the first"""
    masks: str = "squares30-70%*5+rectangles*1+half*1+strokes*3+noise30-90*1+line10%*0.5"
    """the mask family in training, see dmfa_demo/data/masks.py"""
    incomplete: str | None = None
    """a mask family: these pixels of each training image are never known, not even to the loss (MisConv, appendix A.1)"""
    mse_weight: NonNegativeFloat = 10.0
    """weight of the squared error, in addition to the likelihood, during warm-up: it fits the mean before the density sharpens; where
    no pixel is predictable, as in faces, the likelihood alone neglects the least predictable ones"""
    mse_weight_end: NonNegativeFloat = 2.0
    warm_share: Share = 0.5
    """the share of the steps that counts as warm-up"""

    method = "dmfa"
    recipes: ClassVar = {
        "fashion-mnist": {"loop": LoopConfig(steps=16_000, batch_size=64)},
        "omniglot": {"loop": LoopConfig(steps=8_000, batch_size=64)},
        "celeba": {
            "network": DMFAConfig(components=1, factors=10, widths=(32, 64, 128)),
            "loop": LoopConfig(steps=5_000, batch_size=32, learning_rate=3e-3),
            "masks": "squares16-40*5+rectangles*1+half*1+strokes*3+noise30-90*1+pattern*1",
            "mse_weight": 100.0,
            "mse_weight_end": 100.0,
        },
        "celeba32": {
            "network": DMFAConfig(components=1, factors=10, widths=(32, 96, 192), mirrored=True),
            "loop": LoopConfig(steps=24_000, batch_size=32, learning_rate=3e-3, validate_every=2_000),
            "masks": "square16*3+rect12x20*2+squares8-20",
            "mse_weight": 100.0,
            "mse_weight_end": 100.0,
        },
        "cifar10": _SMALL_PHOTOS,
        "svhn": _SMALL_PHOTOS,
    }


def train(config: DMFATraining) -> None:
    """Train, then write the checkpoint with its model card."""
    config.check_output()
    training = load_training(config, incomplete=config.incomplete is not None, limit=config.images)
    validation = load_split(config.dataset, "validation", config.data_root)
    family = mask_family(config.masks)
    height, width = training.images.shape[-2:]
    absent = absent_pixels(config.incomplete, len(training), (height, width), config.loop.seed)

    def draw(rows: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        hidden = family(len(rows), height, width, generator)
        return to_float(training.images[rows]), hidden | absent[rows], hidden & ~absent[rows]

    def loss(network: nn.Module, step: int, images: Tensor, missing: Tensor, scored: Tensor) -> Tensor:
        warm = step < config.warm_share * config.loop.steps
        weight = config.mse_weight if warm else config.mse_weight_end
        nll, sse = score(network, images, missing, scored)
        # Per missing pixel, so that large holes do not dominate small ones.
        count = flatten_missing(scored, images.shape[1]).sum(1).clamp(min=1)
        return ((nll + weight * sse) / count).mean()

    held_out = to_float(validation.images[:2_000])
    held_out_masks = family(len(held_out), height, width, torch.Generator().manual_seed(1))
    squares = mask_family(f"square{height // 2}")(len(held_out), height, width, torch.Generator().manual_seed(2))

    def validate(network: nn.Module) -> dict[str, float]:
        nll, _ = _in_chunks(network, held_out, held_out_masks)
        square_nll, square_sse = _in_chunks(network, held_out, squares)
        per_pixel = nll / flatten_missing(held_out_masks, held_out.shape[1]).sum(1).clamp(min=1)
        return {
            "validation": per_pixel.mean().item(),
            "square_nll": square_nll.mean().item(),
            "square_nll_median": square_nll.median().item(),
            "square_sse": square_sse.mean().item(),
        }

    torch.manual_seed(config.loop.seed)
    network = DMFA(config.network)
    train_network(config, network, training, draw=draw, loss=loss, validate=validate)


def score(network: nn.Module, images: Tensor, missing: Tensor, scored: Tensor) -> tuple[Tensor, Tensor]:
    """Return each image's negative log-likelihood in nats and squared error of the mean over its scored pixels, both `(B,)`."""
    density = network(images, missing)
    truth, mask = flatten(images), flatten_missing(scored, images.shape[1])
    error = torch.where(mask, density.mean - truth, 0).square().sum(1)
    return -density.log_prob(truth, mask), error


@torch.inference_mode()
def _in_chunks(network: nn.Module, images: Tensor, missing: Tensor) -> tuple[Tensor, Tensor]:
    device = next(network.parameters()).device
    parts = [
        score(network, a.to(device), b.to(device), b.to(device)) for a, b in zip(images.split(500), missing.split(500))
    ]
    nll, sse = (torch.cat(column).cpu() for column in zip(*parts))
    return nll, sse
