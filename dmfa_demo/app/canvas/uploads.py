"""Read visitors' pictures safely, and convert them to images and masks."""

from __future__ import annotations

import io
import math
import warnings

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image, ImageCms, ImageOps, TiffImagePlugin, UnidentifiedImageError
from torch import Tensor

MAX_BYTES = 10 * 2**20
# Enough for photographs from phones.
MAX_SIDE = 10_000
MAX_PIXELS = 50_000_000
# Nothing needs more detail; this limits memory.
WORK_SIDE = 1_024
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")

# The maximum of 8, 10, 12 and 16 bits; 1 is the maximum of fractions.
TOPS = (1, 255, 1_023, 4_095, 65_535)
# Shades this close to black or white count as such.
NEAR = 1 / 8


def read_picture(data: bytes) -> Image.Image:
    """Read the first frame of a picture file, upright, in its mode.

    Raises:
        ValueError: If it is not a picture or is too large; the message says which and what is accepted.
    """
    if not data:
        raise ValueError("The file is empty (0 bytes). Choose a picture: PNG, JPEG, WebP, GIF, BMP or TIFF.")
    if len(data) > MAX_BYTES:
        raise ValueError(
            f"The file has {len(data) / 2**20:.0f} MB; at most {MAX_BYTES // 2**20} MB are accepted. Save it smaller."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            # Pillow mistakes uncompressed YCbCr for four channels; libtiff converts it to RGB.
            TiffImagePlugin.READ_LIBTIFF = True
            picture = Image.open(io.BytesIO(data), formats=FORMATS)
            if max(picture.size) > MAX_SIDE:
                width, height = picture.size
                raise ValueError(
                    f"The picture is {width} x {height} pixels; at most {MAX_SIDE:,} per side are accepted. Scale it down."
                )
            if math.prod(picture.size) > MAX_PIXELS:
                megapixels = math.prod(picture.size) / 1e6
                raise ValueError(
                    f"The picture has {megapixels:.0f} megapixels; at most {MAX_PIXELS // 10**6} are accepted. Scale it down."
                )
            picture.load()
            return ImageOps.exif_transpose(picture)
    except (UnidentifiedImageError, Image.DecompressionBombError):
        raise ValueError(
            "This is not a picture that can be read. Accepted: PNG, JPEG, WebP, GIF, BMP and TIFF."
        ) from None
    except (OSError, SyntaxError, EOFError, MemoryError) as error:
        raise ValueError(f"The picture is damaged and cannot be read ({error}). Save it again and retry.") from None


def image_from_picture(picture: Image.Image, shape: tuple[int, int, int]) -> Tensor:
    """Convert a picture to an image of exactly this shape (C, H, W), grey if C is 1; float32 in [0, 1].

    Args:
        picture: of any mode; transparent pixels become black.

    Raises:
        ValueError: If it has another size.
    """
    channels, height, width = shape
    if picture.size != (width, height):
        raise ValueError(
            f"The picture is {picture.width} x {picture.height} pixels; the models of this data set take exactly "
            f"{width} x {height}. Scale it."
        )
    picture = _plain(picture)
    if channels == 1 or picture.mode in ("L", "I", "F"):
        return torch.from_numpy(grey_levels(picture, ground=0.0)).repeat(channels, 1, 1)
    flat = Image.alpha_composite(Image.new("RGBA", picture.size, "black"), picture.convert("RGBA")).convert("RGB")
    return torch.from_numpy(np.asarray(flat, dtype=np.float32) / 255).permute(2, 0, 1)


def mask_from_picture(picture: Image.Image, height: int, width: int) -> Tensor:
    """Convert a picture with two clear parts to a mask: the part that is not background is hidden.

    | The picture                                        | The hidden part                                      |
    |----------------------------------------------------|------------------------------------------------------|
    | two shades of grey, however close                  | the lighter one: white on black, 1 of 0 and 1        |
    | one colour on black                                | the colour                                           |
    | white alone, opaque                                | everything                                           |
    | white on transparent                               | the white                                            |
    | another colour, or a picture, on transparent       | the opaque or the transparent part: the one with     |
    |                                                    | less area and less of the border                     |
    | anything else                                      | none: it is refused                                  |

    A picture is refused if it has only black, one other shade or colour, or full transparency; more than two clear parts; a colour
    without black; black and white beside transparent; or two parts of which neither is clearly background. Nearly equal shades
    count as one, and edges may be smooth: they are cut halfway between the two parts. Palette pictures are read by their colours,
    not their indices, unless all colours are equal.

    Args:
        picture: of any mode and bit depth.

    Returns:
        bool `(height, width)`.

    Raises:
        ValueError: If it has another size or is ambiguous; the message names the values found.
    """
    if picture.size != (width, height):
        raise ValueError(
            f"The mask is {picture.width} x {picture.height} pixels, the image {width} x {height}. "
            f"Save the mask at exactly {width} x {height}, white where pixels are hidden."
        )
    colours = picture.convert("RGBA").getcolors() if picture.mode == "P" else None
    if colours and len(colours) == 1 and len(np.unique(np.asarray(picture))) > 1:
        picture = Image.fromarray(np.asarray(picture))
    picture = _plain(picture)
    try:
        return torch.from_numpy(_not_background(picture))
    except _Unclear as error:
        raise ValueError(
            f"{error}; its values are {_values_of(picture)}. Save the mask white where pixels are hidden and black elsewhere."
        ) from None


class _Unclear(ValueError):
    """A picture whose hidden part is unclear."""


def _not_background(picture: Image.Image) -> np.ndarray:
    """Return the hidden part, bool `(H, W)`, of a picture in one of the modes of `_plain`."""
    if picture.mode != "RGBA":
        return _stands_out(_shades(picture) if picture.mode in ("I", "F") else np.asarray(picture, np.float32) / 255)
    shades = np.asarray(picture, dtype=np.float32) / 255
    colours, alpha = shades[..., :3], shades[..., 3]
    if not alpha.any():
        raise _Unclear("The mask is fully transparent and hides nothing")
    if alpha.min() > 0.5:
        return _stands_out(colours)
    opaque = _lighter(alpha)
    black, white = (colours.max(-1) <= NEAR)[opaque], (colours.min(-1) >= 1 - NEAR)[opaque]
    if white.mean() > 0.9:
        return opaque
    if white.any() and (black | white).mean() > 0.75:
        raise _Unclear(
            "The mask is black, white and transparent, so either white or transparent may be the hidden part"
        )
    border = np.ones(opaque.shape, dtype=bool)
    border[1:-1, 1:-1] = False
    smaller = opaque if opaque.mean() < 0.5 else ~opaque
    if smaller.mean() == 0.5 or smaller[border].mean() >= 0.5:
        raise _Unclear("Either the opaque or the transparent part of the mask may be the hidden one")
    return smaller


def _stands_out(colours: np.ndarray) -> np.ndarray:
    """Return the lighter part of a grey picture `(H, W)` in [0, 1], or the part that is not black of a coloured one `(H, W, 3)`."""
    if colours.ndim == 2:
        return _lighter(colours)
    value = colours.max(-1)
    near = NEAR * value.max()
    if (value - colours.min(-1)).max() <= near:
        return _lighter(value)
    if value.min() > near:
        raise _Unclear("The mask is coloured, and no part of it is black")
    hidden = _lighter(value)
    hues = (colours / value.clip(1e-6)[..., None])[hidden]
    others = np.abs(hues - np.median(hues, axis=0)).max(-1) > 2 * NEAR
    if (value[~hidden] > near).mean() > 0.5 or others.mean() > NEAR:
        raise _Unclear("The mask has more than two colours")
    return hidden


def _lighter(values: np.ndarray) -> np.ndarray:
    """Return the lighter of the two parts of values in [0, 1], bool `(H, W)`.

    A picture of nearly white shades is white everywhere.
    """
    low, contrast, shades = values.min(), np.ptp(values), len(np.unique(values))
    if contrast < NEAR / 2 and low >= 1 - NEAR:
        return np.ones(values.shape, dtype=bool)
    if shades == 1:
        raise _Unclear("The mask is entirely black and hides nothing" if not low else "The mask has a single shade")
    values = (values - low) / contrast
    if shades == 2:
        return values > 0.5
    between = (values > NEAR) & (values < 1 - NEAR)
    windows = sliding_window_view(values, (3, 3)).reshape(-1, 9)
    # A smooth edge has no flat places.
    flat = sliding_window_view(between, (3, 3)).reshape(-1, 9).all(1) & (np.ptp(windows, axis=1) <= NEAR / 4)
    if contrast < NEAR / 2 or flat.any() or (np.abs(values - 0.5) < 0.25).mean() > 0.25:
        raise _Unclear("The mask does not have two clear shades")
    return values > 0.5


def _values_of(picture: Image.Image) -> str:
    """Return the most frequent values of a picture as text."""
    values = np.asarray(picture)
    values, counts = np.unique(values.reshape(picture.height * picture.width, -1), axis=0, return_counts=True)
    most = np.argsort(-counts, kind="stable")[:4]
    named = [f"{', '.join(f'{part:g}' for part in values[place])} ({counts[place]} pixels)" for place in most]
    return "; ".join(named) + (f"; and {len(values) - len(most)} more" if len(values) > len(most) else "")


def grey_levels(picture: Image.Image, ground: float | None = None) -> np.ndarray:
    """Convert a picture to grey levels in [0, 1], float32 `(H, W)`, at most `WORK_SIDE` per side.

    Transparent pixels become `ground` or, by default, white under dark ink and black under light ink.
    """
    picture = _plain(picture)
    if max(picture.size) > WORK_SIDE:
        picture = picture.reduce(math.ceil(max(picture.size) / WORK_SIDE))
    if picture.mode in ("I", "F"):
        return _shades(picture)
    if picture.mode == "RGBA":
        alpha = np.asarray(picture.getchannel("A"), dtype=np.float32) / 255
        grey = np.asarray(picture.convert("L"), dtype=np.float32) / 255
        if ground is None:
            seen = grey[alpha > 0.5]
            ground = 1.0 if seen.size == 0 or seen.mean() < 0.5 else 0.0
        return grey * alpha + ground * (1 - alpha)
    return np.asarray(picture.convert("L"), dtype=np.float32) / 255


def _shades(picture: Image.Image) -> np.ndarray:
    """Convert a picture of mode I or F to grey levels in [0, 1], float32 `(H, W)`."""
    values = np.nan_to_num(np.asarray(picture, dtype=np.float32), posinf=0, neginf=0)
    # Files do not record the bit depth, so take the smallest range that contains the values.
    top = next((top for top in TOPS if values.max() <= top), values.max())
    return (values / top).clip(0, 1)


def _plain(picture: Image.Image) -> Image.Image:
    """Convert the picture to one of the modes L, RGB, RGBA, I and F, without losing relevant information."""
    if picture.mode.startswith("I") or picture.mode == "F":
        return picture.convert("I") if picture.mode.startswith("I;") else picture
    if picture.mode == "LAB":
        profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.buildTransform(*profiles, "LAB", "RGB").apply(picture)
    mode = "RGBA" if picture.has_transparency_data else "L" if picture.mode in ("1", "L") else "RGB"
    return picture if picture.mode == mode else picture.convert(mode)
