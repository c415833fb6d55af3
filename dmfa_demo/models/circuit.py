"""A probabilistic circuit: a deep model of complete images whose conditionals are exact (Poon and Domingos, 2011; Butz et al., 2019).

Every pixel has K Gaussians. A product multiplies the densities of neighbouring regions, sums mix the densities of one region, and this
repeats until a region is the whole image:

    pixels  ->  products of 2 x 2  ->  sums  ->  products of 2 x 2  ->  sums  ->  ...  ->  p(x)

With the densities of hidden pixels set to 1, the same pass gives the marginal p(x_o), and so p(x_m | x_o) = p(x) / p(x_o). One
backward pass gives the exact probability of each Gaussian of a hidden pixel, and with it the pixel's mean, variance and distribution.
The layers are those of the library SPFlow.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self, cast

import torch
from spflow.meta import Scope
from spflow.modules.conv import ProdConv
from spflow.modules.leaves import Normal
from spflow.modules.module import Module
from spflow.modules.sums import Sum
from spflow.utils.cache import Cache
from spflow.utils.sampling_context import LeafParamRecord
from torch import Tensor, nn

from dmfa_demo.densities.density import Density, check_same_hole
from dmfa_demo.drawing import DrawFrom
from dmfa_demo.imputation import ImageShape, Imputation, Imputer, flatten, flatten_missing
from dmfa_demo.options import PositiveFloat, PositiveInt
from dmfa_demo.storage.checkpoints import load_network

# The number of images in one pass of the sampler, which repeats all weights for each of them.
ROWS = 16


@dataclass(frozen=True)
class CircuitConfig(ImageShape):
    """The shape of a circuit, for images of one channel."""

    components: PositiveInt = 32
    """K, the number of Gaussians of each pixel"""
    widths: tuple[PositiveInt, ...] = (48, 96, 192, 256)
    """the number of densities of a region at each size, smallest first; regions of 2 x 2 are joined until one is left"""
    deviation_floor: PositiveFloat = 0.01
    """the smallest deviation of a pixel's Gaussians"""


class _Pixels(Normal):
    """K Gaussians of each of some pixels, whose deviations have a lower bound."""

    def __init__(self, count: int, config: CircuitConfig):
        self.floor = config.deviation_floor
        shape = count, config.components, 1
        super().__init__(
            Scope(list(range(count))), config.components, loc=torch.rand(shape), scale=torch.full(shape, 0.2)
        )

    @property
    def scale(self) -> Tensor:
        return self.floor + self.log_scale.exp()

    def log_likelihood(self, data: Tensor, cache: Cache | None = None) -> Tensor:
        found = super().log_likelihood(data, cache=cache)
        # `posterior` differentiates with respect to it, even if the Gaussians themselves are fixed.
        return found.requires_grad_() if torch.is_grad_enabled() and not found.requires_grad else found


class Circuit(nn.Module):
    """The density of complete images of one channel, `(B, n)` with n = H * W.

    Around the image is a margin of pixels that are always hidden, so that regions of 2 x 2 can be joined until one is left.

    Attributes:
        places: the places of the image's pixels among those with a margin, `(n,)`.
    """

    places: Tensor

    def __init__(self, config: CircuitConfig):
        super().__init__()
        if config.channels != 1 or config.height != config.width:
            raise ValueError(f"a circuit takes square images of one channel; got (C, H, W) = {config.shape}")
        self.config = config
        count = 1 << len(config.widths)
        region = -(-config.height // count)  # the side of the smallest regions
        side = region * count
        inside = torch.arange(config.height) + (side - config.height) // 2
        self.register_buffer("places", (side * inside[:, None] + inside).flatten(), persistent=False)
        pixels = _Pixels(side * side, config)
        self._pixels = (pixels,)  # in a tuple, since the root already registers it
        layer: Module = ProdConv(pixels, kernel_size_h=region, kernel_size_w=region)
        for width in config.widths:
            layer = ProdConv(Sum(layer, out_channels=width), kernel_size_h=2, kernel_size_w=2)
        self.root = Sum(layer)

    @property
    def loc(self) -> Tensor:
        """The means of the Gaussians of each pixel, `(n, K)`."""
        return self._pixels[0].loc[self.places, :, 0]

    @property
    def scale(self) -> Tensor:
        """The deviations of the Gaussians of each pixel, `(n, K)`."""
        return self._pixels[0].scale[self.places, :, 0]

    @torch.no_grad()
    def begin_at(self, images: Tensor) -> None:
        """Let the means of the K Gaussians of each pixel be its values in K images `(K, 1, H, W)`."""
        self._pixels[0].loc[self.places, :, 0] = images.flatten(1).T

    def forward(self, x: Tensor, missing: Tensor | None = None) -> Tensor:
        """Return log p(x) in nats, `(B,)`, for x `(B, n)`; with bool `missing` `(B, n)`, the marginal log p(x_o)."""
        return self.root.log_likelihood(self._evidence(x, missing), cache=Cache())[:, 0, 0, 0]

    def posterior(self, x: Tensor, missing: Tensor) -> tuple[Tensor, Tensor]:
        """Return log p(x_o) `(B,)`, and the probabilities of the K Gaussians of each value given x_o, `(B, n, K)`.

        Since a hidden value's densities are set to 1, the derivative of log p(x_o) with respect to the logarithm of one is its probability.
        """
        cache = Cache()
        with torch.inference_mode(False), torch.enable_grad():
            log_prob = self.root.log_likelihood(self._evidence(x.clone(), missing.clone()), cache=cache)
            of_pixels = cache["log_likelihood"][self._pixels[0]]
            (shares,) = torch.autograd.grad(log_prob.sum(), of_pixels)
        return log_prob.detach()[:, 0, 0, 0], shares[:, self.places, :, 0]

    def draw(self, x: Tensor, missing: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return draws of p(x_m | x_o), and the means of the Gaussians that they come from, both `(B, n)`."""
        drawn, means = [], []
        with torch.inference_mode(False), torch.no_grad(), DrawFrom(generator):
            for rows, hidden in zip(x.clone().split(ROWS), missing.clone().split(ROWS)):
                evidence = self._evidence(rows, hidden)
                found, records = self.root.sample_with_evidence(evidence, return_leaf_params=True)
                middle = torch.zeros_like(found)
                for record in cast(list[LeafParamRecord], records):
                    middle[record.active_mask] = record.params["loc"][record.active_mask]
                for kept, values in ((drawn, found), (means, middle)):
                    kept.append(torch.where(hidden, values[:, self.places], rows))
        return torch.cat(drawn), torch.cat(means)

    def _evidence(self, x: Tensor, missing: Tensor | None) -> Tensor:
        """Return values `(B, n)` as SPFlow takes them: with a margin, and NaN where they are hidden."""
        evidence = x.new_full((len(x), self._pixels[0].out_shape.features), torch.nan)
        evidence[:, self.places] = x if missing is None else torch.where(missing, torch.nan, x)
        return evidence


@dataclass(frozen=True, eq=False)
class CircuitDensity:
    """The conditional density p(x_m | x_o) of a circuit, over B rows of n values.

    Args:
        circuit: the density of complete images.
        observed: `(B, n)`, the observed values; other entries are ignored.
        missing: bool `(B, n)`.
    """

    circuit: Circuit
    observed: Tensor
    missing: Tensor

    @cached_property
    def _posterior(self) -> tuple[Tensor, Tensor]:
        return self.circuit.posterior(self.observed, self.missing)

    @cached_property
    @torch.no_grad()
    def mean(self) -> Tensor:
        """The conditional mean `(B, n)`."""
        found = (self._posterior[1] * self.circuit.loc).sum(-1)
        return torch.where(self.missing, found, self.observed)

    @cached_property
    @torch.no_grad()
    def variance(self) -> Tensor:
        """The marginal variance of each value `(B, n)`."""
        spread = self.circuit.scale.square() + (self.circuit.loc - self.mean[..., None]).square()
        return torch.where(self.missing, (self._posterior[1] * spread).sum(-1), 0)

    @torch.no_grad()
    def log_prob(self, x: Tensor, missing: Tensor) -> Tensor:
        """Return log p(x_m | x_o) in nats, `(B,)`.

        Raises:
            ValueError: If `missing` is not the set that this density is over.
        """
        check_same_hole(missing, self.missing)
        return self.circuit(torch.where(missing, x, self.observed)) - self._posterior[0]

    @torch.no_grad()
    def cdf(self, x: Tensor) -> Tensor:
        """Return P(X_i <= x_i) for each missing value, `(B, n)`."""
        below = torch.special.ndtr((x[..., None] - self.circuit.loc) / self.circuit.scale)
        return (self._posterior[1] * below).sum(-1)

    def sample(self, count: int, generator: torch.Generator | None = None, noise: bool = True) -> Tensor:
        """Draw `count` samples, `(count, B, n)`; without `noise`, the means of the Gaussians that were drawn."""
        rows = (self.observed, self.missing)
        x, missing = (one.expand(count, -1, -1).flatten(0, 1) for one in rows)
        drawn, means = self.circuit.draw(x, missing, generator or torch.default_generator)
        return (drawn if noise else means).unflatten(0, (count, len(self.observed)))

    def with_noise_floor(self, floor: float) -> None:
        """Return None: the Gaussians of a pixel have no separate noise."""


class CircuitImputer(Imputer):
    """A trained circuit as an imputer."""

    name = "circuit"
    title = "Probabilistic circuit"
    summary = (
        "A deep network of sums and products that is a density of complete images, and whose conditionals are exact."
    )
    limits = (
        "Exact answers restrict the network: weights may only mix or multiply densities, region by region, so strokes may break at the borders of regions. "
        "It is for grey pictures only."
    )
    formula = "p(x_m | x_o) = p(x) / p(x_o), both from one pass of sums and products; ∂ log p(x_o) gives every pixel's distribution"
    citation = "Butz, Oliveira, dos Santos, Teixeira: Deep convolutional sum-product networks (2019)"
    url = "https://doi.org/10.1609/aaai.v33i01.33013248"
    paper = None
    colour = "#2e9e2e"
    has_samples = True
    conditions_exactly = True
    shown_first = False

    def __init__(self, circuit: Circuit):
        self.circuit, self.shape = circuit.eval(), circuit.config.shape

    @classmethod
    def load(cls, folder: Path) -> Self:
        with torch.inference_mode(False):  # `posterior` needs gradients
            return cls(load_network(folder, Circuit, CircuitConfig))

    def predict(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Imputation:
        density = CircuitDensity(self.circuit, flatten(images), flatten_missing(missing, images.shape[1]))
        return Imputation(mean=density.mean.view_as(images).clamp(0, 1), density=cast(Density, density))
