"""The networks of a guided VAEAC, whose latents are the coordinates of a linear guide's shapes.

The guide (see densities/guide.py), a Gaussian of complete images, predicts m_lin for the hidden pixels, and the images u_1, u_2, ...
by which the truth may differ from it, strongest first. The latents z are the coordinates of these shapes, and m_lin(z) is the
guide's prediction given them:

    p(x_m | x_o) = E_{z ~ p(z | x_o)} prod_i N(x_i; m_i(z), s_i(z)^2),      m(z) = g own(z) + (1 - g) m_lin(z),

with own, g and s from a generator that receives m_lin(z) - m_lin and the prior network's features. So large shapes are coherent
from the start of training, and the network adds what is nonlinear in a face. The proposal q(z | x) has nothing to learn: it is
the guide's posterior given the complete image, independent in each coordinate. The prior network is a guided DMFA. The
coordinates of its mean are the mean of p(z | x_o), and it also returns their deviations.

This is our extension; it is not in the VAEAC paper.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dmfa_demo.densities.diagonal_gaussian import DiagonalGaussian
from dmfa_demo.densities.guide import Guidance
from dmfa_demo.models.guided import GuidedConfig, GuidedDMFA
from dmfa_demo.networks.engine import graph
from dmfa_demo.networks.unet import Decoder, Encoder, to_pixels


class GuidedPrior(nn.Module):
    """A network from visible pixels, mask and guidance to the latents' distribution and the features of every level.

    Args:
        config: the config of the guided DMFA that it is.
        latents: d, the number of the guide's shapes to use.
    """

    def __init__(self, config: GuidedConfig, latents: int):
        super().__init__()
        self.network = GuidedDMFA(config)
        self.spread = nn.Linear(config.widths[-1], latents)
        nn.init.zeros_(self.spread.weight)
        nn.init.zeros_(self.spread.bias)

    def forward(
        self, images: Tensor, missing: Tensor, guidance: Guidance
    ) -> tuple[DiagonalGaussian, tuple[Tensor, ...]]:
        found, levels = self.network.look(images, missing, guidance)
        deviation = self.spread(F.silu(levels[-1]).mean((2, 3))).float().exp()
        return DiagonalGaussian(guidance.recognise(found.mean, missing).mean, deviation), tuple(levels)


class GuidedGenerator(nn.Module):
    """A network from the latents' shapes, added to the prior network's features at every level, to raw pixels.

    Args:
        config: the config of the guided DMFA that provides the features.
    """

    # The shapes are differences of a few hundredths; features are of order one.
    SCALE = 10.0

    def __init__(self, config: GuidedConfig):
        super().__init__()
        self.config = config
        self.folds = [Encoder.BLOCK << level for level in range(len(config.widths))]
        self.add = nn.ModuleList(
            nn.Conv2d(config.channels * fold**2, width, 1, bias=False) for fold, width in zip(self.folds, config.widths)
        )
        self.decoder = Decoder(config.widths, config.blocks)
        self.norm = nn.GroupNorm(8, config.widths[0])
        self.head = nn.Conv2d(config.widths[0], 3 * config.channels * Encoder.BLOCK**2, 1)
        for add in self.add:
            nn.init.zeros_(cast(nn.Conv2d, add).weight)

    @graph("generator")
    def forward(self, painted: Tensor, *passed: Tensor) -> Tensor:
        """Map differences from the guide's prediction `(S, B, n)` and features of B rows to raw `(S, B, 3, C, H, W)`: mean, deviation, trust."""
        channels, height, width = self.config.shape
        images = self.SCALE * painted.flatten(0, 1).unflatten(1, (channels, height, width))
        images = F.pad(images, (0, -width % self.folds[-1], 0, -height % self.folds[-1]))
        *added, coarsest = (add(F.pixel_unshuffle(images, fold)) for add, fold in zip(self.add, self.folds))
        coarsest = (coarsest.unflatten(0, (-1, passed[-1].shape[0])) + passed[-1]).flatten(0, 1)
        features = F.silu(self.norm(self.decoder((*passed[:-1], coarsest), added)))
        maps = to_pixels(self.head(features), height, width)
        return maps.unflatten(1, (-1, channels)).unflatten(0, painted.shape[:2])

    def begin_from(self, network: GuidedDMFA) -> None:
        """Copy the weights of a guided DMFA from its features to its mean and its trust."""
        self.decoder.load_state_dict(network.unet.state_dict(), strict=False)
        self.norm.load_state_dict(network.norm.state_dict())
        with torch.no_grad():
            for mine, theirs in zip(self.head.parameters(), network.head.parameters()):
                own, trust, _ = theirs.chunk(3)
                mine.copy_(torch.cat([own, torch.zeros_like(own), trust]))
