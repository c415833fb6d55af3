"""Train the context encoder: squared error inside holes (Pathak et al., 2016; AE-dynamics paper, section 4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from dmfa_demo import metrics
from dmfa_demo.data.datasets import load_split, to_float
from dmfa_demo.data.masks import mask_family
from dmfa_demo.models.context_encoder import ContextEncoder, ContextEncoderConfig
from train.engine.loop import LoopConfig
from train.engine.network_run import NetworkRunConfig, train_network
from train.engine.run import load_training

# The settings for CIFAR-10 and SVHN.
_SMALL_PHOTOS: dict[str, Any] = {
    "network": ContextEncoderConfig(latents=128, widths=(32, 64, 128), skips=True),
    "loop": LoopConfig(steps=15_000, batch_size=64, validate_every=3_000),
    "masks": "square16*3+squares8-20*3+half+strokes*2+noise30-90*2",
}


@dataclass(frozen=True)
class ContextEncoderTraining(NetworkRunConfig):
    """The context encoder."""

    network: ContextEncoderConfig = field(default_factory=lambda: ContextEncoderConfig(latents=64))
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(batch_size=64))
    masks: str = "square45%*2+squares30-70%*2+arbitrary*2+strokes*1"
    """the mask family in training, see dmfa_demo/data/masks.py"""

    method = "context-encoder"
    recipes: ClassVar = {
        "fashion-mnist": {"loop": LoopConfig(steps=9_000, batch_size=64)},
        "omniglot": {"loop": LoopConfig(steps=8_000, batch_size=64)},
        "celeba": {
            "network": ContextEncoderConfig(latents=256, widths=(32, 64, 128), skips=True),
            "loop": LoopConfig(steps=12_000, batch_size=32, save_every=200),
            "masks": "square25*2+squares16-40*2+noise30-90+half+strokes",
        },
        "cifar10": _SMALL_PHOTOS,
        "svhn": _SMALL_PHOTOS,
    }


def train(config: ContextEncoderTraining) -> None:
    """Train, then write the checkpoint with its model card."""
    config.check_output()
    training = load_training(config)
    validation = load_split(config.dataset, "validation", config.data_root)
    family, (height, width) = mask_family(config.masks), training.images.shape[-2:]

    def draw(rows: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        return to_float(training.images[rows]), family(len(rows), height, width, generator)

    def loss(network: nn.Module, step: int, images: Tensor, missing: Tensor) -> Tensor:
        # Per missing pixel, so that large holes do not dominate small ones.
        return (_error(network(images, missing), images, missing) / missing.sum((1, 2, 3)).clamp(min=1)).mean()

    held_out = to_float(validation.images[:2_000])
    holes = family(len(held_out), height, width, torch.Generator().manual_seed(1))
    squares = mask_family(f"square{height // 2}")(len(held_out), height, width, torch.Generator().manual_seed(2))

    @torch.inference_mode()
    def validate(network: nn.Module) -> dict[str, float]:
        device = next(network.parameters()).device
        images = held_out.to(device)
        filled = torch.where(squares, network(images, squares.to(device)).cpu(), held_out)
        return {
            "validation": loss(network, 0, images, holes.to(device)).item(),
            "square_sse": _error(filled, held_out, squares).mean().item(),
            "square_ssim": metrics.ssim(filled, held_out).mean().item(),
        }

    torch.manual_seed(config.loop.seed)
    network = ContextEncoder(config.network)
    train_network(config, network, training, draw=draw, loss=loss, validate=validate)


def _error(filled: Tensor, images: Tensor, missing: Tensor) -> Tensor:
    """Return the squared error over the hole, `(B,)`."""
    return torch.where(missing, filled - images, 0).square().sum((1, 2, 3))
