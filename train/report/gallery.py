"""Draw every method's completion of every bundled sample of a data set: `python -m train gallery --dataset celeba`.

The picture shows at a glance what averages hide: an edge around the hole, a patch of the wrong colour, a failed face.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from tqdm import tqdm

from dmfa_demo.data.datasets import load_samples, to_float
from dmfa_demo.data.masks import mask_family
from dmfa_demo.figures import grey_or_colour, with_holes
from dmfa_demo.options import Seed
from dmfa_demo.registry import available_among, load_imputer, method_class, shown_first
from train.engine.run import DatasetConfig

# Pixels between two pictures, between two holes, of a line of a title, and above the pictures for three lines.
GAP, WIDE_GAP, LINE = 2, 10, 15
HEAD = 3 * LINE + 4
# Images per call of a method.
BATCH = 8


@dataclass(frozen=True)
class Gallery(DatasetConfig):
    """Draw every method's completion of every bundled sample."""

    method: tuple[str, ...] = ()
    """the methods; by default those that the page compares at first"""
    protocol: tuple[str, ...] = ("square14", "half", "strokes")
    """mask families, see dmfa_demo/data/masks.py: one mask each, the same for all samples"""
    output: Path = Path("gallery.png")
    """the file of the picture"""
    seed: Seed = 0

    recipes: ClassVar = {
        "celeba": {
            "method": ("dmfa", "mfa", "vaeac", "context-encoder", "dynamics"),
            "protocol": ("gfc-o3", "gfc-o6", "half"),
            "output": Path("docs/faces.png"),
        }
    }


@dataclass(frozen=True)
class Column:
    """A column of the picture.

    Attributes:
        title: the text above it.
        pictures: uint8 `(H, W, 3)`, one for each sample.
        begins_hole: whether a wide gap separates it from the previous column.
    """

    title: str
    pictures: list[np.ndarray]
    begins_hole: bool = False


def draw(config: Gallery) -> None:
    """Write the picture: a row per sample; for each hole the visible pixels, and each method's mean and one sample.

    Raises:
        ValueError: If the data set has no bundled samples, or a method or protocol is unknown.
    """
    images = to_float(load_samples(config.dataset).images)
    methods = config.method or available_among(config.dataset, shown_first())
    for method in methods:
        method_class(method)
    height, width = images.shape[-2:]
    columns = [Column("Original", _pictures(images))]
    for protocol in config.protocol:
        generator = torch.Generator().manual_seed(config.seed)
        missing = mask_family(protocol)(1, height, width, generator).expand(len(images), -1, -1, -1)
        holes = [with_holes(image, hidden[0]) for image, hidden in zip(images, missing)]
        columns.append(Column(protocol, holes, begins_hole=True))
        for method in tqdm(methods, protocol, leave=False):
            columns += _answers(config, method, images, missing)
    config.output.parent.mkdir(parents=True, exist_ok=True)
    _page(columns).save(config.output, optimize=True)
    print(f"wrote {config.output}")


def _answers(config: Gallery, method: str, images: Tensor, missing: Tensor) -> Iterator[Column]:
    """Yield a column with a method's mean and, if it has samples, one with a sample."""
    imputer, kind = load_imputer(method, config.dataset), method_class(method)
    answers = [
        imputer.impute(some, hidden, seed=config.seed)
        for some, hidden in zip(images.split(BATCH), missing.split(BATCH))
    ]
    yield Column(f"{kind.title} mean", _pictures(torch.cat([answer.mean for answer in answers])))
    if kind.has_samples:
        # The samples of all images in a batch use the same draws; take another one for each image.
        drawn = torch.cat([answer.sample(BATCH, noise=False).diagonal().movedim(-1, 0) for answer in answers])
        yield Column(f"{kind.title} sample", _pictures(drawn))


def _pictures(images: Tensor) -> list[np.ndarray]:
    pictures = [grey_or_colour(image) for image in images]
    return [np.repeat(one[..., None], 3, 2) if one.ndim == 2 else one for one in pictures]


def _page(columns: list[Column]) -> Image.Image:
    """Arrange all columns side by side under their titles."""
    height, width = columns[0].pictures[0].shape[:2]
    lefts, right = [], 0
    for column in columns:
        right += WIDE_GAP if column.begins_hole else GAP
        lefts.append(right)
        right += width
    page = Image.new("RGB", (right + GAP, HEAD + len(columns[0].pictures) * (height + GAP)), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(11)
    for left, column in zip(lefts, columns):
        for line, text in enumerate(_wrapped(column.title, lambda text: pen.textlength(text, font) <= width - 4)):
            pen.text((left, 2 + LINE * line), text, "black", font)
        for row, picture in enumerate(column.pictures):
            page.paste(Image.fromarray(picture), (left, HEAD + row * (height + GAP)))
    return page


def _wrapped(text: str, fits: Callable[[str], bool]) -> list[str]:
    """Return lines of whole words that fit; a longer word is cut."""
    lines: list[str] = []
    for word in text.split():
        while not fits(word):
            word = word[:-1]
        if lines and fits(f"{lines[-1]} {word}"):
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
