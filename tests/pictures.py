"""Folders of images, for tests of data sets of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from dmfa_demo.data import datasets


def draw_pictures(
    folder: Path, classes: tuple[str, ...] = ("cats", "dogs"), count: int = 60, mode: str = "RGB"
) -> Path:
    """Write `count` images of random sizes for each class; those of a class have similar colours."""
    random = np.random.default_rng(0)
    for place, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            height, width = random.integers(20, 60, 2)
            pixels = np.clip(random.normal(60 + 100 * place, 20, (height, width, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).convert(mode).save(folder / name / f"{number}.png")
    return folder


@contextmanager
def known_data_sets_kept() -> Iterator[None]:
    """Forget the data sets that were added meanwhile."""
    before, folders = dict(datasets.DATASETS), dict(datasets._FOLDERS)
    try:
        yield
    finally:
        for kept, current in ((before, datasets.DATASETS), (folders, datasets._FOLDERS)):
            current.clear()
            current.update(kept)
        datasets.load_samples.cache_clear()
