"""The Results tab without a browser: the figures of results.json, in the documented order."""

import json
import re
from html import escape

import pytest

from dmfa_demo.app.scene.scene import Scene
from dmfa_demo.app.tabs import results
from dmfa_demo.app.tabs.results import ResultsTab, _chart
from dmfa_demo.registry import method_class
from dmfa_demo.results import MEASURES, PROTOCOLS, protocol_title, title_of, with_published
from dmfa_demo.storage.checkpoints import RESULTS, ROOT
from train.methods import classifier, wae
from train.report import evaluate

TAB = ResultsTab(protocol=None, measure=None, chart=None, table=None)
SCENE = Scene.sample("mnist", 42)
ROWS = json.loads((ROOT / "mnist" / RESULTS).read_text())["rows"]


def row(method: str, value: float | None, metric: str = "sse", paper: float | None = None) -> dict:
    known = {"method": method, "value": value, "stderr": 0.1, "n": 10, "seeds": 1} if value is not None else {"title": method}  # fmt: skip
    return {**known, "metric": metric, "paper": paper, "source": "a table" if paper else None}


@pytest.mark.parametrize("spoilt", ["", '{"rows": [', "[]", '{"rows": []}'])
def test_damaged_figures_are_left_out(tmp_path, monkeypatch, capsys, spoilt):
    monkeypatch.setattr(results, "ROOT", tmp_path)
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / RESULTS).write_text(spoilt)
    results._load.cache_clear()
    try:
        assert results.protocols("mnist") == [] and "is damaged" in capsys.readouterr().err
    finally:
        results._load.cache_clear()


def names(html: str) -> list[str]:
    return re.findall(r'<th scope="row" aria-label="[^"]*">(?:<i[^>]*></i>)?([^<]+)', html)


def test_all_measures_and_protocols_have_titles():
    drawn = [name for name in wae.MEASURES if name not in evaluate.MEASURES]
    assert tuple(MEASURES) == (*evaluate.MEASURES, *drawn, *classifier.MEASURES)
    assert set(PROTOCOLS) >= {row["protocol"] for row in ROWS} | set(evaluate.PROTOCOLS)
    for recipe in evaluate.Evaluation.recipes.values():
        assert set(PROTOCOLS) >= set(recipe["protocol"])


@pytest.mark.parametrize(
    ("name", "title"), [("square14", "Square 14×14"), ("square4", "Square 4×4"), ("square-4", "square-4"), ("x", "x")]
)
def test_squares_of_any_size_have_a_title(name: str, title: str):
    assert protocol_title(name) == title


@pytest.mark.parametrize("protocol", sorted({row["protocol"] for row in ROWS}))
def test_every_figure_is_in_the_table(protocol):
    html = TAB.render_table(SCENE, protocol)
    for one in ROWS:
        if one["protocol"] == protocol:
            assert f'data-value="{one["value"]}"' in html
            assert escape(one.get("title") or method_class(one["method"]).title) in html
            assert one["paper"] is None or one["source"] in html.replace("&#x27;", "'")
            assert one["training_images"] is None or f"{one['training_images']:,} training images<" in html


def test_a_papers_figure_is_in_the_line_of_the_method_that_we_measured_otherwise():
    ours = [{**row("dmfa", 3.0, paper=2.5), "seeds": 1, "training_images": 5, "protocol": "half"}]
    published = [
        {"row": name, "metric": metric, "value": value, "source": "a paper", "protocol": "half"}
        for name, metric, value in (("DMFA", "sse", 2.5), ("DMFA", "ssim", 0.7), ("ACFlow", "ssim", 0.6))
    ]
    _, ssim, other = with_published(ours, published, "half")
    assert (title_of(ssim), ssim["metric"], ssim["paper"], ssim["n"]) == (title_of(ours[0]), "ssim", 0.7, ours[0]["n"])
    assert "value" not in ssim and (title_of(other), "n" in other) == ("ACFlow", False)
    assert names(_chart([ssim, other], MEASURES["ssim"])) == ["DMFA", "ACFlow"]


def test_chart_is_best_first_and_calibration_by_distance():
    rows = [row("knn", 3.0), row("dmfa", 1.0), row("ACFlow", None, paper=2.0)]
    assert names(_chart(rows, MEASURES["sse"])) == ["DMFA", "ACFlow", "k-NN"]
    rows = [row("knn", 3.0, "ssim"), row("dmfa", 1.0, "ssim")]
    assert names(_chart(rows, MEASURES["ssim"])) == ["k-NN", "DMFA"]
    rows = [row("dmfa", 0.97, "coverage90"), row("mfa", 0.85, "coverage90"), row("gaussian", 0.91, "coverage90")]
    assert names(_chart(rows, MEASURES["coverage90"])) == ["Gaussian", "MFA", "DMFA"]


def test_dots_and_rings_are_on_one_axis_in_order():
    html = _chart([row("dmfa", 8.0, paper=13.0), row("knn", 14.0)], MEASURES["sse"])
    marks = [(kind, float(place)) for kind, place in re.findall(r'class="(dot|ring)" style="left:([\d.]+)%', html)]
    assert [kind for kind, _ in marks] == ["dot", "ring", "dot"]
    ours, theirs, other = (place for _, place in marks)
    assert 0 < ours < theirs < other < 100
    assert (theirs - ours) / (other - ours) == pytest.approx(5 / 6, abs=1e-3)


def test_another_kind_of_hole_keeps_the_measure_if_it_has_figures():
    kept, chart = TAB.render_chart(SCENE, "square13", "ssim")
    assert "ssim" in [name for _, name in kept.choices] and MEASURES["ssim"].title in chart
    assert "value" not in kept.constructor_args  # another may be chosen by now, which the answer must not revert
    other, chart = TAB.render_chart(SCENE, "line3-binarised", "ssim")
    assert other.value == "nll" and "not been measured" not in chart
    assert {name for _, name in other.choices} <= {"nll", "milliseconds_100"}


def test_unavailable_choices_fall_back_to_available_ones(monkeypatch):
    for unknown in (None, "smell"):
        first, chart = TAB.render_chart(SCENE, unknown, unknown)
        assert first.value == "nll" and MEASURES["nll"].title in chart
        assert TAB.render_table(SCENE, unknown) == TAB.render_table(SCENE, "square14")
    monkeypatch.setattr(results, "protocols", lambda dataset: [])
    assert "not been measured" in TAB.render_chart(SCENE, "square14", "sse")[1]


def test_small_faces_are_shown_with_the_large_ones():
    choice, _, _, html = TAB.follow("celeba", protocol="square16", measure="nll")
    assert choice.value == "square16" and {"square25", "rect12x20"} <= {name for _, name in choice.choices}
    assert html == TAB.render_table(Scene.sample("celeba", 0), "square16")
    assert "162,770 faces" in html and "−1,325.1" in html


def test_another_data_set_keeps_the_kind_of_hole_if_it_has_figures():
    kept, measure, chart, _ = TAB.follow("mnist", protocol="square13", measure="ssim")
    assert kept.value == "square13" and measure.value == "ssim" and MEASURES["ssim"].title in chart
    other, *_ = TAB.follow("celeba", protocol="square13", measure="ssim")
    assert other.value != "square13" and "square13" not in [name for _, name in other.choices]
