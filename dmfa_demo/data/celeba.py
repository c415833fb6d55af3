"""Read CelebA as its authors distribute it: a folder with images (or their zip), attributes and partition, at any resolution."""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

# Attributes that are visible in a picture and judge no person: our name -> CelebA's name and its position among the 40.
ATTRIBUTES = {
    "smiling": ("Smiling", 31),
    "mouth open": ("Mouth_Slightly_Open", 21),
    "glasses": ("Eyeglasses", 15),
    "hat": ("Wearing_Hat", 35),
    "bangs": ("Bangs", 5),
    "blond hair": ("Blond_Hair", 9),
}
ALL_ATTRIBUTES = 40

PARTITIONS = {"train": 0, "validation": 1, "test": 2}

IMAGES, PARTITION, LABELS, PEOPLE = (
    "img_align_celeba",
    "list_eval_partition.txt",
    "list_attr_celeba.txt",
    "identity_CelebA.txt",
)

# The size of the aligned images, in which crops are given, and where their eyes are, (x, y) in pixels.
WIDTH, HEIGHT = 178, 218
EYES = (69.5, 111.5), (108.5, 111.5)


@dataclass(frozen=True)
class View:
    """A crop of each face at a resolution.

    Attributes:
        box: left, top, right, bottom in pixels of the official 178 x 218 images; may be fractions.
        size: height and width of the result.
    """

    box: tuple[float, float, float, float]
    size: int

    def __call__(self, image: Image.Image) -> np.ndarray:
        """Crop an aligned face of any resolution to uint8 `(3, size, size)`."""
        across, down = image.width / WIDTH, image.height / HEIGHT
        left, top, right, bottom = self.box
        box = left * across, top * down, right * across, bottom * down
        pixels = image.convert("RGB").resize((self.size, self.size), Image.Resampling.BILINEAR, box)
        return np.array(pixels).transpose(2, 0, 1)


VIEWS = {
    # "On GANs and GMMs" (Richardson, Weiss, 2018); the VAEAC paper uses the same crop.
    "celeba": View((25, 50, 153, 178), 64),
    # DMFA paper, section 3.1: resized to 50 x 50, then cropped to the central 32 x 32.
    "celeba32": View((WIDTH * 9 / 50, HEIGHT * 9 / 50, WIDTH * 41 / 50, HEIGHT * 41 / 50), 32),
}


def read_celeba(folder: Path, split: str, view: View, limit: int | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Read one split of the partition that comes with the images.

    Where `identity_CelebA.txt` is present, validation and test images of people who also appear in an earlier split are left out.

    Args:
        folder: contains `img_align_celeba/` or `img_align_celeba.zip`, `list_eval_partition.txt`, `list_attr_celeba.txt` and,
            optionally, `identity_CelebA.txt`.
        split: `train`, `validation` or `test`.
        limit: the number of images to read, from the first; None reads all.

    Returns:
        uint8 `(N, 3, H, W)`, int64 `(N, attributes)` of 0 and 1 (-1 where unknown) in the order of `ATTRIBUTES`, and int64 `(N,)`, the number
        in each file's name.

    Raises:
        FileNotFoundError: If a file is missing; the message says where to get it.
        ValueError: If a text file is not CelebA's or an image cannot be read; the message names the file.
    """
    parts = {name: int(part) for name, part in _table(folder, PARTITION).items()}
    attributes = _attributes(folder)
    people = _table(folder, PEOPLE) if (folder / PEOPLE).is_file() else {}
    earlier = {people[name] for name, part in parts.items() if part < PARTITIONS[split] and name in people}
    names = [
        name for name, part in sorted(parts.items()) if part == PARTITIONS[split] and people.get(name) not in earlier
    ]
    names = names[:limit]
    if not names:
        raise ValueError(
            f"{folder / PARTITION} has no image for {split} ({PARTITIONS[split]}), or only people of earlier parts; use CelebA's "
            "own partition, or name another folder with --data-root"
        )
    unknown = ["0"] * ALL_ATTRIBUTES
    labels = [[_label(attributes.get(name, unknown)[place]) for _, place in ATTRIBUTES.values()] for name in names]
    labels = torch.tensor(labels, dtype=torch.long)
    images = _read_images(folder, names, view)
    return images, labels.view(-1, len(ATTRIBUTES)), torch.tensor([int(Path(name).stem) for name in names])


def _label(said: str) -> int:
    """Convert an attribute from CelebA's 1, -1 or, for unknown, 0 to our 1, 0 or -1."""
    return {1: 1, 0: -1, -1: 0}[int(said)]


def _read_images(folder: Path, names: list[str], view: View) -> Tensor:
    archive = None
    if not (folder / IMAGES).is_dir():
        try:
            archive = zipfile.ZipFile(folder / f"{IMAGES}.zip")
        except zipfile.BadZipFile as error:
            raise ValueError(
                f"{folder / IMAGES}.zip is not a complete zip file ({error}); download it again"
            ) from error

    def read(name: str) -> np.ndarray:
        try:
            content = archive.read(f"{IMAGES}/{name}") if archive else (folder / IMAGES / name).read_bytes()
            with Image.open(io.BytesIO(content)) as image:
                return view(image)
        except (OSError, KeyError, zlib.error, zipfile.BadZipFile) as error:
            raise ValueError(f"{name} in {folder} cannot be read ({error}); unpack or download it again") from error

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = tqdm(pool.map(read, names), "reading CelebA", len(names), leave=False, delay=1)
        images = torch.empty(len(names), 3, view.size, view.size, dtype=torch.uint8)
        for row, pixels in zip(images, found):
            row.copy_(torch.from_numpy(pixels))
    return images


def _table(folder: Path, name: str) -> dict[str, str]:
    """Read lines of a file name and one more word."""
    lines = [line.split() for line in _text(folder, name).splitlines() if line.strip()]
    if not lines or any(len(words) != 2 for words in lines):
        raise ValueError(f"{folder / name} is not CelebA's: its lines have a file name and a number")
    return dict(lines)


def _attributes(folder: Path) -> dict[str, list[str]]:
    """Read each file's 40 values, -1 or 1."""
    lines = [line.split() for line in _text(folder, LABELS).splitlines()]
    found = {words[0]: words[1:] for words in lines if len(words) == 1 + ALL_ATTRIBUTES}
    if not found and lines[:1] != [["0"]]:
        raise ValueError(f"{folder / LABELS} is not CelebA's: no line has a file name and {ALL_ATTRIBUTES} numbers")
    return found


def _text(folder: Path, name: str) -> str:
    there = (folder / IMAGES).is_dir() or (folder / f"{IMAGES}.zip").is_file()
    if not there or not (folder / name).is_file():
        lacking = name if there else f"{IMAGES}.zip"
        raise FileNotFoundError(
            f"CelebA is not in {folder.resolve()}: no {lacking}. Its authors provide it for non-commercial research at "
            f"https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html; put {IMAGES}.zip, {LABELS} and {PARTITION} into that folder, "
            "or name the folder above it with --data-root (for the page, the folder itself with DMFA_DEMO_CELEBA)."
        )
    return (folder / name).read_text()
