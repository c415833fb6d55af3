"""Universal Marginalizer: one network for every marginal, and the chain rule for everything else (Douglas et al., 2017).

For an image with holes, the network returns the marginal distribution of each missing pixel. Filling one pixel after
another, each given all before it, draws a joint sample, and the same chain gives an exact likelihood (VAEAC paper, section
5.3, equation (11)), at the cost of one pass through the network per missing pixel.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dmfa_demo.densities.pixels import Likelihood, Pixels, as_seen
from dmfa_demo.imputation import ImageShape, Imputation, Imputer, hide
from dmfa_demo.networks.engine import graph
from dmfa_demo.networks.unet import UNet, observe, to_pixels
from dmfa_demo.options import PositiveFloat, PositiveInt, Width
from dmfa_demo.storage.checkpoints import load_network

# Images per pass through the network.
CHUNK = 200


@dataclass(frozen=True)
class UniversalMarginalizerConfig(ImageShape):
    """The shape of the network."""

    widths: tuple[Width, ...] = (48, 96)
    """channels of each level of the U-Net, finest first"""
    blocks: PositiveInt = 2
    """residual blocks per level"""
    likelihood: Likelihood = "bernoulli"
    """the distribution of a pixel; gaussian for grey levels"""
    deviation_floor: PositiveFloat = 0.01
    """the smallest standard deviation of a Gaussian pixel, in units of pixel values"""


class UniversalMarginalizer(nn.Module):
    """The network. `forward(images, missing)` returns the marginal of every pixel; only missing pixels are meaningful."""

    def __init__(self, config: UniversalMarginalizerConfig):
        super().__init__()
        self.config = config
        self.unet = UNet(config.channels + 1, config.widths, config.blocks)
        self.norm = nn.GroupNorm(8, config.widths[0])
        maps = config.channels * (1 if config.likelihood == "bernoulli" else 2)
        self.head = nn.Conv2d(config.widths[0], maps * UNet.BLOCK**2, 1)

    def forward(self, images: Tensor, missing: Tensor) -> Pixels:
        """Map images `(B, C, H, W)` and missing `(B, 1, H, W)` to pixels `(B, C, H, W)`."""
        return Pixels.from_raw(self.raw(images, missing), self.config.likelihood, self.config.deviation_floor)

    @graph("model")
    def raw(self, images: Tensor, missing: Tensor) -> Tensor:
        """Return the raw pixels `(B, p, C, H, W)` for `Pixels.from_raw`."""
        features = F.silu(self.norm(self.unet(observe(images, missing))))
        maps = to_pixels(self.head(features), self.config.height, self.config.width)
        return maps.unflatten(1, (-1, self.config.channels))


def random_order(missing: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a uniformly random order of the missing pixels, `(B, 1, H, W)`: 0, 1, ..., and -1 for visible pixels."""
    flat = missing.flatten(1)
    # Missing pixels get a random number in [0, 1), the others 2, so that the ranks of the missing come first.
    keys = torch.where(flat, torch.rand(flat.shape, generator=generator), 2.0)
    return torch.where(flat, keys.argsort(1).argsort(1), -1).view_as(missing)


@torch.inference_mode()
def fill(
    model: UniversalMarginalizer, images: Tensor, missing: Tensor, order: Tensor, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Fill pixel after pixel in each row's `order`, all rows at once, in as many steps as the largest hole has pixels.

    Yields:
        The images so far `(B, C, H, W)` and the pixels left `(B, 1, H, W)`, starting with the original hole.
    """
    filled, left = hide(images, missing), missing
    yield filled, left
    for turn in range(int(order.max()) + 1):
        now = order == turn
        drawn = model(filled, left).sample(generator)
        filled, left = torch.where(now, drawn, filled), left & ~now
        yield filled, left


@torch.inference_mode()
def log_prob(model: UniversalMarginalizer, images: Tensor, missing: Tensor, order: Tensor) -> Tensor:
    """Return log p(x_m | x_o) in nats, `(B,)`, by the chain rule in each row's `order` (equation (11)).

    Since the image is known, steps need not wait for each other: the network takes `CHUNK` of them at a time.
    """
    turns = order.flatten(1).amax(1) + 1  # (B,) missing pixels of each row
    row = torch.arange(len(images)).repeat_interleave(turns)
    turn = torch.arange(len(row)) - (turns.cumsum(0) - turns).repeat_interleave(turns)
    total = torch.zeros(len(images), dtype=images.dtype)
    for rows, now in zip(row.split(CHUNK), turn.view(-1, 1, 1, 1).split(CHUNK)):
        left = order[rows] >= now
        terms = model(images[rows], left).log_prob(images[rows], order[rows] == now)
        total.index_add_(0, rows, terms.to(total))
    return total


class UniversalMarginalizerImputer(Imputer):
    """A trained Universal Marginalizer as an imputer: the mean takes one pass, a sample one pass per missing pixel."""

    name = "universal-marginalizer"
    title = "Universal Marginalizer"
    summary = "A network gives the distribution of every single hidden pixel; filling one after another makes a complete answer."
    limits = (
        "It sees and draws only black and white. A sample takes as many passes through the network as there are hidden pixels, each "
        "waiting for the one before."
    )
    formula = "p(x_m | x_o) = Πᵢ p(xᵢ | x_o and the pixels filled before), each factor from one pass of a network"
    citation = "Douglas et al.: A universal marginalizer for amortized inference in generative models (2017)"
    url = "https://arxiv.org/abs/1711.00695"
    paper = "Universal Marginalizer"
    colour = "#a3423a"
    has_samples = True
    fills_in_steps = True
    steps = (
        "This method describes only single pixels: how likely ink is in each, given the visible pixels. So it draws one pixel, counts it as "
        "visible, predicts again, and so on through the hole, in a different order for each picture. This gives complete answers with "
        "sharp strokes, but takes a pass through the network for each pixel, where other methods draw all pixels at once."
    )
    draws_quickly = False

    def __init__(self, model: UniversalMarginalizer):
        self.model, self.shape = model.eval(), model.config.shape

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(load_network(folder, UniversalMarginalizer, UniversalMarginalizerConfig))

    def fill(
        self, images: Tensor, missing: Tensor, count: int, generator: torch.Generator
    ) -> Iterator[tuple[Tensor, Tensor]]:
        seen, holes = as_seen(images, self.model.config.likelihood), missing.repeat(count, 1, 1, 1)
        steps = fill(
            self.model,
            images=seen.repeat(count, 1, 1, 1),
            missing=holes,
            order=random_order(holes, generator),
            generator=generator,
        )
        for filled, left in steps:
            yield filled.unflatten(0, (count, -1)), left.unflatten(0, (count, -1))

    def predict(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Imputation:
        seed = generator.initial_seed()

        def sampler(count: int, noise: bool) -> Tensor:
            steps = self.fill(images, missing, count, torch.Generator().manual_seed(seed))
            return deque(steps, maxlen=1)[0][0]

        marginals = self.model(as_seen(images, self.model.config.likelihood), missing)
        return Imputation(marginals.mean, marginal_variance=marginals.variance, sampler=sampler)
