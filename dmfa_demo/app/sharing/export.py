"""Exports: a picture of the comparison, a zip file with all numbers, the code, the link, the references, and the results."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from dmfa_demo.app.lessons.lessons import LESSONS
from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene, measure
from dmfa_demo.app.sharing.address import Address
from dmfa_demo.app.sharing.for_paper import as_csv, as_latex, as_markdown, bibtex
from dmfa_demo.app.sharing.reproduction import code_for
from dmfa_demo.app.tabs.factors import COMPONENTS
from dmfa_demo.app.tabs.results import rows_of
from dmfa_demo.app.widgets.own_component import files_of
from dmfa_demo.densities.dense_gaussian import ConditionalGaussian
from dmfa_demo.densities.factor_analyzer import MixtureDensity
from dmfa_demo.figures import grey_or_colour, with_holes
from dmfa_demo.imputation import Imputation, Imputer
from dmfa_demo.models.classifier import CLASSIFIERS, Classifier, available_classifiers
from dmfa_demo.registry import method_class, methods
from dmfa_demo.results import treatment_of

KINDS = ("sheet", "zip", "code", "bibtex", "csv", "latex", "markdown")
# The names and types of files of results.
_TABLES = {
    "csv": (as_csv, "results.csv", "text/csv"),
    "latex": (as_latex, "results.tex", "application/x-tex"),
    "markdown": (as_markdown, "results.md", "text/markdown"),
}

# Sizes on the sheet in pixels: the side of a picture, the space around it, lines of text below it.
SIDE, GAP, LINE, COLUMNS = 224, 16, 20, 4


@dataclass(frozen=True)
class File:
    """A file to save under a name."""

    name: str
    kind: str
    content: bytes


@dataclass(frozen=True)
class Code:
    """A script to read and copy."""

    text: str


class TakeAway(gr.HTML):
    """Buttons for the link, the sheet, the zip file, the code, the references and the results. Its value is one of `KINDS`; it receives a `File` or `Code`."""

    def __init__(self, **kwargs: Any):
        super().__init__(
            **files_of(__file__),
            **kwargs,
        )

    def preprocess(self, payload: Any) -> str:
        wanted = payload.get("wanted") if isinstance(payload, dict) else None
        if wanted not in KINDS:
            raise gr.Error(f"choose one of {', '.join(KINDS)} to export; got {wanted!r:.40}", print_exception=False)
        return wanted

    def postprocess(self, value: File | Code | None) -> dict[str, str] | None:
        if isinstance(value, File):
            content = base64.b64encode(value.content).decode()
            return {"name": value.name, "address": f"data:{value.kind};base64,{content}"}
        return None if value is None else {"code": value.text}

    def api_info(self) -> dict[str, Any]:
        return {"type": "object", "properties": {"wanted": {"type": "string", "enum": list(KINDS)}}}


def take_away(wanted: str, scene: Scene, address: Address, cache: ImputationCache) -> File | Code:
    """Return the requested export of an address and its scene.

    Raises:
        ValueError: If results are wanted and there are none for this data set.
    """
    if wanted == "code":
        return Code(code_for(address))
    if wanted == "bibtex":
        return Code(bibtex(works_of(address)))
    if wanted in _TABLES:
        write, name, kind = _TABLES[wanted]
        rows = rows_of(scene.dataset, address["protocol"])
        if not rows:
            raise ValueError(f"there are no results for {scene.dataset}; run python -m train evaluate")
        return File(name, kind, write(rows).encode())
    beliefs = {name: cache.impute(name, scene, address.mask) for name in address["methods"]}
    if wanted == "sheet":
        return File("comparison.png", "image/png", _png(sheet(scene, address.mask, beliefs)))
    return File("comparison.zip", "application/zip", bundle(scene, address, beliefs))


def works_of(address: Address) -> list[tuple[str, str]]:
    """Return (citation, address) of what an address shows: the methods compared, and in its tab classifiers, a chapter's paper, or every method with results."""
    shown: list[type[Imputer] | type[Classifier]] = [method_class(name) for name in address["methods"]]
    if address.tab == "predictions":
        shown += [CLASSIFIERS[name] for name in available_classifiers(address.dataset)]
    if address.tab == "results":
        rows = rows_of(address.dataset, address["protocol"])
        shown += [method_class(name) for name in dict.fromkeys(row.get("method") for row in rows) if name in methods()]
        shown += [kind for row in rows if issubclass(kind := treatment_of(row) or object, Classifier)]
    works = [(kind.citation, kind.url) for kind in shown]
    if address.tab == "learn":
        lesson = LESSONS[address["lesson"] - 1]
        works.append((lesson.paper, lesson.address))
    return works


def sheet(scene: Scene, missing: Tensor, beliefs: dict[str, Imputation]) -> Image.Image:
    """Draw the original, its visible pixels and each method's mean, enlarged without smoothing, with title and figures."""
    pictures = [
        ("Original", scene.caption, grey_or_colour(scene.image)),
        (
            "What the models see",
            f"{int(missing.sum())} of {missing.numel()} pixels hidden",
            with_holes(scene.image, missing),
        ),
    ]
    for name, imputation in beliefs.items():
        figures = measure(imputation, scene, missing)
        line = "" if figures is None else f"PSNR {figures.psnr:.1f} dB, SSIM {figures.ssim:.3f}"
        pictures.append((method_class(name).title, line, grey_or_colour(imputation.mean[0])))
    rows = -(-len(pictures) // COLUMNS)
    width, height = COLUMNS * (SIDE + GAP) + GAP, rows * (SIDE + GAP + 2 * LINE) + GAP
    page = Image.new("RGB", (width, height), "white")
    pen, title, text = ImageDraw.Draw(page), ImageFont.load_default(15), ImageFont.load_default(13)
    for number, (name, line, pixels) in enumerate(pictures):
        x = GAP + number % COLUMNS * (SIDE + GAP)
        y = GAP + number // COLUMNS * (SIDE + GAP + 2 * LINE)
        page.paste(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.NEAREST), (x, y))
        pen.rectangle((x - 1, y - 1, x + SIDE, y + SIDE), outline="#d4d4d4")
        pen.text((x, y + SIDE + 4), name, "#111111", title)
        pen.text((x, y + SIDE + 4 + LINE), line, "#555555", text)
    return page


def bundle(scene: Scene, address: Address, beliefs: dict[str, Imputation]) -> bytes:
    """Return a zip file: image, mask, sheet and code; each method's mean as a picture and its numbers as npz; figures as JSON."""
    files = {
        "image.png": _png(Image.fromarray(grey_or_colour(scene.image))),
        "mask.png": _png(Image.fromarray(np.where(address.mask.numpy(), np.uint8(255), np.uint8(0)))),
        "comparison.png": _png(sheet(scene, address.mask, beliefs)),
    }
    with suppress(ValueError):  # from a chapter without contents for this data set
        files["code.py"] = code_for(address).encode()
    figures = {}
    for name, imputation in beliefs.items():
        files[f"{name}/mean.png"] = _png(Image.fromarray(grey_or_colour(imputation.mean[0])))
        files[f"{name}/numbers.npz"] = _npz(parameters(imputation, scene))
        measured = measure(imputation, scene, address.mask)
        figures[name] = None if measured is None else asdict(measured)
    about = {"picture": scene.caption, "address": address.query(), "figures": figures}
    files["figures.json"] = json.dumps(about, indent=2).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def parameters(imputation: Imputation, scene: Scene) -> dict[str, np.ndarray]:
    """Return the numbers of an imputation of one image, float32, in the layout (C, H, W).

    `mean`; `variance` if there is a distribution; for a mixture of factor analysers its heaviest Gaussians: `weights` (K,), which
    sum to less than one if it has others, `means` and `noises` (variances) (K, C, H, W), `factors` (K, l, C, H, W); for a dense
    Gaussian the `covariance` (M, M) of the M missing values, in the order of the pixels.
    """
    shape, known = tuple(scene.image.shape), {"mean": imputation.mean[0]}
    if imputation.variance is not None:
        known["variance"] = imputation.variance[0]
    if isinstance(imputation.density, MixtureDensity):
        mixture = imputation.density.leading(COMPONENTS)
        parts = mixture.components
        known["weights"] = imputation.density.weights[0].topk(len(mixture.weights[0])).values
        known["means"], known["noises"] = (values[0].unflatten(-1, shape) for values in (parts.mean, parts.noise))
        known["factors"] = parts.factors[0].unflatten(-1, shape)
    if isinstance(imputation.density, ConditionalGaussian):
        known["covariance"] = imputation.density.covariance(0)
    return {name: values.float().numpy() for name, values in known.items()}


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _npz(arrays: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()
