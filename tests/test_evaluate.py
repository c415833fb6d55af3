"""Measuring: the figures are those of the metrics, and nothing is hard-coded."""

import json

import pytest
import torch

from dmfa_demo import load_imputer, metrics
from dmfa_demo.data import load_samples, to_float
from dmfa_demo.masks import mask_family
from train import evaluate
from train.evaluate import Evaluation, measure, table
from train.papers import REPORTED


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return to_float(load_samples("mnist").images)


@pytest.fixture(scope="module")
def rows(images):
    return {row.metric: row for row in measure(load_imputer("dmfa", "mnist"), images, "mnist", "square14", seeds=2)}


def test_every_figure_is_there_with_its_error_and_the_papers_beside_it(rows):
    assert list(rows) == ["nll", "nll_median", "nll_wide_floor", "sse", "psnr", "ssim", "coverage90", "milliseconds"]
    assert all(row.n == 100 and row.seeds == 2 for row in rows.values())
    assert all(row.stderr > 0 for row in rows.values() if row.metric != "milliseconds")
    assert (rows["nll"].paper, rows["sse"].paper) == (-244.81, 12.96) and "table 1" in rows["nll"].source
    assert rows["ssim"].paper is None and rows["ssim"].source is None


def test_the_figures_are_those_of_the_metrics(rows, images):
    found = []
    for seed in range(2):
        missing = mask_family("square14")(100, 28, 28, torch.Generator().manual_seed(seed))
        mean = load_imputer("dmfa", "mnist").impute(images, missing, seed=seed).mean
        found.append(metrics.sse(mean.flatten(1), images.flatten(1), missing.flatten(1)))
    twin = torch.stack(found).mean(0)
    assert rows["sse"].value == pytest.approx(twin.mean().item(), rel=1e-4)
    assert rows["sse"].stderr == pytest.approx(twin.std().item() / 10, rel=1e-3)


def test_a_wider_floor_can_only_cost_where_the_density_was_sharp(rows):
    assert rows["nll_wide_floor"].value > rows["nll"].value


def test_the_table_shows_ours_and_the_papers(rows):
    text = table(list(rows.values()))
    assert "n = 100, mask seeds = 2" in text and "-244.81" in text and "DMFA paper, table 1" in text


def test_rows_are_written_by_protocol_and_a_quick_look_writes_nothing(small_mnist, tmp_path, monkeypatch, capsys):
    written = []
    monkeypatch.setattr(evaluate, "ROOT", tmp_path)
    monkeypatch.setattr(evaluate, "write_model_card", written.append)
    folder = tmp_path / "mnist" / "dmfa"
    folder.mkdir(parents=True)
    base = dict(dataset="mnist", method=("dmfa",), seeds=1, data_root=small_mnist)
    evaluate.evaluate(Evaluation(**base, protocol=("square14",), limit=20))
    assert "n = 20" in capsys.readouterr().out and not written and not (folder / "metrics.json").exists()
    for protocol in ("square14", "half", "square14"):
        evaluate.evaluate(Evaluation(**base, protocol=(protocol,)))
    found = json.loads((folder / "metrics.json").read_text())
    assert sorted({row["protocol"] for row in found}) == ["half", "square14"] and len(found) == 16
    assert written == [folder] * 3


def test_an_unknown_protocol_is_refused_before_anything_is_computed(tmp_path):
    with pytest.raises(ValueError, match="unknown mask family"):
        evaluate.evaluate(Evaluation(protocol=("dust",), data_root=tmp_path))


def test_every_reported_figure_names_its_table():
    assert all(value and ("table" in source) for value, source in REPORTED.values())
