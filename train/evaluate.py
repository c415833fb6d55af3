"""Measure trained methods on the papers' protocols: `python -m train evaluate`.

Every figure is the mean over test images of the mean over mask seeds; its standard error treats images, not masks, as
the independent draws. The median's standard error is bootstrapped over images.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from tqdm import tqdm

from dmfa_demo import metrics
from dmfa_demo.checkpoints import ROOT, available_methods, load_imputer
from dmfa_demo.data import load_split, to_float
from dmfa_demo.imputation import Imputer, flatten, flatten_missing
from dmfa_demo.masks import mask_family
from train.model_card import RESULTS, write_model_card
from train.papers import REPORTED

BATCH = 250
BOOTSTRAPS = 200


@dataclass(frozen=True)
class Evaluation:
    """Measure methods on protocols, beside the papers' figures."""

    dataset: Literal["mnist", "fashion-mnist"] = "mnist"
    method: tuple[str, ...] = ()
    """which methods; all that have a checkpoint when not given"""
    protocol: tuple[str, ...] = ("square14", "rect10x15")
    """mask families, see dmfa_demo/masks.py"""
    seeds: int = 3
    """masks drawn for each image"""
    limit: int | None = None
    """the first so many test images, for a quick look; nothing is written then"""
    data_root: Path = Path("data")
    """torchvision's data folder"""


@dataclass(frozen=True)
class Row:
    """One measured figure, as it is written to metrics.json.

    Attributes:
        metric: `nll` (mean), `nll_median`, `nll_wide_floor` (noise at least (1/510)^2): nats over the hole; `sse` over the
            hole; `psnr` over the hole, dB; `ssim` of the whole image; `coverage90`: share of hidden pixels in their central
            90 % interval; `milliseconds` per image, in batches.
        n: test images.
        paper: the paper's figure or None, and `source`, where it stands.
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


def evaluate(config: Evaluation) -> None:
    """Measure, print a table, and write the rows beside each checkpoint."""
    methods = config.method or available_methods(config.dataset)
    if not methods:
        raise ValueError(
            f"no method has a checkpoint for {config.dataset}; train one first, for example python -m train dmfa"
        )
    families = [mask_family(protocol) for protocol in config.protocol]
    test = load_split(config.dataset, "test", config.data_root)
    images = to_float(test.images[: config.limit])
    for family in families:  # a hole that does not fit is told before anything is computed
        family(1, *images.shape[-2:], torch.Generator())
    for method in methods:
        imputer = load_imputer(method, config.dataset)
        for protocol in config.protocol:
            rows = measure(imputer, images, config.dataset, protocol, config.seeds)
            print(table(rows), flush=True)
            if config.limit is None:
                folder = ROOT / config.dataset / method
                _write(folder / RESULTS, rows)
                write_model_card(folder)


def measure(imputer: Imputer, images: Tensor, dataset: str, protocol: str, seeds: int) -> list[Row]:
    """The rows of one method on one protocol.

    Args:
        images: float32 `(N, C, H, W)` in [0, 1].
        seeds: masks are drawn with seeds 0 to seeds - 1, for all images at once, in order.
    """
    values: dict[str, list[Tensor]] = {}
    spent = 0.0
    batches = _batches(images, protocol, seeds)
    for seed, batch, missing in tqdm(
        batches, total=seeds * math.ceil(len(images) / BATCH), desc=f"{imputer.name} {protocol}", leave=False
    ):
        started = time.perf_counter()
        imputation = imputer.impute(batch, missing, seed=seed)
        spent += time.perf_counter() - started
        truth, mask = flatten(batch), flatten_missing(missing, batch.shape[1])
        mean, density = flatten(imputation.mean), imputation.density
        with torch.inference_mode():
            found = {
                "sse": metrics.sse(mean, truth, mask),
                "psnr": metrics.psnr(mean, truth, mask),
                "ssim": metrics.ssim(imputation.mean, batch),
            }
            if density is not None:
                found["nll"] = metrics.nll(density, truth, mask)
                found["nll_wide_floor"] = metrics.nll(density.with_noise_floor(metrics.WIDE_FLOOR), truth, mask)
                found["coverage90"] = metrics.coverage(density, truth, mask)
        for metric, value in found.items():
            values.setdefault(metric, []).append(value)
    # (seeds, N) each
    columns = {metric: torch.cat(parts).view(seeds, -1).double() for metric, parts in values.items()}
    summary = {metric: _mean(column) for metric, column in columns.items()}
    if "nll" in columns:
        summary["nll_median"] = _median(columns["nll"])
    summary["milliseconds"] = 1000 * spent / (seeds * len(images)), None
    order = ("nll", "nll_median", "nll_wide_floor", "sse", "psnr", "ssim", "coverage90", "milliseconds")
    rows = []
    for metric in order:
        if metric in summary:
            reported = REPORTED.get((imputer.paper, dataset, protocol, metric), (None, None))
            rows.append(Row(dataset, imputer.name, protocol, metric, *summary[metric], len(images), seeds, *reported))
    return rows


def table(rows: list[Row]) -> str:
    """The rows as aligned text."""
    lines = [f"{'metric':<16}{'ours':>12}{'± stderr':>12}{'paper':>12}  source"]
    for row in rows:
        error = f"{row.stderr:.3g}" if row.stderr is not None else ""
        paper = f"{row.paper:.2f}" if row.paper is not None else ""
        lines.append(f"{row.metric:<16}{row.value:>12.4f}{error:>12}{paper:>12}  {row.source or ''}".rstrip())
    first = rows[0]
    return (
        f"\n{first.method} on {first.dataset}, {first.protocol}: n = {first.n}, mask seeds = {first.seeds}\n"
        + "\n".join(lines)
    )


def _batches(images: Tensor, protocol: str, seeds: int) -> Iterator[tuple[int, Tensor, Tensor]]:
    for seed in range(seeds):
        missing = mask_family(protocol)(len(images), *images.shape[-2:], torch.Generator().manual_seed(seed))
        for batch, holes in zip(images.split(BATCH), missing.split(BATCH)):
            yield seed, batch, holes


def _mean(column: Tensor) -> tuple[float, float | None]:
    by_image = column.mean(0)
    return by_image.mean().item(), (by_image.std() / math.sqrt(len(by_image))).item() if len(by_image) > 1 else None


def _median(column: Tensor) -> tuple[float, float]:
    generator = torch.Generator().manual_seed(0)
    draws = [
        column[:, torch.randint(column.shape[1], (column.shape[1],), generator=generator)].median()
        for _ in range(BOOTSTRAPS)
    ]
    return column.median().item(), torch.stack(draws).std().item()


def _write(path: Path, rows: list[Row]) -> None:
    """Replace the rows of the same protocols, keep the others."""
    old = json.loads(path.read_text()) if path.is_file() else []
    new = [asdict(row) for row in rows]
    kept = [row for row in old if row["protocol"] not in {row["protocol"] for row in new}]
    path.write_text(json.dumps(kept + new, indent=1) + "\n")
