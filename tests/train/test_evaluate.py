"""Evaluation: figures equal the metrics, and nothing is hard-coded."""

import json
import math
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from dmfa_demo import load_imputer, metrics, registry
from dmfa_demo.data.datasets import DATASETS, load_samples, to_float
from dmfa_demo.data.masks import mask_family
from dmfa_demo.models.classifier import CLASSIFIERS
from dmfa_demo.registry import METHODS, method_class
from dmfa_demo.storage import checkpoints
from dmfa_demo.storage.checkpoints import ROOT
from train.methods import classifier, wae
from train.report import evaluate
from train.report import rows as report_rows
from train.report.evaluate import Evaluation, measure
from train.report.papers import REPORTED, published
from train.report.rows import table


def forget() -> None:
    """Clear the cache of imputers, so that the next call loads them again."""
    load_imputer.cache_clear()
    checkpoints._LOADED.clear()


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return to_float(load_samples("mnist").images)


@pytest.fixture(scope="module")
def rows(images):
    return {
        row.metric: row
        for row in measure(load_imputer("dmfa", "mnist"), images=images, dataset="mnist", family="square14", seeds=2)
    }


def test_every_figure_has_its_error_and_the_papers_figure(rows):
    assert tuple(rows) == tuple(name for name in evaluate.MEASURES if name != "milliseconds_100")
    assert all(row.n == 100 and row.seeds == 2 for row in rows.values())
    assert all(row.stderr > 0 for row in rows.values() if row.metric != "milliseconds")
    assert 0.8 < rows["coverage90"].value < 1 and 0 < rows["crps"].value < 0.5
    assert (rows["nll"].paper, rows["sse"].paper) == (-244.81, 12.96) and "table 1" in rows["nll"].source
    assert rows["ssim"].paper is None and rows["ssim"].source is None


def test_figures_equal_the_metrics(rows, images):
    found = []
    for seed in range(2):
        missing = mask_family("square14")(100, 28, 28, torch.Generator().manual_seed(seed))
        mean = load_imputer("dmfa", "mnist").impute(images, missing, seed=seed).mean
        found.append(metrics.sse(mean.flatten(1), images.flatten(1), missing.flatten(1)))
    twin = torch.stack(found).mean(0)
    assert rows["sse"].value == pytest.approx(twin.mean().item(), rel=1e-4)
    assert rows["sse"].stderr == pytest.approx(twin.std().item() / 10, rel=1e-3)


def test_wider_floor_costs_only_where_the_density_is_sharp(rows):
    assert rows["nll_wide_floor"].value > rows["nll"].value


def test_table_shows_our_and_the_papers_figures(rows):
    text = table(list(rows.values()))
    assert (
        "n = 100, mask seeds = 2, 55,000 training images" in text
        and "-244.81" in text
        and "DMFA paper, table 1" in text
    )


def test_method_without_a_density_has_no_likelihood(images):
    rows = {
        row.metric: row
        for row in measure(load_imputer("knn", "mnist"), images=images, dataset="mnist", family="square13", seeds=1)
    }
    assert tuple(rows) == ("sse", "psnr", "psnr_image", "ssim", "crps", "milliseconds")
    assert (rows["ssim"].paper, rows["ssim"].source) == (0.829, "AE-dynamics paper, table 1")


def test_samples_are_scored_if_they_are_quick_to_draw(images):
    for name, scored in (("vaeac", True), ("universal-marginalizer", False)):
        rows = {
            row.metric
            for row in measure(
                load_imputer(name, "mnist"), images=images[:20], dataset="mnist", family="square14", seeds=1
            )
        }
        assert ("crps" in rows) == scored and "nll" not in rows and {"sse", "ssim"} <= rows


def test_images_without_hidden_pixels_do_not_affect_the_mean(images, monkeypatch):
    family = mask_family("square14")
    monkeypatch.setattr(evaluate, "mask_family", lambda _: lambda *size: family(*size) & (torch.arange(size[0]) > 0).view(-1, 1, 1, 1))  # fmt: skip
    rows = measure(load_imputer("mean", "mnist"), images=images[:20], dataset="mnist", family="square14", seeds=1)
    assert all(math.isfinite(row.value) for row in rows)


@pytest.fixture
def shipped(tmp_path, monkeypatch) -> Path:
    """Return a folder with a copy of a small checkpoint."""
    for module in (evaluate, checkpoints, registry, report_rows):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    forget()
    shutil.copytree(ROOT / "mnist" / "mean", tmp_path / "mnist" / "mean")
    (tmp_path / "mnist" / "mean" / "metrics.json").unlink(missing_ok=True)
    yield tmp_path / "mnist"
    forget()


def run(root: Path, *protocols: str, **options) -> None:
    config = dict(method=("mean", "zero"), seeds=1, data_root=root, protocol=protocols)
    evaluate.evaluate(Evaluation(**{**config, **options}))


def test_rows_are_written_at_once_and_a_limited_run_writes_nothing(small_mnist, shipped, capsys):
    run(small_mnist, "square14", limit=20)
    assert "n = 20" in capsys.readouterr().out and not list(shipped.glob("*/metrics.json"))
    for protocol in ("square14", "half"):
        run(small_mnist, protocol)
    results = json.loads((shipped / "results.json").read_text())
    found = {(row["method"], row["protocol"]) for row in results["rows"]}
    assert found == {(method, protocol) for method in ("mean", "zero") for protocol in ("square14", "half")}
    assert results["published"] == published("mnist") and "cores of " in results["hardware"]
    learnt_from = {row["method"]: row["training_images"] for row in results["rows"]}
    assert learnt_from == {"mean": 55_000, "zero": None}
    rows = json.loads((shipped / "mean" / "metrics.json").read_text())
    assert len(rows) == 12 and "| half | sse |" in (shipped / "mean" / "README.md").read_text()


def test_figures_of_another_test_set_are_stored_beside_the_others(small_mnist, shipped):
    run(small_mnist, "square14")
    run(small_mnist, "square14", test_set="official", method=("zero",))
    rows = json.loads((shipped / "zero" / "metrics.json").read_text())
    figures = {
        name: {row["metric"]: row["value"] for row in rows if row["protocol"] == name}
        for name in ("square14", "square14-official")
    }
    for found in figures.values():
        del found["milliseconds"]
    assert figures["square14"] == figures["square14-official"] and "sse" in figures["square14"]


def test_measurements_are_repeated_only_on_request_or_for_new_weights(small_mnist, shipped, capsys):
    run(small_mnist, "square14")
    capsys.readouterr()
    run(small_mnist, "square14")
    assert capsys.readouterr().out.count("already measured") == 2
    run(small_mnist, "square14", again=True)
    assert "already measured" not in capsys.readouterr().out
    run(small_mnist, "half")
    save_file({"image": torch.full((1, 28, 28), 0.5)}, shipped / "mean" / "model.safetensors")
    forget()
    capsys.readouterr()
    run(small_mnist, "square14")
    assert capsys.readouterr().out.count("already measured") == 1  # zero has no weights
    rows = json.loads((shipped / "mean" / "metrics.json").read_text())
    assert {row["protocol"] for row in rows} == {"square14"}, "figures of the old weights are deleted"


def test_mice_is_fitted_for_each_kind_of_hole_and_has_figures_without_a_checkpoint(small_mnist, shipped, monkeypatch):  # fmt: skip
    fitted = []

    def stand_in(dataset, protocol, data_root):
        fitted.append(protocol)
        imputer = load_imputer("mean", "mnist")
        return type("Stand", (), {"name": "mice", "paper": "MICE", "impute": imputer.impute, "draws_quickly": True})()

    monkeypatch.setattr(evaluate, "mice", stand_in)
    monkeypatch.setitem(evaluate.FEWER, "mice", 30)
    run(small_mnist, "square13", "half", method=("mice",))
    rows = json.loads((shipped / "mice" / "metrics.json").read_text())
    assert fitted == ["square13", "half"] and {row["n"] for row in rows} == {30}
    assert [row["paper"] for row in rows if row["metric"] == "ssim"] == [0.797, None]
    assert not (shipped / "mice" / "README.md").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(protocol=("dust",)), "unknown mask family"),
        (dict(method=("gan",)), "known methods"),
        (dict(protocol=("square40",)), "does not fit"),
        (dict(dataset="nowhere"), "--dataset must be one of mnist, .*; got 'nowhere'"),
    ],
)
def test_invalid_choices_are_refused_before_anything_is_computed(small_mnist, options, message):
    with pytest.raises(ValueError, match=message):
        evaluate.evaluate(Evaluation(**{"data_root": small_mnist, **options}))


def test_every_reported_figure_names_its_source():
    assert all(value and source for value, source in REPORTED.values())
    measures = (*evaluate.MEASURES, *classifier.MEASURES, *wae.MEASURES)
    assert all(row["metric"] in measures for dataset in DATASETS for row in published(dataset))


def test_papers_rows_of_our_methods_exist():
    """A method that names a missing row would never be compared."""
    rows = {row for row, *_ in REPORTED}
    assert all(method_class(name).paper in rows | {None} for name in METHODS)
    assert all(kind.paper in rows for kind in CLASSIFIERS.values())
