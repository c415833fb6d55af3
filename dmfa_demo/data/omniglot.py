"""Omniglot: handwritten characters of 50 alphabets (Lake et al., 2015), as ink on a black ground, 28 x 28."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

# The alphabets of training and validation (`background`), then those of the test (`evaluation`), as in the names of their folders.
BACKGROUND = (
    "Alphabet_of_the_Magi",
    "Anglo-Saxon_Futhorc",
    "Arcadian",
    "Armenian",
    "Asomtavruli_(Georgian)",
    "Balinese",
    "Bengali",
    "Blackfoot_(Canadian_Aboriginal_Syllabics)",
    "Braille",
    "Burmese_(Myanmar)",
    "Cyrillic",
    "Early_Aramaic",
    "Futurama",
    "Grantha",
    "Greek",
    "Gujarati",
    "Hebrew",
    "Inuktitut_(Canadian_Aboriginal_Syllabics)",
    "Japanese_(hiragana)",
    "Japanese_(katakana)",
    "Korean",
    "Latin",
    "Malay_(Jawi_-_Arabic)",
    "Mkhedruli_(Georgian)",
    "N_Ko",
    "Ojibwe_(Canadian_Aboriginal_Syllabics)",
    "Sanskrit",
    "Syriac_(Estrangelo)",
    "Tagalog",
    "Tifinagh",
)
EVALUATION = (
    "Angelic",
    "Atemayar_Qelisayer",
    "Atlantean",
    "Aurek-Besh",
    "Avesta",
    "Ge_ez",
    "Glagolitic",
    "Gurmukhi",
    "Kannada",
    "Keble",
    "Malayalam",
    "Manipuri",
    "Mongolian",
    "Old_Church_Slavonic_(Cyrillic)",
    "Oriya",
    "Sylheti",
    "Syriac_(Serto)",
    "Tengwar",
    "Tibetan",
    "ULOG",
)
ALPHABETS = BACKGROUND + EVALUATION

# All drawings as bits in one file, an alternative to torchvision's files; in both, characters are in alphabetical order.
BITS = Path("omniglot", "omniglot_105.npz")
SIDE, DRAWN = 28, 105

# One character in this many of the background alphabets is for validation.
VALIDATION = 10


def read_omniglot(root: Path, split: Literal["train", "validation", "test"]) -> tuple[Tensor, Tensor, Tensor]:
    """Read a split: the evaluation alphabets for the test, and of the background alphabets a tenth of the characters for validation.

    All drawings of a character are in one split, so characters are new to a model in validation and in the test.

    Returns:
        images uint8 `(N, 1, 28, 28)`, 255 for ink; the positions of their alphabets in `ALPHABETS`, int64 `(N,)`; their positions in
        the official part, int64 `(N,)`.

    Raises:
        FileNotFoundError: If the files are missing and cannot be downloaded.
        ValueError: If they are damaged.
    """
    part = "evaluation" if split == "test" else "background"
    drawings, characters = _read_bits(root / BITS, part) if (root / BITS).is_file() else _read_torchvision(root, part)
    rows = [
        row
        for row, name in enumerate(characters)
        if split == "test" or _is_for_validation(name) == (split == "validation")
    ]
    labels = [ALPHABETS.index(characters[row].split("/")[0]) for row in rows]
    return shrink(drawings[rows]), torch.tensor(labels), torch.tensor(rows)


def shrink(drawings: np.ndarray) -> Tensor:
    """Return drawings `(N, 105, 105)`, 1 for ink, as uint8 `(N, 1, 28, 28)`: the share of ink around each pixel."""
    parts = [
        F.interpolate(
            torch.from_numpy(part)[:, None].float(), (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False
        )
        for part in np.array_split(drawings, max(1, len(drawings) // 1_000))
    ]
    return (255 * torch.cat(parts)).round().to(torch.uint8)


def _is_for_validation(character: str) -> bool:
    """Return whether a character, ALPHABET/characterNN, is for validation, by a hash of its name."""
    return hashlib.sha256(character.encode()).digest()[0] % VALIDATION == 0


def _read_bits(path: Path, part: str) -> tuple[np.ndarray, Sequence[str]]:
    """Return the drawings `(N, 105, 105)` and names of their characters from a file of packed bits."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            bits, names = archive[part], archive[f"{part}_labels"].tolist()
        drawings = np.unpackbits(bits, axis=1)[:, : DRAWN**2].reshape(-1, DRAWN, DRAWN)
    except (OSError, KeyError, ValueError, BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{path} is damaged ({error!r:.200}); replace it, or delete it to download Omniglot"
        ) from error
    return drawings, names


def _read_torchvision(root: Path, part: str) -> tuple[np.ndarray, Sequence[str]]:
    from PIL import Image
    from torchvision.datasets import Omniglot  # only training and measuring need torchvision

    place = root.resolve() / Omniglot.folder
    try:
        found = Omniglot(str(root), background=part == "background", download=True)
    except (OSError, RuntimeError) as error:
        raise FileNotFoundError(
            f"omniglot is not in {root.resolve()} and could not be downloaded ({error}). Name a folder with "
            f"torchvision's {Omniglot.folder} with --data-root, or run once with network access."
        ) from error
    files = sorted((place / f"images_{part}").glob("*/*/*.png"))
    if not files or not len(found):
        raise ValueError(f"there are no images in {place}; delete it, and it is downloaded again")
    drawings = np.stack([np.asarray(Image.open(file).convert("L")) < 128 for file in files]).astype(np.uint8)
    return drawings, [file.parent.relative_to(file.parents[2]).as_posix() for file in files]
