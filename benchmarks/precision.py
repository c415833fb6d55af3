"""Time training steps in float32 and bfloat16, with contiguous and channels-last weights.

python -m benchmarks.precision
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from benchmarks import report
from dmfa_demo.data.masks import mask_family
from dmfa_demo.models.dmfa import DMFA, DMFAConfig
from train.engine.precision import choose_precision
from train.methods.dmfa import score

# Name, (channels, side), images per step.
IMAGES = (("digits", (1, 28), 64), ("faces", (3, 64), 16))
REPEATS = 9
VARIANTS = {
    "float32": (torch.contiguous_format, False),
    "float32, channels last": (torch.channels_last, False),
    "bfloat16": (torch.contiguous_format, True),
    "bfloat16, channels last": (torch.channels_last, True),
}


def main() -> None:
    """Print the medians of alternating steps, so that a busy machine slows all of them equally."""
    print(choose_precision("auto")[1])
    rows = []
    for name, (channels, side), batch in IMAGES:
        steps = {variant: _step(channels, side, batch, *VARIANTS[variant]) for variant in VARIANTS}
        spent: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
        for _ in range(1 + REPEATS):
            for variant, step in steps.items():
                started = time.thread_time()
                step()
                spent[variant].append(time.thread_time() - started)
        seconds = {variant: statistics.median(times[1:]) for variant, times in spent.items()}
        rows += [
            (f"{name}, {variant}", batch / value, seconds["float32"] / value) for variant, value in seconds.items()
        ]
    report("Training steps of DMFA, one thread", ("format", "images per second", "ratio to float32"), rows)


def _step(channels: int, side: int, batch: int, memory_format: torch.memory_format, bf16: bool) -> Callable[[], None]:
    torch.manual_seed(0)
    network: nn.Module = DMFA(DMFAConfig(channels=channels, height=side, width=side)).to(memory_format=memory_format)
    optimizer = torch.optim.AdamW(network.parameters())
    images = torch.rand(batch, channels, side, side)
    missing = mask_family(f"square{side // 2}")(batch, side, side, torch.Generator().manual_seed(0))

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            nll, _ = score(network, images, missing, missing)
        nll.mean().backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
