"""Time every network of the page in PyTorch and in ONNX Runtime: processor time of one thread, which a busy machine hardly affects.

python -m benchmarks.engines
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

from benchmarks import report
from dmfa_demo.data.datasets import load_samples, to_float
from dmfa_demo.data.masks import mask_family
from dmfa_demo.networks import engine
from dmfa_demo.networks.engine import SUFFIX
from dmfa_demo.storage.checkpoints import ROOT
from train.engine.graphs import Use, load_networks

Pair = tuple[Callable[[], Any], Callable[[], Any]]
"""The same call in PyTorch and in ONNX Runtime."""

DATASETS, BATCHES, REPEATS = ("mnist", "celeba"), (1, 16), 9


@torch.inference_mode()
def main() -> None:
    """Print the medians and their ratios."""
    torch.set_num_threads(1)
    rows = []
    for dataset in DATASETS:
        for folder in sorted({path.parent for path in (ROOT / dataset).glob(f"*/*{SUFFIX}")}):
            with engine.using("onnx"):
                networks, use = load_networks(folder)
            calls = {batch: _calls(networks, use, dataset, batch) for batch in BATCHES}
            for name in calls[BATCHES[0]]:
                times = [_medians(*calls[batch][name]) for batch in BATCHES]
                ratios = [f"{torch_ms / onnx_ms:.1f}" for torch_ms, onnx_ms in times]
                rows.append((f"{dataset} {folder.name} {name}", *sum(times, ()), *ratios))
    each = [f"{what} {batch}" for batch in BATCHES for what in ("torch ms", "onnx ms")]
    columns = ("network", *each, *(f"times {batch}" for batch in BATCHES))
    report(f"Networks for {' and '.join(map(str, BATCHES))} images, processor time", columns, rows)


def _calls(networks: list[nn.Module], use: Use, dataset: str, batch: int) -> dict[str, Pair]:
    """Return a call for each graph, as a batch of half hidden images makes it."""
    calls: dict[str, Pair] = {}
    for network in networks:
        for name, module, compute in engine.graphs_of(network):
            runner = cast(engine.Runner, engine.runner_of(module, name))

            def note(*tensors: Tensor, name: str = name, compute: Any = compute, runner: Any = runner) -> Any:
                calls.setdefault(name, (lambda: compute(*tensors), lambda: runner(*tensors)))
                return runner(*tensors)

            engine.replace(module, name, note)
    images = to_float(load_samples(dataset).images[:batch])
    height, width = images.shape[-2:]
    use(images, mask_family("half")(batch, height, width, torch.Generator().manual_seed(0)), 2)
    return calls


def _medians(one: Callable[[], Any], other: Callable[[], Any]) -> tuple[float, float]:
    """Return the processor time of two functions in milliseconds, called in turns after a warm-up."""
    spent: tuple[list[float], list[float]] = ([], [])
    for _ in range(REPEATS + 3):
        for function, times in zip((one, other), spent):
            started = time.thread_time()
            function()
            times.append(1000 * (time.thread_time() - started))
    first, second = (sorted(times[3:])[REPEATS // 2] for times in spent)
    return first, second


if __name__ == "__main__":
    main()
