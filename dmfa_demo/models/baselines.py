"""Baselines: the simple methods that every other method has to beat."""

from __future__ import annotations

import math
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self, cast

import numpy as np
import torch
from torch import Tensor

from dmfa_demo.data.datasets import dataset_named, to_float
from dmfa_demo.densities.dense_gaussian import ConditionalGaussian
from dmfa_demo.densities.density import Density
from dmfa_demo.imputation import ImageShape, Imputation, Imputer, flatten, flatten_missing, hide
from dmfa_demo.options import OptionError, PositiveInt, Range
from dmfa_demo.storage.checkpoints import load_checkpoint

if TYPE_CHECKING:
    from sklearn.impute import IterativeImputer


class MeanImputer(Imputer):
    """Imputation of every hidden pixel by its mean over the training images."""

    name = "mean"
    title = "Training mean"
    summary = "Every hidden pixel gets its average over all training images."
    limits = "It does not look at the visible pixels."
    paper = None
    colour = "#8a8f98"
    starts_walks = True

    def __init__(self, image: Tensor):
        self.image, self.shape = image, tuple(image.shape)  # (C, H, W)

    @classmethod
    def load(cls, folder: Path) -> Self:
        _, tensors = load_checkpoint(folder, ImageShape)
        return cls(tensors["image"])

    def predict(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Imputation:
        return Imputation(mean=self.image.expand_as(images))


class ZeroImputer(MeanImputer):
    """Imputation of every hidden pixel by zero."""

    name = "zero"
    title = "Zero"
    summary = "Every hidden pixel is set to zero, which on a digit is blank paper."
    colour = "#75695c"
    needs_checkpoint = False
    starts_walks = False

    @classmethod
    def create(cls, dataset: str) -> Self:
        """Return the imputer for a data set.

        Raises:
            ValueError: for an unknown data set.
        """
        return cls(torch.zeros(dataset_named(dataset).shape))


@dataclass(frozen=True)
class KNNConfig(ImageShape):
    """The settings of k nearest neighbours."""

    neighbours: PositiveInt = 5
    """k; the AE-dynamics paper takes the mean of five"""
    references: PositiveInt = 5_000
    """the number of training images to search, or all if there are fewer"""

    def __post_init__(self):
        super().__post_init__()
        if self.neighbours > self.references:
            raise OptionError(f"--neighbours must be at most --references, {self.references}; got {self.neighbours}")


class KNNImputer(Imputer):
    """Imputation of every hidden pixel by its mean over the k reference images nearest in the visible pixels."""

    name = "knn"
    title = "k-NN"
    summary = "The training images nearest in the visible pixels are averaged where pixels are hidden."
    limits = "It has no density, gives no uncertainty, and blurs as soon as the neighbours disagree."
    formula = "x_m = the mean of x_m over the training images with the smallest |x_o − x_o(i)|²"
    paper = "k-NN"
    colour = "#3f8f5f"
    starts_walks = True

    def __init__(self, reference: Tensor, neighbours: int):
        """`reference` is uint8 `(R, C, H, W)`."""
        self.shape, self.neighbours = tuple(reference.shape[1:]), neighbours
        self.reference, values = flatten(reference), flatten(to_float(reference))  # (R, n)
        self.average = values.mean(0)
        # |x - r|^2 over visible pixels is x.x - 2 x.r + visible.r^2: one product with this gives all terms that depend on r.
        self.compared = torch.cat([-2 * values, values.square()], 1).T.contiguous()  # (2 n, R)

    @classmethod
    def load(cls, folder: Path) -> Self:
        config, tensors = load_checkpoint(folder, KNNConfig)
        reference = unpacked(tensors["reference"], config.shape, at_most=config.references)
        return cls(reference, config.neighbours)

    def predict(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Imputation:
        visible = ~flatten_missing(missing, images.shape[1])
        query = torch.cat([flatten(hide(images, missing)), visible.float()], 1)
        nearest = (query @ self.compared).topk(self.neighbours, largest=False).indices  # (B, k)
        mean = to_float(self.reference[nearest]).mean(1)
        # Where nothing is visible, all images are equally near.
        mean = torch.where(visible.any(1, keepdim=True), mean, self.average)
        return Imputation(mean=mean.view_as(images))


@dataclass(frozen=True)
class GaussianConfig(ImageShape):
    """The settings of one Gaussian with a full covariance."""

    shrinkage: Annotated[float, Range(above=0, at_most=1)] = 1e-4
    """s: the covariance is (1 - s) S + s tr(S) / n I, with S the training images' covariance"""


class GaussianImputer(Imputer):
    """The exact conditional of one Gaussian with a full, shrunk covariance (Ledoit and Wolf's form)."""

    name = "gaussian"
    title = "Gaussian"
    summary = "One Gaussian with the covariance of all pixel pairs, conditioned exactly on the visible pixels."
    limits = (
        "Its mean is linear in the visible pixels, and its spread depends only on which pixels are hidden, not on the visible ones; "
        "samples are blurred sums of digits."
    )
    formula = "E[x_m | x_o] = μ_m + Σ_mo Σ_oo⁻¹ (x_o − μ_o), Cov[x_m | x_o] = Σ_mm − Σ_mo Σ_oo⁻¹ Σ_om"
    paper = None
    colour = "#8457a6"
    has_samples = True
    conditions_exactly = True

    def __init__(self, config: GaussianConfig, mean: Tensor, covariance: Tensor):
        """`mean` `(n,)` and `covariance` `(n, n)` are those of the training images."""
        self.shape = config.shape
        covariance = covariance.double()
        self.noise = config.shrinkage * covariance.diagonal().mean().item()
        shrunk = (1 - config.shrinkage) * covariance + self.noise * torch.eye(len(covariance), dtype=torch.float64)
        self.center, self.precision = mean.double(), torch.cholesky_inverse(torch.linalg.cholesky(shrunk))

    @classmethod
    def load(cls, folder: Path) -> Self:
        config, tensors = load_checkpoint(folder, GaussianConfig)
        return cls(config, tensors["mean"], tensors["covariance"])

    def predict(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Imputation:
        hidden = flatten_missing(missing, images.shape[1])
        observed = flatten(hide(images, missing))
        density = ConditionalGaussian(
            center=self.center, precision=self.precision, observed=observed, missing=hidden, noise=self.noise
        )
        return Imputation(mean=density.mean.view_as(images).clamp(0, 1), density=cast(Density, density))


class MICEImputer(Imputer):
    """Multiple imputation by chained equations, as in scikit-learn: every pixel is a ridge regression on others, in turn.

    It has to be fitted to training images with the same kind of holes, which takes minutes; so it is fitted when it is
    measured, and is not on the page.
    """

    name = "mice"
    title = "MICE"
    summary = "Every pixel is predicted by a linear regression on other pixels, in turn, until the guesses settle."
    limits = "Every step is linear, so it cannot choose between two digits; it blurs them."
    formula = "xᵢ ← a linear regression on the other pixels, for each hidden i in turn"
    citation = "van Buuren, Groothuis-Oudshoorn: mice: Multivariate imputation by chained equations in R (2011)"
    url = "https://doi.org/10.18637/jss.v045.i03"
    paper = "MICE"
    colour = "#b04a6f"

    def __init__(self, shape: tuple[int, int, int], chain: IterativeImputer):
        self.shape, self.chain = shape, chain

    @classmethod
    def fit(cls, images: Tensor, missing: Tensor, seed: int) -> Self:
        """Fit to training images float32 `(N, C, H, W)` with `missing` `(N, 1, H, W)` hidden."""
        from sklearn.experimental import enable_iterative_imputer  # noqa: F401  (makes the next import possible)
        from sklearn.impute import IterativeImputer
        from threadpoolctl import threadpool_limits

        chain = IterativeImputer(
            max_iter=5, n_nearest_features=100, min_value=0, max_value=1, keep_empty_features=True, random_state=seed
        )
        with (
            warnings.catch_warnings(),
            threadpool_limits(1),
        ):  # thousands of small problems, which threads would slow down
            warnings.simplefilter("ignore")  # about the number of rounds, which is fixed on purpose
            chain.fit(_with_nan(images, missing))
        channels, height, width = images.shape[1:]
        return cls((channels, height, width), chain)

    def predict(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Imputation:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):
            filled = self.chain.transform(_with_nan(images, missing))
        return Imputation(mean=torch.from_numpy(filled).to(images).view_as(images))


def packed(images: Tensor) -> Tensor:
    """Compress uint8 images to a tensor of bytes."""
    return torch.frombuffer(bytearray(zlib.compress(images.contiguous().numpy().tobytes(), 9)), dtype=torch.uint8)


def unpacked(data: Tensor, shape: tuple[int, ...], at_most: int) -> Tensor:
    """Decompress the result of `packed` to R images of a shape, uint8 `(R, *shape)`.

    Raises:
        ValueError: If the bytes are not 1 to `at_most` images of that shape.
    """
    size = math.prod(shape)
    # Never inflates more than requested, whatever the bytes claim.
    values = zlib.decompressobj().decompress(data.numpy().tobytes(), at_most * size + 1)
    if not 0 < len(values) <= at_most * size or len(values) % size:
        raise ValueError(
            f"the reference images are not 1 to {at_most} of {' x '.join(map(str, shape))}; train the method again"
        )
    return torch.frombuffer(bytearray(values), dtype=torch.uint8).view(-1, *shape)


def _with_nan(images: Tensor, missing: Tensor) -> np.ndarray:
    """Return scikit-learn's form: `(B, n)` with NaN for missing values."""
    return flatten(torch.where(missing, torch.nan, images)).double().numpy()
