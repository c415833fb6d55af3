"""Time MFA at the paper's size, K = 50 and l = 6: fitting 60,000 digits, and conditioning 1,000, each with a different mask.

Each is measured twice in separate processes: once for time, and once for memory, with an allocator that returns freed memory at
once (Linux only; elsewhere memory is not measured).

python -m benchmarks.mfa [--torch-mfa FOLDER]

With a checkout of github.com/eitanrich/torch-mfa, its conditional mean, which uses the best component only, is timed beside ours, one
digit at a time, both with the same mixture.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from benchmarks import report
from dmfa_demo.data.datasets import load_samples, to_float
from dmfa_demo.data.masks import mask_family
from dmfa_demo.densities.factor_analyzer import FactorAnalyzer, MixtureOfFactorAnalyzers
from dmfa_demo.densities.shared_mixture import SharedMixture
from dmfa_demo.imputation import flatten
from train.engine.em import Rows, expectation, initialise, maximization

COMPONENTS, FACTORS, FLOOR = 50, 6, 3e-5
FIT_ROWS, ITERATIONS = 60_000, 20
ROWS, COPIED_ROWS, REPEATS = 1_000, 50, 5


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch-mfa", type=Path, metavar="FOLDER", help="a checkout of torch-mfa")
    other = parser.parse_args().torch_mfa
    if other is not None:
        _compare(other)
    threads = f"{torch.get_num_threads()} threads"
    title = f"Fitting {FIT_ROWS} x 784, K = {COMPONENTS}, l = {FACTORS}, {ITERATIONS} iterations, {threads}"
    report(title, ("what", "seconds", "MB more"), [("k-means and EM", *_alone(_fit_all))])
    rows = []
    for name, count, work in [
        ("mean", ROWS, _means),
        ("mean, variance and NLL", ROWS, _everything),
        ("the same, components copied to each row", COPIED_ROWS, _everything_copied),
    ]:
        seconds, megabytes = _alone(work)
        rows.append((name, count, 1000 * seconds / count, megabytes, 1024 * megabytes / count))
    columns = ("what", "rows", "ms per row", "MB more", "kB per row")
    report(f"Conditioning, K = {COMPONENTS}, l = {FACTORS}, a mask for each row, {threads}", columns, rows)


@torch.inference_mode()
def _compare(folder: Path) -> None:
    """Print the time of a conditional mean, ours and that of torch-mfa."""
    spec = importlib.util.spec_from_file_location("torch_mfa", folder / "mfa.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    mixture, x, missing = _scene(COPIED_ROWS)
    parts, theirs = mixture.components, module.MFA(COMPONENTS, x.shape[1], FACTORS)
    theirs.PI_logits.copy_(mixture.log_weights[0])
    theirs.MU.copy_(parts.mean)
    theirs.A.copy_(parts.factors.mT)
    theirs.log_D.copy_(parts.noise.log())
    spent: dict[str, list[float]] = {"torch-mfa, best component": [], "ours, all components": []}
    for row, hole in zip(x.split(1), missing.split(1)):
        seen = (~hole[0]).nonzero()[:, 0]
        calls = (lambda: theirs.conditional_reconstruct(row, seen), lambda: mixture.condition(row, hole).mean)  # noqa: B023
        for times, call in zip(spent.values(), calls):
            started = time.perf_counter()
            call()
            times.append(1000 * (time.perf_counter() - started))
    rows = [(name, statistics.median(times)) for name, times in spent.items()]
    report(f"Conditional mean of one digit, K = {COMPONENTS}, l = {FACTORS}", ("what", "ms"), rows)


def _alone(work: Callable[[], tuple[float, float]]) -> tuple[float, float]:
    """Return seconds and MB, each from a separate process."""
    return _in_process(work, {})[0], _in_process(work, {"MALLOC_MMAP_THRESHOLD_": "65536"})[1]


def _in_process(work: Callable[[], tuple[float, float]], environment: dict[str, str]) -> tuple[float, float]:
    os.environ.update(environment)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        result = pool.apply(work)
    for name in environment:
        del os.environ[name]
    return result


def _fit_all() -> tuple[float, float]:
    rows = Rows(_digits(FIT_ROWS), torch.ones(1, 784, dtype=torch.bool))
    return _cost(lambda: _fit(rows, ITERATIONS), repeats=1)


def _means() -> tuple[float, float]:
    mixture, x, missing = _scene(ROWS)
    return _cost(lambda: mixture.condition(x, missing).mean)


def _everything() -> tuple[float, float]:
    mixture, x, missing = _scene(ROWS)
    return _cost(lambda: _ask(mixture, x, missing))


def _everything_copied() -> tuple[float, float]:
    mixture, x, missing = _scene(COPIED_ROWS)
    parts = (mixture.components.mean, mixture.components.factors, mixture.components.noise)
    copied = MixtureOfFactorAnalyzers(mixture.log_weights, FactorAnalyzer(*(part[None] for part in parts)))
    return _cost(lambda: _ask(copied, x.double(), missing))


def _ask(mixture: SharedMixture | MixtureOfFactorAnalyzers, x: Tensor, missing: Tensor) -> None:
    density = mixture.condition(x, missing)
    _ = density.mean, density.variance, density.log_prob(x, missing)


def _scene(count: int) -> tuple[SharedMixture, Tensor, Tensor]:
    """Return a mixture after a short fit, and digits with many kinds of holes."""
    mixture = _fit(Rows(_digits(2_000), torch.ones(1, 784, dtype=torch.bool)), 1)
    missing = mask_family("square14+strokes+noise30-90")(count, 28, 28, torch.Generator().manual_seed(1))
    return mixture, to_float(_digits(count)), missing.flatten(1)


def _fit(rows: Rows, iterations: int) -> SharedMixture:
    mixture = initialise(rows, components=COMPONENTS, factors=FACTORS, noise="diagonal", noise_floor=FLOOR, seed=0)
    for _ in range(iterations):
        mixture = maximization(expectation(mixture, rows), "diagonal", FLOOR)
    return mixture


def _digits(count: int) -> Tensor:
    """Return uint8 `(count, 784)`: the bundled samples, moved by up to two pixels, with added noise."""
    generator = torch.Generator().manual_seed(0)
    samples = load_samples("mnist").images[:, 0]
    images = samples[torch.randint(len(samples), (count,), generator=generator)]
    for part, (down, right) in zip(images.split(-(-count // 25)), torch.randint(-2, 3, (25, 2), generator=generator)):
        part.copy_(part.roll((int(down), int(right)), (1, 2)))
    grain = torch.randint(-10, 11, images.shape, generator=generator)
    return flatten(torch.where(images > 0, (images + grain).clamp(0, 255), 0).to(torch.uint8)[:, None])


def _cost(work: Callable[[], object], repeats: int = REPEATS) -> tuple[float, float]:
    """Return the median seconds of `work`, and its peak memory in MB."""
    seconds = []
    before = _forget_peak()
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds), _memory("VmHWM") - before


def _forget_peak() -> float:
    """Reset the peak memory to the current memory, and return it in MB."""
    reset = Path("/proc/self/clear_refs")
    if not reset.exists():
        return math.nan
    reset.write_text("5")
    return _memory("VmRSS")


def _memory(name: str) -> float:
    """Return a memory figure of this process in MB."""
    status = Path("/proc/self/status")
    if not status.exists():
        return math.nan
    (line,) = (line for line in status.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
