"""Measure how models learn from images with holes: `python -m train from-holes`.

Each method is trained several times, on digits of which a random share of the pixels is never known, the same pixels in all epochs. A
share of zero means complete digits. All are measured on complete test digits with another kind of hole. The command trains what is not
trained yet, and writes the figures as a study (studies.json) and as a picture (docs/from-holes.png).
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dmfa_demo.data.datasets import load_split, to_float
from dmfa_demo.imputation import Imputer
from dmfa_demo.options import Options, PositiveInt
from dmfa_demo.registry import method_class
from dmfa_demo.storage.checkpoints import CONFIG, read_config
from train.report.docs import DOCS, STUDIES, write_studies
from train.report.evaluate import measure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DATASET, PROTOCOL, STUDY = "mnist", "square14", "from-holes"
PICTURE = DOCS / "from-holes.png"

# Percent of the pixels of every training digit that are never known.
SHARES = (0, 25, 50, 75)

# Small networks, trained for a short time: the shares are to be compared, not the methods.
COMMANDS = {
    "dmfa": "dmfa --components 1 --widths 32 64 --batch-size 64 --steps 3500",
    "vaeac": "vaeac --steps 3500",
    "mfa": "mfa --components 50 --factors 6 --iterations 12",
    "miwae": "miwae --steps 3500 --importance-samples 5",
}


@dataclass(frozen=True)
class FromHoles(Options):
    """Train and measure methods on digits with holes."""

    folder: Path = Path("runs") / DATASET / STUDY
    """the folder of the checkpoints, METHOD-SHARE"""
    rows: PositiveInt = 2_000
    """the number of test digits, from the first"""
    data_root: Path = Path("data")
    """torchvision's data folder"""


def compare(config: FromHoles) -> None:
    """Train what is not trained yet, measure, and write the table and the picture."""
    images = to_float(load_split(DATASET, "test", config.data_root).images[: config.rows])
    rows: list[list[str]] = []
    errors: dict[str, list[tuple[int, float, float]]] = {}
    for name in COMMANDS:
        for share in SHARES:
            if name == "miwae" and not share:
                continue  # its encoder would never have seen a hole
            folder = config.folder / f"{name}-{share}"
            if not (folder / CONFIG).is_file():
                _train(name, share, folder, config)
            found = {row.metric: row for row in measure(_load(name, folder), images=images, dataset=DATASET, family=PROTOCOL, seeds=1)}  # fmt: skip
            sse, nll = found["sse"], found.get("nll")
            errors.setdefault(name, []).append((share, sse.value, sse.stderr or 0))
            loop = read_config(folder)["training"].get("loop", {})
            rows.append(
                [
                    method_class(name).title,
                    f"{share} %",
                    f"{sse.value:.2f} ± {sse.stderr:.2f}",
                    f"{nll.value:,.1f} ± {nll.stderr:.1f}".replace("-", "−") if nll else "",
                    f"{loop['steps']:,}" if loop else "",
                ]
            )
            print("  ".join(rows[-1]), flush=True)
    studies = json.loads(STUDIES.read_text())
    studies[STUDY] = {
        "command": "python -m train from-holes",
        "about": (
            f"Squared error of the mean and NLL in nats, 14×14 squares in {config.rows:,} test digits, one seed, standard error over images; "
            "55,000 training images, of each of which the given share of pixels, at random, is never known. Small networks, trained for a "
            "short time, so they are behind those shipped."
        ),
        "columns": ["Method", "Never known", "Squared error", "NLL", "Steps"],
        "rows": rows,
    }
    write_studies(studies)
    draw(errors).savefig(PICTURE, dpi=110)


def draw(errors: dict[str, list[tuple[int, float, float]]]) -> Figure:
    """Return a plot of the squared error against the share of pixels never known, with a line for each method."""
    from matplotlib.figure import Figure  # slow to import

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for name, points in errors.items():
        method, (shares, values, bars) = method_class(name), zip(*points)
        axes.errorbar(shares, values, [2 * bar for bar in bars], color=method.colour, marker="o", capsize=2)
        axes.annotate(method.title, (shares[-1], values[-1]), (6, 0), textcoords="offset points", va="center", color=method.colour)  # fmt: skip
    axes.set_xticks(SHARES, [f"{share} %" for share in SHARES])
    axes.set_xlim(-3, 92)
    axes.set_xlabel("pixels of every training digit that are never known")
    axes.set_ylabel("squared error in a 14×14 square")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _train(name: str, share: int, folder: Path, config: FromHoles) -> None:
    words = [*COMMANDS[name].split(), "--data-root", str(config.data_root), "--output", str(folder)]
    words += ["--run-folder", str(folder.with_name(f"{folder.name}-run"))]
    words += ["--incomplete", f"noise{share}"] if share else []
    subprocess.run([sys.executable, "-m", "train", *words], check=True)


def _load(name: str, folder: Path) -> Imputer:
    return method_class(name).load(folder)
