"""The page's functions for programs: JSON in, JSON out."""

from __future__ import annotations

import math
from typing import Any

import gradio as gr
import torch
from torch import Tensor

from dmfa_demo.app.mask_painter import decode_mask
from dmfa_demo.app.scene import Scene, check_size, measure
from dmfa_demo.checkpoints import load_imputer


def impute(image: Any, mask: dict, dataset: str = "mnist", method: str = "dmfa") -> dict:
    """Fill in the hidden pixels of one image.

    Args:
        image: rows of numbers in [0, 1] (of a colour image three times, for red, green and blue), or the number of a bundled sample.
        mask: hidden pixels as {"height": H, "width": W, "runs": [start, length, start, length, ...]}, row by row.
        dataset: whose model to ask.
        method: which model to ask.

    Returns:
        "mean" and "standard_deviation" (in the form of an image; the latter null for methods with a single answer), and "nll"
        (nats; null for methods without a density), "psnr" (dB, in the hole) and "ssim" against the image given; these
        are null when nothing is hidden or the true pixels are not known (null or NaN).
    """
    try:
        for name, value in (("dataset", dataset), ("method", method)):
            if not isinstance(value, str):
                raise ValueError(f"{name} is a name, got {value!r:.40}")
        sampled = isinstance(image, int) and not isinstance(image, bool)
        scene = Scene.sample(dataset, image) if sampled else Scene(dataset, _read_image(image), "")
        missing = decode_mask(mask)
        check_size(scene, missing)
        imputation = load_imputer(method, dataset).impute(scene.image[None], missing[None, None], seed=0)
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from None
    figures = measure(imputation, scene, missing) if scene.image.isfinite().all() else None
    variance = imputation.variance
    return {
        "mean": _as_lists(imputation.mean[0]),
        "standard_deviation": None if variance is None else _as_lists(variance[0].sqrt()),
        **{name: _finite(getattr(figures, name, None)) for name in ("nll", "psnr", "ssim")},
    }


def _read_image(rows: Any) -> Tensor:
    form = "image is a list of rows of numbers in [0, 1] (null where unknown), or three such lists, or the number of a sample"
    try:
        image = torch.tensor(_with_nan(rows, 3), dtype=torch.float32)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise ValueError(f"{form}; got {str(rows):.60}") from None
    if image.dim() == 2:
        return image[None]
    if image.dim() != 3:
        raise ValueError(f"{form}; got {str(rows):.60}")
    return image


def _with_nan(values: Any, depth: int) -> Any:
    """Nested lists, at most `depth` deep, with NaN for null."""
    if isinstance(values, list) and depth:
        return [_with_nan(value, depth - 1) for value in values]
    return math.nan if values is None else values


def _as_lists(image: Tensor) -> list:
    """`(C, H, W)` as rows, or of more than one channel as a list of rows for each."""
    return (image[0] if len(image) == 1 else image).tolist()


def _finite(value: float | None) -> float | None:
    """JSON has no infinity, which hidden values far out of range give."""
    return value if value is not None and math.isfinite(value) else None
