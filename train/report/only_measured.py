"""Methods that are measured but not shipped: MICE, which is fitted anew for each kind of hole, and k-NN of private images."""

from __future__ import annotations

from pathlib import Path

import torch

from dmfa_demo.data.datasets import load_split, to_float
from dmfa_demo.data.masks import mask_family
from dmfa_demo.models.baselines import KNNConfig, KNNImputer, MICEImputer

# More would not fit into the memory of most machines.
MOST_NEIGHBOURS = 20_000
# More would take MICE hours.
MICE_TRAINING = 2_000


def nearest(dataset: str, data_root: Path) -> KNNImputer:
    """Build k-NN over the first `MOST_NEIGHBOURS` training images, without a checkpoint."""
    return KNNImputer(load_split(dataset, "train", data_root).first(MOST_NEIGHBOURS).images, KNNConfig().neighbours)


def mice(dataset: str, protocol: str, data_root: Path, rows: int = MICE_TRAINING) -> MICEImputer:
    """Fit MICE for one kind of hole to the first `rows` training images with such holes; takes minutes."""
    images = to_float(load_split(dataset, "train", data_root).images[:rows])
    height, width = images.shape[-2:]
    missing = mask_family(protocol)(len(images), height, width, torch.Generator().manual_seed(0))
    return MICEImputer.fit(images, missing, seed=0)
