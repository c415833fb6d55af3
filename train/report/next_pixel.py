"""Measure which pixels tell most about a digit: `python -m train next-pixel`.

Everything is hidden at first. Pixel after pixel becomes visible, chosen by what looking is expected to tell, by variance, at random or row by
row, and after each the classes are believed in proportion to samples of the rest. The command writes the figures as a study
(studies.json) and as a picture (docs/next-pixel.png).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from dmfa_demo.data.datasets import load_split, to_float
from dmfa_demo.imputation import Imputer
from dmfa_demo.models.classifier import CompleteClassifier, load_classifier
from dmfa_demo.next_pixel import SAMPLES, WAYS, Way, believe, choose
from dmfa_demo.options import Options, PositiveInt
from dmfa_demo.registry import load_imputer, method_class
from train.report.docs import DOCS, STUDIES, write_studies

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DATASET, STUDY = "mnist", "next-pixel"
PICTURE = DOCS / "next-pixel.png"

# Methods that read the visible pixels, with a way to choose the next one.
PLAYERS: tuple[tuple[str, Way], ...] = (
    ("mfa", "information"),
    ("mfa", "variance"),
    ("mfa", "random"),
    ("mfa", "raster"),
    ("vaeac", "information"),
    ("dmfa", "information"),
    ("dmfa", "variance"),
)
# The numbers of visible pixels in the table.
SHOWN = (0, 3, 6, 12)
# Pictures at a time.
BATCH = 20


@dataclass(frozen=True)
class NextPixel(Options):
    """Measure which pixels tell most about a digit."""

    rows: PositiveInt = 200
    """the number of test digits, from the first"""
    pixels: PositiveInt = 12
    """the number of pixels to look at"""
    folder: Path = Path("runs") / DATASET / STUDY
    """the folder of what is measured already, a file for each method and way"""
    data_root: Path = Path("data")
    """torchvision's data folder"""


@dataclass(frozen=True)
class Course:
    """What is known of each picture after each pixel.

    Attributes:
        right: whether the likeliest class is the true one, `(pixels + 1, N)`.
        bits: the entropy of the classes, `(pixels + 1, N)`.
    """

    right: Tensor
    bits: Tensor


def follow(imputer: Imputer, way: Way, images: Tensor, labels: Tensor, pixels: int) -> Course:
    """Look at images `(N, C, H, W)`, pixel after pixel, beginning with none."""
    classifier = load_classifier(CompleteClassifier.name, DATASET)
    generator = torch.Generator().manual_seed(0)
    right, bits = [], []
    for some, truth in zip(images.split(BATCH), labels.split(BATCH)):
        missing = torch.ones_like(some[:, :1], dtype=torch.bool)
        course: list[tuple[Tensor, Tensor]] = []
        for seen in range(pixels + 1):
            belief = believe(imputer, classifier, some, missing, seed=seen)
            course.append((belief.classes.argmax(1) == truth, belief.bits))
            chosen = choose(way, belief, missing, generator)
            missing.flatten(1)[torch.arange(len(some)), chosen] = False
        right.append(torch.stack([one for one, _ in course]))
        bits.append(torch.stack([one for _, one in course]))
    return Course(torch.cat(right, 1), torch.cat(bits, 1))


def compare(config: NextPixel) -> None:
    """Measure the players that are not measured yet, and write the table and the picture."""
    test = load_split(DATASET, "test", config.data_root).first(config.rows)
    images = to_float(test.images)
    courses: dict[tuple[str, Way], Course] = {}
    for name, way in PLAYERS:
        kept = config.folder / f"{name}-{way}-{config.rows}-{config.pixels}.npz"
        if not kept.is_file():
            course = follow(load_imputer(name, DATASET), way, images, test.labels, config.pixels)
            kept.parent.mkdir(parents=True, exist_ok=True)
            np.savez_compressed(kept, allow_pickle=False, right=course.right.numpy(), bits=course.bits.numpy())
        with np.load(kept, allow_pickle=False) as found:
            courses[name, way] = Course(torch.from_numpy(found["right"]), torch.from_numpy(found["bits"]))
        print("  ".join(_row(name, way, courses[name, way])), flush=True)
    studies = json.loads(STUDIES.read_text())
    studies[STUDY] = {
        "command": "python -m train next-pixel",
        "about": (
            f"Share of {len(images):,} test digits whose likeliest class is right, with its standard error, and bits of uncertainty left, after "
            f"some pixels have become visible, of 784. One seed. Each method reads the visible pixels by {SAMPLES} samples, which the classifier of complete digits names."
        ),
        "columns": ["Reads", "Next pixel by", *(f"{seen} pixels" for seen in _shown(config.pixels))],
        "rows": [_row(name, way, course) for (name, way), course in courses.items()],
    }
    write_studies(studies)
    draw(courses).savefig(PICTURE, dpi=110)


def draw(courses: dict[tuple[str, Way], Course]) -> Figure:
    """Return a plot of accuracy and of bits left against the number of visible pixels, with a line for each player."""
    from matplotlib.figure import Figure  # slow to import

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    styles: dict[Way, str] = {"information": "-", "variance": "--", "random": ":", "raster": "-."}
    for axes, values, words in (
        (left, lambda course: 100 * course.right.float().mean(1), "right, in %"),
        (right, lambda course: course.bits.mean(1), "uncertainty left, in bits"),
    ):
        for (name, way), course in courses.items():
            method = method_class(name)
            label = f"{method.title}, {WAYS[way]}"
            axes.plot(values(course), color=method.colour, linestyle=styles[way], label=label)
        axes.set_xlabel("visible pixels, of 784")
        axes.set_title(words, loc="left", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(*left.get_legend_handles_labels(), loc="outside right center", fontsize=8, frameon=False)
    return figure


def _shown(pixels: int) -> Sequence[int]:
    return [seen for seen in SHOWN if seen <= pixels]


def _row(name: str, way: Way, course: Course) -> list[str]:
    """Return a row of the table: accuracy with its standard error, and bits left."""
    cells = []
    for seen in _shown(len(course.right) - 1):
        right = course.right[seen].float()
        error = right.std().item() / len(right) ** 0.5
        cells.append(f"{100 * right.mean():.1f} ± {100 * error:.1f} %, {course.bits[seen].mean():.2f} bits")
    return [method_class(name).title, WAYS[way], *cells]
