"""k-NN among reference images with holes."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from dmfa_demo.data.datasets import to_float
from dmfa_demo.imputation import Imputation, Imputer, hide
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
        self.known = known.flatten(1)  # (R, p) for p pixels of C values each, n = C p
        self.reference = reference.flatten(2)  # (R, C, p)
        values = torch.where(self.known.unsqueeze(1), to_float(self.reference), 0)
        self.average = (values.sum(0) / self.known.sum(0).clamp(min=1)).flatten()
        # |x - r|^2 over the pixels that both show = -2 x . r + x^2 . known + shown . r^2, and their number. Masks and
        # squares count once per pixel, whatever the number of channels.
        self.counted = self.known.float().T.contiguous()  # (p, R)
        self.compared = torch.cat([-2 * values.flatten(1).T, self.counted, values.square().sum(1).T])  # (n + 2 p, R)

    @classmethod
    def load(cls, folder: Path) -> Self:
        config, tensors = load_checkpoint(folder, KNNConfig)
        channels, height, width = config.shape
        reference = unpacked(tensors["reference"], (channels, height, width), at_most=config.references)
        known = unpacked(tensors["known"], (1, height, width), at_most=config.references)
        return cls(reference, known.bool(), config.neighbours)

    def predict(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Imputation:
        visible, shown = hide(images, missing).flatten(2), (~missing).flatten(1).float()
        means = [self._mean(x, seen) for x, seen in zip(visible.split(CHUNK), shown.split(CHUNK))]
        return Imputation(mean=torch.cat(means).view_as(images))

    def _mean(self, x: Tensor, shown: Tensor) -> Tensor:
        """Return the mean `(B, n)` for visible values `(B, C, p)`, zero elsewhere, and what is `shown`, 0 or 1 in `(B, p)`."""
        distance = torch.cat([x.flatten(1), x.square().sum(1), shown], 1) @ self.compared  # (B, R)
        both = shown @ self.counted
        distance = torch.where(both > 0, distance / both.clamp(min=1), torch.inf)
        nearest = distance.topk(min(LOOKED_AT, distance.shape[1]), largest=False, sorted=True)
        known = self.known[nearest.indices] & nearest.values.isfinite().unsqueeze(-1)  # (B, 64, p), the nearest first
        used = known & (known.cumsum(1, dtype=torch.int16) <= self.neighbours)
        count = used.sum(1).repeat(1, x.shape[1])
        values = torch.where(used.unsqueeze(2), to_float(self.reference[nearest.indices]), 0)  # (B, 64, C, p)
        return torch.where(count > 0, values.sum(1).flatten(1) / count.clamp(min=1), self.average)
