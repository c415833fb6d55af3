"""The values of each test image, and a comparison of methods in pairs: `python -m train compare`.

Two methods are measured on the same images with the same masks, so the difference of their values has a much smaller standard error
than either mean: what makes an image hard for one makes it hard for the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dmfa_demo.data.datasets import given_as
from dmfa_demo.data.folder import Folder
from dmfa_demo.options import Options
from dmfa_demo.results import MEASURES, formatted
from dmfa_demo.storage.checkpoints import ROOT, digest
from train.engine.run import FOLDER

# The quantile of the standard normal distribution for an interval of 95 %.
WIDTH = 1.959964


@dataclass(frozen=True)
class Compare(Options):
    """Compare methods in pairs, image by image, by the scores that `evaluate` keeps."""

    method: tuple[str, ...] = ()
    """the methods, at least two; the first is compared with each of the others"""
    dataset: str = "mnist"
    """the data set; folder:PATH for a folder of images"""
    protocol: str = "square14"
    """the kind of hole"""
    metric: tuple[str, ...] = ("sse", "psnr", "ssim", "nll")
    """the measures; those that a method lacks are left out"""

    def __post_init__(self):
        super().__post_init__()
        if self.dataset.startswith(FOLDER):
            object.__setattr__(self, "dataset", Folder.name_of(Path(self.dataset.removeprefix(FOLDER))))


@dataclass(frozen=True)
class Difference:
    """The mean of one method's values less another's over the same images and masks.

    Attributes:
        mean, low, high: the mean difference and its 95 % confidence interval, by the normal approximation.
        wins: the share of images on which the first method is better; None if neither direction is.
        n: the number of images.
    """

    mean: float
    low: float
    high: float
    wins: float | None
    n: int


def scores_path(folder: Path, protocol: str) -> Path:
    """Return the file with the scores of a method's folder on a protocol."""
    return folder / "scores" / f"{protocol}.npz"


def write_scores(path: Path, columns: dict[str, Tensor], weights: str) -> None:
    """Write the values of each measure, `(seeds, N)`, in float32, with the digest of the weights."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {metric: column.float().numpy() for metric, column in columns.items()}
    np.savez_compressed(path, allow_pickle=False, weights=np.array(weights), **values)


def read_scores(folder: Path, protocol: str) -> dict[str, Tensor]:
    """Read the scores of a method's folder, in float64.

    Raises:
        FileNotFoundError: If there are none; the message names the command that writes them.
        ValueError: If they were measured with other weights than those in the folder; the message does, too.
    """
    path = scores_path(folder, protocol)
    command = f"python -m train evaluate --dataset {given_as(folder.parent.name)} --method {folder.name} --protocol {protocol} --again"
    if not path.is_file():
        raise FileNotFoundError(f"no scores in {path}; run {command}")
    with np.load(path, allow_pickle=False) as kept:
        if digest(folder) not in ("", str(kept["weights"])):  # MICE and the like have none
            raise ValueError(f"{path} was measured with other weights than {folder} has now; run {command}")
        return {metric: torch.from_numpy(kept[metric]).double() for metric in kept.files if metric != "weights"}


def difference(one: Tensor, other: Tensor, more: bool | None) -> Difference:
    """Compare values `(seeds, N)` of two methods; the mean over masks of an image is one independent draw.

    Raises:
        ValueError: If they were measured on different numbers of images or masks.
    """
    if one.shape != other.shape:
        raise ValueError(
            f"the methods were measured on {tuple(one.shape)} and {tuple(other.shape)} masks and images; measure both alike"
        )
    by_image = (one - other).nanmean(0)
    by_image = by_image[~by_image.isnan()]
    mean, count = by_image.mean().item(), len(by_image)
    error = (by_image.std() / math.sqrt(count)).item() if count > 1 else math.nan
    better = None if more is None else (by_image > 0 if more else by_image < 0).double().mean().item()
    return Difference(mean, mean - WIDTH * error, mean + WIDTH * error, better, count)


def compare(config: Compare) -> None:
    """Print how the first method differs from each of the others.

    Raises:
        ValueError: If fewer than two methods are named, a measure is unknown, they were measured differently, or with other weights.
        FileNotFoundError: If a method has no scores.
    """
    if len(config.method) < 2:
        raise ValueError(f"name at least two methods to compare; got {', '.join(config.method) or 'none'}")
    if unknown := [metric for metric in config.metric if metric not in MEASURES]:
        raise ValueError(f"unknown measure {unknown[0]!r:.40}; known: {', '.join(MEASURES)}")
    first, *others = config.method
    kept = {name: read_scores(ROOT / config.dataset / name, config.protocol) for name in config.method}
    for other in others:
        print(f"\n{first} less {other} on {config.dataset}, {config.protocol}")
        print(f"{'measure':<17}{'difference':>12}  {'95 % interval':<24}{'better on':>10}{'images':>9}")
        for metric in config.metric:
            if metric not in kept[first] or metric not in kept[other]:
                continue
            measure = MEASURES[metric]
            found = difference(kept[first][metric], kept[other][metric], measure.more)
            interval = f"{formatted(found.low, measure)} to {formatted(found.high, measure)}"
            wins = "" if found.wins is None else f"{100 * found.wins:.1f} %"
            print(f"{metric:<17}{formatted(found.mean, measure):>12}  {interval:<24}{wins:>10}{found.n:>9,}")
