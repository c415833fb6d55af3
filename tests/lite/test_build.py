"""Building, serving and publishing the light page."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest
import torch
from PIL import Image

from dmfa_demo.app.sharing.address import Address
from dmfa_demo.data.datasets import CELEBA_VARIABLE, load_samples
from dmfa_demo.lite import build as building
from dmfa_demo.lite.__main__ import main
from dmfa_demo.lite.build import RUNTIME, build
from dmfa_demo.lite.publish import publish
from dmfa_demo.registry import load_imputer
from dmfa_demo.storage.files import read_tensors
from tests.library import hub_stand_in


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def test_the_page_has_the_chosen_methods_and_no_other(light_page: Path):
    (digits,) = manifest(light_page)["datasets"]
    assert [method["name"] for method in digits["methods"]] == ["dmfa", "vaeac", "dynamics", "zero"]
    assert [one["name"] for one in digits["classifiers"]] == ["complete", "misconv-dmfa"]
    for model in [*digits["methods"], *digits["classifiers"]]:
        files = [model["graph"], *([model["weights"]] if model["weights"] else [])]
        assert sum((light_page / file).stat().st_size for file in files) == model["bytes"]
    assert all((light_page / "runtime" / name).is_file() for name in RUNTIME)


def test_weights_are_in_half_precision(light_page: Path):
    kept = read_tensors(light_page / "mnist" / "dmfa" / "model.safetensors")
    assert {tensor.dtype for tensor in kept.values()} == {torch.float16}


def test_a_method_that_half_precision_would_change_keeps_full_precision(tmp_path: Path, monkeypatch):
    for name in RUNTIME:
        (tmp_path / name).touch()
    monkeypatch.setattr(building, "HALF", 1e-9)
    build(tmp_path / "page", datasets=["mnist"], methods=["dmfa"], runtime=tmp_path)
    kept = read_tensors(tmp_path / "page" / "mnist" / "dmfa" / "model.safetensors")
    assert {tensor.dtype for tensor in kept.values()} == {torch.float32}


def test_samples_masks_and_the_recorded_answer_are_those_of_the_full_page(light_page: Path):
    (digits,) = manifest(light_page)["datasets"]
    sheet, samples = np.array(Image.open(light_page / digits["sheet"])), load_samples("mnist").images.numpy()
    for number in (0, 42, len(samples) - 1):
        row, column = divmod(number, digits["columns"])
        assert np.array_equal(sheet[28 * row : 28 * row + 28, 28 * column : 28 * column + 28], samples[number, 0])
    first = Address.first("mnist")
    start = np.unpackbits(np.frombuffer(base64.b64decode(digits["start"]), np.uint8))
    assert np.array_equal(start.reshape(28, 28), first.mask.numpy()) and digits["first"] == first.sample
    image = torch.from_numpy(samples[first.sample][None] / np.float32(255))
    mean = load_imputer("dmfa", "mnist").impute(image, first.mask[None, None], seed=0).mean[0, 0]
    recorded = np.array(Image.open(light_page / digits["methods"][0]["recorded"]))
    assert np.abs(recorded - 255 * mean.numpy()).max() < 1.5


def test_bad_arguments_are_named(tmp_path: Path, monkeypatch, capsys):
    (tmp_path / "notes.txt").touch()
    assert main(["build", str(tmp_path), "--runtime", str(tmp_path)]) == 1
    assert "contains other files; choose a new folder" in capsys.readouterr().err
    assert main(["build", str(tmp_path / "new"), "--dataset", "gears"]) == 1
    assert "unknown data set 'gears'; available: mnist, fashion-mnist, omniglot, celeba" in capsys.readouterr().err
    assert main(["build", str(tmp_path / "new"), "--method", "gears"]) == 1
    assert "unknown method 'gears'; available: dmfa, mfa, vaeac" in capsys.readouterr().err
    other = tmp_path / "other"
    other.mkdir()
    (other / "manifest.json").write_text("{}")  # of another web page
    assert main(["build", str(other), "--runtime", str(tmp_path)]) == 1
    assert "contains other files; choose a new folder" in capsys.readouterr().err
    assert (other / "manifest.json").read_text() == "{}"
    assert main(["build", str(tmp_path / "new"), "--runtime", str(tmp_path)]) == 1
    assert "has no ort.wasm.min.mjs; it needs the files in dist/ of onnxruntime-web" in capsys.readouterr().err
    monkeypatch.setenv("PATH", "")
    assert main(["build", str(tmp_path / "new")]) == 1
    assert "npm, which downloads the runtime, is not installed" in capsys.readouterr().err
    for command in (["serve"], ["publish", "--repo-id", "you/name"]):
        assert main([command[0], str(tmp_path), *command[1:]]) == 1
        assert "has no light page; write one with" in capsys.readouterr().err
    monkeypatch.setenv(CELEBA_VARIABLE, str(tmp_path))
    assert main(["build", str(tmp_path / "new")]) == 1
    assert "images of CelebA, which may not be distributed" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "other"]


def test_files_are_served_compressed_and_nothing_outside_the_folder(light: str):
    request = Request(f"{light}runtime/ort-wasm-simd-threaded.wasm", headers={"Accept-Encoding": "gzip"})
    with urlopen(request) as response:
        assert (response.headers["Content-Type"], response.headers["Content-Encoding"]) == ("application/wasm", "gzip")
        assert gzip.decompress(response.read())[:4] == b"\0asm"
    with urlopen(light) as response:
        assert b"<!doctype html>" in response.read()
    for path in ("../conftest.py", "%2e%2e/conftest.py", "missing.js"):
        with pytest.raises(HTTPError, match="404"):
            urlopen(light + path)


def test_publishing_makes_a_static_space(light_page: Path, monkeypatch):
    with hub_stand_in.serving() as hub:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.address)
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        monkeypatch.setattr("huggingface_hub.hf_api.constants.ENDPOINT", hub.address)
        monkeypatch.setenv("HF_TOKEN", hub_stand_in.TOKEN)
        assert publish(light_page, "you/light") == f"{hub.address}/spaces/you/light"
        _, files = hub.commits["you/light"][-1]
        assert files["README.md"].startswith(b"---\n") and b"sdk: static" in files["README.md"]
        assert files["index.html"] == (light_page / "index.html").read_bytes()
        monkeypatch.setenv("HF_TOKEN", "hf_wrong")
        with pytest.raises(ValueError, match="the Hub refused"):
            publish(light_page, "you/light")
    with pytest.raises(ValueError, match="--repo-id must be USER/NAME"):
        publish(light_page, "light")
