"""Faces with the same commands as digits: colours, several attributes, and no images that may not be distributed."""

import json
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import torch

from dmfa_demo.data.datasets import DATASETS
from dmfa_demo.models.classifier import CLASSIFIERS, ClassifierConfig
from dmfa_demo.models.wae import WAE
from tests.command import train
from train.methods.classifier import ClassifierTraining, _figures, label_nll
from train.report import evaluate
from train.report.only_measured import nearest

TINY = {
    "mean": "",
    "dmfa": "--widths 8 16 --blocks 1 --factors 2 --steps 2 --batch-size 8",
    "vaeac": "--guide None --start None --widths 8 16 --latents 4 --steps 2 --batch-size 8",
    "autoencoder": "--widths 8 16 --latents 4 --steps 2 --batch-size 8",
    "context-encoder": "--widths 8 16 --latents 4 --steps 2 --batch-size 8",
    "mfa": "--components 2 --factors 2 --iterations 1",
    "classifier": "--treatment zero --seeds 1 --steps 2 --batch-size 8",
}


def run(root: Path, folder: Path, *words: str) -> CompletedProcess[str]:
    folders = ["--data-root", str(root), "--run-folder", str(folder / "run"), "--output", str(folder / "out")]
    return train(*words, *folders)


@pytest.mark.parametrize("method", TINY)
def test_every_methods_command_learns_faces(small_celeba: Path, tmp_path: Path, method: str):
    done = run(small_celeba, tmp_path, method, "--dataset", "celeba", *TINY[method].split())
    assert done.returncode == 0, done.stderr
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    network = config["network"]
    assert (network["channels"], network["height"], network["width"]) == DATASETS["celeba"].shape
    assert config["about"]["training_images"] == 40, "mirror images are not counted"
    card = (tmp_path / "out" / "README.md").read_text()
    assert "non-commercial" in card and "must not be used" in card and "underrepresented" in card
    assert ("8,003 for training" in card) == (config["about"]["training_images"] == 8_003)
    assert "license: other" in card and "license: mit" not in card


def test_knn_of_faces_is_not_kept(small_celeba: Path, tmp_path: Path):
    done = run(small_celeba, tmp_path, "knn", "--dataset", "celeba")
    assert done.returncode == 1 and "may not be distributed" in done.stderr and not (tmp_path / "out").exists()


def test_a_wae_with_knn_of_faces_is_measured_although_its_source_is_not_kept(small_celeba: Path, tmp_path: Path):
    words = "--treatment knn --steps 2 --batch-size 8 --validate-every 2".split()
    done = run(small_celeba, tmp_path, "wae", "--dataset", "celeba", *words)
    assert done.returncode == 0, done.stderr
    with pytest.raises(FileNotFoundError, match="may not be distributed"):  # so that it has no graph
        WAE.load(tmp_path / "out")
    assert {row["metric"] for row in json.loads((tmp_path / "out" / "metrics.json").read_text())} >= {
        "ssim",
        "psnr_image",
    }


def test_knn_of_faces_is_measured_without_a_checkpoint(small_celeba: Path):
    config = evaluate.Evaluation.for_dataset("celeba", data_root=small_celeba)
    ways = evaluate._offline(config)
    assert "knn" in ways and "mice" not in ways
    images = torch.rand(2, 3, 64, 64)
    missing = torch.zeros(2, 1, 64, 64, dtype=torch.bool)
    missing[..., :20, :] = True
    ours = ways["knn"][1]("square25").impute(images, missing).mean
    assert torch.equal(ours, nearest("celeba", small_celeba).impute(images, missing).mean)


def test_classifier_of_faces_predicts_each_attribute_separately():
    config = ClassifierTraining.for_dataset("celeba").network
    assert config.several and config.classes == len(DATASETS["celeba"].classes)
    answers = CLASSIFIERS["zero"](config, None).predict(torch.rand(3, 3, 64, 64), torch.zeros(3, 1, 64, 64).bool())
    assert answers.shape == (3, 6) and ((answers > 0) & (answers < 1)).all() and (answers.sum(1) - 1).abs().max() > 0.1
    assert not ClassifierTraining.for_dataset("mnist").network.several


def test_larger_images_are_halved_more_often():
    sizes = []
    for halvings in (1, 3):
        network = CLASSIFIERS["zero"](ClassifierConfig(3, 64, 64, halvings=halvings), None).network
        sizes.append(network.features(torch.rand(1, 3, 64, 64)).shape)
    assert sizes == [(1, 64, 32, 32), (1, 64, 8, 8)]


def test_figures_of_several_attributes_match_the_labels():
    logits = torch.tensor([[2.0, -1.0], [0.5, 3.0], [-2.0, 1.0], [1.0, -4.0]])
    labels = torch.tensor([[1, 0], [0, 1], [0, 0], [1, 0]])
    found = _figures(logits, labels)
    chance = torch.where(labels.bool(), logits.sigmoid(), 1 - logits.sigmoid())
    assert found["accuracy"] == pytest.approx(6 / 8)
    assert (
        found["label_nll"]
        == pytest.approx(-chance.log().mean().item())
        == pytest.approx(label_nll(logits, labels).item())
    )
    # Smiling: both positives, one of two negatives. The second attribute: the positive, two of three negatives.
    assert found["balanced_accuracy_1"] == pytest.approx(0.75)
    assert found["balanced_accuracy_2"] == pytest.approx((1 + 2 / 3) / 2)
    assert found["balanced_accuracy"] == pytest.approx((0.75 + 5 / 6) / 2)
