"""More images from those that there are: each a little moved, its colours a little lighter or darker."""

from __future__ import annotations

import torch
from torch import Tensor


def moved(images: Tensor, pixels: int, generator: torch.Generator) -> Tensor:
    """Each of `(B, C, H, W)` moved by up to so many pixels down and to the right, or back; its border is repeated."""
    height, width = images.shape[-2:]
    offsets = torch.randint(-pixels, pixels + 1, (2, len(images), 1), generator=generator)
    rows = (torch.arange(height) + offsets[0]).clamp(0, height - 1)  # (B, H)
    columns = (torch.arange(width) + offsets[1]).clamp(0, width - 1)  # (B, W)
    batch = torch.arange(len(images))
    return images.permute(0, 2, 3, 1)[batch[:, None, None], rows[:, :, None], columns[:, None]].permute(0, 3, 1, 2)


def lit(images: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Each channel of each image `(B, C, H, W)` in [0, 1] made lighter or darker by up to a share of itself."""
    gains = 1 + share * (2 * torch.rand(*images.shape[:2], 1, 1, generator=generator) - 1)
    return (images * gains).clamp(0, 1)
