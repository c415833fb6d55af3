"""The page's functions for programs: JSON in, JSON out.

An image is rows of numbers in [0, 1] (for a colour image three such lists, for red, green and blue, or rows of pixels of three
numbers each; null where unknown), a picture file in base64, or the number of a bundled sample. A mask is
{"height": H, "width": W, "runs": [start, length, start, length, ...]}, row by row, or rows of true and false (true is hidden), or
a picture in base64 with two clear parts, best white where pixels are hidden and black elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, cast
from urllib.parse import unquote

import gradio as gr
import torch
from gradio.blocks import BlockFunction
from torch import Tensor

from dmfa_demo.app.canvas.mask_painter import decode_mask
from dmfa_demo.app.canvas.presets import OFFERS
from dmfa_demo.app.canvas.uploads import MAX_BYTES, image_from_picture, mask_from_picture, read_picture
from dmfa_demo.app.scene.scene import Scene, check_size, measure
from dmfa_demo.app.tabs.factors import COMPONENTS, principal
from dmfa_demo.data.datasets import DATASETS, load_samples
from dmfa_demo.imputation import Imputation
from dmfa_demo.models.classifier import available_classifiers, load_classifier, predict_all
from dmfa_demo.registry import available_methods, load_imputer, method_class

# The maximum in one answer; another seed gives more.
MAX_SAMPLES, MAX_FRAMES = 64, 64


def datasets() -> list[dict]:
    """List the data sets: name, title, shape (channels, height, width), classes, licence, and number of bundled samples."""
    return [
        {
            "name": name,
            "title": DATASETS[name].title,
            "shape": list(DATASETS[name].shape),
            "classes": list(DATASETS[name].classes),
            "licence": DATASETS[name].licence,
            "samples": len(load_samples(name)),
        }
        for name in OFFERS
    ]


def methods(dataset: str = "mnist") -> list[dict]:
    """List the methods of a data set: name, title, summary, limits, and whether they have samples, factors and a trajectory."""
    _check_dataset(dataset)
    kinds = [method_class(name) for name in available_methods(dataset)]
    return [
        {
            "name": kind.name,
            "title": kind.title,
            "summary": kind.summary,
            "limits": kind.limits,
            "has_samples": kind.has_samples,
            "has_factors": kind.has_factors,
            "has_trajectory": kind.has_trajectory,
        }
        for kind in kinds
    ]


def impute(image: Any, mask: Any, dataset: str = "mnist", method: str = "dmfa", seed: int = 0) -> dict:
    """Fill in the hidden pixels of one image.

    Args:
        image: rows of numbers in [0, 1], or a picture in base64, or the number of a bundled sample.
        mask: the hidden pixels: {"height", "width", "runs"}, or rows of true and false, or a picture in base64.
        dataset: the data set whose model to use.
        method: the method to use.
        seed: seeds all randomness of the method.

    Returns:
        "mean" and "standard_deviation" (in the form of an image; the latter null for methods with a single answer), and "nll"
        (nats; null for methods without a density), "psnr" (dB, in the hole) and "ssim" against the given image; these
        are null if nothing is hidden or the true pixels are unknown (null or NaN).
    """
    scene, missing = _read(image, mask, dataset)
    imputation = _ask(method, scene, missing, seed)
    variance = imputation.variance
    return {
        "mean": _as_lists(imputation.mean[0]),
        "standard_deviation": None if variance is None else _as_lists(variance[0].sqrt()),
        **_figures(imputation, scene, missing),
    }


def sample(
    image: Any,
    mask: Any,
    dataset: str = "mnist",
    method: str = "dmfa",
    count: int = 8,
    noise: bool = False,
    seed: int = 0,
) -> dict:
    """Draw complete answers: "samples" is a list of `count` images; `noise` adds the part that is independent in each pixel."""
    count = _within("count", count, 1, MAX_SAMPLES)
    scene, missing = _read(image, mask, dataset)
    drawn = _ask(method, scene, missing, seed).sample(count, noise=bool(noise))[:, 0]
    return {"samples": [_as_lists(one) for one in drawn]}


def factors(image: Any, mask: Any, dataset: str = "mnist", method: str = "dmfa", component: int = 0) -> dict:
    """Describe one Gaussian of a method's density: "weights" of the heaviest ones, and the "mean", principal "factors"
    (images, strongest first) and "noise" (standard deviations) of the chosen one."""
    scene, missing = _read(image, mask, dataset)
    if not method_class(method).has_factors:
        raise ValueError(
            f"{method} has no factors; choose one of {', '.join(available_methods(dataset, 'has_factors'))}"
        )
    if not missing.any():
        raise ValueError("nothing is hidden, so there is no density; hide at least one pixel")
    density = _ask(method, scene, missing, 0).mixture
    weights = density.weights[0].sort(descending=True).values[:COMPONENTS].tolist()
    gaussian = principal(density.leading(COMPONENTS), _within("component", component, 0, len(weights) - 1))
    shape = scene.image.shape
    return {
        "weights": weights,
        "mean": _as_lists(gaussian.mean.view(shape)),
        "factors": [_as_lists(factor.view(shape)) for factor in gaussian.factors],
        "noise": _as_lists(gaussian.noise.sqrt().view(shape)),
    }


def trajectory(
    image: Any, mask: Any, dataset: str = "mnist", method: str = "dynamics-knn", frames: int = 16, seed: int = 0
) -> dict:
    """Return a method's walk to its answer: "frames" is a list of at most `frames` images, from start to end, and "steps" are
    their numbers among all steps."""
    frames = _within("frames", frames, 2, MAX_FRAMES)
    scene, missing = _read(image, mask, dataset)
    walked = _ask(method, scene, missing, seed).trajectory
    if walked is None:
        raise ValueError(
            f"{method} does not walk; choose one of {', '.join(available_methods(dataset, 'has_trajectory'))}"
        )
    places = torch.linspace(0, len(walked) - 1, min(frames, len(walked))).round().long().tolist()
    return {"frames": [_as_lists(walked[place, 0]) for place in places], "steps": places}


def predict(image: Any, mask: Any, dataset: str = "mnist") -> dict:
    """Return every classifier's probability of each class, by name; the first classifier sees the complete image."""
    scene, missing = _read(image, mask, dataset)
    classes, names = DATASETS[dataset].classes, available_classifiers(dataset)
    classifiers = [load_classifier(name, dataset) for name in names]
    answers = predict_all(classifiers, scene.image[None], missing[None, None])
    return {name: dict(zip(classes, answer[0].tolist())) for name, answer in zip(names, answers)}


def evaluate(image: Any, mask: Any, dataset: str = "mnist") -> dict:
    """Measure every method on the hidden pixels of one image: its name to "nll", "psnr" and "ssim"."""
    scene, missing = _read(image, mask, dataset)
    names = available_methods(dataset)
    return {name: _figures(_ask(name, scene, missing, 0), scene, missing) for name in names}


ENDPOINTS = (datasets, methods, impute, sample, factors, trajectory, predict, evaluate)


def offer_endpoints(**options: Any) -> None:
    """Offer all endpoints in the current `gr.Blocks`, each under its name."""
    for endpoint in ENDPOINTS:
        gr.api(_answered(endpoint), api_name=endpoint.__name__, **options)


class ApiBlocks(gr.Blocks):
    """Blocks whose public endpoints fill in default arguments, and name required ones that a request lacks."""

    async def preprocess_data(
        self, block_fn: BlockFunction, inputs: list[Any], *others: Any, **named: Any
    ) -> list[Any]:
        if block_fn.api_visibility == "public":
            inputs = _completed(block_fn, inputs)
        return await super().preprocess_data(block_fn, inputs, *others, **named)


def _completed(block_fn: BlockFunction, inputs: list[Any]) -> list[Any]:
    """Return a request's values, one for each parameter of the endpoint."""
    parameters = list(signature(cast(Callable[..., Any], block_fn.fn)).parameters.values())
    left_out = parameters[len(inputs) :]
    missing = [one.name for one in left_out if one.default is one.empty]
    if missing:
        takes = ", ".join(one.name for one in parameters)
        raise gr.Error(
            f"{' and '.join(missing)} missing: {block_fn.api_name} takes {takes}, in this order; got {len(inputs)} of them",
            print_exception=False,
        )
    return [*inputs, *(one.default for one in left_out)]


def _answered(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap an endpoint to answer bad input with a one-line error."""

    @wraps(endpoint)
    def answered(*arguments: Any, **named: Any) -> Any:
        try:
            return endpoint(*arguments, **named)
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from None

    return answered


def _read(image: Any, mask: Any, dataset: Any) -> tuple[Scene, Tensor]:
    """Parse a program's input to a scene and a mask, bool `(H, W)`."""
    _check_dataset(dataset)
    if isinstance(image, int) and not isinstance(image, bool):
        scene = Scene.sample(dataset, image)
    elif isinstance(image, str):
        scene = Scene(dataset, image_from_picture(read_picture(_decoded("image", image)), DATASETS[dataset].shape), "")
    else:
        scene = Scene(dataset, _read_image(image, DATASETS[dataset].shape), "")
    if isinstance(mask, str):
        return scene, mask_from_picture(read_picture(_decoded("mask", mask)), *scene.image.shape[1:])
    missing = _read_rows(mask) if isinstance(mask, list) else decode_mask(mask)
    check_size(scene, missing)
    return scene, missing


def _ask(method: Any, scene: Scene, missing: Tensor, seed: Any) -> Imputation:
    if not isinstance(method, str):
        raise ValueError(f"method must be a name, got {method!r:.40}")
    seed = _within("seed", seed, 0, 2**63 - 1)
    return load_imputer(method, scene.dataset).impute(scene.image[None], missing[None, None], seed=seed)


def _figures(imputation: Imputation, scene: Scene, missing: Tensor) -> dict[str, float | None]:
    figures = measure(imputation, scene, missing) if scene.image.isfinite().all() else None
    return {name: _finite(getattr(figures, name, None)) for name in ("nll", "psnr", "ssim")}


def _check_dataset(dataset: Any) -> None:
    if not isinstance(dataset, str) or dataset not in OFFERS:
        raise ValueError(f"dataset must be one of {', '.join(OFFERS)}; got {dataset!r:.40}")


def _within(name: str, value: Any, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number from {low} to {high}; got {value!r:.40}")
    return value


def _decoded(name: str, text: str) -> bytes:
    """Decode a picture file in base64, with or without the header of a data address."""
    if len(text) > 2 * MAX_BYTES:
        raise ValueError(
            f"{name} has {len(text)} characters; a picture may have at most {MAX_BYTES // 2**20} MB. Save it smaller."
        )
    # Encoders break lines, omit padding, or use - and _ for + and /; data addresses may be percent-encoded.
    symbols = "".join(unquote(text.partition("base64,")[2] or text).split()).rstrip("=")
    symbols = symbols.replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(symbols + "=" * (-len(symbols) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"{name} is text, but not a picture in base64; got {text!r:.40}") from None


def _read_image(rows: Any, shape: tuple[int, int, int]) -> Tensor:
    channels, height, width = shape
    sizes = f"{height} rows of {width} numbers in [0, 1] (null where unknown)"
    if channels > 1:
        sizes = f"{channels} lists of {sizes}, or {height} rows of {width} pixels of {channels} numbers each"
    form = f"image is a list of rows: {sizes}; or a picture in base64, or the number of a sample"
    try:
        image = torch.tensor(_with_nan(rows, 3), dtype=torch.float32)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise ValueError(f"{form}; got {str(rows):.60}") from None
    sent = image.shape
    if sent == (height, width, channels):
        image = image.permute(2, 0, 1).contiguous()
    if image.dim() == 2:
        image = image[None]
    if image.shape != shape:
        came = " x ".join(map(str, sent)) if len(sent) > 1 else f"{rows!r:.60}"
        raise ValueError(f"{form}; got {came}")
    return image


def _read_rows(rows: list) -> Tensor:
    form = "a mask as rows is a list of equally long lists of true and false"
    if not rows or not all(isinstance(row, list) and len(row) == len(rows[0]) > 0 for row in rows):
        raise ValueError(f"{form}; got {str(rows):.60}")
    if not all(isinstance(value, (bool, int)) and value in (0, 1) for row in rows for value in row):
        raise ValueError(f"{form}; got {str(rows):.60}")
    return torch.tensor(rows, dtype=torch.bool)


def _with_nan(values: Any, depth: int) -> Any:
    """Replace null by NaN in nested lists, at most `depth` deep."""
    if isinstance(values, list) and depth:
        return [_with_nan(value, depth - 1) for value in values]
    return math.nan if values is None else values


def _as_lists(image: Tensor) -> list:
    """Convert `(C, H, W)` to rows or, with several channels, to a list of rows for each."""
    return (image[0] if len(image) == 1 else image).tolist()


def _finite(value: float | None) -> float | None:
    """Replace infinity, which JSON lacks and hidden values far out of range cause, by None."""
    return value if value is not None and math.isfinite(value) else None
