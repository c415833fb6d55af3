"""The data sets: MNIST and Fashion-MNIST through torchvision, and the small sample set that lies in the repository."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

Split = Literal["train", "validation", "test"]

# The last images of the official training part are for validation; the official test part is for the final figures.
VALIDATION_SIZE = 5_000

CLASSES: dict[str, tuple[str, ...]] = {
    "mnist": tuple("0123456789"),
    "fashion-mnist": (
        "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
    ),
}  # fmt: skip

SAMPLES = Path(__file__).parent / "samples"


@dataclass(frozen=True)
class LabelledImages:
    """Images of one split.

    Attributes:
        images: uint8 `(N, C, H, W)`, as stored: 255 is white (MNIST: ink).
        labels: int64 `(N,)`, positions in `CLASSES[dataset]`.
        indices: int64 `(N,)`, each image's place in the official split it comes from.
    """

    images: Tensor
    labels: Tensor
    indices: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def only(self, classes: Sequence[int]) -> LabelledImages:
        """Those of these classes."""
        rows = torch.isin(self.labels, torch.tensor(list(classes)))
        return LabelledImages(self.images[rows], self.labels[rows], self.indices[rows])


def to_float(images: Tensor) -> Tensor:
    """uint8 images as float32 in [0, 1]."""
    return images.float() / 255


def load_split(dataset: str, split: Split, root: Path | str = "data") -> LabelledImages:
    """One split of MNIST or Fashion-MNIST: 55,000 for training, 5,000 for validation, 10,000 for the test.

    Args:
        dataset: `mnist` or `fashion-mnist`.
        split: `train`, `validation` or `test`.
        root: torchvision's data folder (holding `MNIST/raw`, `FashionMNIST/raw`); downloaded there when it is missing.

    Raises:
        ValueError: for an unknown data set.
        FileNotFoundError: when the data are not there and cannot be downloaded.
    """
    from torchvision import datasets  # only training and measuring need torchvision

    classes = {"mnist": datasets.MNIST, "fashion-mnist": datasets.FashionMNIST}
    if dataset not in classes:
        raise ValueError(f"unknown data set {dataset!r}; accepted: {', '.join(classes)}")
    try:
        part = classes[dataset](str(root), train=split != "test", download=True)
    except (OSError, RuntimeError) as error:
        raise FileNotFoundError(
            f"{dataset} is not in {Path(root).resolve()} and could not be downloaded ({error}). Name a folder that holds "
            f"torchvision's {classes[dataset].__name__}/raw with --data-root, or run once with a network."
        ) from error
    first, last = {
        "train": (0, len(part.data) - VALIDATION_SIZE),
        "validation": (len(part.data) - VALIDATION_SIZE, len(part.data)),
        "test": (0, len(part.data)),
    }[split]
    return LabelledImages(part.data[first:last, None], part.targets[first:last], torch.arange(first, last))


@cache
def load_samples(dataset: str) -> LabelledImages:
    """The bundled samples: the first ten test images of each class, class by class.

    Raises:
        ValueError: when no samples of `dataset` lie in the repository.
    """
    path = SAMPLES / f"{dataset}.npz"
    if dataset not in CLASSES or not path.is_file():
        raise ValueError(f"no bundled samples of {dataset!r}; there are some of: {', '.join(CLASSES)}")
    with np.load(path, allow_pickle=False) as archive:
        return LabelledImages(*(torch.from_numpy(archive[key]) for key in ("images", "labels", "indices")))


def sample_caption(dataset: str, number: int) -> str:
    """What the `number`-th bundled sample is, for people: its class and its place in the official test part."""
    samples = load_samples(dataset)
    return f"{CLASSES[dataset][samples.labels[number]]}, test image {samples.indices[number]}"
