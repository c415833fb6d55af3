"""Engines: ONNX Runtime computes a network if its graph fits the weights, PyTorch otherwise."""

import gc
import shutil
import weakref
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from dmfa_demo.models.context_encoder import ContextEncoder, ContextEncoderConfig, ContextEncoderImputer
from dmfa_demo.networks import engine
from dmfa_demo.storage.checkpoints import load_network, save_checkpoint
from train.engine.graphs import write_graphs

CONFIG = ContextEncoderConfig(latents=3, widths=(8, 16))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the checkpoint of a small context encoder with its graph."""
    folder = tmp_path_factory.mktemp("checkpoints") / "context-encoder"
    save(folder, seed=0)
    try:
        write_graphs(folder)
    except ImportError as error:
        pytest.skip(str(error))
    return folder


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    """Return a copy that a test may damage."""
    return Path(shutil.copytree(exported, tmp_path / "context-encoder"))


def save(folder: Path, seed: int) -> None:
    torch.manual_seed(seed)
    tensors = ContextEncoder(CONFIG).state_dict()
    save_checkpoint(folder, tensors, {"network": asdict(CONFIG), "training": {"method": "context-encoder"}})


def load(folder: Path) -> ContextEncoder:
    return load_network(folder, ContextEncoder, ContextEncoderConfig)


def scene(count: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(count)
    images = torch.rand(count, 1, 28, 28, generator=generator)
    return images, torch.rand(count, 1, 28, 28, generator=generator) < 0.5


def computed(network: nn.Module, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the engine of each call from now on."""
    engines, decoder, runner = [], network.decoder.forward, engine.runner_of(network, "model")
    monkeypatch.setattr(network.decoder, "forward", lambda x: engines.append("torch") or decoder(x))

    def note(*tensors: Tensor) -> object:
        found = NotImplemented if runner is None else runner(*tensors)
        if found is not NotImplemented:
            engines.append("onnx")
        return found

    engine.replace(network, "model", note)
    return engines


@pytest.mark.parametrize("count", [1, 5, 16])
def test_a_graph_takes_any_batch_size(exported: Path, monkeypatch, count):
    network = load(exported)
    expected, engines = network(*scene(count)), computed(network, monkeypatch)
    with torch.inference_mode():
        torch.testing.assert_close(network(*scene(count)), expected, atol=1e-5, rtol=0)
    assert engines == ["onnx"]


def test_gradients_and_training_use_torch(exported: Path, monkeypatch):
    network = load(exported)
    engines = computed(network, monkeypatch)
    network(*scene(2)).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    network.train()
    with torch.inference_mode():
        network(*scene(2))
    assert engines == ["torch", "torch"]


def test_other_precisions_and_empty_batches_use_torch(exported: Path, monkeypatch):
    network = load(exported)
    engines = computed(network, monkeypatch)
    with torch.inference_mode():
        assert network(*scene(0)).shape == (0, 1, 28, 28)
        network.double()
        images, missing = scene(2)
        assert network(images.double(), missing).dtype == torch.float64
    assert engines == ["torch", "torch"]


def test_changed_weights_use_torch(exported: Path, monkeypatch):
    network = load(exported)
    engines = computed(network, monkeypatch)
    with torch.no_grad():
        next(network.parameters()).add_(1)
    expected = network(*scene(2))
    with torch.inference_mode():
        assert torch.equal(network(*scene(2)), expected)
    assert engines == ["torch", "torch"]


def test_hidden_values_have_no_effect(exported: Path):
    network, (images, missing) = load(exported), scene(3)
    with torch.inference_mode():
        assert torch.equal(network(images, missing), network(torch.where(missing, torch.nan, images), missing))


def test_networks_share_one_session_with_one_thread(exported: Path):
    sessions = [engine.runner_of(load(exported), "model").session for _ in range(2)]
    assert sessions[0] is sessions[1]
    assert sessions[0].get_session_options().intra_op_num_threads == 1


def without(folder: Path) -> None:
    (folder / "model.onnx").unlink()


def of_other_weights(folder: Path) -> None:
    save(folder, seed=1)


def cut(folder: Path) -> None:
    whole = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(whole[: len(whole) // 2])


SPOILT = [(without, "is missing"), (of_other_weights, "was exported from other weights"), (cut, "cannot be loaded")]


@pytest.mark.parametrize(("spoil", "message"), SPOILT)
def test_forcing_onnx_needs_a_graph_of_these_weights(folder: Path, monkeypatch, spoil, message):
    spoil(folder)
    monkeypatch.setenv(engine.SETTING, "onnx")
    advice = f"model.onnx {message}.*; write it again with python -m train export --dataset .* --method context-encoder"
    with pytest.raises(ValueError, match=advice):
        load(folder)


@pytest.mark.parametrize(("spoil", "message"), SPOILT[1:])
def test_a_wrong_graph_is_skipped_with_a_warning(folder: Path, monkeypatch, spoil, message):
    spoil(folder)
    with pytest.warns(UserWarning, match=f"{message}.* PyTorch is used instead"):
        network = load(folder)
    engines = computed(network, monkeypatch)
    with torch.inference_mode():
        network(*scene(2))
    assert engines == ["torch"]


def test_without_a_graph_torch_is_used(folder: Path, monkeypatch):
    without(folder)
    engines = computed(network := load(folder), monkeypatch)
    with torch.inference_mode():
        network(*scene(2))
    assert engines == ["torch"]


def test_torch_can_be_forced(exported: Path, monkeypatch):
    monkeypatch.setenv(engine.SETTING, "torch")
    assert engine.runner_of(load(exported), "model") is None
    with engine.using("onnx"):
        assert engine.runner_of(load(exported), "model") is not None


def test_unknown_engine_is_refused(exported: Path, monkeypatch):
    monkeypatch.setenv(engine.SETTING, "cuda")
    with pytest.raises(ValueError, match="DMFA_DEMO_ENGINE must be one of auto, torch, onnx; got 'cuda'"):
        load(exported)


def test_an_imputer_gives_the_same_mean_with_both_engines(exported: Path):
    answers = []
    for name in ("torch", "onnx"):
        with engine.using(name):
            answers.append(ContextEncoderImputer.load(exported).impute(*scene(4), seed=0).mean)
    torch.testing.assert_close(*answers, atol=1e-5, rtol=0)


def test_a_graph_does_not_keep_its_network(exported: Path):
    network = load(exported)
    known = weakref.ref(network)
    del network
    gc.collect()
    assert known() is None


def test_marked_methods_are_found_in_all_modules():
    class Part(nn.Module):
        @engine.graph("part")
        def forward(self, x: Tensor) -> Tensor:
            return x + 1

    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.part = Part()

        def forward(self, x: Tensor) -> Tensor:
            return self.part(x)

        @engine.graph("other")
        def other(self, x: Tensor) -> Tensor:
            return x - 1

    network = Whole()
    found: Iterator = engine.graphs_of(network)
    assert {(name, module) for name, module, _ in found} == {("part", network.part), ("other", network)}
    assert network(torch.zeros(1)) == 1 and network.other(torch.zeros(1)) == -1
