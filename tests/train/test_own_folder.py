"""Training and measuring on a folder of images of one's own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.pictures import draw_pictures


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of checkpoints after training and measuring a mean image."""
    folder = tmp_path_factory.mktemp("own")
    pets = ("--dataset", f"folder:{draw_pictures(folder / 'pets')}", "--size", "20")
    for words in (("mean", *pets, "--licence", "public domain"), ("evaluate", *pets, "--seeds", "1")):
        done = train(folder / "checkpoints", *words)
        assert done.returncode == 0, done.stderr
    return folder / "checkpoints"


def train(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m train` with another folder of checkpoints."""
    variables = {"DMFA_DEMO_CHECKPOINTS": str(root), "PATH": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "train", *words]
    return subprocess.run(command, cwd=REPOSITORY, env=variables, capture_output=True, text=True)


def test_the_card_names_the_data_and_no_folder_of_this_machine(root: Path):
    card = (root / "pets" / "mean" / "README.md").read_text()
    assert "python -m train mean --dataset folder:pets --size 20" in card and str(root.parent) not in card
    assert "training images of public domain" in card and "license: other" in card
    config = json.loads((root / "pets" / "mean" / "config.json").read_text())
    assert config["network"]["height"] == 20 and config["training"]["dataset"] == "pets"


def test_all_methods_are_measured_on_holes_of_its_size(root: Path):
    rows = json.loads((root / "pets" / "results.json").read_text())["rows"]
    assert {row["protocol"] for row in rows} == {"square10", "half", "noise75", "strokes"}
    assert {row["method"] for row in rows} == {"mean", "zero"}
    errors = {row["method"]: row["value"] for row in rows if (row["protocol"], row["metric"]) == ("half", "sse")}
    assert errors["mean"] < errors["zero"]


def test_checkpoints_of_other_images_are_kept(root: Path, tmp_path: Path):
    pets = f"folder:{root.parent / 'pets'}"
    again = train(root, "mean", "--dataset", pets, "--size", "32")
    assert again.returncode == 1 and "has checkpoints for images of (3, 20, 20)" in again.stderr
    other = train(root, "knn", "--references", "5", "--dataset", pets, "--size", "32")
    assert other.returncode == 1 and "has checkpoints for images of (3, 20, 20)" in other.stderr
    different = f"folder:{draw_pictures(tmp_path / 'pets', ('birds',))}"
    other = train(root, "knn", "--references", "5", "--dataset", different)
    assert other.returncode == 1 and "in 2 classes; these are of (3, 20, 20) in 1" in other.stderr
    assert not (root / "pets" / "knn").exists()


def test_a_folder_has_no_recipe_and_its_methods_are_compared_by_its_path(root: Path):
    pets = f"folder:{root.parent / 'pets'}"
    done = train(root, "all", "--dataset", pets, "--list")
    assert done.returncode == 1 and done.stderr.startswith("error: there is no recipe for pets; docs/own-data.md")
    for dataset in (pets, "pets"):
        done = train(root, "compare", "--dataset", dataset, "--method", "mean", "zero", "--protocol", "half")
        assert done.returncode == 0 and "mean less zero on pets, half" in done.stdout, done.stderr
    done = train(root, "compare", "--dataset", pets, "--method", "mean", "mfa", "--protocol", "half")
    assert done.returncode == 1 and "evaluate --dataset folder:PATH --method mfa" in done.stderr


def test_a_missing_source_is_named_with_its_command(root: Path):
    pets = f"folder:{root.parent / 'pets'}"
    options = ("--treatment", "misconv-dmfa", "--incomplete", "mixed")
    done = train(root, "classifier", "--dataset", pets, *options)
    command = f"make it with python -m train dmfa --dataset folder:PATH --incomplete mixed --run-folder runs/pets/dmfa-mixed --output {root}/pets/dmfa-mixed"
    assert done.returncode == 1 and command in done.stderr


def test_another_output_gets_no_description(root: Path, tmp_path: Path):
    pets = f"folder:{root.parent / 'pets'}"
    done = train(root, "mean", "--dataset", pets, "--output", str(tmp_path / "somewhere"))
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["somewhere"]


def test_a_classifier_needs_classes(root: Path, tmp_path: Path):
    path = draw_pictures(tmp_path / "pets")
    for image in [*path.glob("*/*")]:
        image.rename(path / f"{image.parent.name}-{image.name}")
    done = train(tmp_path / "root", "classifier", "--dataset", f"folder:{path}")
    assert (
        done.returncode == 1
        and done.stderr == "error: pets has no classes; put the images of each class in a folder of its own\n"
    )


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        (
            "gears",
            "--dataset must be one of mnist, fashion-mnist, omniglot, celeba, celeba32, cifar10, svhn or folder:PATH; got 'gears'",
        ),
        ("folder:", "--dataset folder: needs the path of a folder"),
        ("folder:nowhere", "there is no folder nowhere; give one with images as --dataset folder:PATH"),
    ],
)
def test_other_data_sets_are_refused_in_one_line(tmp_path: Path, dataset: str, said: str):
    done = train(tmp_path, "mean", "--dataset", dataset)
    assert done.returncode != 0 and done.stderr == f"error: {said}\n"
