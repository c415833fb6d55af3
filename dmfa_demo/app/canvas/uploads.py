"""Pictures that visitors bring: read safely, say what is wrong, turn a drawn digit into one as MNIST has them."""

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
# As large as a telephone's photographs are.
MAX_SIDE = 10_000
MAX_PIXELS = 50_000_000
# Nothing here needs more detail; memory is spent on no more.
WORK_SIDE = 1_024
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")

# The highest value of 8, 10, 12 and 16 bits; 1 is that of a share.
TOPS = (1, 255, 1_023, 4_095, 65_535)
# As far from black or white a shade still counts as such.
NEAR = 1 / 8


def read_picture(data: bytes) -> Image.Image:
    """The first frame of a picture file, upright, as it is stored.

    Raises:
        ValueError: when it is no picture or too large; says which and what is accepted.
    """
    if not data:
        raise ValueError("The file is empty (0 bytes). Choose a picture: PNG, JPEG, WebP, GIF, BMP or TIFF.")
    if len(data) > MAX_BYTES:
        raise ValueError(
            f"The file has {len(data) / 2**20:.0f} MB; at most {MAX_BYTES // 2**20} MB are read. Save it smaller."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            # Pillow itself takes uncompressed YCbCr for four channels; libtiff converts it to RGB.
            TiffImagePlugin.READ_LIBTIFF = True
            picture = Image.open(io.BytesIO(data), formats=FORMATS)
            if max(picture.size) > MAX_SIDE:
                width, height = picture.size
                raise ValueError(
                    f"The picture is {width} x {height} pixels; at most {MAX_SIDE:,} a side are read. Scale it down."
                )
            if math.prod(picture.size) > MAX_PIXELS:
                megapixels = math.prod(picture.size) / 1e6
                raise ValueError(
                    f"The picture has {megapixels:.0f} megapixels; at most {MAX_PIXELS // 10**6} are read. Scale it down."
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
    """A picture as an image of exactly this shape (C, H, W), grey where C is 1; float32 in [0, 1].

    Args:
        picture: of any mode; what is transparent is black.

    Raises:
        ValueError: when its size is another.
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
    """A picture of two clear parts as a mask: what is not background is hidden.

    | What the picture shows                             | What is hidden                                       |
    |----------------------------------------------------|------------------------------------------------------|
    | two shades of grey, however far apart              | the lighter one: white on black, 1 of 0 and 1        |
    | one colour on black                                | the colour                                           |
    | white alone, opaque                                | everything                                           |
    | white on transparent                               | the white                                            |
    | another colour, or a whole picture, on transparent | the opaque or the transparent part, whichever covers |
    |                                                    | less of the picture and less of its border           |
    | anything else                                      | nothing: it is refused                               |

    A picture is refused when it shows nothing but black, one other shade or colour, or full transparency; more than two clear
    parts; a colour without black; black and white beside transparent; or two parts of which neither is clearly background.
    Shades that are nearly the same are one, and edges may be smooth: they are cut halfway between the two parts. In a palette,
    colours count and not their numbers, unless all colours are the same.

    Args:
        picture: of any mode and number of bits.

    Returns:
        bool `(height, width)`.

    Raises:
        ValueError: when its size is another, or it does not tell what is hidden; names the values found.
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
    """A picture does not tell what is hidden."""


def _not_background(picture: Image.Image) -> np.ndarray:
    """What `mask_from_picture` hides in a picture of a mode that `_plain` returns, bool `(H, W)`."""
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
            "The mask is black, white and transparent, so that either white or transparent may be what is hidden"
        )
    border = np.ones(opaque.shape, dtype=bool)
    border[1:-1, 1:-1] = False
    smaller = opaque if opaque.mean() < 0.5 else ~opaque
    if smaller.mean() == 0.5 or smaller[border].mean() >= 0.5:
        raise _Unclear("Either the opaque or the transparent part of the mask may be what is hidden")
    return smaller


def _stands_out(colours: np.ndarray) -> np.ndarray:
    """What is lighter in a grey picture `(H, W)` in [0, 1], or not black in a coloured one `(H, W, 3)`."""
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
    """The lighter of the two parts that values in [0, 1] fall into, bool `(H, W)`.

    Shades that are nearly white are white all over.
    """
    low, contrast, shades = values.min(), np.ptp(values), len(np.unique(values))
    if contrast < NEAR / 2 and low >= 1 - NEAR:
        return np.ones(values.shape, dtype=bool)
    if shades == 1:
        raise _Unclear(
            "The mask is black all over and hides nothing" if not low else "The mask is of one shade all over"
        )
    values = (values - low) / contrast
    if shades == 2:
        return values > 0.5
    between = (values > NEAR) & (values < 1 - NEAR)
    windows = sliding_window_view(values, (3, 3)).reshape(-1, 9)
    # A smooth edge has no place that is flat.
    flat = sliding_window_view(between, (3, 3)).reshape(-1, 9).all(1) & (np.ptp(windows, axis=1) <= NEAR / 4)
    if contrast < NEAR / 2 or flat.any() or (np.abs(values - 0.5) < 0.25).mean() > 0.25:
        raise _Unclear("The mask does not have two clear shades")
    return values > 0.5


def _values_of(picture: Image.Image) -> str:
    """The most frequent values of a picture, as people read them."""
    values = np.asarray(picture)
    values, counts = np.unique(values.reshape(picture.height * picture.width, -1), axis=0, return_counts=True)
    most = np.argsort(-counts, kind="stable")[:4]
    named = [f"{', '.join(f'{part:g}' for part in values[place])} ({counts[place]} pixels)" for place in most]
    return "; ".join(named) + (f"; and {len(values) - len(most)} more" if len(values) > len(most) else "")


def grey_levels(picture: Image.Image, ground: float | None = None) -> np.ndarray:
    """Grey levels in [0, 1], float32 `(H, W)`, at most `WORK_SIDE` a side.

    What is transparent shows `ground`; without one, white under dark ink and black under light.
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
    """The values of a picture of mode I or F as grey levels in [0, 1], float32 `(H, W)`."""
    values = np.nan_to_num(np.asarray(picture, dtype=np.float32), posinf=0, neginf=0)
    # Files do not say how many bits count: the smallest range that holds the values.
    top = next((top for top in TOPS if values.max() <= top), values.max())
    return (values / top).clip(0, 1)


def _plain(picture: Image.Image) -> Image.Image:
    """The picture in one of the modes L, RGB, RGBA, I and F, nothing lost that is looked at."""
    if picture.mode.startswith("I") or picture.mode == "F":
        return picture.convert("I") if picture.mode.startswith("I;") else picture
    if picture.mode == "LAB":
        profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.buildTransform(*profiles, "LAB", "RGB").apply(picture)
    mode = "RGBA" if picture.has_transparency_data else "L" if picture.mode in ("1", "L") else "RGB"
    return picture if picture.mode == mode else picture.convert(mode)
