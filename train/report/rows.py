"""Rows of measured figures, and the files that store them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dmfa_demo.registry import methods
from dmfa_demo.storage.checkpoints import CONFIG, RESULTS, ROOT
from dmfa_demo.storage.files import write_text
from train.engine.model_card import METRICS, write_model_card
from train.engine.run import hardware
from train.report.only_measured import MICE_TRAINING, MOST_NEIGHBOURS
from train.report.papers import published


@dataclass(frozen=True, kw_only=True)
class Row:
    """A measured figure, as in metrics.json.

    Attributes:
        metric: `nll` (mean), `nll_median`, `nll_wide_floor` (noise at least (1/510)^2): nats over the hole; `sse` over the
            hole; `psnr` over the hole and `psnr_image` over the image, dB, of the mean; the same of one sample and of the
            best of ten, all without pixel noise: `psnr_sample`, `psnr_best10` and these with `_image`; `ssim` of the image; `coverage90`: share of hidden
            pixels in their central 90 % interval; `crps` per hidden pixel, of samples clipped to [0, 1]; `milliseconds` per image, in batches;
            `milliseconds_100` for 100 samples of one image; of classifiers `accuracy`, `label_nll` in nats and `ece`.
        n: test images.
        paper: the paper's figure or None, with its `source`.
        weights: the digest of the checkpoint measured or, for a network that is not kept, of its training settings.
        title: the row of the paper's table if a checkpoint has several, or a classifier's title; otherwise None.
    """

    dataset: str
    method: str
    protocol: str
    metric: str
    value: float
    stderr: float | None
    n: int
    seeds: int
    paper: float | None
    source: str | None
    weights: str
    title: str | None = None


def gather(dataset: str) -> None:
    """Write results.json: the figures of all methods and other checkpoints, the papers' figures, and the machine of the latest times."""
    others = sorted(
        path.parent.name for path in (ROOT / dataset).glob(f"*/{METRICS}") if path.parent.name not in methods()
    )
    rows = []
    for name in (*methods(), *others):
        known = training_images(ROOT / dataset / name)
        rows += [{**asdict(row), "training_images": known} for row in read_rows(ROOT / dataset / name)]
    path = ROOT / dataset / RESULTS
    before = json.loads(path.read_text()) if path.is_file() else None
    machine = before["hardware"] if before and _times(before["rows"]) == _times(rows) else hardware()
    write_text(path, _lines({"hardware": machine, "rows": rows, "published": published(dataset)}) + "\n")


def _times(rows: list[dict[str, Any]]) -> list[float]:
    return [row["value"] for row in rows if row["metric"].startswith("milliseconds")]


def training_images(folder: Path) -> int | None:
    """Return the number of training images or, for a method without a checkpoint, of references; None if unknown."""
    config = folder / CONFIG
    if config.is_file():
        return json.loads(config.read_text())["about"]["training_images"]
    if folder.name == "mice":
        return MICE_TRAINING
    if not folder.name.endswith("knn") or folder.name not in methods():
        return None
    everything = folder.parent / "mean"
    return min(training_images(everything) or 0, MOST_NEIGHBOURS) if (everything / CONFIG).is_file() else None


def table(rows: list[Row]) -> str:
    """Format rows as aligned text."""
    lines = [f"{'metric':<17}{'ours':>12}{'± stderr':>12}{'paper':>12}  source"]
    for row in rows:
        error = f"{row.stderr:.3g}" if row.stderr is not None else ""
        paper = f"{row.paper:.2f}" if row.paper is not None else ""
        lines.append(f"{row.metric:<17}{row.value:>12.4f}{error:>12}{paper:>12}  {row.source or ''}".rstrip())
    first = rows[0]
    known = training_images(ROOT / first.dataset / first.method)
    return (
        f"\n{first.title or first.method} on {first.dataset}, {first.protocol}: n = {first.n}, mask seeds = {first.seeds}"
        + (f", {known:,} training images\n" if known else "\n")
        + "\n".join(lines)
    )


def read_rows(folder: Path) -> list[Row]:
    """Read the rows in metrics.json of a method's folder; none if there is no such file."""
    path = folder / METRICS
    return [Row(**row) for row in json.loads(path.read_text())] if path.is_file() else []


def write_rows(folder: Path, rows: list[Row]) -> None:
    """Replace the rows of the same protocols, keep others measured with the same weights, and write the model card."""
    protocols, weights = {row.protocol for row in rows}, rows[0].weights
    kept = [row for row in read_rows(folder) if row.protocol not in protocols and row.weights == weights]
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / METRICS, _lines([asdict(row) for row in kept + rows]) + "\n")
    write_model_card(folder)


def _lines(content: object) -> str:
    """Return JSON with each entry of a dictionary, and each item of a list in it, on a line of its own."""
    if isinstance(content, list):
        return "[\n" + ",\n".join(map(json.dumps, content)) + "\n]"
    if isinstance(content, dict):
        return "{\n" + ",\n".join(f"{json.dumps(name)}: {_lines(value)}" for name, value in content.items()) + "\n}"
    return json.dumps(content)
