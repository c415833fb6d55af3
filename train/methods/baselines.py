"""Fit the baselines: a count, a sum or a selection of training images, in seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import torch
from torch import Tensor

from dmfa_demo.data.datasets import DATASETS, LabelledImages, load_split, to_float
from dmfa_demo.imputation import ImageShape, flatten
from dmfa_demo.models.baselines import GaussianConfig, KNNConfig, packed
from dmfa_demo.options import Seed
from train.engine.run import RunConfig, absent_pixels, finish


@dataclass(frozen=True)
class MeanTraining(RunConfig):
    """The mean of the training images."""

    network: ImageShape = field(default_factory=ImageShape)

    method = "mean"


@dataclass(frozen=True)
class KNNTraining(RunConfig):
    """k-NN, with references drawn at random from the training images."""

    network: KNNConfig = field(default_factory=KNNConfig)
    seed: Seed = 0
    incomplete: str | None = None
    """a mask family: these pixels of each training image are never known"""

    method = "knn"


@dataclass(frozen=True)
class GaussianTraining(RunConfig):
    """One Gaussian, with the training images' mean and covariance."""

    network: GaussianConfig = field(default_factory=GaussianConfig)

    method = "gaussian"


def mean(config: MeanTraining) -> None:
    """Average, then write the checkpoint."""
    started, training = _begin(config)
    finish(config, {"image": _average(training.images)}, time.monotonic() - started, training)


def knn(config: KNNTraining) -> None:
    """Choose the reference images, then write the checkpoint.

    Raises:
        ValueError: If the images may not be distributed, or are too few.
    """
    if not DATASETS[config.dataset].shareable:
        raise ValueError(
            f"a k-NN checkpoint contains training images, and those of {config.dataset} may not be distributed; evaluate uses them directly"
        )
    started, training = _begin(config)
    if len(training) < config.network.neighbours:
        raise ValueError(
            f"there are {len(training)} training images, too few for {config.network.neighbours} neighbours"
        )
    chosen = torch.randperm(len(training), generator=torch.Generator().manual_seed(config.seed))
    chosen = chosen[: config.network.references].sort().values
    reference, tensors = training.images[chosen], {}
    if config.incomplete:
        absent = absent_pixels(config.incomplete, len(training), reference.shape[-2:], config.seed)[chosen]
        reference = torch.where(absent, 0, reference)
        tensors["known"] = packed((~absent).byte())
    tensors["reference"] = packed(reference)
    finish(config, tensors, time.monotonic() - started, training)


def gaussian(config: GaussianTraining) -> None:
    """Sum products of pixels, then write the checkpoint."""
    started, training = _begin(config)
    average, n = flatten(_average(training.images)).double(), training.images[0].numel()
    covariance = torch.zeros(n, n, dtype=torch.float64)
    for images in training.images.split(2_000):
        residual = flatten(to_float(images)).double() - average
        covariance += residual.T @ residual / len(training)
    tensors = {"mean": average, "covariance": covariance}
    finish(config, tensors, time.monotonic() - started, training)


def _begin(config: RunConfig) -> tuple[float, LabelledImages]:
    config.check_output()
    return time.monotonic(), load_split(config.dataset, "train", config.data_root)


def _average(images: Tensor) -> Tensor:
    """Average uint8 `(N, C, H, W)` to float32 `(C, H, W)` in [0, 1], exactly up to the last rounding."""
    return (images.sum(0).double() / len(images) / 255).float()
