"""MFA at the paper's size, K = 50 and l = 6: fitting 60,000 digits, and conditioning 1,000, each with a mask of its own.

python -m benchmarks.mfa
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil
import torch
from torch import Tensor

from benchmarks import report
from dmfa_demo.data import load_samples, to_float
from dmfa_demo.densities import FactorAnalyzer, MixtureOfFactorAnalyzers
from dmfa_demo.imputation import flatten
from dmfa_demo.masks import mask_family
from dmfa_demo.shared_mixture import SharedMixture
from train.em import Rows, expectation, initialise, maximization

COMPONENTS, FACTORS, FLOOR = 50, 6, 3e-5
FIT_ROWS, ITERATIONS = 60_000, 30
ROWS, WRITTEN_OUT_ROWS, REPEATS = 1_000, 50, 5


def main() -> None:
    """Print both tables."""
    generator = torch.Generator().manual_seed(0)
    threads = f"{torch.get_num_threads()} threads"
    mixture, seconds, megabytes = _peak(lambda: _fit(Rows(_digits(FIT_ROWS, generator), torch.ones(1, 784).bool())))
    title = f"EM, {FIT_ROWS} x 784, K = {COMPONENTS}, l = {FACTORS}, {ITERATIONS} iterations, {threads}"
    report(title, ("what", "seconds", "MB more"), [("k-means and EM", seconds, megabytes)])

    x = to_float(_digits(ROWS, generator))
    missing = mask_family("square14+strokes+noise30-90")(ROWS, 28, 28, generator).flatten(1)
    few = slice(0, WRITTEN_OUT_ROWS)
    parts = (mixture.components.mean, mixture.components.factors, mixture.components.noise)
    twin = MixtureOfFactorAnalyzers(mixture.log_weights, FactorAnalyzer(*(part[None] for part in parts)))
    ways: list[tuple[str, int, Callable[[], Any]]] = [
        ("mean", ROWS, lambda: mixture.condition(x, missing).mean),
        ("mean, variance and NLL", ROWS, lambda: _everything(mixture, x, missing)),
        ("the same, components copied to each row", WRITTEN_OUT_ROWS, lambda: _everything(twin, x[few].double(), missing[few])),
    ]  # fmt: skip
    rows = []
    for name, count, way in ways:
        way()
        runs = [_peak(way)[1:] for _ in range(REPEATS)]
        spent, memory = (statistics.median(column) for column in zip(*runs))
        rows.append((name, count, 1000 * spent / count, memory, 1024 * memory / count))
    columns = ("what", "rows", "ms a row", "MB more", "kB a row")
    report(f"Conditioning, K = {COMPONENTS}, l = {FACTORS}, a mask for each row, {threads}", columns, rows)


def _fit(rows: Rows) -> SharedMixture:
    mixture = initialise(rows, COMPONENTS, FACTORS, "diagonal", FLOOR, seed=0)
    for _ in range(ITERATIONS):
        mixture = maximization(expectation(mixture, rows), "diagonal", FLOOR)
    return mixture


def _everything(mixture: SharedMixture | MixtureOfFactorAnalyzers, x: Tensor, missing: Tensor) -> None:
    density = mixture.condition(x, missing)
    _ = density.mean, density.variance, density.log_prob(x, missing)


def _digits(count: int, generator: torch.Generator) -> Tensor:
    """uint8 `(count, 784)`: the bundled samples, moved by up to two pixels and with their own grain."""
    samples = load_samples("mnist").images[:, 0]
    images = samples[torch.randint(len(samples), (count,), generator=generator)]
    shift = torch.randint(-2, 3, (25, 2), generator=generator).tolist()
    for part, (down, right) in zip(images.split(-(-count // 25)), shift):
        part.copy_(part.roll((down, right), (1, 2)))
    grain = torch.randint(-10, 11, images.shape, generator=generator)
    return flatten(torch.where(images > 0, (images + grain).clamp(0, 255), 0).to(torch.uint8)[:, None])


def _peak(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What `work` returns, its seconds, and how many MB of memory it held more than before at its peak."""
    process, done, highest = psutil.Process(), threading.Event(), [0]

    def watch() -> None:
        while not done.wait(0.002):
            highest[0] = max(highest[0], process.memory_info().rss)

    before = process.memory_info().rss
    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - started
    done.set()
    watcher.join()
    return result, seconds, max(0, highest[0] - before) / 2**20


if __name__ == "__main__":
    main()
