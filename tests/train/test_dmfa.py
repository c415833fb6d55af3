"""`python -m train dmfa` as a user runs it, on a stand-in for MNIST."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from dmfa_demo.models.dmfa import DMFA, DMFAConfig, DMFAImputer
from tests.command import train
from tests.conftest import PATIENCE, REPOSITORY
from train.engine.loop import STATE
from train.methods.dmfa import DMFATraining, score

SMALL = (
    "--widths 8 16 --blocks 1 --components 2 --batch-size 32 --validate-every 4 --save-every 2 --precision no".split()
)


def command(root: Path, folder: Path, *options: str) -> list[str]:
    return ["dmfa", "--dataset", "mnist", "--data-root", str(root), *SMALL, "--run-folder", str(folder / "run"), "--output", str(folder / "out"), *options]  # fmt: skip


def start(*words: str, **options: Any) -> subprocess.Popen[str]:
    """Start Python with these arguments in a separate process."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, *words], cwd=REPOSITORY, env=environment, text=True, **options)


def shipped(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "out" / "model.safetensors")


def same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.fixture(scope="module")
def uninterrupted(small_mnist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run 8 steps without interruption."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    done = train(*command(small_mnist, folder, "--steps", "8"))
    assert done.returncode == 0, done.stderr
    return folder


def test_command_writes_a_complete_checkpoint(uninterrupted: Path):
    config = json.loads((uninterrupted / "out" / "config.json").read_text())
    assert config["about"]["command"].startswith("python -m train dmfa --dataset mnist --widths 8 16")
    assert str(uninterrupted) not in json.dumps(config)
    assert config["about"]["training_images"] == 256 and config["network"]["components"] == 2
    card = (uninterrupted / "out" / "README.md").read_text()
    assert config["about"]["command"] in card and "## Limits" in card
    images, missing = torch.rand(2, 1, 28, 28), torch.rand(2, 1, 28, 28) < 0.5
    assert DMFAImputer.load(uninterrupted / "out").impute(images, missing, seed=0).mean.isfinite().all()
    rows = [json.loads(line) for line in (uninterrupted / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [4, 8]


# Dies after the first step after a save, so that the step is lost and repeated.
DYING = """
import os, runpy, signal
from train.engine import loop

learning_rate = loop._learning_rate

def dying(step, config):
    if step == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return learning_rate(step, config)

loop._learning_rate = dying
runpy.run_module("tests.command", run_name="__main__")
"""


def test_resuming_after_kill_9_gives_the_same_weights(uninterrupted: Path, small_mnist: Path, tmp_path: Path):
    words = command(small_mnist, tmp_path, "--steps", "8")
    killed = start("-c", DYING, *words, stderr=subprocess.DEVNULL)
    assert killed.wait() == -signal.SIGKILL
    with safe_open(tmp_path / "run" / STATE, "pt") as file:
        assert int(file.metadata()["step"]) == 4
    again = start("-m", "tests.command", *words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = again.communicate()
    assert again.returncode == 0, output
    assert same(shipped(tmp_path), shipped(uninterrupted))


def test_two_processes_give_the_weights_of_one(uninterrupted: Path, small_mnist: Path, tmp_path: Path):
    launcher = ("-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no")  # fmt: skip
    words = command(small_mnist, tmp_path, "--steps", "8")
    process = start(*launcher, "-m", "tests.command", *words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    ours, theirs = shipped(tmp_path), shipped(uninterrupted)
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], atol=2e-4, rtol=1e-2)


@pytest.mark.parametrize(
    "options", [("--components", "1", "--head", "dense"), ("--incomplete", "square14", "--precision", "bf16")]
)
def test_papers_variants_train(small_mnist: Path, tmp_path: Path, options: tuple[str, ...]):
    done = train(*command(small_mnist, tmp_path, "--steps", "2", *options))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--masks", "dust"), "unknown mask family 'dust'"),
        (("--batch-size", "1000"), "more than the 256 training images"),
    ],
)
def test_user_errors_are_reported_in_one_line(
    small_mnist: Path, tmp_path: Path, options: tuple[str, ...], message: str
):
    done = train(*command(small_mnist, tmp_path, *options))
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr


def test_run_with_other_masks_is_not_resumed(uninterrupted: Path, small_mnist: Path):
    done = train(*command(small_mnist, uninterrupted, "--steps", "8", "--masks", "half"))
    assert done.returncode == 1 and "other settings" in done.stderr


def test_shipped_checkpoint_is_not_overwritten_by_other_settings(small_mnist: Path, tmp_path: Path):
    done = train("dmfa", "--data-root", str(small_mnist), "--run-folder", str(tmp_path), "--components", "1")
    assert done.returncode == 1 and "name another folder with --output" in done.stderr


def test_default_command_is_that_of_the_shipped_checkpoint():
    DMFATraining().check_output()


def test_new_weights_delete_the_old_figures(uninterrupted: Path, small_mnist: Path, tmp_path: Path):
    shutil.copytree(uninterrupted / "out", tmp_path / "out")
    (tmp_path / "out" / "metrics.json").write_text("[]")
    assert train(*command(small_mnist, tmp_path, "--steps", "8", "--seed", "1")).returncode == 0
    assert not same(shipped(tmp_path), shipped(uninterrupted))
    assert not (tmp_path / "out" / "metrics.json").exists()


def test_training_again_with_the_same_result_keeps_the_figures(uninterrupted: Path, small_mnist: Path):
    (uninterrupted / "out" / "metrics.json").write_text("[]")
    assert train(*command(small_mnist, uninterrupted, "--steps", "8")).returncode == 0
    assert (uninterrupted / "out" / "metrics.json").exists()


def test_absent_pixels_reach_neither_network_nor_loss():
    """In training on incomplete images, absent pixels are missing but not scored."""
    network = DMFA(DMFAConfig(widths=(8, 16), blocks=1)).eval()
    images = torch.rand(2, 1, 28, 28)
    absent, hidden = torch.zeros(2, 1, 28, 28, dtype=torch.bool), torch.zeros(2, 1, 28, 28, dtype=torch.bool)
    absent[..., :10], hidden[..., 5:15] = True, True
    changed = torch.where(absent, torch.rand_like(images), images)
    ours = score(network, images, hidden | absent, hidden & ~absent)
    theirs = score(network, changed, hidden | absent, hidden & ~absent)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs))


def test_loss_is_the_exact_likelihood_and_the_squared_error_of_the_mean():
    network = DMFA(DMFAConfig(widths=(8, 16), blocks=1)).eval()
    images, missing = torch.rand(3, 1, 28, 28), torch.rand(3, 1, 28, 28) < 0.3
    density = network(images, missing)
    nll, sse = score(network, images, missing, missing)
    parts = torch.stack([density.component(k).log_prob(images.flatten(1), missing.flatten(1)) for k in range(3)], -1)
    twin = -(density.weights.log() + parts).logsumexp(-1)
    torch.testing.assert_close(nll, twin, rtol=1e-4, atol=1e-3)
    error = (density.mean.view_as(images) - images)[missing]
    torch.testing.assert_close(sse.sum(), error.square().sum())


def test_ctrl_c_saves_and_says_how_to_resume(small_mnist: Path, tmp_path: Path):
    words = command(small_mnist, tmp_path, "--steps", "5000")
    process = start("-m", "tests.command", *words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    while process.poll() is None and not (tmp_path / "run" / STATE).is_file():
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130 and "the same command resumes" in out
    shutil.rmtree(tmp_path)
