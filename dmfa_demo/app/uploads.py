"""Pictures that visitors bring: read safely, say what is wrong, turn a drawn digit into one as MNIST has them."""

from __future__ import annotations

import io
import math
import warnings

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

MAX_BYTES = 10 * 2**20
MAX_SIDE = 8_000
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")

# MNIST's own recipe: the digit fits a 20 x 20 box, and its centre of mass lies in the pixel right below the middle of
# 28 x 28 (measured: between 14 and 15 from the edge in every digit of the sample).
BOX, SIDE = 20, 28


def read_picture(data: bytes) -> Image.Image:
    """The first frame of a picture file, upright, as grey levels ("L"), flattened onto a contrasting ground.

    Raises:
        ValueError: when it is no picture or too large; says which and what is accepted.
    """
    if not data:
        raise ValueError("The file is empty (0 bytes). Choose a picture: PNG, JPEG, WebP, GIF, BMP or TIFF.")
    if len(data) > MAX_BYTES:
        raise ValueError(f"The file has {len(data) / 2**20:.0f} MB; at most {MAX_BYTES // 2**20} MB are read. Save it smaller.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data), formats=FORMATS)
            if max(picture.size) > MAX_SIDE:
                width, height = picture.size
                raise ValueError(f"The picture is {width} x {height} pixels; at most {MAX_SIDE:,} a side are read. Scale it down.")
            picture.draft("L", (1024, 1024))  # JPEGs are decoded no larger than needed
            picture.load()
            picture = ImageOps.exif_transpose(picture)
    except (UnidentifiedImageError, Image.DecompressionBombError):
        raise ValueError("This is not a picture that can be read. Accepted: PNG, JPEG, WebP, GIF, BMP and TIFF.") from None
    except (OSError, SyntaxError, EOFError, MemoryError) as error:
        raise ValueError(f"The picture is damaged and cannot be read ({error}). Save it again and retry.") from None
    return _to_grey(picture)


def digit_from_picture(picture: Image.Image) -> Tensor:
    """A drawn or photographed digit as MNIST would hold it: light ink on black, in a 20 x 20 box, centred by mass.

    Args:
        picture: grey levels ("L"), ink lighter or darker than its paper.

    Returns:
        float32 `(1, 28, 28)` in [0, 1].

    Raises:
        ValueError: when the picture is blank.
    """
    picture.thumbnail((1024, 1024))
    values = np.asarray(picture, dtype=np.float32) / 255
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    if np.median(border) > 0.5:
        values = 1 - values
    values = values - np.median(values)  # the paper, whatever its shade, becomes black
    if values.max() < 0.1:
        raise ValueError("No digit can be seen: the picture is blank. Write one in dark ink on light paper, or light on dark.")
    ink = np.where(values < 0.2 * values.max(), 0, values / values.max())
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = BOX / max(ink.shape)
    size = tuple(max(1, round(length * scale)) for length in ink.shape[::-1])
    small = np.asarray(Image.fromarray((ink * 255).astype(np.uint8)).resize(size, Image.Resampling.BOX), dtype=np.float32)
    canvas = np.zeros((SIDE, SIDE), dtype=np.float32)
    corner = [
        min(max(math.ceil(SIDE / 2 - _centre_of_mass(small, axis)), 0), SIDE - small.shape[axis]) for axis in (0, 1)
    ]
    canvas[corner[0] : corner[0] + small.shape[0], corner[1] : corner[1] + small.shape[1]] = small / small.max()
    return torch.from_numpy(canvas)[None]


def mask_from_picture(picture: Image.Image, height: int, width: int) -> Tensor:
    """A black and white picture as a mask: white is hidden.

    Args:
        picture: grey levels ("L").

    Returns:
        bool `(height, width)`.

    Raises:
        ValueError: when its size is another.
    """
    if picture.size != (width, height):
        raise ValueError(
            f"The mask is {picture.width} x {picture.height} pixels, the image {width} x {height}. "
            f"Save the mask at exactly {width} x {height}, white where pixels are hidden."
        )
    return torch.from_numpy(np.asarray(picture) > 127)


def _to_grey(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I") or picture.mode == "F":  # 16 or 32 bits: stretch what is there to 8
        values = np.asarray(picture, dtype=np.float64)
        values = np.nan_to_num(values, posinf=0, neginf=0)
        low, high = values.min(), values.max()
        return Image.fromarray(((values - low) / max(high - low, 1e-9) * 255).astype(np.uint8))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        grey, alpha = (np.asarray(picture.convert("L"), dtype=np.float32), np.asarray(picture)[..., 3] / 255)
        seen = grey[alpha > 0.5]
        ground = 255 if seen.size == 0 or seen.mean() < 128 else 0
        return Image.fromarray((grey * alpha + ground * (1 - alpha)).astype(np.uint8))
    return picture.convert("L")


def _centre_of_mass(values: np.ndarray, axis: int) -> float:
    weights = values.sum(1 - axis)
    return float((weights * (np.arange(len(weights)) + 0.5)).sum() / weights.sum())
