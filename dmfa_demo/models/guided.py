"""Guided DMFA: a network that corrects a linear Gaussian's prediction of the hidden pixels.

The conditional Gaussian of MFA has the correlations of thousands of hidden values, but misses what is nonlinear in faces; DMFA's
network captures that, but returns only a few factors. The guided network therefore receives the linear conditional mean and
deviation along with the picture, and returns its own mean, a weight for it (the errors of the two means differ), and a better
deviation for each value; the correlations R are those of the linear Gaussian, conditioned on the same hole:

    p(x_m | x_o) = N(m, diag(s) R diag(s)),     m = g own + (1 - g) m_lin,     s = s_lin exp(h).

This is our extension; it is not in the DMFA paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dmfa_demo.densities.diagonal_gaussian import DiagonalGaussian
from dmfa_demo.densities.guide import Guidance, Guide
from dmfa_demo.imputation import ImageShape, flatten
from dmfa_demo.models.mfa import MFAImputer
from dmfa_demo.networks.engine import graph
from dmfa_demo.networks.unet import UNet, observe, to_pixels
from dmfa_demo.options import PositiveFloat, PositiveInt, Width
from dmfa_demo.storage.checkpoints import load_once


@dataclass(frozen=True)
class GuidedConfig(ImageShape):
    """The shape of a guided DMFA network."""

    guide: str = "mfa"
    """the sibling checkpoint of its guide: an MFA with one component"""
    factors: PositiveInt = 600
    """the number of the guide's factors to use, strongest first; what the others explain counts as noise"""
    noise_share: PositiveFloat = 1.0
    """a factor for the guide's noise in its correlations; deviations stay the network's"""
    deviation_scale: PositiveFloat = 1.0
    """a factor for the network's deviations; like the one above, chosen on validation images for a trained network"""
    widths: tuple[Width, ...] = (32, 64, 128)
    """channels of each level of the U-Net, finest first"""
    blocks: PositiveInt = 2
    """residual blocks per level"""


class GuidedDMFA(nn.Module):
    """The network. `forward(images, missing, guidance)` returns an independent Gaussian for each value.

    Only its outputs at missing values are meaningful. Its initial mean is half way between the guide's and an untrained one, or
    that of a DMFA without a guide (`begin_from`).
    """

    def __init__(self, config: GuidedConfig):
        super().__init__()
        self.config = config
        width, channels = config.widths[0], config.channels
        # The picture, the mask, the guide's mean, and its deviation.
        self.unet = UNet(3 * channels + 1, config.widths, config.blocks)
        self.norm = nn.GroupNorm(8, width)
        self.head = nn.Conv2d(width, 3 * channels * UNet.BLOCK**2, 1)
        nn.init.zeros_(self.head.weight)
        assert self.head.bias is not None
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor, missing: Tensor, guidance: Guidance) -> DiagonalGaussian:
        """Map images `(B, C, H, W)` and missing `(B, 1, H, W)` to Gaussians over n = C H W values, float32."""
        return self.look(images, missing, guidance)[0]

    def look(self, images: Tensor, missing: Tensor, guidance: Guidance) -> tuple[DiagonalGaussian, list[Tensor]]:
        """Return the result of `forward` and the encoder's features of each level, finest first."""
        mean, deviation = guidance.images(missing)
        maps, *levels = self.raw(torch.cat([observe(images, missing), guidance.channels(missing)], 1))
        own, trust, stretch = maps.chunk(3, 1)
        mean = mean + trust.sigmoid() * (own.sigmoid() - mean)
        return DiagonalGaussian(flatten(mean), flatten(deviation * stretch.exp())), levels

    @graph("model")
    def raw(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map image, mask and guidance `(B, 3 C + 1, H, W)` to raw maps `(B, 3 C, H, W)`, float32, and the features of each level."""
        levels = self.unet.encode(x.contiguous(memory_format=torch.channels_last))
        features = F.silu(self.norm(self.unet.decode(levels))).float()
        with torch.autocast(features.device.type, enabled=False):
            return to_pixels(self.head(features), self.config.height, self.config.width), *levels

    def begin_from(self, tensors: dict[str, Tensor]) -> None:
        """Start from the state of a DMFA with one component and no guide: its features and its mean.

        Raises:
            ValueError: If its shape differs.
        """
        tensors, mine = dict(tensors), self.state_dict()
        # Its inputs and outputs come first; it has no weights for the others.
        for name in ("unet.stem.weight", "head.weight", "head.bias"):
            theirs, whole = tensors.get(name, torch.empty(0)), torch.zeros_like(mine[name])
            if name.startswith("head"):
                theirs = theirs[: len(whole) // 3]
            place = tuple(slice(0, size) for size in theirs.shape)
            if whole[place].shape != theirs.shape:
                break  # reported below
            whole[place] = theirs
            tensors[name] = whole
        try:
            self.load_state_dict({name: tensors[name] for name in mine})
        except (KeyError, RuntimeError) as error:
            reason = str(error).splitlines()[-1].strip()
            raise ValueError(f"a guided network of these widths cannot start from that DMFA: {reason:.200}") from None


def load_guide(folder: Path, factors: int) -> Guide:
    """Load a guide with this many factors from the checkpoint of an MFA with one component.

    Raises:
        ValueError: If it has several components.
    """
    imputer = cast(MFAImputer, load_once(MFAImputer, folder))  # shared with MFA, including its cached results
    components = len(imputer.mixture.components.mean)
    if components != 1:
        raise ValueError(f"{folder} contains an MFA with {components} components; a guide has one")
    return Guide(imputer.mixture, imputer.temperature).first(factors)
