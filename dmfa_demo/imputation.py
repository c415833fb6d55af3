"""The contracts of the project: what goes into a model, and what comes out.

    image + missing mask  ->  model(images, missing)  ->  a conditional distribution  ->  pictures and numbers

`images` is float32 `(B, C, H, W)` in [0, 1]; `missing` is bool `(B, 1, H, W)`, True where the pixel is unknown. Densities
work on flattened values, n = C * H * W (`flatten`, `flatten_missing`).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self, TypeVar

import torch
from torch import Tensor

from dmfa_demo.densities.density import Density
from dmfa_demo.densities.factor_analyzer import MixtureDensity
from dmfa_demo.options import Options, PositiveInt


@dataclass(frozen=True)
class Latents:
    """The space that a method's answers are drawn from.

    Attributes:
        count: its dimensions d.
        decode: standard normal coordinates `(S, d)` -> completed images `(S, B, C, H, W)`, the same S for every row.
    """

    count: int
    decode: Callable[[Tensor], Tensor]

    def directions(self, count: int) -> Tensor:
        """The orthonormal directions in which the first image changes most around the origin, `(count, d)`.

        Singular vectors of the decoder's Jacobian, taken as differences over one standard deviation; each points to lighter pixels.
        """
        middle_and_ahead = torch.cat([torch.zeros(1, self.count), torch.eye(self.count)])
        middle, ahead = self.decode(middle_and_ahead)[:, 0].flatten(1).split([1, self.count])
        jacobian = ahead - middle  # (d, n)
        left, _, _ = torch.linalg.svd(jacobian, full_matrices=False)
        chosen = left[:, :count].mT
        return torch.where((chosen @ jacobian).sum(1, keepdim=True) < 0, -chosen, chosen)

    def tour(self, ends: int, steps: int, generator: torch.Generator) -> Tensor:
        """A closed way through `ends` draws, `(steps, d)`, the first draw first; every place on it is distributed as a draw."""
        drawn, way = torch.randn(ends, self.count, generator=generator), []
        for step in range(steps):
            leg, share = divmod(step * ends / steps, 1)
            angle = share * math.pi / 2
            way.append(math.cos(angle) * drawn[int(leg)] + math.sin(angle) * drawn[(int(leg) + 1) % ends])
        return torch.stack(way)


@dataclass(frozen=True, eq=False)
class Imputation:
    """What a model believes about the missing pixels of a batch.

    Attributes:
        mean: `(B, C, H, W)`, observed pixels the input's own.
        density: the conditional density over flattened values with observed ones pinned, or None.
        marginal_variance: of each missing pixel on its own, `(B, C, H, W)`, where a method without a density knows it.
        trajectory: `(T + 1, B, C, H, W)` for methods that walk to their answer, or None.
        sampler: `(count, noise) -> (count, B, C, H, W)`, or None for methods with a single answer.
        filling: for methods whose samples grow step by step: count -> what is filled so far `(count, B, C, H, W)` and what is
            left `(count, B, 1, H, W)`, once a step; its last step is a sample. None for all others.
        latents: for methods whose samples come from a latent space, that space.
    """

    mean: Tensor
    density: Density | None = None
    marginal_variance: Tensor | None = None
    trajectory: Tensor | None = None
    sampler: Callable[[int, bool], Tensor] | None = None
    filling: Callable[[int], Iterator[tuple[Tensor, Tensor]]] | None = None
    latents: Latents | None = None

    @property
    def mixture(self) -> MixtureDensity:
        """The density as a mixture of factor analysers.

        Raises:
            ValueError: when it is none.
        """
        if not isinstance(self.density, MixtureDensity):
            raise ValueError("this method's density is no mixture of factor analysers")
        return self.density

    @property
    def variance(self) -> Tensor | None:
        """The variance of each pixel on its own `(B, C, H, W)`, zero where it is observed; None for a single answer."""
        if self.density is not None:
            return self.density.variance.view_as(self.mean)
        return self.marginal_variance

    def sample(self, count: int, *, noise: bool = True) -> Tensor:
        """`count` completed images `(count, B, C, H, W)` in [0, 1]; the same seed and count give the same pixels.

        Without `noise`, what a method thinks is independent in every pixel is left out of its draws; one that fills step by
        step has no such part.

        Raises:
            ValueError: when the method gives one answer and has nothing to sample.
        """
        if self.sampler is None:
            raise ValueError("this method returns a single imputation and cannot sample; use .mean")
        return self.sampler(count, noise)


@dataclass(frozen=True)
class ImageShape(Options):
    """The images a method is for."""

    channels: PositiveInt = 1
    height: PositiveInt = 28
    width: PositiveInt = 28

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return self.channels, self.height, self.width


class Imputer(ABC):
    """A method that fills in missing pixels. Subclasses implement `load` and `predict`, and carry their own words.

    Attributes:
        name: the method's name in the registry, on the command line, in folders and in addresses.
        title: its name for people.
        summary: one sentence a student understands.
        limits: a sentence or two on where it ends.
        formula: what it computes, as text; "" where words say it better.
        citation, url: the publication it follows and its address; "" for what needs none.
        paper: the row of the papers' tables to compare it with, or None.
        colour: its colour in every card, curve and table, `#rrggbb`.
        has_factors: whether its density is a mixture of factor analysers, with `weights` and `leading(count)` to take apart.
        has_samples: whether it has a distribution to draw answers from, `Imputation.sampler`.
        has_trajectory: whether it walks to its answer, `Imputation.trajectory`.
        starts_walks: whether its mean is a place where walks on a map of attractors start.
        has_latents: whether its answers are drawn from a latent space, `Imputation.latents`.
        fills_in_steps: whether its samples grow step by step, `Imputation.filling`.
        shown_first: whether it is compared at first; slow ones and variants of others are not.
        stands_in_for: the method that it is compared in place of where that one has no checkpoint.
        needs_checkpoint: whether it is read from a checkpoint by `load`; the others are made by `create`.
        shape: (C, H, W) of the images it was made for.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    limits: ClassVar[str]
    formula: ClassVar[str] = ""
    citation: ClassVar[str] = ""
    url: ClassVar[str] = ""
    paper: ClassVar[str | None]
    colour: ClassVar[str]
    has_factors: ClassVar[bool] = False
    has_samples: ClassVar[bool] = False
    has_trajectory: ClassVar[bool] = False
    starts_walks: ClassVar[bool] = False
    has_latents: ClassVar[bool] = False
    fills_in_steps: ClassVar[bool] = False
    shown_first: ClassVar[bool] = True
    stands_in_for: ClassVar[str | None] = None
    needs_checkpoint: ClassVar[bool] = True
    shape: tuple[int, ...]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The trained method from its checkpoint folder.

        Raises:
            ValueError: for a method that is not kept in a checkpoint.
        """
        raise ValueError(f"{cls.title} keeps no checkpoint in {folder}; it is fitted anew where it is measured")

    @classmethod
    def create(cls, dataset: str) -> Self:
        """The method for a data set, without a checkpoint.

        Raises:
            ValueError: for a method that needs one, and for a data set that the method is not for.
        """
        raise ValueError(f"{cls.title} needs a checkpoint; load it")

    @abstractmethod
    def predict(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Imputation:
        """The method itself. Observed pixels of what it returns are overwritten by `impute`."""

    @torch.inference_mode()
    def impute(self, images: Tensor, missing: Tensor, *, seed: int | None = None) -> Imputation:
        """Fill in the missing pixels.

        Args:
            images: float32 `(B, C, H, W)` in [0, 1]; what lies under `missing` plays no role.
            missing: bool `(B, 1, H, W)`.
            seed: of everything random in the method; None draws a fresh one.

        Raises:
            ValueError: when the arguments break the contract; the message names which and how to fix it.
        """
        check(images, missing)
        if images.shape[1:] != self.shape:
            raise ValueError(
                f"this model takes images of (C, H, W) = {self.shape}, got {tuple(images.shape[1:])}; resize them first"
            )
        seed = torch.Generator().seed() if seed is None else seed
        prediction = self.predict(images, missing, torch.Generator().manual_seed(seed))

        def paste(values: Tensor) -> Tensor:  # the one place where observed pixels enter an answer
            return torch.where(missing, values, images)

        def paste_draw(values: Tensor) -> Tensor:
            return paste(values.clamp(0, 1))

        return replace(
            prediction,
            mean=paste(prediction.mean),
            marginal_variance=map_optional(
                prediction.marginal_variance, lambda variance: torch.where(missing, variance, 0)
            ),
            trajectory=map_optional(prediction.trajectory, paste),
            sampler=_sampler(prediction, images, seed, paste_draw),
            filling=map_optional(prediction.filling, lambda fill: _pasted(fill, paste_draw)),
            latents=map_optional(
                prediction.latents, lambda space: Latents(space.count, lambda z: paste_draw(space.decode(z)))
            ),
        )


Value = TypeVar("Value")
Other = TypeVar("Other")


def map_optional(value: Value | None, do: Callable[[Value], Other]) -> Other | None:
    """`do(value)`; None for None."""
    return None if value is None else do(value)


def _sampler(
    prediction: Imputation, images: Tensor, seed: int, paste: Callable[[Tensor], Tensor]
) -> Callable[[int, bool], Tensor] | None:
    """A method's own draws, or the last step of its filling, or draws of its density, observed pixels pasted in."""
    own, fill, density = prediction.sampler, prediction.filling, prediction.density

    @torch.inference_mode()
    def sampler(count: int, noise: bool) -> Tensor:
        if own is not None:
            return paste(own(count, noise))
        if fill is not None:
            return paste(deque(fill(count), maxlen=1)[0][0])
        assert density is not None, "otherwise there is no sampler"
        generator = torch.Generator().manual_seed(seed)
        return paste(density.sample(count, generator, noise).view(count, *images.shape))

    return None if own is None and fill is None and density is None else sampler


def _pasted(
    fill: Callable[[int], Iterator[tuple[Tensor, Tensor]]], paste: Callable[[Tensor], Tensor]
) -> Callable[[int], Iterator[tuple[Tensor, Tensor]]]:
    return lambda count: ((paste(filled), left) for filled, left in fill(count))


def check(images: Tensor, missing: Tensor) -> None:
    """Raise a ValueError that says what to fix when `images` and `missing` break the contract."""
    if images.dim() != 4 or images.dtype != torch.float32:
        raise ValueError(f"images must be float32 (B, C, H, W) in [0, 1]; got {images.dtype} {tuple(images.shape)}")
    expected = (images.shape[0], 1, *images.shape[2:])
    if missing.dtype != torch.bool or missing.shape != expected:
        raise ValueError(
            f"missing must be bool {expected}, True where a pixel is unknown; got {missing.dtype} {tuple(missing.shape)}"
        )
    visible = images[~missing.expand_as(images)]
    if not visible.isfinite().all():
        raise ValueError("images hold NaN or infinity outside the missing pixels; mark such pixels as missing")
    if visible.numel() and not 0 <= visible.min() <= visible.max() <= 1:
        raise ValueError(
            f"images must lie in [0, 1]; got {visible.min():.3g} to {visible.max():.3g} (divide 8-bit values by 255)"
        )


def hide(images: Tensor, missing: Tensor) -> Tensor:
    """The images with every missing pixel zero: the one place where values are taken away."""
    return torch.where(missing, 0, images)


def flatten(images: Tensor) -> Tensor:
    """`(..., C, H, W)` as `(..., n)`, the layout of densities."""
    return images.flatten(-3)


def flatten_missing(missing: Tensor, channels: int) -> Tensor:
    """`(B, 1, H, W)` as `(B, n)`: a missing pixel misses all of its channels."""
    return missing.expand(-1, channels, -1, -1).flatten(1)
