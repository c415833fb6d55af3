"""k-NN among reference images with holes."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from dmfa_demo.data.datasets import to_float
from dmfa_demo.imputation import Imputation, Imputer, flatten, flatten_missing, hide
from dmfa_demo.models.baselines import KNNConfig, KNNImputer, unpacked
from dmfa_demo.storage.checkpoints import load_checkpoint

# The number of nearest references to search for some that show a pixel.
LOOKED_AT = 64
CHUNK = 500


class IncompleteKNNImputer(Imputer):
    """Imputation of every hidden pixel by its mean over the k nearest reference images that show it, as in scikit-learn's `KNNImputer`.

    Distances are root mean squares over the pixels that both images show. Only the nearest `LOOKED_AT` references are used; a
    pixel that none of them shows is the mean over all that do.
    """

    name = "knn-incomplete"
    title = "k-NN among incomplete images"
    summary = "The incomplete training images nearest in the pixels that both show are averaged where they show the hidden pixels."
    limits = KNNImputer.limits
    paper = None
    colour = KNNImputer.colour

    def __init__(self, reference: Tensor, known: Tensor, neighbours: int):
        """`reference` is uint8 `(R, C, H, W)`, `known` is bool `(R, 1, H, W)`."""
        self.shape, self.neighbours = tuple(reference.shape[1:]), neighbours
        self.known = flatten_missing(known, reference.shape[1])  # (R, n)
        self.reference = flatten(reference)
        values = torch.where(self.known, to_float(self.reference), 0)
        self.average = values.sum(0) / self.known.sum(0).clamp(min=1)
        # |x - r|^2 over the pixels that both show = x^2 . known - 2 x . r + shown . r^2, and their number: one product.
        self.compared = torch.cat([self.known.float(), -2 * values, values.square()], 1).T.contiguous()  # (3 n, R)
        self.counted = self.compared[: values.shape[1]]  # (n, R)

    @classmethod
    def load(cls, folder: Path) -> Self:
        config, tensors = load_checkpoint(folder, KNNConfig)
        channels, height, width = config.shape
        reference = unpacked(tensors["reference"], (channels, height, width), at_most=config.references)
        known = unpacked(tensors["known"], (1, height, width), at_most=config.references)
        return cls(reference, known.bool(), config.neighbours)

    def predict(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Imputation:
        hidden, shown = flatten(hide(images, missing)), (~flatten_missing(missing, images.shape[1])).float()
        means = [self._mean(x, visible) for x, visible in zip(hidden.split(CHUNK), shown.split(CHUNK))]
        return Imputation(mean=torch.cat(means).view_as(images))

    def _mean(self, x: Tensor, shown: Tensor) -> Tensor:
        distance = torch.cat([x.square(), x, shown], 1) @ self.compared  # (B, R)
        both = shown @ self.counted
        distance = torch.where(both > 0, distance / both.clamp(min=1), torch.inf)
        nearest = distance.topk(min(LOOKED_AT, distance.shape[1]), largest=False, sorted=True)
        known = self.known[nearest.indices] & nearest.values.isfinite().unsqueeze(-1)  # (B, 64, n), the nearest first
        used = known & (known.cumsum(1) <= self.neighbours)
        count = used.sum(1)
        mean = torch.where(used, to_float(self.reference[nearest.indices]), 0).sum(1) / count.clamp(min=1)
        return torch.where(count > 0, mean, self.average)
