"""Read images of your own from a folder: with one subfolder for each class or without, of any size, grey or in colour.

flowers/daisy/1.jpg, flowers/rose/2.png, ...                            split by a hash of each file's name
flowers/train/daisy/1.jpg, flowers/test/daisy/2.jpg, ...                with its own parts; validation is optional
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from tqdm import tqdm

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
SPLITS = ("train", "validation", "test")
# The share of images in the validation part, and in the test part.
HELD_OUT = 0.1
# Sizes must be divisible by the pooling of the networks.
MULTIPLE, SMALLEST, LARGEST = 4, 8, 256

# The modes of grey images; a data set with another one is in colour.
_GREY = {"1", "L", "LA", "I", "I;16", "F"}


@dataclass(frozen=True)
class Folder:
    """A folder of images.

    Args:
        path: the folder.
        size: height and width to which the largest square in the middle of each image is resized.

    Raises:
        ValueError: If the size is not accepted, or the folder has no images.
    """

    path: Path
    size: int

    def __post_init__(self):
        if self.size % MULTIPLE or not SMALLEST <= self.size <= LARGEST:
            raise ValueError(
                f"--size must be from {SMALLEST} to {LARGEST} and divisible by {MULTIPLE}, which the networks halve twice; got {self.size}"
            )
        if not self.path.is_dir():
            raise ValueError(f"there is no folder {self.path}; give one with images as --dataset folder:PATH")
        if not self.files:
            raise ValueError(
                f"{self.path} has no images ({', '.join(SUFFIXES)}); put images in it, or a folder of images for each class"
            )

    @property
    def name(self) -> str:
        """The name of the data set: the folder's, in lower case, with hyphens."""
        return re.sub("[^a-z0-9]+", "-", self.path.resolve().name.lower()).strip("-") or "images"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the images."""
        return (3 if self.in_colour else 1, self.size, self.size)

    @cached_property
    def files(self) -> list[Path]:
        """All image files, in a fixed order."""
        return sorted(path for path in self.path.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())

    @cached_property
    def has_parts(self) -> bool:
        """Whether the folder has parts for training and for the test."""
        return all((self.path / part).is_dir() for part in ("train", "test"))

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The names of the subfolders with images; () if images lie in the folder itself."""
        found = {self._class_of(path) for path in self.files}
        return () if "" in found else tuple(sorted(found))

    @cached_property
    def in_colour(self) -> bool:
        """Whether any image is in colour."""
        return any(_mode_of(path) not in _GREY for path in self.files)

    def read(self, split: str) -> tuple[Tensor, Tensor, Tensor]:
        """Read a split: images uint8 `(N, C, H, W)`, labels int64 `(N,)`, -1 without classes, and positions in `files`, int64 `(N,)`.

        Raises:
            ValueError: If the split has no images, or a file cannot be read.
        """
        chosen = [number for number, path in enumerate(self.files) if self._split_of(path) == split]
        if not chosen:
            raise ValueError(
                f"{self.path} has {len(self.files)} images, none of them for {split}; add images, or make the folders {', '.join(SPLITS)}"
            )
        images = [self._pixels(self.files[number]) for number in tqdm(chosen, desc=f"reading {self.name}", leave=False)]
        labels = [self.classes.index(self._class_of(self.files[number])) if self.classes else -1 for number in chosen]
        return torch.from_numpy(np.stack(images)), torch.tensor(labels), torch.tensor(chosen)

    def _class_of(self, path: Path) -> str:
        """Return the class of a file: the names of its folders within the data set, or within its part."""
        parts = path.relative_to(self.path).parts[:-1]
        return "/".join(parts[1:] if self.has_parts and parts and parts[0] in SPLITS else parts)

    def _split_of(self, path: Path) -> str:
        name = path.relative_to(self.path).as_posix()
        place = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32
        if self.has_parts:
            part = path.relative_to(self.path).parts[0]
            if part == "train" and not (self.path / "validation").is_dir() and place < HELD_OUT:
                return "validation"
            return part
        return "test" if place < HELD_OUT else "validation" if place < 2 * HELD_OUT else "train"

    def _pixels(self, path: Path) -> np.ndarray:
        """Return the middle of an image, uint8 `(C, H, W)`; transparent pixels are white."""
        with _opened(path) as image:
            try:
                image = ImageOps.exif_transpose(image)
                if "A" in image.getbands() or "transparency" in image.info:
                    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
                image = ImageOps.fit(
                    image.convert("RGB" if self.in_colour else "L"), (self.size, self.size), Image.Resampling.LANCZOS
                )
            except (OSError, SyntaxError, ValueError) as error:
                raise _unreadable(path, error) from error
        pixels = np.asarray(image)
        return pixels.transpose(2, 0, 1) if self.in_colour else pixels[None]


def _mode_of(path: Path) -> str:
    with _opened(path) as image:
        return image.mode


def _opened(path: Path) -> Image.Image:
    try:
        return Image.open(path)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> ValueError:
    return ValueError(f"{path} cannot be read as an image ({error!r:.200}); delete it, or save it again as PNG or JPEG")
