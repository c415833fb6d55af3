"""Data sets of your own on the page: their description and samples, written beside their checkpoints by the first training.

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
from dmfa_demo.storage.files import write_bytes, write_text

ABOUT, SAMPLES = "dataset.json", "samples.npz"
# The numbers of samples: of a class, and of all.
EACH, MOST = 10, 100


def describe(folder: Path, dataset: str) -> None:
    """Write the description and the samples of a folder of images into the folder of its checkpoints; a licence stated earlier is kept."""
    about, licence = DATASETS[dataset], DATASETS[dataset].licence
    if not licence and (folder / ABOUT).is_file():
        licence = read_description(folder / ABOUT).licence
    licence = licence or f"{about.title} (licence not stated)"
    content = {"title": about.title, "shape": about.shape, "classes": about.classes, "licence": licence}
    folder.mkdir(parents=True, exist_ok=True)
    chosen = choose_samples(load_split(dataset, "test"))
    file = io.BytesIO()
    np.savez_compressed(
        file, images=chosen.images.numpy(), labels=chosen.labels.numpy(), indices=chosen.indices.numpy()
    )
    write_bytes(folder / SAMPLES, file.getvalue())
    write_text(folder / ABOUT, json.dumps(content, indent=2) + "\n")


def choose_samples(test: LabelledImages) -> LabelledImages:
    """Return up to `EACH` images of each class, class by class, and at most `MOST` in all."""
    rows = [(test.labels == label).nonzero()[:EACH, 0] for label in test.labels.unique()]
    if len(rows) == 1:
        rows = [torch.arange(min(MOST, len(test)))]
    kept = torch.cat(rows)[:MOST]
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
                raise ValueError(f"{name} is a data set of the project")
            DATASETS[name] = read_description(path)
        except (OSError, ValueError, KeyError, TypeError) as error:
            print(f"left out: {path}: {error!r:.200}", file=sys.stderr)
        else:
            found.append(name)
    return found


def read_description(path: Path) -> Dataset:
    """Read the description of a data set and check its samples.

    Raises:
        OSError, ValueError, KeyError, TypeError: If a file is missing or damaged.
    """
    content = json.loads(path.read_text())
    channels, height, width = map(int, content["shape"])
    samples = path.with_name(SAMPLES)
    with np.load(samples, allow_pickle=False) as archive:
        images = archive["images"]
    if images.shape[1:] != (channels, height, width) or images.dtype != np.uint8 or not len(images):
        raise ValueError(f"{SAMPLES} has {images.dtype} {images.shape}, not uint8 images of {channels, height, width}")
    return Dataset(
        title=str(content["title"]),
        shape=(channels, height, width),
        classes=tuple(map(str, content["classes"])),
        licence=str(content["licence"]),
        samples=samples,
    )
