"""Checkpoints go to the Hub and come back, through its real client and a stand-in for its server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dmfa_demo.storage.checkpoints import CONFIG, ROOT, SETTING, WEIGHTS, weights_of
from tests.conftest import REPOSITORY
from tests.library.hub_stand_in import TOKEN, Hub, serving

Run = Callable[..., subprocess.CompletedProcess]


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with serving() as hub:
        yield hub


@pytest.fixture
def run(hub: Hub, tmp_path: Path) -> Run:
    """Runs Python in a process of its own, since the client reads its settings as it is imported."""

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess:
        settings = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path), "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1"}
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=REPOSITORY,
            env={**os.environ, **settings, **more},
            capture_output=True,
            text=True,
            timeout=180,
        )

    return run


COMPARE = """
import sys, torch
from dmfa_demo import load_imputer
from dmfa_demo.data.datasets import load_samples, to_float
name, repository, revision = sys.argv[1:]
images, missing = to_float(load_samples("mnist").images[:4]), torch.zeros(4, 1, 28, 28, dtype=torch.bool)
missing[:, :, 7:21, 7:21] = True
here, there = (load_imputer(name, *where).impute(images, missing, seed=0).mean for where in (("mnist",), (repository, revision)))
print(torch.equal(here, there))
"""


@pytest.mark.parametrize("method", ["dmfa", "mean", "dynamics"])
def test_what_is_published_is_loaded_bit_for_bit(hub: Hub, run: Run, method: str):
    published = run("-m", "train", "publish", "--method", method, "--repo-id", f"somebody/{method}")
    assert published.returncode == 0, published.stderr
    revision, files = hub.commits[f"somebody/{method}"][-1]
    assert published.stdout.strip().endswith(f'load_imputer("{method}", "somebody/{method}", revision="{revision}")')
    assert {CONFIG, WEIGHTS, "README.md"} <= set(files) and "weights" not in json.loads(files[CONFIG])
    assert files[WEIGHTS] == weights_of(ROOT / "mnist" / method).read_bytes()
    compared = run("-c", COMPARE, method, f"somebody/{method}", revision)
    assert compared.stdout.strip() == "True", compared.stderr


def test_a_pinned_revision_stays_what_it_was(hub: Hub, run: Run):
    first, second = (
        run("-m", "train", "publish", "--method", "mean", "--dataset", name, "--repo-id", "somebody/moving")
        for name in ("mnist", "fashion-mnist")
    )
    assert first.returncode == second.returncode == 0, second.stderr
    old = next(oid for oid, files in hub.commits["somebody/moving"] if files)
    assert run("-c", COMPARE, "mean", "somebody/moving", old).stdout.strip() == "True"
    assert run("-c", COMPARE, "mean", "somebody/moving", "main").stdout.strip() == "False"


def test_a_whole_folder_of_checkpoints_is_downloaded_and_named_by_the_setting(hub: Hub, run: Run):
    paths = [path for name in ("dynamics", "autoencoder") for path in (ROOT / "mnist" / name).glob("*.*")]
    revision = "c" * 40
    hub.commits["somebody/all"] = [(revision, {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in paths})]
    hf = str(Path(sys.executable).with_name("hf"))
    found = run(hf, "download", "somebody/all", "--revision", revision, "--quiet").stdout.strip()
    code = "from dmfa_demo import available_methods, load_imputer as load; load('dynamics', 'mnist'); print(available_methods('mnist'))"
    loaded = run("-c", code, **{SETTING: found})
    assert loaded.stdout.strip() == "['dynamics']", loaded.stderr


@pytest.mark.parametrize(
    ("arguments", "more", "message"),
    [
        (("--repo-id", "nobody"), {}, "--repo-id is USER/NAME"),
        ((), {}, "--repo-id is USER/NAME"),
        (("--repo-id", "somebody/x", "--method", "gan"), {}, "unknown method 'gan'"),
        (("--repo-id", "somebody/x", "--method", "mice"), {}, "there is no checkpoint in"),
        (("--repo-id", "somebody/x", "--method", "dynamics-knn"), {}, "cannot be published alone"),
        (("--repo-id", "somebody/x"), {"HF_TOKEN": "wrong"}, "the Hub refused"),
    ],
)
def test_what_cannot_be_published_is_told_in_one_line(run: Run, arguments, more, message):
    told = run("-m", "train", "publish", *arguments, **more)
    assert told.returncode != 0 and message in told.stderr and "Traceback" not in told.stderr


@pytest.mark.parametrize("where", [("nobody/nothing",), ("somebody/mean", "f" * 40), ("../..",)])
def test_a_repository_or_revision_that_there_is_not_is_refused(run: Run, where):
    code = f"from dmfa_demo import load_imputer; load_imputer('mean', *{where!r})"
    refused = run("-c", code)
    assert refused.returncode == 1 and ("NotFound" in refused.stderr or "Validation" in refused.stderr)


@pytest.mark.parametrize("name", ["../../secret", "..", "", "/etc", 5])
def test_a_config_that_names_weights_elsewhere_is_refused(tmp_path: Path, name):
    (tmp_path / CONFIG).write_text(json.dumps({"network": {}, "weights": name}))
    with pytest.raises(ValueError, match="lies in the folder or in one beside it"):
        weights_of(tmp_path)
