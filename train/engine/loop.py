"""The training loop of all networks: logged, resumable, with equal results on one process or several.

Resuming is exact because no random state is carried between steps: batch and masks depend on (seed, step) only, the learning rate
on the step, and weights, averaged weights and optimiser are written to one file atomically.
"""

from __future__ import annotations

import hashlib
import json
import math
import signal
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Self, cast

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from dmfa_demo.options import NonNegativeFloat, NonNegativeInt, Options, PositiveFloat, PositiveInt, Range, Seed
from dmfa_demo.storage.files import read_metadata, read_tensors, write_tensors, write_text
from train.engine.allocation import keep_freed_memory
from train.engine.precision import Precision, choose_precision

STATE, BEST, METRICS = "state.safetensors", "best.safetensors", "metrics.jsonl"

# The number of batches that are drawn in advance where another device computes.
AHEAD = 4

# Steps in a row without a finite gradient before training gives up.
MAX_BROKEN = 20

Draw = Callable[[Tensor, torch.Generator], tuple[Tensor, ...]]
"""(training rows, generator) -> the tensors of a batch, one row each."""
Loss = Callable[..., Tensor]
"""(network, step, *tensors of the batch) -> the mean loss of the batch."""
Validate = Callable[[nn.Module], dict[str, float]]
"""network -> figures to log; the best network has the lowest "validation"."""


@dataclass(frozen=True)
class LoopConfig(Options):
    """The settings of the training loop."""

    steps: PositiveInt = 12_000
    batch_size: PositiveInt = 128
    """images per step, over all processes"""
    learning_rate: PositiveFloat = 1e-3
    """the peak, after a linear warm-up; then it decays to zero along a cosine"""
    warmup_steps: NonNegativeInt = 200
    weight_decay: NonNegativeFloat = 0.01
    clip_norm: PositiveFloat = 10.0
    ema_decay: Annotated[float, Range(at_least=0, below=1)] = 0.999
    """decay of the averaged weights, which are validated and saved"""
    precision: Precision = "auto"
    """no: float32; bf16: mixed precision with bfloat16; auto: the faster of the two on this machine"""
    seed: Seed = 0
    validate_every: PositiveInt = 1_000
    save_every: PositiveInt = 500


# The exit code of a command that was interrupted and can be resumed.
STOPPED = 130


class Interrupted(Exception):
    """An interruption of training whose state is on disk."""


def fit(
    network: nn.Module,
    rows: int,
    draw: Draw,
    loss: Loss,
    validate: Validate,
    config: LoopConfig,
    folder: Path,
    identity: str,
) -> float:
    """Train `network` on batches drawn from `rows` training rows, and load the best averaged weights into it.

    Resumes from `folder` if it has the state of a run with the same `identity` (the data and all settings that affect the
    result). Ctrl-C and SIGTERM save first; after kill -9 at most `save_every` steps are repeated, with the same result.

    Returns:
        Seconds of training, over all sessions.

    Raises:
        Interrupted: After a signal, once the state is saved.
        ValueError: If the batch does not divide among the processes, `folder` has another run, or training diverged.
    """
    precision, explanation = choose_precision(config.precision)
    accelerator = Accelerator(mixed_precision=precision)
    accelerator.print(explanation, flush=True)
    keep_freed_memory()
    rank, world = accelerator.process_index, accelerator.num_processes
    if config.batch_size % world:
        raise ValueError(
            f"--batch-size {config.batch_size} does not divide among {world} processes; choose a multiple of {world}"
        )
    # Convolutions are faster on channels-last weights, see benchmarks/precision.py.
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    optimizer = torch.optim.AdamW(network.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    # Copied before accelerate wraps the network, so that validation runs in float32, like the saved network.
    averaged = AveragedModel(network, accelerator.device, multi_avg_fn=get_ema_multi_avg_fn(config.ema_decay)).eval()
    averaged.n_averaged.fill_(1)  # the initial weights count, so that the first update averages
    average = averaged.module
    wrapped, optimizer = accelerator.prepare(network, optimizer)

    step, seconds, best = _restore(folder, network=network, average=average, optimizer=optimizer, identity=identity)
    if accelerator.is_main_process:
        folder.mkdir(parents=True, exist_ok=True)
        forget_after(folder, step)
    stop = _StopRequest()
    progress = tqdm(
        total=config.steps, initial=step, disable=not accelerator.is_main_process, unit="step", mininterval=1
    )
    started, broken = time.monotonic() - seconds, 0
    # A GPU would wait while the processor draws the next batch.
    ahead = 0 if accelerator.device.type == "cpu" else AHEAD
    with stop, _Batches(draw, rows=rows, config=config, first=step, ahead=ahead) as batches:
        while step < config.steps:
            for group in optimizer.param_groups:
                group["lr"] = _learning_rate(step, config)
            # Every process draws the full batch and keeps its share, so that the number of processes does not matter.
            share = [tensor[rank::world].to(accelerator.device) for tensor in next(batches)]
            torch.manual_seed(_seed(config.seed, "network", step))  # for dropout
            value = _loss_or_nan(loss, wrapped, step, share)
            accelerator.backward(value)
            norm = accelerator.clip_grad_norm_(network.parameters(), config.clip_norm)
            # A step along a non-finite gradient would ruin the weights, their average and the saved state.
            if norm is not None and norm.isfinite():
                broken = 0
                optimizer.step()
                averaged.update_parameters(network)
            else:
                broken += 1
                _copy_buffers(average, network)
                if broken == MAX_BROKEN:
                    raise ValueError(
                        f"no finite gradient in {MAX_BROKEN} steps up to step {step}; lower --learning-rate"
                    )
            optimizer.zero_grad()
            step += 1
            progress.update()
            progress.set_postfix(loss=f"{value.item():.3f}", refresh=False)

            validating = step % config.validate_every == 0 or step == config.steps
            stopping = stop.requested(accelerator)
            if accelerator.is_main_process:
                if validating:
                    figures = _figures_or_nan(validate, average)
                    row = {
                        "step": step,
                        "seconds": round(time.monotonic() - started, 1),
                        "loss": value.item(),
                        **figures,
                    }
                    with (folder / METRICS).open("a") as file:
                        file.write(json.dumps(row) + "\n")
                    progress.write("  ".join(f"{key} {number:.4g}" for key, number in row.items()))
                    if figures["validation"] < best:
                        best = figures["validation"]
                        write_tensors(folder / BEST, average.state_dict())
                if validating or stopping or step % config.save_every == 0:
                    _save(
                        folder,
                        network=network,
                        average=average,
                        optimizer=optimizer,
                        identity=identity,
                        step=step,
                        seconds=time.monotonic() - started,
                        best=best,
                    )
            accelerator.wait_for_everyone()
            if stopping and step < config.steps:
                progress.close()
                raise Interrupted(f"stopped at step {step} of {config.steps}; the same command resumes from {folder}")
    progress.close()
    if not (folder / BEST).is_file():
        raise ValueError("the validation figure was never finite; lower --learning-rate and delete " + str(folder))
    network.load_state_dict(read_tensors(folder / BEST))
    return time.monotonic() - started


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of a run's metrics.jsonl, oldest first; none if there is no such file."""
    path = folder / METRICS
    # An incomplete last line was being written when the run was killed.
    lines = path.read_text().splitlines(keepends=True) if path.is_file() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _seed(*parts: object) -> int:
    """Return the same number for the same parts, in every process and every version of Python."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=7).digest())


def _loss_or_nan(loss: Loss, network: nn.Module, step: int, batch: list[Tensor]) -> Tensor:
    """Return the loss of a batch, or NaN if a covariance has no Cholesky factor.

    The NaN has a gradient, since the backward pass waits for all processes.
    """
    try:
        return loss(network, step, *batch)
    except torch.linalg.LinAlgError:
        return (
            math.nan
            * torch.stack([parameter.sum() for parameter in network.parameters() if parameter.requires_grad]).sum()
        )


def _figures_or_nan(validate: Validate, network: nn.Module) -> dict[str, float]:
    """Return the figures of a network, with a "validation" of NaN if a covariance has no Cholesky factor."""
    try:
        return validate(network)
    except torch.linalg.LinAlgError:
        return {"validation": math.nan}


def _learning_rate(step: int, config: LoopConfig) -> float:
    warm = min(1.0, (step + 1) / max(1, config.warmup_steps))
    return config.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * step / config.steps))


def _batch_rows(step: int, rows: int, config: LoopConfig) -> Tensor:
    """Return the rows of a step: each epoch is one permutation, cut into full batches."""
    if rows < config.batch_size:
        raise ValueError(f"--batch-size {config.batch_size} is more than the {rows} training images; lower it")
    epoch, place = divmod(step, rows // config.batch_size)
    order = _epoch_order(rows, config.seed, epoch)
    return order[place * config.batch_size : (place + 1) * config.batch_size]


class _Batches:
    """An iterator over the batches of the steps from `first` on, of which up to `ahead` are drawn in advance in other threads."""

    def __init__(self, draw: Draw, *, rows: int, config: LoopConfig, first: int, ahead: int):
        self.draw, self.rows, self.config = draw, rows, config
        self.steps, self.ahead = iter(range(first, config.steps)), ahead
        self.pool, self.drawn = ThreadPoolExecutor(max(1, ahead // 2)), deque[Future[tuple[Tensor, ...]]]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.pool.shutdown(cancel_futures=True)

    def __next__(self) -> tuple[Tensor, ...]:
        if not self.ahead:
            return self._batch(next(self.steps))
        while len(self.drawn) < self.ahead and (step := next(self.steps, None)) is not None:
            self.drawn.append(self.pool.submit(self._batch, step))
        return self.drawn.popleft().result()

    def _batch(self, step: int) -> tuple[Tensor, ...]:
        generator = torch.Generator().manual_seed(_seed(self.config.seed, "step", step))
        return self.draw(_batch_rows(step, self.rows, self.config), generator)


@lru_cache(maxsize=1)
def _epoch_order(rows: int, seed: int, epoch: int) -> Tensor:
    return torch.randperm(rows, generator=torch.Generator().manual_seed(_seed(seed, "epoch", epoch)))


@torch.no_grad()
def _copy_buffers(source: nn.Module, target: nn.Module) -> None:
    """Copy buffers, such as the statistics of batch normalisation, which change without a gradient."""
    for theirs, own in zip(source.buffers(), target.buffers()):
        own.copy_(theirs)


class _StopRequest:
    """A handler that remembers Ctrl-C or SIGTERM until the current step is done; a second Ctrl-C stops at once."""

    def __enter__(self) -> None:
        self.flag = False
        self.previous = {number: signal.signal(number, self._remember) for number in (signal.SIGINT, signal.SIGTERM)}

    def __exit__(self, *_: object) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, handler)

    def _remember(self, number: int, _frame: object) -> None:
        if self.flag:
            raise KeyboardInterrupt
        self.flag = True

    def requested(self, accelerator: Accelerator) -> bool:
        """Return True in every process as soon as one received a signal."""
        if accelerator.num_processes == 1:
            return self.flag
        requested = accelerator.reduce(torch.tensor(float(self.flag), device=accelerator.device), "sum")
        return bool(cast(Tensor, requested).item())


def _save(
    folder: Path,
    network: nn.Module,
    average: nn.Module,
    optimizer: torch.optim.Optimizer,
    identity: str,
    step: int,
    seconds: float,
    best: float,
) -> None:
    tensors = {f"network/{name}": tensor for name, tensor in network.state_dict().items()}
    tensors |= {f"average/{name}": tensor for name, tensor in average.state_dict().items()}
    for name, parameter in network.named_parameters():
        state = optimizer.state.get(parameter, {})
        tensors |= {f"optimizer/{key}/{name}": tensor for key, tensor in state.items()}
    write_state(folder, tensors, {"step": step, "seconds": seconds, "best": best, "run": identity})


def _restore(
    folder: Path, network: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer, identity: str
) -> tuple[int, float, float]:
    """Restore the state in `folder`, if there is one; return (step, seconds, best)."""
    state = read_state(folder, identity)
    if state is None:
        return 0, 0.0, math.inf
    about, tensors = state
    parts: dict[str, dict[str, Tensor]] = {"network": {}, "average": {}, "optimizer": {}}
    for key, tensor in tensors.items():
        part, _, name = key.partition("/")
        parts[part][name] = tensor
    network.load_state_dict(parts["network"])
    average.load_state_dict(parts["average"])
    parameters = dict(network.named_parameters())
    for path_in_state, tensor in parts["optimizer"].items():
        key, _, name = path_in_state.partition("/")
        parameter = parameters[name]
        optimizer.state[parameter][key] = tensor if key == "step" else tensor.to(parameter.device)
    return about["step"], about["seconds"], about["best"]


def write_state(folder: Path, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Write the state of a run; `about` has its identity under "run"."""
    write_tensors(folder / STATE, tensors, {key: json.dumps(value) for key, value in about.items()})


def read_state(folder: Path, identity: str) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    """Read what `write_state` wrote; return None if there is nothing.

    Raises:
        ValueError: If it is the state of a run with another identity.
    """
    path = folder / STATE
    if not path.is_file():
        return None
    about = {key: json.loads(value) for key, value in read_metadata(path).items()}
    if about.get("run") != identity:
        raise ValueError(
            f"{folder} contains a run with other settings; delete it to start again, or name another folder with --run-folder"
        )
    return about, read_tensors(path)


def forget_after(folder: Path, step: int) -> None:
    """Drop the rows of metrics.jsonl that a resumed run will write again."""
    rows = [row for row in read_metrics(folder) if row["step"] <= step]
    write_text(folder / METRICS, "".join(json.dumps(row) + "\n" for row in rows))
