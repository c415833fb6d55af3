"""The network shared by the models: a small U-Net on 2 x 2 pixel blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dmfa_demo.imputation import hide


def observe(images: Tensor, missing: Tensor) -> Tensor:
    """Return a network's input `(B, C + 1, H, W)`: images without their missing pixels, and the mask as one more channel.

    Every network begins with this call, so that nothing under `missing` reaches a weight.
    """
    return torch.cat([hide(images, missing), missing.to(images.dtype)], dim=1)


class ResidualBlock(nn.Module):
    """GroupNorm, SiLU, 3 x 3 convolution, twice, beside a skip connection."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.norm1 = nn.GroupNorm(8, in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(8, out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.skip = nn.Conv2d(in_channels, out_channels, 1) if in_channels != out_channels else nn.Identity()

    def forward(self, x: Tensor, beside: Tensor | None = None) -> Tensor:
        """Map `(B, in_channels, H, W)` to `(B, out_channels, H, W)`.

        The last channels of x may be passed as `beside`, with as many rows or fewer. Fewer rows repeat cyclically, and their
        convolutions are computed only once.
        """
        if beside is None or beside.shape[0] == x.shape[0]:
            x = x if beside is None else torch.cat([x, beside], 1)
            hidden, straight = self.conv1(F.silu(self.norm1(x))), self.skip(x)
        else:
            own, shared = self._enter(x, 0), self._enter(beside, x.shape[1])
            hidden, straight = (_again_and_again(many, few) for many, few in zip(own, shared))
        return straight + self.conv2(F.silu(self.norm2(hidden)))

    def _enter(self, x: Tensor, first: int) -> tuple[Tensor, Tensor]:
        """Apply `conv1` and `skip` to the channels from `first` on; for the first channels without bias."""
        mine, skip = slice(first, first + x.shape[1]), cast(nn.Conv2d, self.skip)
        norm, groups = self.norm1, self.norm1.num_groups * x.shape[1] // self.norm1.num_channels
        normal = F.silu(F.group_norm(x, groups, norm.weight[mine], norm.bias[mine], norm.eps))
        biases = (self.conv1.bias, skip.bias) if first else (None, None)
        return (
            F.conv2d(normal, self.conv1.weight[:, mine], biases[0], padding=1),
            F.conv2d(x, skip.weight[:, mine], biases[1]),
        )


def _again_and_again(many: Tensor, few: Tensor) -> Tensor:
    """Add `(S B, C, H, W)` and `(B, C, H, W)`, whose rows repeat cyclically."""
    return (many.unflatten(0, (-1, few.shape[0])) + few).flatten(0, 1)


class Encoder(nn.Module):
    """The encoder of a U-Net whose finest level has one position per 2 x 2 block of pixels.

    Folding blocks into channels before the first convolution is four times cheaper than working on pixels, at the same
    receptive field.

    Args:
        in_channels: channels of the input.
        widths: channels of each level, finest first, multiples of 8; each further level halves the resolution.
        blocks: residual blocks per level.
    """

    BLOCK = 2

    def __init__(self, in_channels: int, widths: tuple[int, ...], blocks: int):
        super().__init__()
        self.stem = nn.Conv2d(in_channels * self.BLOCK**2, widths[0], 3, padding=1)
        self.down = nn.ModuleList(_stack(width, width, blocks) for width in widths)
        self.shrink = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in zip(widths, widths[1:]))

    def encode(self, x: Tensor) -> list[Tensor]:
        """Map `(B, in_channels, H, W)` to the features of each level, finest first: `(B, widths[0], H', W')`, then each half as large.

        H' is H / 2, rounded up so that every level divides evenly.
        """
        multiple = self.BLOCK << len(self.shrink)
        height, width = x.shape[-2:]
        x = F.pad(x, (0, -width % multiple, 0, -height % multiple))
        features = [self.down[0](self.stem(F.pixel_unshuffle(x, self.BLOCK)))]
        for shrink, down in zip(self.shrink, self.down[1:]):
            features.append(down(shrink(features[-1])))
        return features


class Decoder(nn.Module):
    """The decoder of a U-Net, which takes the encoder's features of each level; widths and blocks are the encoder's."""

    def __init__(self, widths: tuple[int, ...], blocks: int):
        super().__init__()
        self.grow, self.up = _way_up(widths, blocks)

    def forward(self, features: Sequence[Tensor], added: Sequence[Tensor] = ()) -> Tensor:
        """Map the features of each level, finest first, to features `(B, widths[0], H', W')`.

        All but the coarsest level may have fewer rows, which then repeat cyclically.

        Args:
            added: for all but the coarsest level, finest first, values added to the features from the coarser level.
        """
        return _go_up(self.grow, self.up, features, added)


class UNet(Encoder):
    """An encoder and a decoder in one."""

    def __init__(self, in_channels: int, widths: tuple[int, ...], blocks: int):
        super().__init__(in_channels, widths, blocks)
        self.grow, self.up = _way_up(widths, blocks)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, in_channels, H, W)` to features `(B, widths[0], H', W')`."""
        return self.decode(self.encode(x))

    def decode(self, features: Sequence[Tensor]) -> Tensor:
        """Map the result of `encode` to features `(B, widths[0], H', W')`."""
        return _go_up(self.grow, self.up, features)


def _way_up(widths: tuple[int, ...], blocks: int) -> tuple[nn.ModuleList, nn.ModuleList]:
    grow = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in zip(widths, widths[1:]))
    return grow, nn.ModuleList(_stack(2 * width, width, blocks) for width in widths[:-1])


def _go_up(grow: nn.ModuleList, up: nn.ModuleList, features: Sequence[Tensor], added: Sequence[Tensor] = ()) -> Tensor:
    x = features[-1]
    for level in reversed(range(len(grow))):
        first, *others = cast(nn.Sequential, up[level])
        x = F.interpolate(grow[level](x), scale_factor=2.0)
        x = first(x + added[level] if added else x, features[level])
        for block in others:
            x = block(x)
    return x


def to_pixels(blocks: Tensor, height: int, width: int) -> Tensor:
    """Unfold block outputs `(B, 4 c, H', W')` to pixel outputs `(B, c, height, width)`, without the padding."""
    return F.pixel_shuffle(blocks, UNet.BLOCK)[..., :height, :width]


def _stack(in_channels: int, out_channels: int, blocks: int) -> nn.Sequential:
    sizes = [in_channels] + [out_channels] * blocks
    return nn.Sequential(*(ResidualBlock(a, b) for a, b in zip(sizes, sizes[1:])))
