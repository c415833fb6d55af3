"""The training loop: any interruption and resumption leaves the result unchanged."""

import json
import math
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable, Collection
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from train.engine.loop import BEST, METRICS, STATE, Interrupted, LoopConfig, _Batches, fit, read_metrics

CONFIG = LoopConfig(
    steps=9,
    batch_size=4,
    learning_rate=0.1,
    warmup_steps=2,
    ema_decay=0.9,
    precision="no",
    validate_every=3,
    save_every=2,
)
DATA = torch.randn(10, 3, generator=torch.Generator().manual_seed(0))


def run(
    folder: Path,
    config: LoopConfig = CONFIG,
    stop_at: int | None = None,
    number: int = signal.SIGINT,
    broken_from: int = 999,
    figure: float = 1.0,
    indefinite: Collection[int] = (),
) -> nn.Module:
    """Fit a line with noise from the step's generator; a signal arrives in step `stop_at`, losses are NaN from `broken_from` on.

    In steps of `indefinite` a covariance has no Cholesky factor.
    """
    torch.manual_seed(0)
    network = nn.Linear(3, 1)

    def draw(rows, generator):
        return DATA[rows], torch.randn(len(rows), 1, generator=generator)

    def loss(network, step, x, noise):
        if step == stop_at:
            os.kill(os.getpid(), number)
        if step in indefinite:
            torch.linalg.cholesky(-torch.eye(2))
        scale = math.nan if step >= broken_from else 1.0
        return scale * (network(x) - x.sum(1, keepdim=True) - 0.1 * noise).square().mean()

    def validate(network):
        return {"validation": figure * (network(DATA) - DATA.sum(1, keepdim=True)).square().mean().item()}

    fit(
        network,
        rows=len(DATA),
        draw=draw,
        loss=loss,
        validate=validate,
        config=config,
        folder=folder,
        identity=repr(config),
    )
    return network


def weights(network: nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("stop_at", [0, 4, 5])
def test_resuming_after_a_signal_gives_exactly_the_same_weights(tmp_path, stop_at, number):
    uninterrupted = run(tmp_path / "uninterrupted")
    with pytest.raises(Interrupted, match=f"step {stop_at + 1} of 9; the same command resumes"):
        run(tmp_path / "parts", stop_at=stop_at, number=number)
    assert torch.equal(weights(run(tmp_path / "parts")), weights(uninterrupted))
    for name in (STATE, BEST):
        ours, theirs = (load_file(tmp_path / kind / name) for kind in ("uninterrupted", "parts"))
        assert ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)
    ours, theirs = (read_metrics(tmp_path / kind) for kind in ("uninterrupted", "parts"))
    assert [row["validation"] for row in ours] == [row["validation"] for row in theirs]
    assert [row["step"] for row in theirs] == [3, 6, 9]


def test_steps_after_the_last_save_are_repeated_with_the_same_result(tmp_path):
    """As after kill -9, the state is older than metrics.jsonl and the best weights."""
    uninterrupted = run(tmp_path / "uninterrupted")
    with pytest.raises(Interrupted):
        run(tmp_path / "parts", stop_at=3)
    old = (tmp_path / "parts" / STATE).read_bytes()
    with pytest.raises(Interrupted):
        run(tmp_path / "parts", stop_at=7)
    (tmp_path / "parts" / STATE).write_bytes(old)
    assert [row["step"] for row in read_metrics(tmp_path / "parts")] == [3, 6]
    assert torch.equal(weights(run(tmp_path / "parts")), weights(uninterrupted))
    assert [row["step"] for row in read_metrics(tmp_path / "parts")] == [3, 6, 9]


def test_finished_run_is_not_trained_again(tmp_path):
    first, again = run(tmp_path), run(tmp_path)
    assert torch.equal(weights(first), weights(again))
    assert len((tmp_path / METRICS).read_text().splitlines()) == 3


def test_network_gets_the_best_averaged_weights(tmp_path):
    network = run(tmp_path)
    best = load_file(tmp_path / BEST)
    assert torch.equal(network.weight, best["weight"])
    state = load_file(tmp_path / STATE)
    assert not torch.equal(state["network/weight"], state["average/weight"])
    assert all(math.isfinite(row["validation"]) for row in read_metrics(tmp_path))


def test_the_first_step_averages_with_the_initial_weights(tmp_path):
    torch.manual_seed(0)
    initial = nn.Linear(3, 1).weight.detach()
    run(tmp_path, replace(CONFIG, steps=1))
    state = load_file(tmp_path / STATE)
    assert torch.equal(state["average/weight"], initial.lerp(state["network/weight"], 1 - CONFIG.ema_decay))


def test_batch_normalisation_statistics_are_those_of_the_last_step(tmp_path):
    torch.manual_seed(0)
    network, last = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 1)), {}

    def loss(network, step, x):
        value = network(x).square().mean()
        last.update({name: buffer.clone() for name, buffer in network.named_buffers()})
        return value

    config = replace(CONFIG, validate_every=CONFIG.steps)
    fit(
        network,
        rows=len(DATA),
        draw=lambda rows, _: (DATA[rows],),
        loss=loss,
        validate=lambda _: {"validation": 1.0},
        config=config,
        folder=tmp_path,
        identity="",
    )
    assert (last["0.running_mean"] != 0).all() and last["0.num_batches_tracked"] == CONFIG.steps
    for name, buffer in network.named_buffers():
        assert torch.equal(buffer, last[name])


def test_broken_step_does_not_affect_the_statistics(tmp_path):
    torch.manual_seed(0)
    network = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 1))

    def loss(network, step, x):
        return network(x * math.nan if step == 4 else x).square().mean()

    config = replace(CONFIG, validate_every=CONFIG.steps)
    fit(
        network,
        rows=len(DATA),
        draw=lambda rows, _: (DATA[rows],),
        loss=loss,
        validate=lambda _: {"validation": 1.0},
        config=config,
        folder=tmp_path,
        identity="",
    )
    assert network[0].running_mean.isfinite().all() and network[0].num_batches_tracked == CONFIG.steps - 1


def test_run_with_other_settings_is_not_resumed(tmp_path):
    run(tmp_path)
    with pytest.raises(ValueError, match="other settings; delete it"):
        run(tmp_path, LoopConfig(**{**CONFIG.__dict__, "learning_rate": 0.2}))


def test_batch_larger_than_the_training_set_is_refused(tmp_path):
    with pytest.raises(ValueError, match="more than the 10 training images"):
        run(tmp_path, LoopConfig(**{**CONFIG.__dict__, "batch_size": 11}))


def test_incomplete_line_of_metrics_does_not_prevent_resuming(tmp_path):
    with pytest.raises(Interrupted):
        run(tmp_path, stop_at=5)
    with (tmp_path / METRICS).open("a") as file:
        file.write('{"step": 6, "sec')
    run(tmp_path)
    assert [row["step"] for row in read_metrics(tmp_path)] == [3, 6, 9]


# Separate processes, forked from one that has already imported torch and what an optimiser's first step imports.
APART = multiprocessing.get_context("forkserver")
APART.set_forkserver_preload([__name__, "torch._dynamo"])


def apart(function: Callable[..., object], *arguments: object) -> tuple[int | None, str]:
    """Call a function in a separate process; return its exit code and its errors."""
    reader, writer = APART.Pipe(duplex=False)
    process = APART.Process(target=with_errors_in, args=(writer, function, *arguments))
    process.start()
    writer.close()
    with open(reader.fileno(), closefd=False) as errors:
        output = errors.read()
    process.join()
    return process.exitcode, output


def with_errors_in(pipe: Connection, function: Callable[..., object], *arguments: object) -> None:
    os.dup2(pipe.fileno(), 2)
    pipe.close()
    function(*arguments)


def killed_while_saving(folder: Path, saving: int, moment: str) -> None:
    """Kill the process just before or after the n-th file is moved into place."""
    replace, left = os.replace, saving

    def dying(*paths):
        nonlocal left
        left -= 1
        if left == 0 and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        replace(*paths)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = dying
    run(folder)


def killed_in_a_step(folder: Path) -> None:
    run(folder, stop_at=5, number=signal.SIGKILL)


@pytest.mark.parametrize(("saving", "moment"), [(2, "before"), (3, "before"), (4, "after"), (5, "after")])
def test_kill_at_any_moment_of_saving_does_not_change_the_result(tmp_path, saving, moment):
    assert apart(killed_while_saving, tmp_path / "killed", saving, moment)[0] == -signal.SIGKILL
    assert torch.equal(weights(run(tmp_path / "killed")), weights(run(tmp_path / "uninterrupted")))
    assert [row["step"] for row in read_metrics(tmp_path / "killed")] == [3, 6, 9]


def test_kill_in_the_middle_of_a_step_does_not_change_the_result(tmp_path):
    assert apart(killed_in_a_step, tmp_path / "killed")[0] == -signal.SIGKILL
    assert torch.equal(weights(run(tmp_path / "killed")), weights(run(tmp_path / "uninterrupted")))


def without_room(folder: Path, room: int) -> None:
    """Limit the size of files to this many bytes, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    run(folder)


@pytest.mark.parametrize(("room", "file"), [(40, "state.safetensors"), (600, "")])
def test_full_disk_is_reported_and_training_resumes_once_there_is_room(tmp_path, room, file):
    ended, output = apart(without_room, tmp_path / "full", room)
    assert ended == 1 and "\nOSError: " in output and file in output
    assert not list((tmp_path / "full").glob("*.partial"))
    assert torch.equal(weights(run(tmp_path / "full")), weights(run(tmp_path / "uninterrupted")))


def test_damaged_state_is_reported(tmp_path):
    with pytest.raises(Interrupted):
        run(tmp_path, stop_at=3)
    (tmp_path / STATE).write_bytes((tmp_path / STATE).read_bytes()[:-9])
    with pytest.raises(ValueError, match="state.safetensors is damaged"):
        run(tmp_path)


def test_non_finite_gradients_are_skipped_and_end_training_with_an_error(tmp_path):
    with pytest.raises(ValueError, match="no finite gradient in 20 steps.*--learning-rate"):
        run(tmp_path, LoopConfig(**{**CONFIG.__dict__, "steps": 40}), broken_from=4)
    assert all(tensor.isfinite().all() for tensor in load_file(tmp_path / STATE).values())


def test_covariance_without_a_cholesky_factor_is_skipped(tmp_path):
    assert weights(run(tmp_path / "some", indefinite={0, 4, 5})).isfinite().all()
    assert [row["step"] for row in read_metrics(tmp_path / "some")] == [3, 6, 9]
    with pytest.raises(ValueError, match="no finite gradient in 20 steps up to step 23; lower --learning-rate"):
        run(tmp_path / "all", replace(CONFIG, steps=40), indefinite=range(4, 40))
    assert all(tensor.isfinite().all() for tensor in load_file(tmp_path / "all" / STATE).values())


def test_validation_without_a_cholesky_factor_is_not_the_best(tmp_path):
    def validate(network):
        return {"validation": torch.linalg.cholesky(-torch.eye(2)).sum().item()}

    network = nn.Linear(3, 1)
    arguments = network, len(DATA), lambda rows, _: (DATA[rows],), lambda network, _, x: network(x).square().mean()
    with pytest.raises(ValueError, match="the validation figure was never finite; lower --learning-rate"):
        fit(*arguments, validate, CONFIG, tmp_path, "")


def test_validation_that_is_never_finite_is_reported(tmp_path):
    with pytest.raises(ValueError, match="the validation figure was never finite"):
        run(tmp_path, figure=math.nan)


def test_metrics_are_lines_of_json(tmp_path):
    run(tmp_path)
    row = json.loads((tmp_path / METRICS).read_text().splitlines()[0])
    assert {"step", "seconds", "loss", "validation"} <= set(row)


@pytest.mark.parametrize("first", [0, 3])
def test_batches_drawn_ahead_are_the_same(first):
    def draw(rows: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, ...]:
        return rows, torch.rand(2, generator=generator)

    config = LoopConfig(steps=9, batch_size=4)
    found = []
    for ahead in (0, 4):
        with _Batches(draw, rows=20, config=config, first=first, ahead=ahead) as batches:
            found.append([next(batches) for _ in range(first, config.steps)])
    for one, other in zip(*found):
        assert all(torch.equal(a, b) for a, b in zip(one, other))


def test_an_error_in_a_batch_drawn_ahead_is_raised():
    def draw(rows: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, ...]:
        raise ValueError("no such image")

    with (
        _Batches(draw, rows=20, config=LoopConfig(steps=9, batch_size=4), first=0, ahead=2) as batches,
        pytest.raises(ValueError, match="no such image"),
    ):
        next(batches)
