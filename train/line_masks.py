"""Tables 5 and 9 of the VAEAC paper: binarised digits of which only a line three pixels wide is seen.

`python -m train line-masks` measures the networks that were trained for it; their model cards say how. What it finds goes to
their metrics.json and from there to results.json, as what `evaluate` finds does.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from dmfa_demo.checkpoints import ROOT
from dmfa_demo.data import load_split, to_float
from dmfa_demo.masks import mask_family
from dmfa_demo.models.universal_marginalizer import (
    UniversalMarginalizerImputer,
    fill,
    log_prob,
    random_order,
)
from dmfa_demo.models.vaeac import VAEAC, VAEACImputer
from dmfa_demo.pixels import Pixels, as_seen
from train.evaluate import Row, digest, gather, table, write_rows
from train.papers import REPORTED

DATASET, MASKS, PROTOCOL = "mnist", "line3", "line3-binarised"
OF_VAEAC, OF_GSNN, OF_MARGINALIZER = "vaeac-line3", "gsnn-line3", "universal-marginalizer"

LogProb = Callable[[Tensor, Tensor], Tensor]
"""(images, missing) -> log p(x_m | x_o) in nats, `(B,)`."""

BATCH = 20


@dataclass(frozen=True)
class LineMasks:
    """Measure VAEAC, GSNN, the Universal Marginalizer and naive Bayes as tables 5 and 9 of the VAEAC paper do."""

    rows: int = 1_000
    """the first so many test digits"""
    long_rows: int = 100
    """the first so many of them where an estimate takes 10,000 draws"""
    data_root: Path = Path("data")
    """torchvision's data folder"""


@torch.inference_mode()
def measure(config: LineMasks) -> None:
    """Print each figure beside the paper's as soon as it is known, and write all of them at the end."""
    images = _binarised("test", config)[: config.rows]
    missing = mask_family(MASKS)(len(images), *images.shape[-2:], torch.Generator().manual_seed(0))
    found: dict[str, list[Row]] = {OF_VAEAC: [], OF_GSNN: [], OF_MARGINALIZER: []}
    for folder, title, metric, value, error, n in _figures(config, images, missing):
        reported = REPORTED.get((title, DATASET, PROTOCOL, metric), (None, None))
        weights = digest(ROOT / DATASET / folder)
        found[folder].append(Row(DATASET, folder, PROTOCOL, metric, value, error, n, 1, *reported, weights, title))
        print(table(found[folder][-1:]), flush=True)
    for folder, rows in found.items():
        write_rows(ROOT / DATASET / folder, rows)
    gather(DATASET)


def _figures(
    config: LineMasks, images: Tensor, missing: Tensor
) -> Iterator[tuple[str, str, str, float, float | None, int]]:
    """(folder, row of the table, metric, value, standard error, images), quick ones first."""
    vaeac, gsnn = (VAEACImputer.load(ROOT / DATASET / folder).model for folder in (OF_VAEAC, OF_GSNN))
    marginalizer = UniversalMarginalizerImputer.load(ROOT / DATASET / OF_MARGINALIZER).model
    generator = torch.Generator().manual_seed(0)

    def chain(x: Tensor, hidden: Tensor) -> Tensor:
        return log_prob(marginalizer, x, hidden, random_order(hidden, generator))

    likelihoods: tuple[tuple[str, str, LogProb, int], ...] = (
        (OF_VAEAC, "naive Bayes", naive_bayes(_binarised("train", config)).log_prob, len(images)),
        (OF_VAEAC, "VAEAC, 100 importance samples", importance(vaeac, 100, generator), len(images)),
        (OF_VAEAC, "VAEAC, 100 Monte Carlo samples", monte_carlo(vaeac, 100, generator), len(images)),
        (OF_GSNN, "GSNN, 100 Monte Carlo samples", monte_carlo(gsnn, 100, generator), len(images)),
        (OF_MARGINALIZER, "Universal Marginalizer", chain, len(images)),
        (OF_GSNN, "GSNN, 10,000 Monte Carlo samples", monte_carlo(gsnn, 10_000, generator), config.long_rows),
        (OF_VAEAC, "VAEAC, 10,000 Monte Carlo samples", monte_carlo(vaeac, 10_000, generator), config.long_rows),
    )
    for folder, title, estimate, count in likelihoods:
        batches = list(zip(images[:count].split(BATCH), missing[:count].split(BATCH)))
        nll = -torch.cat([estimate(x, hidden) for x, hidden in tqdm(batches, desc=title, leave=False)]).double()
        yield folder, title, "nll", nll.mean().item(), (nll.std() / math.sqrt(len(nll))).item(), len(nll)

    one, hole = images[:1], missing[:1]
    many, holes = one.repeat(100, 1, 1, 1), hole.repeat(100, 1, 1, 1)

    def fill_many() -> None:
        for _ in fill(marginalizer, many, holes, random_order(holes, generator), generator):
            pass

    for folder, title, draw, times in (
        (OF_VAEAC, "VAEAC", lambda: vaeac(one, hole).sample(100, generator, noise=True), 20),
        (OF_MARGINALIZER, "Universal Marginalizer", fill_many, 1),
    ):
        spent = []
        for _ in range(times):
            started = time.perf_counter()
            draw()
            spent.append(1000 * (time.perf_counter() - started))
        yield folder, title, "milliseconds_100", sorted(spent)[times // 2], None, 1


def naive_bayes(images: Tensor) -> Pixels:
    """Every pixel on its own, whatever is visible: its share of ink in training images `(N, C, H, W)`, with add-one smoothing."""
    return Pixels((images.sum(0) + 1) / (len(images) + 2), None)


def importance(model: VAEAC, count: int, generator: torch.Generator) -> LogProb:
    """Equation (18) of the VAEAC paper with `count` draws."""
    return lambda images, missing: model(images, missing).log_prob(images, missing, count, generator=generator)


def monte_carlo(model: VAEAC, count: int, generator: torch.Generator) -> LogProb:
    """Equation (17) of the VAEAC paper with `count` draws."""
    return lambda images, missing: model(images, missing).monte_carlo(images, missing, count, generator)


def _binarised(part: str, config: LineMasks) -> Tensor:
    return as_seen(to_float(load_split(DATASET, part, config.data_root).images), "bernoulli")
