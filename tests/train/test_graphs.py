"""Graphs: operations without weights, for every kind of network, written by training and by a command."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from dmfa_demo.imputation import ImageShape
from dmfa_demo.models.context_encoder import ContextEncoder, ContextEncoderConfig
from dmfa_demo.models.dmfa import DMFA, DMFAConfig
from dmfa_demo.models.guided import GuidedConfig, GuidedDMFA
from dmfa_demo.models.mfa import MFAConfig
from dmfa_demo.models.universal_marginalizer import UniversalMarginalizer, UniversalMarginalizerConfig
from dmfa_demo.models.vaeac import VAEACConfig, image_vaeac
from dmfa_demo.networks import engine
from dmfa_demo.registry import method_class
from dmfa_demo.storage import checkpoints
from dmfa_demo.storage.checkpoints import ROOT, WEIGHTS, save_checkpoint
from tests.command import train
from tests.models.test_guided import FACTORS, SHAPE, T, tensors
from train.engine import graphs
from train.engine.graphs import write_graphs

onnx = pytest.importorskip("onnx", reason="exporting needs the extra train")
if tuple(map(int, torch.__version__.split(".")[:2])) < graphs.TORCH:
    pytest.skip("exporting needs a newer PyTorch", allow_module_level=True)

SIDE = dict(height=12, width=8)
SMALL = dict(widths=(8, 16), blocks=1)
NETWORKS = {
    "dmfa": lambda: DMFA(DMFAConfig(**SIDE, **SMALL)),
    "dmfa dense": lambda: DMFA(DMFAConfig(head="dense", components=1, **SIDE, **SMALL)),
    "dmfa without factors": lambda: DMFA(DMFAConfig(factors=0, **SIDE, **SMALL)),
    "dmfa mirrored": lambda: DMFA(DMFAConfig(mirrored=True, channels=3, **SIDE, **SMALL)),
    "dmfa guided": lambda: GuidedDMFA(GuidedConfig(factors=4, **SHAPE, **SMALL)),
    "vaeac": lambda: image_vaeac(VAEACConfig(latents=3, **SIDE, **SMALL)),
    "vaeac of bits": lambda: image_vaeac(VAEACConfig(latents=3, likelihood="bernoulli", **SIDE, **SMALL)),
    "vaeac guided": lambda: image_vaeac(VAEACConfig(latents=4, guide="mfa", **SHAPE, **SMALL)),
    "universal-marginalizer": lambda: UniversalMarginalizer(UniversalMarginalizerConfig(**SIDE, **SMALL)),
    "context-encoder": lambda: ContextEncoder(ContextEncoderConfig(latents=3, widths=(8, 16), **SIDE)),
    "context-encoder with skips": lambda: ContextEncoder(
        ContextEncoderConfig(latents=3, widths=(8, 16), skips=True, **SIDE)
    ),
}


# Compared with PyTorch for every checkpoint in tests/lite/test_answers.py; exported here only where a test asks for them.
functions_of = graphs.functions_of


@pytest.fixture(autouse=True)
def without_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Export no functions of tensors, which take as long as the networks."""
    monkeypatch.setattr(graphs, "functions_of", lambda folder: [])


def save(folder: Path, kind: str) -> Path:
    """Save a network as a checkpoint, with a guide beside it."""
    torch.manual_seed(0)
    network: nn.Module = NETWORKS[kind]()
    for parameter in network.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    config = network.generator.config if kind in ("vaeac", "vaeac of bits") else network.config
    method, place = kind.split()[0], folder / kind.replace(" ", "-")
    save_checkpoint(place, network.state_dict(), {"network": asdict(config), "training": {"method": method}})
    guide = MFAConfig(components=1, factors=FACTORS, temperature=T, **SHAPE)
    save_checkpoint(folder / "mfa", tensors(), {"network": asdict(guide)})
    return place


def scene(folder: Path) -> tuple[Tensor, Tensor]:
    shape = json.loads((folder / "config.json").read_text())["network"]
    images = torch.rand(4, shape["channels"], shape["height"], shape["width"])
    missing = torch.rand(images[:, :1].shape) < 0.5
    missing[0] = False
    return images, missing


def answers(folder: Path, kind: str) -> list[list[Tensor]]:
    """Return the mean and two samples, for each engine."""
    images, missing = scene(folder)
    found = []
    for name in ("torch", "onnx"):
        with engine.using(name):
            imputation = method_class(kind.split()[0]).load(folder).impute(images, missing, seed=0)
        found.append([imputation.mean, *([] if imputation.sampler is None else [imputation.sample(2)])])
    return found


@pytest.mark.parametrize("kind", NETWORKS)
def test_every_kind_of_network_has_a_graph(tmp_path: Path, kind: str):
    folder = save(tmp_path, kind)
    written = {path.name for path in write_graphs(folder)}
    alone = {"generator.onnx", "model.onnx" if kind == "vaeac guided" else "prior.onnx"}
    assert written == (alone if kind.startswith("vaeac") else {"model.onnx"})
    for ours, twin in zip(*answers(folder, kind)):
        torch.testing.assert_close(ours, twin, atol=1e-4, rtol=0)


def test_graph_contains_no_weights(tmp_path: Path):
    folder = save(tmp_path, "dmfa")
    (path,) = write_graphs(folder)
    model = onnx.load(path, load_external_data=False)
    size = (folder / WEIGHTS).stat().st_size
    inside = 0
    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            place = {entry.key: entry.value for entry in tensor.external_data}
            assert place["location"] == WEIGHTS and int(place["offset"]) + int(place["length"]) <= size
        else:
            inside += len(tensor.raw_data)
    assert inside < 10_000 and path.stat().st_size < 60_000


def test_half_precision_weights_are_read_directly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(checkpoints, "LARGE", 10)
    folder = save(tmp_path, "context-encoder")
    write_graphs(folder)
    ours, twin = answers(folder, "context-encoder")
    torch.testing.assert_close(ours[0], twin[0], atol=1e-5, rtol=0)


def test_the_same_weights_give_the_same_bytes(tmp_path: Path):
    folder = save(tmp_path, "context-encoder")
    before = [path.read_bytes() for path in write_graphs(folder)]
    assert [path.read_bytes() for path in write_graphs(folder)] == before


def test_older_graphs_are_deleted(tmp_path: Path):
    folder = save(tmp_path, "context-encoder")
    (folder / "older.onnx").touch()
    write_graphs(folder)
    assert [path.name for path in folder.glob("*.onnx")] == ["model.onnx"]


@pytest.mark.parametrize("kind", ["dmfa", "dmfa without factors", "dmfa guided"])
def test_answers_of_methods_that_have_them_are_exported_too(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(graphs, "functions_of", functions_of)
    folder = save(tmp_path, kind)
    written = [path.name for path in write_graphs(folder)]
    assert written == (["model.onnx", "answer.onnx"] if kind == "dmfa" else ["model.onnx"])


def test_checkpoint_without_its_own_networks_has_no_graph_of_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(graphs, "functions_of", functions_of)
    config = {"network": asdict(ImageShape()), "training": {"method": "mean"}}
    save_checkpoint(tmp_path / "mean", {"image": torch.rand(1, 28, 28)}, config)
    assert [path.name for path in write_graphs(tmp_path / "mean")] == ["answer.onnx"]
    assert write_graphs(ROOT / "mnist" / "dynamics") == [], "its weights are those of the auto-encoder"


def test_a_graph_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(graphs, "MOST", 1_000)
    with pytest.raises(ValueError, match=r"model.onnx would take .* bytes; a graph takes at most 1,000"):
        write_graphs(save(tmp_path, "context-encoder"))


TRAIN = "context-encoder --latents 4 --widths 8 16 --steps 2 --batch-size 32 --validate-every 2".split()


def test_training_ends_with_the_export(small_mnist: Path, tmp_path: Path):
    folders = ["--run-folder", str(tmp_path / "run"), "--output", str(tmp_path / "out")]
    done = train(*TRAIN, "--data-root", str(small_mnist), *folders, graphs=True)
    assert done.returncode == 0, done.stderr
    for ours, twin in zip(*answers(tmp_path / "out", "context-encoder")):
        torch.testing.assert_close(ours, twin, atol=1e-5, rtol=0)


def test_training_works_without_the_exporter(small_mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    folders = ["--run-folder", str(tmp_path / "run"), "--output", str(tmp_path / "out")]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "model.onnx").touch()  # of older weights
    done = train(*TRAIN, "--data-root", str(small_mnist), *folders, graphs=True)
    assert done.returncode == 0 and "no ONNX graph was written" in done.stdout
    assert not list((tmp_path / "out").glob("*.onnx"))


def test_the_command_writes_the_graphs_of_some_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("train.report.export.ROOT", tmp_path)
    folder = save(tmp_path / "mnist", "context-encoder")
    done = train("export", "--method", "context-encoder")
    assert done.returncode == 0 and f"wrote {folder / 'model.onnx'}, " in done.stdout, done.stderr
    done = train("export", "--method", "gears")
    assert (
        done.returncode == 1
        and "--method 'gears' has no checkpoint for mnist; available: context-encoder, " in done.stderr
    )
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    done = train("export", "--method", "context-encoder")
    assert done.returncode == 1 and "exporting needs the extra train" in done.stderr
    assert (folder / "model.onnx").is_file()
