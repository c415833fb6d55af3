"""Guided DMFA: a network that starts from what a linear Gaussian expects behind the hole, and corrects it.

The conditional Gaussian of MFA knows how thousands of hidden values hang together, but expects too little of what is
nonlinear in faces; DMFA's network knows that, but cannot say more than a few factors. So the network sees the linear
conditional mean and deviation beside the picture, and returns a mean of its own, how far to trust it (the two err differently),
and a better deviation for each value, and the correlations R stay those of the linear Gaussian, conditioned on this very hole:

    p(x_m | x_o) = N(m, diag(s) R diag(s)),     m = g own + (1 - g) m_lin,     s = s_lin exp(h).

It is an extension of ours; the DMFA paper has nothing like it.
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
from dmfa_demo.networks.unet import UNet, observe, to_pixels
from dmfa_demo.options import PositiveFloat, PositiveInt, Width
from dmfa_demo.storage.checkpoints import load_once


@dataclass(frozen=True)
class GuidedConfig(ImageShape):
    """The shape of a guided DMFA network."""

    guide: str = "mfa"
    """the checkpoint beside this one that guides it: an MFA of one component"""
    factors: PositiveInt = 600
    """so many of its factors, the strongest first; what the others explain counts as noise"""
    noise_share: PositiveFloat = 1.0
    """by what the guide's noise is multiplied before its correlations are taken; deviations stay the network's"""
    deviation_scale: PositiveFloat = 1.0
    """by what the network's deviations are multiplied: chosen on validation images, like what is above, for a trained network"""
    widths: tuple[Width, ...] = (32, 64, 128)
    """channels of each level of the U-Net, finest first"""
    blocks: PositiveInt = 2
    """residual blocks a level"""


class GuidedDMFA(nn.Module):
    """The network. `forward(images, missing, guidance)` returns a Gaussian for each value on its own.

    Only what it says of missing values means something. It begins half way between a mean that knows nothing, or that of a DMFA
    without a guide (`begin_from`), and its guide's.
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
        """images `(B, C, H, W)`, missing `(B, 1, H, W)` -> Gaussians over n = C H W values, float32."""
        return self.look(images, missing, guidance)[0]

    def look(self, images: Tensor, missing: Tensor, guidance: Guidance) -> tuple[DiagonalGaussian, list[Tensor]]:
        """The same, and the features of each level on the way down, finest first."""
        config = self.config
        mean, deviation = guidance.images(missing)
        x = torch.cat([observe(images, missing), guidance.channels(missing)], 1)
        levels = self.unet.encode(x.contiguous(memory_format=torch.channels_last))
        features = F.silu(self.norm(self.unet.decode(levels))).float()
        with torch.autocast(features.device.type, enabled=False):
            own, trust, stretch = to_pixels(self.head(features), config.height, config.width).chunk(3, 1)
            mean = mean + trust.sigmoid() * (own.sigmoid() - mean)
            return DiagonalGaussian(flatten(mean), flatten(deviation * stretch.exp())), levels

    def begin_from(self, tensors: dict[str, Tensor]) -> None:
        """Take over what a DMFA of one component without a guide has learnt, from its state: its features and its mean.

        Raises:
            ValueError: when it is of another shape.
        """
        tensors, mine = dict(tensors), self.state_dict()
        # What it sees and says comes first; of the rest it knows nothing.
        for name in ("unet.stem.weight", "head.weight", "head.bias"):
            theirs, whole = tensors.get(name, torch.empty(0)), torch.zeros_like(mine[name])
            if name.startswith("head"):
                theirs = theirs[: len(whole) // 3]
            place = tuple(slice(0, size) for size in theirs.shape)
            if whole[place].shape != theirs.shape:
                break  # said below
            whole[place] = theirs
            tensors[name] = whole
        try:
            self.load_state_dict({name: tensors[name] for name in mine})
        except (KeyError, RuntimeError) as error:
            reason = str(error).splitlines()[-1].strip()
            raise ValueError(f"a guided network of these widths cannot begin from that DMFA: {reason:.200}") from None


def load_guide(folder: Path, factors: int) -> Guide:
    """The guide of so many factors from the checkpoint of an MFA of one component.

    Raises:
        ValueError: when it has several components.
    """
    imputer = cast(MFAImputer, load_once(MFAImputer, folder))  # shared with MFA itself, and so is what it computes
    components = len(imputer.mixture.components.mean)
    if components != 1:
        raise ValueError(f"{folder} holds an MFA of {components} components; a guide has one")
    return Guide(imputer.mixture, imputer.temperature).first(factors)
