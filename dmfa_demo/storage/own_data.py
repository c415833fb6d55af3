"""Data sets of your own on the page: their description and samples, written beside their checkpoints by each training.

CHECKPOINTS/flowers/dataset.json    title, shape, classes, licence
CHECKPOINTS/flowers/samples.npz     some test images, for the page
CHECKPOINTS/flowers/dmfa/           a checkpoint
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import torch

from dmfa_demo.data.datasets import BUILT_IN, DATASETS, Dataset, LabelledImages, load_split
from dmfa_demo.storage.checkpoints import SETTING
from dmfa_demo.storage.files import write_bytes, write_text

ABOUT, SAMPLES = "dataset.json", "samples.npz"
# The numbers of samples: of a class, and of all.
EACH, MOST = 10, 100


def describe(folder: Path, dataset: str) -> None:
    """Write the description and the samples of a folder of images into the folder of its checkpoints; a licence stated earlier is kept.

    Raises:
        ValueError: If the folder has the description of other images, or it is damaged.
    """
    about, licence = DATASETS[dataset], DATASETS[dataset].licence
    if (folder / ABOUT).is_file():
        before = read_description(folder / ABOUT)
        if (before.shape, before.classes) != (about.shape, about.classes):
            raise ValueError(
                f"{folder} has checkpoints for images of {before.shape} in {len(before.classes)} classes; these are of {about.shape} in "
                f"{len(about.classes)}. Rename the folder of images, or use another folder of checkpoints ({SETTING})"
            )
        licence = licence or before.licence
    licence = licence or f"{about.title} (licence not stated)"
    content = {"title": about.title, "shape": about.shape, "classes": about.classes, "licence": licence}
    chosen, file = choose_samples(load_split(dataset, "test")), io.BytesIO()
    np.savez_compressed(
        file, images=chosen.images.numpy(), labels=chosen.labels.numpy(), indices=chosen.indices.numpy()
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / SAMPLES, file.getvalue())
    write_text(folder / ABOUT, json.dumps(content, indent=2) + "\n")


def choose_samples(test: LabelledImages) -> LabelledImages:
    """Return the first images of each class, class by class: up to `EACH`, and at most `MOST` in all."""
    labels = test.labels.unique()
    each = MOST if len(labels) == 1 else max(1, min(EACH, MOST // len(labels)))
    kept = torch.cat([(test.labels == label).nonzero()[:each, 0] for label in labels])[:MOST]
    return LabelledImages(test.images[kept], test.labels[kept], test.indices[kept])


def find_described(root: Path) -> list[str]:
    """Add the data sets that are described in a folder of checkpoints to `DATASETS`, and return their names.

    A damaged description is left out, with a message.
    """
    found = []
    for path in sorted(root.glob(f"*/{ABOUT}")):
        name = path.parent.name
        try:
            if name in BUILT_IN:
                raise ValueError(f"{path}: {name} is a data set of the project")
            DATASETS[name] = read_description(path)
        except ValueError as error:
            print(f"left out: {error}", file=sys.stderr)
        else:
            found.append(name)
    return found


def read_description(path: Path) -> Dataset:
    """Read the description of a data set, and check its samples.

    Raises:
        ValueError: If one of the files is missing or damaged.
    """
    try:
        return _read(path)
    except Exception as error:  # numpy and zipfile raise many kinds
        raise ValueError(
            f"{path} or {SAMPLES} beside it is missing or damaged ({error!r:.200}); delete {path.name} and train again"
        ) from error


def _read(path: Path) -> Dataset:
    content, samples = json.loads(path.read_text()), path.with_name(SAMPLES)
    channels, height, width = map(int, content["shape"])
    classes = tuple(map(str, content["classes"]))
    with np.load(io.BytesIO(samples.read_bytes()), allow_pickle=False) as archive:
        images, labels, indices = (archive[name] for name in ("images", "labels", "indices"))
    if images.shape[1:] != (channels, height, width) or images.dtype != np.uint8 or not len(images):
        raise ValueError(f"there are {images.dtype} {images.shape}, not uint8 images of {channels, height, width}")
    for numbers in (labels, indices):
        if numbers.dtype != np.int64 or numbers.shape != images.shape[:1]:
            raise ValueError(f"labels and indices must be int64 {images.shape[:1]}")
    if labels.max() >= len(classes):
        raise ValueError(f"there are {len(classes)} classes, but labels up to {labels.max()}")
    return Dataset(
        title=str(content["title"]),
        shape=(channels, height, width),
        classes=classes,
        licence=str(content["licence"]),
        samples=samples,
    )
