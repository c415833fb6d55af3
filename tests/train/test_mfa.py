"""`python -m train mfa` and the baselines as a user runs them, on a stand-in for MNIST."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from dmfa_demo.models.mfa import MFAImputer
from tests.command import train
from tests.conftest import REPOSITORY
from train.engine.loop import Interrupted, read_metrics
from train.methods import mfa
from train.methods.mfa import MFATraining

SMALL = "--components 3 --factors 2 --iterations 4".split()


def command(root: Path, folder: Path, *options: str) -> list[str]:
    return ["mfa", "--data-root", str(root), *SMALL, "--run-folder", str(folder / "run"), "--output", str(folder / "out"), *options]  # fmt: skip


@pytest.fixture(scope="module")
def uninterrupted(small_mnist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fit without interruption."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    done = train(*command(small_mnist, folder))
    assert done.returncode == 0, done.stderr
    return folder


def test_command_writes_a_complete_checkpoint_and_the_likelihoods(uninterrupted: Path):
    config = json.loads((uninterrupted / "out" / "config.json").read_text())
    assert config["network"]["components"] == 3 and config["about"]["training_images"] == 256
    card = (uninterrupted / "out" / "README.md").read_text()
    assert config["about"]["command"] in card and "Not measured yet" in card and "no density" not in card
    rows = read_metrics(uninterrupted / "run")
    path = [row["log_likelihood"] for row in rows]
    assert [row["step"] for row in rows] == [1, 2, 3, 4] and path == sorted(path)
    assert {"square_nll", "square_nll_median", "square_sse"} <= set(rows[-1])
    images, missing = torch.rand(2, 1, 28, 28), torch.rand(2, 1, 28, 28) < 0.5
    assert MFAImputer.load(uninterrupted / "out").impute(images, missing).mean.isfinite().all()
    with Image.open(uninterrupted / "out" / "drawn.png") as drawn:
        assert drawn.size == (280, 112) and len(drawn.getcolors(256)) > 20
    assert "![Random images from the model](drawn.png)" in card


def test_interrupted_fit_resumes_to_the_same_weights(
    uninterrupted: Path, small_mnist: Path, tmp_path: Path, monkeypatch
):
    folders = dict(data_root=small_mnist, run_folder=tmp_path / "run", output=tmp_path / "out")
    config = MFATraining(**folders, network=mfa.MFAConfig(components=3, factors=2), iterations=4)
    steps, expectation = [], mfa.expectation

    def stop_in_the_third(*arguments):
        steps.append(1)
        if len(steps) == 3:
            raise KeyboardInterrupt
        return expectation(*arguments)

    monkeypatch.setattr(mfa, "expectation", stop_in_the_third)
    with pytest.raises(Interrupted, match="the same command resumes"):
        mfa.train(config)
    monkeypatch.setattr(mfa, "expectation", expectation)
    mfa.train(config)
    ours, theirs = (load_file(folder / "out" / "model.safetensors") for folder in (tmp_path, uninterrupted))
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], atol=1e-5, rtol=1e-4)
    assert [row["step"] for row in read_metrics(tmp_path / "run")] == [1, 2, 3, 4]


# Ctrl-C in the third iteration, not in a destructor, where it would be lost.
INTERRUPTED = """
import os, runpy, signal
from train.methods import mfa

expectation, left = mfa.expectation, 3

def interrupted(*arguments):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGINT)
    return expectation(*arguments)

mfa.expectation = interrupted
runpy.run_module("tests.command", run_name="__main__")
"""


def test_ctrl_c_is_reported_in_one_line(small_mnist: Path, tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, *command(small_mnist, tmp_path)],
        cwd=REPOSITORY, capture_output=True, text=True,
        # In background jobs SIGINT is ignored, and children would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert done.returncode == 130, done.stderr
    assert "stopped after iteration 2 of 4; the same command resumes" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("options", [("--noise", "isotropic"), ("--incomplete", "square14"), ("--factors", "0")])
def test_variants_fit(small_mnist: Path, tmp_path: Path, options: tuple[str, ...]):
    done = train(*command(small_mnist, tmp_path, *options))
    assert done.returncode == 0, done.stderr
    images, missing = torch.rand(2, 1, 28, 28), torch.rand(2, 1, 28, 28) < 0.5
    assert MFAImputer.load(tmp_path / "out").impute(images, missing, seed=0).sample(2).isfinite().all()


def test_run_with_other_settings_is_not_resumed(uninterrupted: Path, small_mnist: Path):
    done = train(*command(small_mnist, uninterrupted, "--factors", "1"))
    assert done.returncode == 1 and "other settings" in done.stderr and "Traceback" not in done.stderr


def test_default_command_is_that_of_the_shipped_checkpoint():
    MFATraining().check_output()
