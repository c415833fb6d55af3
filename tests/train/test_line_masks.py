"""The tables of the VAEAC paper: the complete measurement of small networks, and naive Bayes by hand."""

import dataclasses
import json
import math

import pytest
import torch
from torch.nn.modules.module import register_module_forward_pre_hook

from dmfa_demo.models.universal_marginalizer import UniversalMarginalizer
from dmfa_demo.models.vaeac import image_vaeac
from dmfa_demo.storage import checkpoints
from dmfa_demo.storage.checkpoints import save_checkpoint
from train.methods.universal_marginalizer import UniversalMarginalizerTraining
from train.methods.vaeac import VAEACTraining
from train.report import line_masks
from train.report import rows as report_rows
from train.report.line_masks import OF_GSNN, OF_MARGINALIZER, OF_VAEAC, LineMasks, measure, naive_bayes

ABOUT = {
    "command": "python -m train",
    "training_images": 1,
    "minutes": 1,
    "hardware": "x",
    "torch": "x",
    "parameters": 1,
}


def test_naive_bayes_counts_ink_with_add_one_smoothing():
    images = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]).view(3, 1, 1, 2)
    seen = torch.tensor([1.0, 1.0]).view(1, 1, 1, 2)
    both = naive_bayes(images).log_prob(seen, torch.ones(1, 1, 1, 2, dtype=torch.bool))
    assert both.item() == pytest.approx(math.log(3 / 5) + math.log(1 / 5))
    second = naive_bayes(images).log_prob(seen, torch.tensor([False, True]).view(1, 1, 1, 2))
    assert second.item() == pytest.approx(math.log(1 / 5))


class Passes:
    """A clock that advances with every pass through a layer, so that nothing else on the machine counts."""

    def __init__(self):
        self.count = 0

    def tick(self, *_):
        self.count += 1

    def perf_counter(self):
        return self.count


@pytest.fixture(scope="module")
def shipped(small_mnist, tmp_path_factory):
    """Write small untrained networks in place of the shipped ones, and measure them on two images."""
    root, clock = tmp_path_factory.mktemp("shipped"), Passes()
    with pytest.MonkeyPatch.context() as patch:
        for module in (report_rows, checkpoints, line_masks):
            patch.setattr(module, "ROOT", root)
        patch.setattr(line_masks, "time", clock)
        torch.manual_seed(0)
        for folder in (OF_VAEAC, OF_GSNN, OF_MARGINALIZER):
            config = UniversalMarginalizerTraining() if folder == OF_MARGINALIZER else VAEACTraining()
            small = dataclasses.replace(config.network, widths=(8,), blocks=1, likelihood="bernoulli")
            network = UniversalMarginalizer(small) if folder == OF_MARGINALIZER else image_vaeac(small)
            settings = {**dataclasses.replace(config, network=small).settings, "about": ABOUT}
            save_checkpoint(root / "mnist" / folder, network.state_dict(), settings)
        with register_module_forward_pre_hook(clock.tick):
            measure(LineMasks(rows=2, data_root=small_mnist))
        yield root / "mnist"


def test_every_row_of_the_tables_is_measured(shipped):
    rows = json.loads((shipped / "results.json").read_text())["rows"]
    found = {(row["title"], row["metric"]): row for row in rows}
    papers = {"naive Bayes": 205, "VAEAC, 100 importance samples": 61, "VAEAC, 100 Monte Carlo samples": 156}
    papers |= {"VAEAC, 10,000 Monte Carlo samples": 94, "GSNN, 100 Monte Carlo samples": 141}
    papers |= {"GSNN, 10,000 Monte Carlo samples": 141, "Universal Marginalizer": 41}
    for title, paper in papers.items():
        row = found[title, "nll"]
        assert row["paper"] == paper and row["n"] == 2
        assert row["weights"] == checkpoints.digest(shipped / row["method"])
        assert row["title"] in (shipped / row["method"] / "README.md").read_text()
    assert found["VAEAC", "milliseconds_100"]["value"] < found["Universal Marginalizer", "milliseconds_100"]["value"]
    assert len(rows) == len(papers) + 2


def test_figures_equal_the_estimators(small_mnist, shipped):
    images = line_masks._binarised("test", LineMasks(data_root=small_mnist))[:2]
    missing = line_masks.mask_family("line3")(2, 28, 28, torch.Generator().manual_seed(0))
    assert missing.sum((1, 2, 3)).eq(784 - 84).all() and set(images.unique().tolist()) == {0.0, 1.0}
    model = line_masks.VAEACImputer.load(shipped / OF_VAEAC).model
    with torch.inference_mode():
        twin = -model(images, missing).log_prob(images, missing, 100, generator=torch.Generator().manual_seed(0))
    rows = json.loads((shipped / OF_VAEAC / "metrics.json").read_text())
    (ours,) = (row for row in rows if row["title"] == "VAEAC, 100 importance samples")
    assert ours["value"] == pytest.approx(twin.mean().item(), rel=1e-5)
    assert ours["stderr"] == pytest.approx(twin.std().item() / 2**0.5, rel=1e-3)


def test_measurements_are_not_repeated(small_mnist, shipped, capsys):
    before = json.loads((shipped / "results.json").read_text())["rows"]
    measure(LineMasks(rows=2, data_root=small_mnist))
    assert capsys.readouterr().out.count("already measured") == len(before) == 9
    assert json.loads((shipped / "results.json").read_text())["rows"] == before
