"""Checkpoints are uploaded to the Hub and downloaded, with the real client and a stand-in for the server."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from unittest import mock

import pytest
import torch

from dmfa_demo import load_imputer
from dmfa_demo.data.datasets import load_samples, to_float
from dmfa_demo.networks import engine
from dmfa_demo.storage.checkpoints import CONFIG, ROOT, SETTING, WEIGHTS, weights_of
from tests.command import train
from tests.conftest import PATIENCE, REPOSITORY
from tests.library.hub_stand_in import TOKEN, Hub, serving


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with serving() as hub:
        yield hub


@pytest.fixture(scope="module")
def apart(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """Yield a caller of functions in a separate process, since the client reads its settings at import."""
    home = str(tmp_path_factory.mktemp("home"))
    settings = {"HF_ENDPOINT": hub.address, "HF_HOME": home, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1"}
    with (
        mock.patch.dict(os.environ, settings),
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process,
    ):
        yield lambda function, *arguments: process.submit(function, *arguments).result()


def publish(token: str, *options: str) -> CompletedProcess[str]:
    with mock.patch.dict(os.environ, {"HF_TOKEN": token}):
        return train("publish", *options)


def publish_from(root: str, *options: str) -> CompletedProcess[str]:
    with mock.patch.dict(os.environ, {SETTING: root}):
        return publish(TOKEN, *options)


def is_like_ours(name: str, repository: str, revision: str) -> bool:
    """Return whether the checkpoint in a repository gives exactly our answers, both in PyTorch."""
    images, missing = to_float(load_samples("mnist").images[:4]), torch.zeros(4, 1, 28, 28, dtype=torch.bool)
    missing[:, :, 7:21, 7:21] = True
    places = (("mnist",), (repository, revision))
    with engine.using("torch"):
        here, there = (load_imputer(name, *where).impute(images, missing, seed=0).mean for where in places)
    return torch.equal(here, there)


def refusal(*where: str) -> str:
    """Return the name of the error when loading from somewhere."""
    try:
        load_imputer("mean", *where)
    except Exception as error:
        return type(error).__name__
    return "none"


@pytest.mark.parametrize("method", ["dmfa", "mean", "dynamics"])
def test_published_checkpoint_is_loaded_exactly(hub: Hub, apart: Callable[..., Any], method: str):
    published = apart(publish, TOKEN, "--method", method, "--repo-id", f"somebody/{method}")
    assert published.returncode == 0, published.stderr
    revision, files = hub.commits[f"somebody/{method}"][-1]
    assert published.stdout.strip().endswith(f'load_imputer("{method}", "somebody/{method}", revision="{revision}")')
    assert {CONFIG, WEIGHTS, "README.md"} <= set(files) and "weights" not in json.loads(files[CONFIG])
    assert files[WEIGHTS] == weights_of(ROOT / "mnist" / method).read_bytes()
    assert apart(is_like_ours, method, f"somebody/{method}", revision)


def test_scores_of_images_stay_here(hub: Hub, apart: Callable[..., Any], tmp_path: Path):
    folder = tmp_path / "mnist" / "mean"
    shutil.copytree(ROOT / "mnist" / "mean", folder)
    (folder / "scores").mkdir(exist_ok=True)
    (folder / "scores" / "square14.npz").touch()
    published = apart(publish_from, str(tmp_path), "--method", "mean", "--repo-id", "somebody/measured")
    assert published.returncode == 0, published.stderr
    assert not [name for name in hub.commits["somebody/measured"][-1][1] if "scores" in name]


def test_pinned_revision_does_not_change(hub: Hub, apart: Callable[..., Any]):
    first, second = (
        apart(publish, TOKEN, "--method", "mean", "--dataset", name, "--repo-id", "somebody/moving")
        for name in ("mnist", "fashion-mnist")
    )
    assert first.returncode == second.returncode == 0, second.stderr
    old = next(oid for oid, files in hub.commits["somebody/moving"] if files)
    assert apart(is_like_ours, "mean", "somebody/moving", old)
    assert not apart(is_like_ours, "mean", "somebody/moving", "main")


def test_folder_of_checkpoints_is_downloaded_and_used_by_the_setting(hub: Hub, tmp_path: Path):
    settings = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path), "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1"}

    def run(*command: str, **more: str) -> CompletedProcess[str]:
        environment = {**os.environ, **settings, **more}
        return subprocess.run(
            command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=PATIENCE
        )

    paths = [path for name in ("dynamics", "autoencoder") for path in (ROOT / "mnist" / name).glob("*.*")]
    revision = "c" * 40
    hub.commits["somebody/all"] = [(revision, {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in paths})]
    hf = str(Path(sys.executable).with_name("hf"))
    found = run(hf, "download", "somebody/all", "--revision", revision, "--quiet").stdout.strip()
    code = "from dmfa_demo import available_methods, load_imputer as load; load('dynamics', 'mnist'); print(available_methods('mnist'))"
    loaded = run(sys.executable, "-c", code, **{SETTING: found})
    assert loaded.stdout.strip() == "['dynamics', 'zero']", loaded.stderr


@pytest.mark.parametrize(
    ("options", "token", "message"),
    [
        (("--repo-id", "nobody"), TOKEN, "--repo-id must be USER/NAME"),
        ((), TOKEN, "--repo-id must be USER/NAME"),
        (("--repo-id", "somebody/x", "--method", "gan"), TOKEN, "unknown method 'gan'"),
        (("--repo-id", "somebody/x", "--method", "mice"), TOKEN, "there is no checkpoint in"),
        (("--repo-id", "somebody/x", "--method", "dynamics-knn"), TOKEN, "cannot be published alone"),
        (("--repo-id", "somebody/x"), "wrong", "the Hub refused"),
    ],
)
def test_publishing_errors_are_one_line(apart: Callable[..., Any], options, token, message):
    published = apart(publish, token, *options)
    assert published.returncode != 0 and message in published.stderr and "Traceback" not in published.stderr


@pytest.mark.parametrize("where", [("nobody/nothing",), ("somebody/mean", "f" * 40), ("../..",)])
def test_unknown_repository_or_revision_is_refused(apart: Callable[..., Any], where):
    refused = apart(refusal, *where)
    assert "NotFound" in refused or "Validation" in refused


@pytest.mark.parametrize("name", ["../../secret", "..", "", "/etc", 5])
def test_config_that_names_weights_elsewhere_is_refused(tmp_path: Path, name):
    (tmp_path / CONFIG).write_text(json.dumps({"network": {}, "weights": name}))
    with pytest.raises(ValueError, match="not the name of a folder beside it"):
        weights_of(tmp_path)
