"""Comparison of methods in pairs by the scores of each image."""

import math
import shutil

import pytest
import torch
from scipy import stats

from dmfa_demo.data.datasets import load_samples, to_float
from dmfa_demo.registry import load_imputer
from train.report import scores
from train.report.evaluate import score, summarise
from train.report.scores import Compare, compare, difference, read_scores, scores_path, write_scores


def test_interval_is_that_of_a_paired_test():
    generator = torch.Generator().manual_seed(0)
    hard = 5 * torch.rand(1, 400, generator=generator, dtype=torch.float64)  # what both methods share
    one, other = (
        hard + 0.1 * torch.randn(3, 400, generator=generator, dtype=torch.float64) + shift for shift in (0.0, 0.05)
    )
    found = difference(one, other, more=False)
    paired = stats.ttest_rel(one.mean(0), other.mean(0))
    low, high = paired.confidence_interval(0.95)
    assert found.mean == pytest.approx((one - other).mean().item()) and found.n == 400
    assert found.low == pytest.approx(low, abs=2e-4) and found.high == pytest.approx(high, abs=2e-4)
    assert found.high < 0  # although the difference is far smaller than the images' spread
    assert found.wins == pytest.approx(((one - other).mean(0) < 0).double().mean().item())
    assert difference(one, other, more=None).wins is None


def test_images_without_a_hole_are_left_out():
    one = torch.tensor([[1.0, math.nan, 3.0]])
    assert difference(one, torch.zeros(1, 3), more=True).n == 2
    with pytest.raises(ValueError, match="measure both alike"):
        difference(one, torch.zeros(2, 3), more=True)


def test_scores_are_kept_and_agree_with_the_means(tmp_path):
    images = to_float(load_samples("mnist").images)[:12]
    found = score(load_imputer("dmfa", "mnist"), images=images, family="square14", seeds=2)
    write_scores(scores_path(tmp_path, "square14"), found.columns, "")
    kept = read_scores(tmp_path, "square14")
    rows = {
        row.metric: row for row in summarise(found, load_imputer("dmfa", "mnist"), dataset="mnist", family="square14")
    }
    for metric in ("sse", "nll", "ssim"):
        assert kept[metric].shape == (2, 12)
        assert kept[metric].mean().item() == pytest.approx(rows[metric].value, rel=1e-6)


def test_scores_of_other_weights_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(scores, "digest", lambda folder: "def")
    folder = tmp_path / "mnist" / "dmfa"
    write_scores(scores_path(folder, "square14"), {"sse": torch.ones(1, 3)}, "abc")
    with pytest.raises(ValueError, match="other weights .* train evaluate --dataset mnist --method dmfa .* --again"):
        read_scores(folder, "square14")


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Scores of two methods."""
    monkeypatch.setattr(scores, "ROOT", tmp_path)
    for name, shift in (("one", 0.0), ("other", 1.0)):
        columns = {"sse": shift + torch.arange(10.0).view(1, 10), "psnr": torch.ones(1, 10)}
        write_scores(scores_path(tmp_path / "mnist" / name, "square14"), columns, "")
    return tmp_path


def test_comparison_is_printed(kept, capsys):
    compare(Compare(method=("one", "other")))
    text = capsys.readouterr().out
    assert "one less other on mnist, square14" in text and "100.0 %" in text and "nll" not in text
    assert "−1.00" in text


def test_wrong_comparisons_are_explained(kept):
    with pytest.raises(ValueError, match="at least two methods"):
        compare(Compare(method=("one",)))
    with pytest.raises(ValueError, match="unknown measure 'speed'"):
        compare(Compare(method=("one", "other"), metric=("speed",)))
    shutil.rmtree(kept / "mnist" / "other")
    with pytest.raises(
        FileNotFoundError, match="train evaluate --dataset mnist --method other --protocol square14 --again"
    ):
        compare(Compare(method=("one", "other")))
