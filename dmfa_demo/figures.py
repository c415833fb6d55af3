"""Convert arrays to pictures. Pixel images become small, exact PNGs, which the page enlarges without smoothing."""

from __future__ import annotations

import base64
import io
from functools import lru_cache

import matplotlib
import numpy as np
from PIL import Image
from torch import Tensor

# One sequential and one diverging colour map for the project. The diverging one is transparent at zero, so that the
# page shows through there, in the light and the dark theme.
SEQUENTIAL, DIVERGING = "magma", "RdBu_r"


def grey_or_colour(image: Tensor) -> np.ndarray:
    """Convert `(C, H, W)` in [0, 1], C = 1 or 3, to uint8 `(H, W)` or `(H, W, 3)`; values outside are clipped."""
    pixels = (image.clamp(0, 1) * 255).round().byte().numpy()
    return pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)


def sheet(images: Tensor, columns: int) -> np.ndarray:
    """Arrange `(N, C, H, W)` in [0, 1] in rows of `columns` as uint8; what the last row lacks is black."""
    pictures = [grey_or_colour(image) for image in images]
    pictures += [np.zeros_like(pictures[0])] * (-len(pictures) % columns)
    return np.concatenate([np.concatenate(pictures[i : i + columns], 1) for i in range(0, len(pictures), columns)])


def with_holes(image: Tensor, missing: Tensor) -> np.ndarray:
    """Draw `(C, H, W)` with its missing pixels `(H, W)` as a fine check pattern, as uint8 `(H, W, 3)`."""
    pixels = grey_or_colour(image)
    pixels = np.repeat(pixels[..., None], 3, 2) if pixels.ndim == 2 else pixels.copy()
    rows, columns = np.indices(missing.shape)
    check = np.where((rows + columns) % 2, 150, 118).astype(np.uint8)[..., None]
    return np.where(missing.numpy()[..., None], check, pixels)


def coloured(values: Tensor, low: float, high: float, colours: str) -> np.ndarray:
    """Map `(H, W)` through a colour map that runs from `low` to `high`, to uint8 `(H, W, 4)`."""
    share = (values.numpy() - low) / max(high - low, 1e-12)
    return _table(colours)[(share.clip(0, 1) * 255).round().astype(np.uint8)]


def colour_bar(colours: str) -> str:
    """Return the colour map as a CSS gradient from left to right."""
    return f"linear-gradient(to right, {', '.join(colours_of(colours)[::17])})"


def colours_of(name: str) -> list[str]:
    """Return the 256 colours of a colour map as `#rrggbbaa`."""
    return ["#{:02x}{:02x}{:02x}{:02x}".format(*row) for row in _table(name)]


def png_address(pixels: np.ndarray) -> str:
    """Encode uint8 `(H, W)`, `(H, W, 3)` or `(H, W, 4)` as a `data:image/png` address."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


@lru_cache
def _table(colours: str) -> np.ndarray:
    table = matplotlib.colormaps[colours](np.arange(256))
    if colours == DIVERGING:
        share = np.linspace(-1, 1, 256)
        strong = matplotlib.colormaps[colours](np.where(share < 0, 0.2, 0.8))
        table = np.concatenate([strong[:, :3], np.abs(share)[:, None]], 1)
    return (table * 255).round().astype(np.uint8)
