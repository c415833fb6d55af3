"""Training of classifiers: the figures, and a command that writes rows, a checkpoint and its card."""

import json
from pathlib import Path
from typing import get_args, get_type_hints
from unittest.mock import Mock

import pytest
import torch

from dmfa_demo.data.datasets import LabelledImages
from dmfa_demo.densities.factor_analyzer import FactorAnalyzer, MixtureOfFactorAnalyzers
from dmfa_demo.imputation import Imputation
from dmfa_demo.models.classifier import CLASSIFIERS, ClassifierConfig, ZeroClassifier
from dmfa_demo.storage.checkpoints import digest
from tests.command import train
from tests.conftest import REPOSITORY
from train.engine.run import absent_pixels
from train.methods import classifier
from train.methods.classifier import ClassifierTraining, _figures, _rows, prepare, warn_of_empty_classes


def test_every_treatment_can_be_trained():
    assert set(get_args(get_type_hints(ClassifierTraining)["treatment"])) == set(CLASSIFIERS)


def test_figures_match_the_labels():
    logits, labels = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]]), torch.tensor([0, 1, 1])
    found = _figures(logits, labels)
    chances = logits.softmax(1)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["label_nll"] == pytest.approx(-chances[range(3), labels].log().mean().item())
    # Three bins of one image each: confidence against right or wrong.
    gaps = (chances.amax(1) - torch.tensor([1.0, 1.0, 0.0])).abs()
    assert found["ece"] == pytest.approx(gaps.mean().item(), abs=1e-6)


def test_rows_have_the_mean_over_seeds_its_error_and_the_papers_figure():
    found = [dict(accuracy=value, label_nll=1.0, ece=0.1) for value in (0.90, 0.92, 0.97)]
    config = ClassifierTraining(treatment="zero", incomplete="square14")
    row = _rows(config, kind=ZeroClassifier, protocol="classify-square14", found=found, n=10, weights="abc")[0]
    assert (row.metric, row.n, row.seeds, row.paper) == ("accuracy", 10, 3, 0.910)
    assert row.value == pytest.approx(0.93) and row.stderr == pytest.approx(0.0360555 / 3**0.5, rel=1e-4)
    assert (
        _rows(config, kind=ZeroClassifier, protocol="classify-square14", found=found[:1], n=10, weights="abc")[0].stderr
        is None
    )


def test_prepare_in_a_batch_equals_one_by_one():
    masked = CLASSIFIERS["mask"](ClassifierConfig(), None)
    images = torch.randint(256, (5, 1, 28, 28), dtype=torch.uint8)
    missing = torch.rand(5, 1, 28, 28) < 0.5
    (inputs,) = prepare(masked, images, missing)
    assert inputs.shape == (5, 2, 28, 28) and (inputs[:, :1][missing] == 0).all()
    torch.testing.assert_close(inputs[:, 1:].bool(), missing)


@pytest.mark.parametrize(
    "treatment", ["complete", "mask", "zero", "partial-conv", "misconv-dmfa", "dmfa-mean", "acflow"]
)
def test_mirrored_inputs_are_those_of_the_mirror_image(treatment: str):
    treated = CLASSIFIERS[treatment](ClassifierConfig(channels=3, height=4, width=6), None)
    images, missing = torch.rand(2, 3, 4, 6), torch.rand(2, 1, 4, 6) < 0.5
    mean, noise, factors = torch.rand(2, 3, 4, 6), torch.rand(2, 3, 4, 6), torch.randn(2, 5, 3, 4, 6)

    def prepared(turn: bool) -> tuple[torch.Tensor, ...]:
        x, hidden, m, d, a = (part.flip(-1) if turn else part for part in (images, missing, mean, noise, factors))
        parts = FactorAnalyzer(m.flatten(1)[:, None], a.flatten(2)[:, None], d.flatten(1)[:, None])
        belief = Imputation(m, MixtureOfFactorAnalyzers(torch.zeros(2, 1), parts))
        return treated.prepare(x, hidden, belief)

    found, expected = treated.mirror(*prepared(turn=False)), prepared(turn=True)
    assert len(found) == len(expected) and all(map(torch.equal, found, expected))


def test_labelled_images_have_the_holes_of_the_sources_training(monkeypatch: pytest.MonkeyPatch):
    count, seen = 12, []
    labels = torch.where(torch.arange(count) % 3 > 0, 1, -1)
    images = LabelledImages(torch.zeros(count, 1, 28, 28, dtype=torch.uint8), labels, torch.arange(count))
    monkeypatch.setattr(classifier, "load_split", lambda *words: images)
    monkeypatch.setattr(classifier, "prepare", lambda kind, given, missing: seen.append(missing) or ())
    monkeypatch.setattr(classifier, "_fit", Mock(side_effect=InterruptedError))
    with pytest.raises(InterruptedError):
        classifier.train(ClassifierTraining(treatment="zero", incomplete="half"))
    assert torch.equal(seen[0], absent_pixels("half", count, (28, 28), 0)[labels > 0])


@pytest.mark.parametrize("treatment", ["misconv-dmfa", "partial-conv"])
def test_command_writes_rows_and_a_checkpoint(small_mnist: Path, tmp_path: Path, treatment: str):
    before = (REPOSITORY / "checkpoints" / "mnist" / "results.json").read_bytes()
    small = "--incomplete mixed --seeds 2 --steps 4 --batch-size 32 --validate-every 2".split()
    folders = ["--run-folder", str(tmp_path / "run"), "--output", str(tmp_path / "out")]
    words = ["classifier", "--treatment", treatment, "--data-root", str(small_mnist), *small, *folders]
    done = train(*words)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert {row["protocol"] for row in rows} == {"classify-mixed", "classify-mixed-complete"}
    assert {row["metric"] for row in rows} == {"accuracy", "label_nll", "ece"}
    assert all(row["n"] == 100 and row["seeds"] == 2 and row["title"] == CLASSIFIERS[treatment].title for row in rows)
    assert {row["weights"] for row in rows} == {digest(tmp_path / "out")}
    card = (tmp_path / "out" / "README.md").read_text()
    assert CLASSIFIERS[treatment].title in card and "accuracy" in card and "`mixed`" in card
    assert (tmp_path / "out" / "model.safetensors").is_file()
    assert (REPOSITORY / "checkpoints" / "mnist" / "results.json").read_bytes() == before
    # The network is trained already, so the same command only measures.
    again = train(*words)
    assert again.returncode == 0 and json.loads((tmp_path / "out" / "metrics.json").read_text()) == rows


def test_missing_source_is_named(small_mnist: Path, tmp_path: Path):
    words = ["classifier", "--treatment", "misconv-mfa", "--incomplete", "half", "--data-root", str(small_mnist)]
    done = train(*words)
    assert done.returncode == 1 and "mfa-half" in done.stderr and "Traceback" not in done.stderr


def test_classes_without_an_image_are_named(capsys: pytest.CaptureFixture[str]):
    warn_of_empty_classes("mnist", training=torch.arange(10), test=torch.tensor([0, 1, 2, 3, 4, 5, 6, 8]))
    assert capsys.readouterr().out == "Without a test image: 7, 9.\n"
    warn_of_empty_classes("mnist", training=torch.arange(10), test=torch.arange(10))
    warn_of_empty_classes("celeba", training=torch.zeros(3, 4), test=torch.zeros(3, 4))
    assert capsys.readouterr().out == ""
