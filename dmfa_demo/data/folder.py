"""Read images of your own from a folder: with one subfolder for each class or without, of any size, grey or in colour.

- `flowers/daisy/1.jpg`, `flowers/rose/2.png`: split by a hash of each file's name.
- `flowers/train/daisy/1.jpg`, `flowers/test/daisy/2.jpg`: with its own parts; validation is optional.

Hidden files and folders are ignored, and so are files beside the parts. A subfolder of a class is a class of its own, `daisy/white`.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
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
# Other names of the folders of parts.
ALIASES = {"val": "validation", "valid": "validation"}
# The share of images in the validation part, and in the test part.
HELD_OUT = 0.1
# Folders deeper than this are not searched, such as one that links to itself.
DEEPEST = 8
# Networks halve the resolution twice, which leaves 2x2 positions of the smallest images.
MULTIPLE, SMALLEST, LARGEST = 4, 8, 256
# The number of unreadable files that a message names.
NAMED = 10


@dataclass(frozen=True)
class Folder:
    """A folder of images.

    Args:
        path: the folder.
        size: height and width to which the largest square in the middle of each image is resized.

    Raises:
        ValueError: If the size is not accepted, a split has no images, or only one of the folders train and test exists.
    """

    path: Path
    size: int

    def __post_init__(self):
        if self.size % MULTIPLE or not SMALLEST <= self.size <= LARGEST:
            raise ValueError(
                f"--size must be from {SMALLEST} to {LARGEST} and divisible by {MULTIPLE}; got {self.size}"
            )
        if not self.path.is_dir():
            raise ValueError(f"there is no folder {self.path}; give one with images as --dataset folder:PATH")
        if len(self._parts & {"train", "test"}) == 1:
            raise ValueError(f"{self.path} has only one of the folders train and test; make both, or neither")
        if not self.files:
            raise ValueError(
                f"{self.path} has no images ({', '.join(SUFFIXES)}); put images in it, or a folder of images for each class"
            )
        for split in SPLITS:
            if split not in map(self._split_of, self.files):
                raise ValueError(
                    f"{self.path} has {len(self.files)} images, none of them for {split}; add images, or make the folders {', '.join(SPLITS)}"
                )

    @staticmethod
    def name_of(path: Path) -> str:
        """Return the name of the data set in a folder: the folder's, in lower case, with hyphens."""
        return re.sub(r"[\W_]+", "-", _title_of(path).lower()).strip("-") or "images"

    @property
    def name(self) -> str:
        """The name of the data set."""
        return self.name_of(self.path)

    @property
    def title(self) -> str:
        """The name of the folder."""
        return _title_of(self.path)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the images."""
        return (3 if self.in_colour else 1, self.size, self.size)

    @cached_property
    def files(self) -> list[Path]:
        """All image files, in a fixed order, without those beside the parts."""
        found = []
        for place, folders, names in os.walk(self.path, followlinks=True):
            folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
            if len(Path(place).relative_to(self.path).parts) >= DEEPEST:
                folders.clear()
            found += [Path(place, name) for name in names if Path(name).suffix.lower() in SUFFIXES and name[0] != "."]
        return sorted(path for path in found if not self.has_parts or self._top(path) in self._parts)

    @property
    def has_parts(self) -> bool:
        """Whether the folder has parts for training and for the test."""
        return {"train", "test"} <= self._parts

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The names of the subfolders with images; () if images lie in the folder itself."""
        found = {self._class_of(path) for path in self.files}
        return () if "" in found else tuple(sorted(found))

    @cached_property
    def in_colour(self) -> bool:
        """Whether any image is in colour; a file that cannot be opened counts as grey, and `read` reports it."""
        return any(not _is_grey(path) for path in self.files)

    def read(self, split: str) -> tuple[Tensor, Tensor, Tensor]:
        """Read a split: images uint8 `(N, C, H, W)`, labels int64 `(N,)`, -1 without classes, and positions in `files`, int64 `(N,)`.

        Raises:
            ValueError: If files cannot be read; the message names the first ones.
        """
        return self._read(split, [number for number, path in enumerate(self.files) if self._split_of(path) == split])

    def read_all(self, part: str) -> tuple[Tensor, Tensor, Tensor]:
        """Read a whole part, also the images of it that `read` uses for validation."""
        return self._read(part, [number for number, path in enumerate(self.files) if self._top(path) == part])

    def _read(self, name: str, chosen: list[int]) -> tuple[Tensor, Tensor, Tensor]:
        images, unreadable = [], []
        for number in tqdm(chosen, desc=f"reading {self.name}, {name}", leave=False):
            try:
                images.append(self._pixels(self.files[number]))
            except _Unreadable as error:
                unreadable.append(error)
        if unreadable:
            raise ValueError(_report(unreadable))
        labels = [self.classes.index(self._class_of(self.files[number])) if self.classes else -1 for number in chosen]
        return torch.from_numpy(np.stack(images)), torch.tensor(labels), torch.tensor(chosen)

    @cached_property
    def _parts(self) -> set[str]:
        """The names of the parts that the folder has."""
        return {part for part in map(_part_named, os.listdir(self.path)) if part in SPLITS}

    def _top(self, path: Path) -> str:
        """Return the folder in which a file lies, directly in the data set; a part by its usual name; "" for none."""
        parts = path.relative_to(self.path).parts[:-1]
        return _part_named(parts[0]) if parts else ""

    def _class_of(self, path: Path) -> str:
        """Return the class of a file: the names of its folders within the data set, or within its part."""
        parts = path.relative_to(self.path).parts[:-1]
        return "/".join(parts[1:] if self.has_parts else parts)

    def _split_of(self, path: Path) -> str:
        name = unicodedata.normalize("NFC", path.relative_to(self.path).as_posix())
        place = int(hashlib.sha256(os.fsencode(name)).hexdigest()[:8], 16) / 2**32
        if self.has_parts:
            part = self._top(path)
            return "validation" if part == "train" and "validation" not in self._parts and place < HELD_OUT else part
        return "test" if place < HELD_OUT else "validation" if place < 2 * HELD_OUT else "train"

    def _pixels(self, path: Path) -> np.ndarray:
        """Return the middle of an image, uint8 `(C, H, W)`; transparent pixels are white."""
        mode = "RGB" if self.in_colour else "L"  # which opens all files
        with _opened(path) as image:
            try:
                image = ImageOps.exif_transpose(image)
                if _is_deep(image):
                    image = _eight_bits(image)
                if image.has_transparency_data:
                    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
                image = image.convert(mode)
                image = ImageOps.fit(image, (self.size, self.size), Image.Resampling.LANCZOS)
            except (OSError, SyntaxError, ValueError) as error:
                raise _Unreadable(path, error) from error
        pixels = np.asarray(image)
        return pixels.transpose(2, 0, 1) if self.in_colour else pixels[None]


def _title_of(path: Path) -> str:
    return unicodedata.normalize("NFC", Path(os.path.abspath(path)).name)


def _part_named(name: str) -> str:
    return ALIASES.get(name, name)


def _is_grey(path: Path) -> bool:
    try:
        with _opened(path) as image:
            return image.mode in ("1", "L", "LA", "La") or _is_deep(image)
    except _Unreadable:
        return True


def _is_deep(image: Image.Image) -> bool:
    """Return whether an image has grey levels of more than eight bits."""
    return image.mode.startswith("I") or image.mode == "F"


def _eight_bits(image: Image.Image) -> Image.Image:
    """Convert grey levels of 16 bits, of more, or in [0, 1] to eight bits."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float64), posinf=0, neginf=0)
    # Files do not record the number of bits, so take the smallest range that contains the values.
    top = next((top for top in (1, 2**8 - 1, 2**16 - 1) if values.max() <= top), values.max())
    return Image.fromarray((255 * (values / top).clip(0, 1)).round().astype(np.uint8))


def _opened(path: Path) -> Image.Image:
    try:
        return Image.open(path)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise _Unreadable(path, error) from error


class _Unreadable(Exception):
    """A file that is not an image, or a damaged one."""

    def __init__(self, path: Path, error: Exception):
        reason = "its format is unknown" if isinstance(error, UnidentifiedImageError) else f"{error}"
        super().__init__(f"{path} cannot be read as an image ({reason:.200})")


def _report(unreadable: list[_Unreadable]) -> str:
    """Return a message that names the first unreadable files and says what to do."""
    if len(unreadable) == 1:
        return f"{unreadable[0]}; delete it, or save it again as PNG or JPEG"
    named = "".join(f"\n  {error}" for error in unreadable[:NAMED])
    more = f"\n  and {len(unreadable) - NAMED} more" if len(unreadable) > NAMED else ""
    return (
        f"{len(unreadable)} files are not readable images; delete them, or save them again as PNG or JPEG:{named}{more}"
    )
