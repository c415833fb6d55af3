"""The contracts of the project: the inputs and outputs of a model.

    image + missing mask  ->  model(images, missing)  ->  a conditional distribution  ->  pictures and numbers

`images` is float32 `(B, C, H, W)` in [0, 1]; `missing` is bool `(B, 1, H, W)`, True where the pixel is unknown. Densities
work on flattened values, n = C * H * W (`flatten`, `flatten_missing`).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
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
class LatentSpace:
    """A latent space from which a method draws its answers.

    Attributes:
        count: the number of its dimensions, d.
        decode: maps standard normal coordinates `(S, d)` to completed images `(S, B, C, H, W)`, the same S for every row.
    """

    count: int
    decode: Callable[[Tensor], Tensor]

    def directions(self, count: int) -> Tensor:
        """Return the orthonormal directions `(count, d)` in which the first image changes most around the origin.

        They are singular vectors of the decoder's Jacobian, by differences over one standard deviation; each points to lighter pixels.
        """
        middle_and_ahead = torch.cat([torch.zeros(1, self.count), torch.eye(self.count)])
        middle, ahead = self.decode(middle_and_ahead)[:, 0].flatten(1).split([1, self.count])
        jacobian = ahead - middle  # (d, n)
        left, _, _ = torch.linalg.svd(jacobian, full_matrices=False)
        chosen = left[:, :count].mT
        return torch.where((chosen @ jacobian).sum(1, keepdim=True) < 0, -chosen, chosen)

    def tour(self, ends: int, steps: int, generator: torch.Generator) -> Tensor:
        """Return a closed path through `ends` draws, `(steps, d)`, from the first draw on; every point on it is distributed like a draw."""
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
        mean: `(B, C, H, W)`; observed pixels are the input's.
        density: the conditional density over flattened values, with observed values fixed, or None.
        marginal_variance: the variance of each missing pixel `(B, C, H, W)`, for methods that have it without a density.
        trajectory: `(T + 1, B, C, H, W)` for methods that reach their answer in steps, or None.
        sampler: `(count, noise) -> (count, B, C, H, W)`, or None for methods with a single answer.
        latents: the latent space of the samples, or None.
    """

    mean: Tensor
    density: Density | None = None
    marginal_variance: Tensor | None = None
    trajectory: Tensor | None = None
    sampler: Callable[[int, bool], Tensor] | None = None
    latents: LatentSpace | None = None

    @property
    def mixture(self) -> MixtureDensity:
        """The density, if it is a mixture of factor analysers.

        Raises:
            ValueError: If it is not.
        """
        if not isinstance(self.density, MixtureDensity):
            raise ValueError("this method's density is not a mixture of factor analysers")
        return self.density

    @property
    def variance(self) -> Tensor | None:
        """The marginal variance of each pixel `(B, C, H, W)`, zero where it is observed; None for a method with a single answer."""
        if self.density is not None:
            return self.density.variance.view_as(self.mean)
        return self.marginal_variance

    def sample(self, count: int, *, noise: bool = True) -> Tensor:
        """Draw `count` completed images `(count, B, C, H, W)` in [0, 1]; the same seed and count give the same pixels.

        With `noise=False` the draws leave out the part that is independent in each pixel; a method that fills step by step has
        no such part.

        Raises:
            ValueError: If the method has a single answer.
        """
        if self.sampler is None:
            raise ValueError("this method returns a single imputation and cannot sample; use .mean")
        return self.sampler(count, noise)


@dataclass(frozen=True)
class ImageShape(Options):
    """The shape of the images a method takes."""

    channels: PositiveInt = 1
    height: PositiveInt = 28
    width: PositiveInt = 28

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape `(C, H, W)`."""
        return self.channels, self.height, self.width


class Imputer(ABC):
    """A method that fills in missing pixels. Subclasses implement `load` and `predict`, and describe themselves in the attributes.

    Attributes:
        name: the method's name in the registry, on the command line, in folders and in addresses.
        title: its name on the page.
        summary: one sentence that a student understands.
        limits: a sentence or two on its limitations.
        formula: what it computes, as text; "" where words are clearer.
        citation, url: the publication it follows and its address; "" if there is none.
        paper: the row of the papers' tables to compare it with, or None if there is none.
        colour: its colour in every card, curve and table, `#rrggbb`.
        has_factors: whether its density is a mixture of factor analysers, with `weights` and `leading(count)`.
        has_samples: whether answers can be sampled, `Imputation.sampler`.
        has_trajectory: whether it reaches its answer in steps, `Imputation.trajectory`.
        starts_walks: whether walks on a map of attractors may start at its mean.
        has_latents: whether it draws answers from a latent space, `Imputation.latents`.
        conditions_exactly: whether its answer is the conditional of one joint distribution, so that it suits every hole alike; a network suits
            holes like those of its training.
        fills_in_steps: whether it makes samples step by step, see `filling`.
        steps: how it does that, for visitors; "" if it does not.
        answers_in_steps: whether its answer takes seconds; `impute_in_steps` then yields it after each step.
        draws_quickly: whether samples of thousands of images can be drawn within hours, so that they are measured.
        shown_first: whether Compare shows it at first; slow methods and variants of others are not shown.
        other_start: the method with the same walk from another start; None if there is none.
        needs_checkpoint: whether `load` reads it from a checkpoint; `create` makes the others.
        shape: (C, H, W) of the images it takes.
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
    conditions_exactly: ClassVar[bool] = False
    fills_in_steps: ClassVar[bool] = False
    steps: ClassVar[str] = ""
    answers_in_steps: ClassVar[bool] = False
    draws_quickly: ClassVar[bool] = True
    shown_first: ClassVar[bool] = True
    other_start: ClassVar[str | None] = None
    needs_checkpoint: ClassVar[bool] = True
    shape: tuple[int, ...]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load the trained method from its checkpoint folder.

        Raises:
            ValueError: If the method has no checkpoints.
        """
        raise ValueError(f"{cls.title} has no checkpoint in {folder}; it is fitted anew each time it is measured")

    @classmethod
    def create(cls, dataset: str) -> Self:
        """Create the method for a data set, without a checkpoint.

        Raises:
            ValueError: If the method needs a checkpoint or does not support the data set.
        """
        raise ValueError(f"{cls.title} needs a checkpoint; load it")

    @abstractmethod
    def predict(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Imputation:
        """Run the method itself. `impute` overwrites the observed pixels of the result."""

    def predict_in_steps(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Iterator[Imputation]:
        """Run the method itself and yield its answer after each step; the last one is that of `predict`."""
        yield self.predict(images, missing, generator)

    @torch.inference_mode()
    def impute(self, images: Tensor, missing: Tensor, *, seed: int | None = None) -> Imputation:
        """Fill in the missing pixels.

        Args:
            images: float32 `(B, C, H, W)` in [0, 1]; values under `missing` are ignored.
            missing: bool `(B, 1, H, W)`.
            seed: seeds all randomness of the method; None draws a fresh seed.

        Raises:
            ValueError: If an argument breaks the contract; the message names it and the fix.
        """
        self._check(images, missing)
        seed = torch.Generator().seed() if seed is None else seed
        return _paste(self.predict(images, missing, torch.Generator().manual_seed(seed)), images, missing, seed)

    @torch.inference_mode()
    def impute_in_steps(self, images: Tensor, missing: Tensor, *, seed: int | None = None) -> Iterator[Imputation]:
        """Yield the answer after each step of a method with `answers_in_steps`; the last one, of any method, is that of `impute`.

        Args:
            images, missing, seed: as in `impute`.

        Raises:
            ValueError: If an argument breaks the contract.
        """
        self._check(images, missing)
        seed = torch.Generator().seed() if seed is None else seed
        for prediction in self.predict_in_steps(images, missing, torch.Generator().manual_seed(seed)):
            yield _paste(prediction, images, missing, seed)

    @torch.inference_mode()
    def filling(
        self, images: Tensor, missing: Tensor, count: int, *, seed: int | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Make `count` samples step by step.

        Args:
            images, missing, seed: as in `impute`, whose samples are the same.

        Yields:
            At each step the images so far `(count, B, C, H, W)` and the pixels without a value yet `(count, B, 1, H, W)`; at the last
            step the samples.

        Raises:
            ValueError: If the method does not fill in steps, or an argument breaks the contract.
        """
        self._check(images, missing)
        seed = torch.Generator().seed() if seed is None else seed
        for filled, left in self.fill(images, missing, count, torch.Generator().manual_seed(seed)):
            yield torch.where(missing, filled.clamp(0, 1), images), left

    def fill(
        self, images: Tensor, missing: Tensor, count: int, generator: torch.Generator
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Make samples step by step; `filling` overwrites the observed pixels of what this yields."""
        raise ValueError(f"{self.title} does not fill a hole step by step; use impute")

    def _check(self, images: Tensor, missing: Tensor) -> None:
        check(images, missing)
        if images.shape[1:] != self.shape:
            raise ValueError(
                f"this model takes images of (C, H, W) = {self.shape}, got {tuple(images.shape[1:])}; resize them first"
            )


Value = TypeVar("Value")
Other = TypeVar("Other")


def map_optional(value: Value | None, do: Callable[[Value], Other]) -> Other | None:
    """Return `do(value)`, or None for None."""
    return None if value is None else do(value)


def _paste(prediction: Imputation, images: Tensor, missing: Tensor, seed: int) -> Imputation:
    """Return a method's prediction with the observed pixels pasted in; this is the one place where they enter an answer."""

    def paste(values: Tensor) -> Tensor:
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
        latents=map_optional(
            prediction.latents, lambda space: LatentSpace(space.count, lambda z: paste_draw(space.decode(z)))
        ),
    )


def _sampler(
    prediction: Imputation, images: Tensor, seed: int, paste: Callable[[Tensor], Tensor]
) -> Callable[[int, bool], Tensor] | None:
    """Return the method's sampler, or draws from its density, with observed pixels pasted in."""
    own, density = prediction.sampler, prediction.density

    @torch.inference_mode()
    def sampler(count: int, noise: bool) -> Tensor:
        if own is not None:
            return paste(own(count, noise))
        assert density is not None, "a sampler needs a density"
        generator = torch.Generator().manual_seed(seed)
        return paste(density.sample(count, generator, noise).view(count, *images.shape))

    return None if own is None and density is None else sampler


def check(images: Tensor, missing: Tensor) -> None:
    """Raise a ValueError that names the fix if `images` or `missing` breaks the contract."""
    if images.dim() != 4 or images.dtype != torch.float32:
        raise ValueError(f"images must be float32 (B, C, H, W) in [0, 1]; got {images.dtype} {tuple(images.shape)}")
    expected = (images.shape[0], 1, *images.shape[2:])
    if missing.dtype != torch.bool or missing.shape != expected:
        raise ValueError(
            f"missing must be bool {expected}, True where a pixel is unknown; got {missing.dtype} {tuple(missing.shape)}"
        )
    visible = images[~missing.expand_as(images)]
    if not visible.numel():
        return
    low, high = (extreme.item() for extreme in visible.aminmax())  # NaN if any value is
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError("images contain NaN or infinity outside the missing pixels; mark such pixels as missing")
    if not 0 <= low <= high <= 1:
        raise ValueError(f"images must be in [0, 1]; got {low:.3g} to {high:.3g} (divide 8-bit values by 255)")


def hide(images: Tensor, missing: Tensor) -> Tensor:
    """Return the images with every missing pixel zero. This is the one place that removes values."""
    return torch.where(missing, 0, images)


def flatten(images: Tensor) -> Tensor:
    """Flatten `(..., C, H, W)` to `(..., n)`, the layout of densities."""
    return images.flatten(-3)


def flatten_missing(missing: Tensor, channels: int) -> Tensor:
    """Flatten `(B, 1, H, W)` to `(B, n)`: a missing pixel lacks all of its channels."""
    return missing.expand(-1, channels, -1, -1).flatten(1)
