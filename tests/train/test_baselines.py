"""The commands of the baselines as a user runs them, on a stand-in for MNIST."""

import json
from pathlib import Path

import pytest
import torch

from dmfa_demo.data.datasets import load_split, to_float
from dmfa_demo.imputation import Imputer
from dmfa_demo.models.baselines import KNNConfig
from dmfa_demo.models.incomplete_knn import IncompleteKNNImputer
from dmfa_demo.registry import method_class
from tests.command import train
from train.engine.run import absent_pixels
from train.methods.baselines import GaussianTraining, KNNTraining, MeanTraining, knn
from train.report.only_measured import mice


@pytest.fixture(scope="module")
def fitted(small_mnist: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = {}
    for name, options in {"mean": (), "knn": ("--references", "200"), "gaussian": ()}.items():
        folders[name] = tmp_path_factory.mktemp(name)
        words = [name, "--data-root", str(small_mnist), "--output", str(folders[name]), *options]
        done = train(*words)
        assert done.returncode == 0, done.stderr
    return folders


def load(fitted: dict[str, Path], name: str) -> Imputer:
    return method_class(name).load(fitted[name])


def test_each_command_writes_a_complete_checkpoint(fitted):
    for name, folder in fitted.items():
        config = json.loads((folder / "config.json").read_text())
        assert config["training"]["method"] == name and config["about"]["training_images"] == 256
        assert config["about"]["command"].startswith(f"python -m train {name}")
        card = (folder / "README.md").read_text()
        assert method_class(name).summary in card and method_class(name).limits in card


def test_mean_and_covariance_are_those_of_the_training_images(fitted, small_mnist):
    x = to_float(load_split("mnist", "train", small_mnist).images).double()
    torch.testing.assert_close(load(fitted, "mean").image.double(), x.mean(0), atol=1e-6, rtol=0)
    gaussian = load(fitted, "gaussian")
    torch.testing.assert_close(gaussian.center, x.flatten(1).mean(0), atol=1e-6, rtol=0)
    s = GaussianTraining().network.shrinkage
    covariance = (1 - s) * x.flatten(1).T.cov(correction=0) + gaussian.noise * torch.eye(784)
    torch.testing.assert_close(torch.linalg.inv(gaussian.precision), covariance, atol=1e-5, rtol=1e-3)


def test_reference_images_are_training_images(fitted, small_mnist):
    training = {image.numpy().tobytes() for image in load_split("mnist", "train", small_mnist).images}
    reference = load(fitted, "knn").reference
    assert len(reference) == 200 and all(row.numpy().tobytes() in training for row in reference)


def test_few_training_images_are_all_references(small_mnist, tmp_path):
    done = train("knn", "--data-root", str(small_mnist), "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert len(load({"knn": tmp_path}, "knn").reference) == 256
    done = train("knn", "--neighbours", "257", "--data-root", str(small_mnist), "--output", str(tmp_path / "more"))
    assert done.returncode == 1 and "there are 256 training images, too few for 257 neighbours" in done.stderr


def test_incomplete_references_contain_only_known_pixels(small_mnist, tmp_path):
    words = KNNTraining(
        network=KNNConfig(references=200), incomplete="square14", data_root=small_mnist, output=tmp_path
    )
    knn(words)
    imputer = IncompleteKNNImputer.load(tmp_path)
    hidden = ~imputer.known
    assert (hidden.sum(1) == 196).all() and (imputer.reference[:, 0][hidden] == 0).all()
    absent = absent_pixels("square14", 256, (28, 28), 0).flatten(1)
    assert {row.numpy().tobytes() for row in hidden} <= {row.numpy().tobytes() for row in absent}
    assert "one hole per training image, from `square14`" in (tmp_path / "README.md").read_text()


@pytest.mark.parametrize("config", [MeanTraining(), KNNTraining(), GaussianTraining()])
def test_default_commands_are_those_of_the_shipped_checkpoints(config):
    config.check_output()


def test_mice_is_fitted_to_the_kind_of_holes_it_is_measured_on(small_mnist):
    imputer = mice("mnist", "rect2x2", small_mnist, rows=20)
    images = to_float(load_split("mnist", "test", small_mnist).images[:3])
    missing = torch.zeros(3, 1, 28, 28, dtype=torch.bool)
    missing[..., 12:14, 12:14] = True
    assert imputer.impute(images, missing).mean.isfinite().all()
