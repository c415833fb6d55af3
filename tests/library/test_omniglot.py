"""Omniglot: its splits, both forms in which it is stored, and the bundled samples."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from dmfa_demo.data.datasets import DATASETS, load_samples, load_split
from dmfa_demo.data.omniglot import ALPHABETS, BACKGROUND, BITS, EVALUATION, read_omniglot, shrink

CHARACTERS = {
    "background": [f"{alphabet}/character{number:02}" for alphabet in ("Greek", "Latin") for number in range(1, 21)],
    "evaluation": ["Angelic/character01", "ULOG/character02"],
}


def drawings(part: str) -> np.ndarray:
    """Return two drawings of each character, uint8 `(N, 105, 105)`, 1 for ink."""
    random = np.random.default_rng(0 if part == "background" else 1)
    return (random.random((2 * len(CHARACTERS[part]), 105, 105)) < 0.1).astype(np.uint8)


@pytest.fixture(scope="module")
def bits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write all drawings as bits in one file."""
    root = tmp_path_factory.mktemp("bits")
    arrays = {}
    for part, names in CHARACTERS.items():
        arrays[part] = np.packbits(drawings(part).reshape(-1, 105**2), axis=1)
        arrays[f"{part}_labels"] = np.repeat(names, 2)
    (root / BITS).parent.mkdir()
    np.savez(root / BITS, **arrays)
    return root


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write each drawing as torchvision stores it, black on white."""
    root = tmp_path_factory.mktemp("files")
    for part, names in CHARACTERS.items():
        for number, drawing in enumerate(drawings(part)):
            folder = root / "omniglot-py" / f"images_{part}" / names[number // 2]
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(255 * (1 - drawing)).convert("1").save(folder / f"{number:04}_{number % 2:02}.png")
    return root


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_both_forms_have_the_same_images(bits, files, split, monkeypatch):
    monkeypatch.setattr(torchvision.datasets.Omniglot, "download", lambda self: None)
    monkeypatch.setattr(torchvision.datasets.Omniglot, "_check_integrity", lambda self: True)
    for one, other in zip(read_omniglot(bits, split), read_omniglot(files, split)):
        assert torch.equal(one, other)


def test_splits_share_no_character(bits):
    parts = {split: read_omniglot(bits, split)[2].tolist() for split in ("train", "validation")}
    characters = {split: {row // 2 for row in rows} for split, rows in parts.items()}
    assert sorted(parts["train"] + parts["validation"]) == list(range(80))
    assert characters["train"] and characters["validation"] and not characters["train"] & characters["validation"]


def test_labels_are_alphabets(bits):
    assert len(ALPHABETS) == 50 and not set(BACKGROUND) & set(EVALUATION)
    labels = read_omniglot(bits, "test")[1]
    assert [ALPHABETS[label] for label in labels] == ["Angelic", "Angelic", "ULOG", "ULOG"]
    assert [DATASETS["omniglot"].classes[label] for label in labels][:1] == ["Angelic"]


def test_shrinking_keeps_the_share_of_ink():
    drawing = np.zeros((3, 105, 105), np.uint8)
    drawing[1] = 1
    drawing[2, :, 52:] = 1
    small = shrink(drawing)
    assert small.shape == (3, 1, 28, 28) and small.dtype == torch.uint8
    assert (small[0] == 0).all() and (small[1] == 255).all()
    assert (small[2, 0, :, :12] == 0).all() and (small[2, 0, :, 16:] == 255).all()
    assert small[2].float().mean().item() / 255 == pytest.approx(53 / 105, abs=0.02)


def test_errors_say_what_to_do(tmp_path, bits, monkeypatch):
    def offline(self):
        raise RuntimeError("no network")

    monkeypatch.setattr(torchvision.datasets.Omniglot, "download", offline)
    with pytest.raises(FileNotFoundError, match="--data-root"):
        read_omniglot(tmp_path, "train")
    (tmp_path / BITS).parent.mkdir()
    (tmp_path / BITS).write_bytes((bits / BITS).read_bytes()[:1_000])
    with pytest.raises(ValueError, match="is damaged"):
        read_omniglot(tmp_path, "train")


def test_samples_are_five_characters_of_each_test_alphabet(real_data):
    samples, test = load_samples("omniglot"), load_split("omniglot", "test", real_data)
    assert len(test) == 13_180 and samples.images.shape == (100, 1, 28, 28)
    assert torch.equal(test.images[samples.indices], samples.images)
    assert torch.equal(samples.labels.bincount()[len(BACKGROUND) :], torch.full((20,), 5))
    assert len({int(index) // 20 for index in samples.indices}) == 100  # 20 drawings of each character
