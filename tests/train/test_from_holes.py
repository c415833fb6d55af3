"""The comparison of methods trained on digits with holes: its table, its picture, and the commands that it runs."""

import json

import pytest
import torch

from dmfa_demo.data.datasets import LabelledImages
from dmfa_demo.registry import load_imputer
from train.commands import parse
from train.report import docs, from_holes
from train.report.from_holes import COMMANDS, SHARES, FromHoles, compare, draw


def test_studies_are_written_as_they_are_kept(tmp_path, monkeypatch):
    kept = docs.STUDIES.read_text()
    monkeypatch.setattr(docs, "STUDIES", tmp_path / "studies.json")
    docs.write_studies(json.loads(kept))
    assert docs.STUDIES.read_text() == kept


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_are_accepted(name):
    config = parse([*COMMANDS[name].split(), "--incomplete", "noise25"])
    assert config.method == name and config.incomplete == "noise25"


def test_table_and_picture(tmp_path, monkeypatch):
    """Shipped methods stand in for those trained here; only what is missing is trained."""
    trained = []

    def train(name, share, folder, config):
        trained.append((name, share))

    images = torch.randint(256, (6, 1, 28, 28), dtype=torch.uint8)
    monkeypatch.setattr(from_holes, "_train", train)
    monkeypatch.setattr(
        from_holes, "_load", lambda name, folder: load_imputer("mean" if name == "miwae" else name, "mnist")
    )
    monkeypatch.setattr(from_holes, "read_config", lambda folder: {"training": {"loop": {"steps": 7}}})
    monkeypatch.setattr(
        from_holes, "load_split", lambda *place: LabelledImages(images, torch.zeros(6), torch.arange(6))
    )
    study, picture = tmp_path / "studies.json", tmp_path / "picture.png"
    study.write_text("{}")
    for module in (docs, from_holes):
        monkeypatch.setattr(module, "STUDIES", study)
    monkeypatch.setattr(from_holes, "PICTURE", picture)
    compare(FromHoles(folder=tmp_path))
    rows = json.loads(study.read_text())[from_holes.STUDY]["rows"]
    assert len(rows) == len(trained) == len(COMMANDS) * len(SHARES) - 1 and ("miwae", 0) not in trained
    assert picture.stat().st_size > 5_000


def test_picture_has_a_line_for_each_method():
    axes = draw({"dmfa": [(0, 8.0, 0.1), (25, 9.0, 0.1)], "mfa": [(0, 14.0, 0.2), (25, 15.0, 0.2)]}).axes[0]
    assert [text.get_text() for text in axes.texts] == ["DMFA", "MFA"]
