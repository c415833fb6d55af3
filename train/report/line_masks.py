"""Measure tables 5 and 9 of the VAEAC paper: binarised digits of which only a line three pixels wide is visible.

`python -m train line-masks` measures the networks trained for it; their model cards describe how. Like `evaluate`, it writes
figures to their metrics.json and to results.json.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from dmfa_demo.data.datasets import Split, load_split, to_float
from dmfa_demo.data.masks import mask_family
from dmfa_demo.densities.pixels import Pixels, as_seen
from dmfa_demo.models.universal_marginalizer import (
    UniversalMarginalizer,
    UniversalMarginalizerImputer,
    fill,
    log_prob,
    random_order,
)
from dmfa_demo.models.vaeac import VAEAC, VAEACImputer
from dmfa_demo.options import Options, PositiveInt
from dmfa_demo.storage.checkpoints import ROOT, digest
from train.report.papers import REPORTED
from train.report.rows import Row, gather, read_rows, table, write_rows

DATASET, MASKS, PROTOCOL = "mnist", "line3", "line3-binarised"
OF_VAEAC, OF_GSNN, OF_MARGINALIZER = "vaeac-line3", "gsnn-line3", "universal-marginalizer"

LogProb = Callable[[Tensor, Tensor], Tensor]
"""(images, missing) -> log p(x_m | x_o) in nats, `(B,)`."""

BATCH = 20


@dataclass(frozen=True)
class LineMasks(Options):
    """Measure VAEAC, GSNN, the Universal Marginalizer and naive Bayes as in tables 5 and 9 of the VAEAC paper; takes hours."""

    rows: PositiveInt = 1_000
    """the number of test digits, from the first"""
    data_root: Path = Path("data")
    """torchvision's data folder"""


@torch.inference_mode()
def measure(config: LineMasks) -> None:
    """Measure; print and write each figure, with the paper's, as soon as it is known; skip previous measurements."""
    images = _binarised("test", config)[: config.rows]
    height, width = images.shape[-2:]
    missing = mask_family(MASKS)(len(images), height, width, torch.Generator().manual_seed(0))
    for folder, title, metric, n, figure in _figures(config, images, missing):
        path, weights = ROOT / DATASET / folder, digest(ROOT / DATASET / folder)
        known = [row for row in read_rows(path) if row.protocol == PROTOCOL and row.weights == weights]
        if any((row.title, row.metric, row.n) == (title, metric, n) for row in known):
            print(f"{title}, {metric}: already measured", flush=True)
            continue
        value, error = figure()
        paper, source = REPORTED.get((title, DATASET, PROTOCOL, metric), (None, None))
        row = Row(
            dataset=DATASET,
            method=folder,
            protocol=PROTOCOL,
            metric=metric,
            value=value,
            stderr=error,
            n=n,
            seeds=1,
            paper=paper,
            source=source,
            weights=weights,
            title=title,
        )
        print(table([row]), flush=True)
        write_rows(path, [*(one for one in known if (one.title, one.metric) != (title, metric)), row])
        gather(DATASET)


def _figures(
    config: LineMasks, images: Tensor, missing: Tensor
) -> Iterator[tuple[str, str, str, int, Callable[[], tuple[float, float | None]]]]:
    """Yield (folder, row of the table, metric, images, function that measures value and standard error), quick ones first."""

    @cache
    def vaeac(folder: str = OF_VAEAC) -> VAEAC:
        return VAEACImputer.load(ROOT / DATASET / folder).model

    @cache
    def marginalizer() -> UniversalMarginalizer:
        return UniversalMarginalizerImputer.load(ROOT / DATASET / OF_MARGINALIZER).model

    def seeded() -> torch.Generator:
        return torch.Generator().manual_seed(0)

    def importance(folder: str, count: int) -> LogProb:
        model, generator = vaeac(folder), seeded()
        return lambda x, hidden: model(x, hidden).log_prob(x, hidden, count, generator=generator)

    def monte_carlo(folder: str, count: int) -> LogProb:
        model, generator = vaeac(folder), seeded()

        def estimate(x: Tensor, hidden: Tensor) -> Tensor:
            # In bfloat16, as in training: 10,000,000 decodings take an hour on one core. The likelihood itself is in float32.
            with torch.autocast("cpu", torch.bfloat16, enabled=count > 100):
                return model(x, hidden).monte_carlo(x, hidden, count, generator)

        return estimate

    def chain() -> LogProb:
        model, generator = marginalizer(), seeded()
        return lambda x, hidden: log_prob(model, x, hidden, random_order(hidden, generator))

    likelihoods: tuple[tuple[str, str, Callable[[], LogProb]], ...] = (
        (OF_VAEAC, "naive Bayes", lambda: naive_bayes(_binarised("train", config)).log_prob),
        (OF_VAEAC, "VAEAC, 100 importance samples", partial(importance, OF_VAEAC, 100)),
        (OF_VAEAC, "VAEAC, 100 Monte Carlo samples", partial(monte_carlo, OF_VAEAC, 100)),
        (OF_MARGINALIZER, "Universal Marginalizer", chain),
        (OF_VAEAC, "VAEAC, 10,000 Monte Carlo samples", partial(monte_carlo, OF_VAEAC, 10_000)),
        (OF_GSNN, "GSNN, 100 Monte Carlo samples", partial(monte_carlo, OF_GSNN, 100)),
        (OF_GSNN, "GSNN, 10,000 Monte Carlo samples", partial(monte_carlo, OF_GSNN, 10_000)),
    )
    for folder, title, make in likelihoods:
        yield folder, title, "nll", len(images), partial(_mean_nll, make, images, missing, title)

    one, hole = images[:1], missing[:1]
    many, holes = one.repeat(100, 1, 1, 1), hole.repeat(100, 1, 1, 1)

    def draw() -> None:
        vaeac()(one, hole).sample(100, seeded(), noise=True)

    def fill_hole() -> None:
        deque(
            fill(marginalizer(), images=many, missing=holes, order=random_order(holes, seeded()), generator=seeded()),
            maxlen=0,
        )

    yield OF_VAEAC, "VAEAC", "milliseconds_100", 1, partial(_median_time, draw, 20)
    yield OF_MARGINALIZER, "Universal Marginalizer", "milliseconds_100", 1, partial(_median_time, fill_hole, 1)


def _mean_nll(make: Callable[[], LogProb], images: Tensor, missing: Tensor, title: str) -> tuple[float, float]:
    """Return the mean over images, in nats over the hole, and its standard error."""
    estimate, batches = make(), list(zip(images.split(BATCH), missing.split(BATCH)))
    nll = -torch.cat([estimate(x, hidden) for x, hidden in tqdm(batches, desc=title, leave=False)]).double()
    return nll.mean().item(), (nll.std() / math.sqrt(len(nll))).item()


def _median_time(do: Callable[[], None], times: int) -> tuple[float, None]:
    """Return the median milliseconds."""
    spent = []
    for _ in range(times):
        started = time.perf_counter()
        do()
        spent.append(1000 * (time.perf_counter() - started))
    return sorted(spent)[times // 2], None


def naive_bayes(images: Tensor) -> Pixels:
    """Fit independent pixels: each one's share of ink in training images `(N, C, H, W)`, with add-one smoothing."""
    return Pixels((images.sum(0) + 1) / (len(images) + 2), None)


def _binarised(part: Split, config: LineMasks) -> Tensor:
    return as_seen(to_float(load_split(DATASET, part, config.data_root).images), "bernoulli")
