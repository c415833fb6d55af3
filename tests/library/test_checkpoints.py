"""Checkpoints: round trip, no pickle, clear errors; the shipped ones are complete."""

import dataclasses
import errno
import json
import math
import os
import resource
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import torch

from dmfa_demo import registry
from dmfa_demo.imputation import ImageShape, Imputer
from dmfa_demo.models.dmfa import DMFA, DMFAConfig
from dmfa_demo.models.latent_map import MAP
from dmfa_demo.networks.engine import SUFFIX
from dmfa_demo.registry import available_methods, load_imputer, method_class
from dmfa_demo.storage import checkpoints
from dmfa_demo.storage.checkpoints import (
    CONFIG,
    LARGE,
    RESULTS,
    ROOT,
    WEIGHTS,
    Unavailable,
    digest,
    load_checkpoint,
    load_network,
    load_once,
    quarantine_on_failure,
    save_checkpoint,
    weights_of,
)
from dmfa_demo.storage.files import read_tensors
from train.engine.model_card import DRAWN, is_part
from train.methods.classifier import SHIPPED
from train.report.evaluate import FEWER
from train.report.papers import published
from train.report.rows import training_images

SMALL = DMFAConfig(widths=(8, 16), blocks=1)


def saved(folder):
    network = DMFA(SMALL)
    save_checkpoint(folder, network.state_dict(), {"network": dataclasses.asdict(SMALL)})
    return network


def test_network_round_trip_is_exact(tmp_path):
    network, again = saved(tmp_path), load_network(tmp_path, DMFA, DMFAConfig)
    assert again.config == SMALL and not again.training
    images, missing = torch.rand(1, 1, 28, 28), torch.rand(1, 1, 28, 28) < 0.5
    assert torch.equal(network.eval()(images, missing).mean, again(images, missing).mean)


def test_large_checkpoint_takes_two_bytes_per_number(tmp_path):
    tensors = {"a": torch.rand(3, LARGE // 3 + 1), "count": torch.tensor(70_000)}
    save_checkpoint(tmp_path, tensors, {"network": dataclasses.asdict(ImageShape(1, 28, 28))})
    _, again = load_checkpoint(tmp_path, ImageShape)
    assert (tmp_path / WEIGHTS).stat().st_size < 2.01 * LARGE and again["count"] == 70_000
    assert again["a"].dtype == torch.float32 and torch.allclose(again["a"], tensors["a"], atol=5e-4)


def test_missing_checkpoint_error_says_how_to_train_one(tmp_path):
    with pytest.raises(FileNotFoundError, match="python -m train"):
        load_network(tmp_path, DMFA, DMFAConfig)


def test_config_of_another_version_is_refused(tmp_path):
    saved(tmp_path)
    config = json.loads((tmp_path / CONFIG).read_text())
    config["network"]["gears"] = 5
    (tmp_path / CONFIG).write_text(json.dumps(config))
    with pytest.raises(ValueError, match="does not support: gears"):
        load_network(tmp_path, DMFA, DMFAConfig)


def test_pickle_in_place_of_weights_is_not_run(tmp_path):
    saved(tmp_path)
    torch.save({"weights": torch.zeros(1)}, tmp_path / WEIGHTS)
    with pytest.raises(ValueError, match="model.safetensors is damaged"):
        load_network(tmp_path, DMFA, DMFAConfig)


def cut(folder):
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[: len(whole) // 2])


def broken_config(folder):
    (folder / CONFIG).write_text('{"network": {')


def config_of_nothing(folder):
    (folder / CONFIG).write_text("[]")


def of_another_shape(folder):
    save_checkpoint(folder, DMFA(SMALL).state_dict(), {"network": dataclasses.asdict(DMFAConfig(widths=(16, 32)))})


def of_another_kind(folder):
    (folder / CONFIG).write_text(json.dumps({"network": {"widths": "many"}}))


def without_weights(folder):
    (folder / WEIGHTS).unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (cut, "model.safetensors is damaged"),
        (broken_config, "config.json is damaged"),
        (config_of_nothing, "is not a checkpoint's config"),
        (of_another_shape, "do not fit its config.json"),
        (of_another_kind, "does not fit its method"),
        (without_weights, "no checkpoint in"),
    ],
)
def test_damaged_checkpoint_is_reported_once_and_then_left_out(tmp_path, monkeypatch, spoil, message):
    for module in (checkpoints, registry):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(checkpoints, "_DAMAGED", set())
    saved(tmp_path / "mnist" / "dmfa")
    save_checkpoint(
        tmp_path / "mnist" / "mean", {"nothing": torch.zeros(1)}, {"network": dataclasses.asdict(ImageShape(1, 28, 28))}
    )
    spoil(tmp_path / "mnist" / "dmfa")
    assert available_methods("mnist") == ["dmfa", "mean", "zero"]
    load_imputer.cache_clear()
    with pytest.raises(ValueError, match=message):
        load_imputer("dmfa", "mnist")
    assert available_methods("mnist") == ["mean", "zero"]
    load_imputer.cache_clear()


def test_concurrent_loads_return_the_same_imputer(tmp_path):
    loads = []

    class Slow(Imputer):
        @classmethod
        def load(cls, folder):
            loads.append(folder)
            time.sleep(0.2)
            return load_once(Fast, folder)  # it needs another checkpoint

    class Fast(Imputer):
        @classmethod
        def load(cls, folder):
            loads.append(folder)
            return object()

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(load_once, [Slow, Fast, Slow, Fast], [tmp_path] * 4))
    assert len(loads) == 2 and all(one is found[0] for one in found)


@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in ROOT.glob(f"*/*/{CONFIG}")), ids=lambda folder: "/".join(folder.parts[-2:])
)
def test_shipped_checkpoints_are_complete_and_small(folder):
    config, names = (
        json.loads((folder / CONFIG).read_text()),
        {path.name for path in folder.iterdir() if path.is_file()},
    )
    # Some share another checkpoint's weights, some are only parts of methods, some have a map of their latents.
    needed = {CONFIG, "README.md"} | (set() if "weights" in config else {WEIGHTS})
    measured = not is_part(config["training"])
    assert (
        needed | ({"metrics.json"} if measured else set())
        <= {name for name in names if not name.endswith(SUFFIX)}
        <= needed | {"metrics.json", MAP, DRAWN}
    )
    assert weights_of(folder).stat().st_size < 20_000_000
    about = config["about"]
    assert about["command"].startswith("python -m train")
    # The data set now has more faces than most models of faces were trained on.
    sizes = {"mnist": (55_000,), "fashion-mnist": (55_000,), "omniglot": (4_220,), "celeba32": (47_146,)}
    whole = sizes.get(folder.parent.name, (8_003, 8_217, 25_128))
    assert about["training_images"] in whole or config["training"]["labels"]
    if not measured:
        return
    rows = json.loads((folder / "metrics.json").read_text())
    assert {row["method"] for row in rows} == {folder.name}
    # Figures for a paper's table are measured on as many images as in the paper, or fewer where it takes hours.
    sizes = {(row["protocol"].endswith("-official"), row["n"]) for row in rows if not row.get("title")}
    few = {(False, count) for count in (FEWER.get(folder.name),) if count}
    complete = {55_000: {(False, 10_000)}, 4_220: {(False, 13_180)}}.get(whole[0], {(False, 988), (True, 1_617)})
    assert sizes <= complete | few
    card = (folder / "README.md").read_text()
    assert about["command"] in card and all(f"| {row['protocol']} | {row['metric']} " in card for row in rows)


def test_all_checkpoints_together_are_small_enough_to_clone():
    # Scores of single images are not in the repository.
    kept = (path for path in ROOT.rglob("*") if path.is_file() and path.parent.name != "scores")
    assert sum(path.stat().st_size for path in kept) < 200_000_000


# Measured, but without weights in the repository.
NOT_KEPT = {
    ("mnist", "vaeac-line3"),
    ("mnist", "gsnn-line3"),
    ("celeba32", "dmfa-plain"),
    *(("cifar10", name) for name in ("dmfa", "mfa", "vaeac", "context-encoder")),
}


@pytest.mark.parametrize("path", sorted(ROOT.glob(f"*/{RESULTS}")), ids=lambda path: path.parent.name)
def test_results_belong_to_the_weights_beside_them(path):
    results = json.loads(path.read_text())
    folders = [folder for folder in path.parent.iterdir() if (folder / "metrics.json").is_file()]
    rows = []
    for folder in folders:
        rows += [
            {**row, "training_images": training_images(folder)}
            for row in json.loads((folder / "metrics.json").read_text())
        ]
    key = lambda row: (row["method"], row["protocol"], row["metric"])
    assert sorted(results["rows"], key=key) == sorted(rows, key=key)
    for row in rows:
        folder = path.parent / row["method"]
        if not (folder / CONFIG).is_file():  # starts from k-NN with the network of the method that starts from noise
            folder = path.parent / row["method"].removesuffix("-knn")
        # Only the classifiers on the page have their weights in the repository.
        other_holes = row["protocol"].startswith("classify-") and not row["protocol"].startswith(f"classify-{SHIPPED}")
        if other_holes:
            assert len(row["weights"]) == 12
        elif not (folder / CONFIG).is_file():  # measured, but not kept, or without weights
            assert len(row["weights"]) == (12 if row["title"] or (path.parent.name, row["method"]) in NOT_KEPT else 0)
        else:
            assert row["weights"] == digest(folder), f"measure {row['method']} anew"
    assert results["published"] == published(path.parent.name)


@pytest.fixture
def one_checkpoint(tmp_path, monkeypatch):
    """Return a usable checkpoint of DMFA, the only one in its folder."""
    for module in (checkpoints, registry):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(checkpoints, "_DAMAGED", set())
    load_imputer.cache_clear()
    saved(tmp_path / "mnist" / "dmfa")
    yield tmp_path / "mnist" / "dmfa"
    load_imputer.cache_clear()


@contextmanager
def open_files(left: int) -> Iterator[None]:
    """Limit the number of further files that this process can open."""
    before, held = resource.getrlimit(resource.RLIMIT_NOFILE), []
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        with suppress(OSError):
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        for file in held[len(held) - left :]:
            os.close(file)
        del held[len(held) - left :]
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for file in held:
            os.close(file)


def is_retried() -> bool:
    with pytest.raises(Unavailable, match="could not be loaded just now .*; try again"):
        load_imputer("dmfa", "mnist")
    return "dmfa" in available_methods("mnist")


def test_too_many_open_files_do_not_make_a_checkpoint_unusable(one_checkpoint):
    method_class("dmfa")
    with open_files(0):
        assert is_retried()
    assert load_imputer("dmfa", "mnist").network.config == SMALL


def test_weights_that_cannot_be_opened_are_not_reported_missing(one_checkpoint):
    with open_files(0), pytest.raises(OSError, match="Too many open files"):
        read_tensors(one_checkpoint / WEIGHTS)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EIO, "Input/output error"),
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        # torch's message.
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"),
        ImportError("no module named x"),
    ],
    ids=repr,
)
def test_temporary_failures_do_not_make_a_checkpoint_unusable(one_checkpoint, monkeypatch, error):
    with monkeypatch.context() as lacking:

        def read_bytes(_path):
            raise error

        lacking.setattr(Path, "read_bytes", read_bytes)
        assert is_retried()
    assert load_imputer("dmfa", "mnist").network.config == SMALL


def test_damaged_source_does_not_make_its_dependent_unusable(one_checkpoint):
    with (
        pytest.raises(Unavailable),
        quarantine_on_failure(one_checkpoint),
        quarantine_on_failure(one_checkpoint.parent / "knn"),
    ):
        raise MemoryError
    assert not checkpoints._DAMAGED


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_non_finite_numbers_are_not_written(tmp_path, value):
    saved(tmp_path)
    before = (tmp_path / WEIGHTS).read_bytes()
    with pytest.raises(ValueError, match="b contains NaN or infinity and is not written to .* --learning-rate"):
        save_checkpoint(tmp_path, {"a": torch.zeros(3), "b": torch.tensor([0, value])}, {"network": {}})
    assert (tmp_path / WEIGHTS).read_bytes() == before


def test_numbers_too_large_for_two_bytes_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="a contains NaN or infinity"):
        save_checkpoint(tmp_path / "new", {"a": torch.full((LARGE + 1,), 1e6)}, {"network": {}})
    assert not (tmp_path / "new").exists()
