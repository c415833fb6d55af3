"""The Predictions tab without a browser: bars, the growing hole, the first layer."""

import re
from html import escape

import pytest
import torch

from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.canvas import Canvas
from dmfa_demo.app.scene.scene import Scene
from dmfa_demo.app.tabs.changing_mind import (
    LEFT,
    RIGHT,
    SHARES,
    WIDTH,
    ChangingMind,
    Course,
    _chart,
    first_wrong,
    grown,
)
from dmfa_demo.app.tabs.first_layer import SHOWN, FirstLayer
from dmfa_demo.app.tabs.part import RenderRequest
from dmfa_demo.app.tabs.predictions import Predictions, predict
from dmfa_demo.data.masks import mask_family
from dmfa_demo.models.classifier import available_classifiers, load_classifier

SCENE = Scene.sample("mnist", 42)
MISSING = mask_family("square14")(1, 28, 28, torch.Generator().manual_seed(4))[0, 0]
NOTHING = torch.zeros(28, 28, dtype=torch.bool)


def render(part, scene=SCENE, missing=MISSING, *controls) -> str:
    return part.render(scene, missing, ImputationCache(), *controls)[0]


def test_every_classifier_has_a_panel_with_a_bar_for_each_class_and_the_truth_marked():
    html = render(Predictions(bars=None))
    panels = html.split('<section class="panel')[1:]
    assert len(panels) == len(available_classifiers("mnist"))
    for panel, (kind, answer) in zip(panels, predict(SCENE, MISSING, ImputationCache())):
        assert escape(kind.title) in panel
        widths = [float(width) for width in re.findall(r"width:([\d.]+)%", panel)]
        assert widths == pytest.approx([100 * share for share in answer.tolist()], abs=0.06)
        assert re.findall(r"<li class=true><span>(.)", panel) == ["4"]
        assert ("✓" in panel) == (answer.argmax() == 4) and panel.startswith(" wrong") == (answer.argmax() != 4)


def test_without_a_label_the_prediction_for_the_complete_image_is_marked():
    own = Scene("mnist", SCENE.image, "your own digit")
    html = render(Predictions(bars=None), own)
    assert "You gave no label" in html and html.count("<li class=true><span>4") == len(available_classifiers("mnist"))


def test_gathered_visitors_get_the_same_bars_as_alone():
    part, scenes = Predictions(bars=None), [SCENE, Scene.sample("celeba", 0), Scene.sample("mnist", 3)]
    holes = [mask_family("half")(1, *scene.image.shape[1:], torch.Generator().manual_seed(1))[0, 0] for scene in scenes]
    canvases = [Canvas(scene, hole) for scene, hole in zip(scenes, holes)]
    further = part.gather([RenderRequest(canvas=one, arguments={}, late=False) for one in canvases], ImputationCache())
    for scene, hole, more in zip(scenes, holes, further):
        (together,) = part.render(scene, hole, ImputationCache(), **more)
        alone = render(part, scene, hole)
        widths = [[float(width) for width in re.findall(r"width:([\d.]+)%", html)] for html in (together, alone)]
        assert widths[0] == pytest.approx(widths[1], abs=0.2) and len(widths[0]) > 10
    assert part.gather([RenderRequest(canvas=canvases[0], arguments={}, late=False)], ImputationCache()) == [{}]


@pytest.mark.parametrize("growth", ["blobs", "specks"])
def test_holes_are_nested(growth):
    masks = grown(growth, 3, 28, 28)
    assert masks.shape == (len(SHARES), 1, 28, 28)
    assert not (masks[:-1] & ~masks[1:]).any() and not masks[0].any() and masks[-1].all()
    assert (masks.float().mean((1, 2, 3)) - torch.tensor(SHARES)).abs().max() < 0.06
    assert not torch.equal(masks, grown(growth, 4, 28, 28))


@pytest.mark.parametrize(
    ("wrong", "share"), [([], None), ([0], 0.0), ([20], None), ([3, 4, 19], 0.15), ([19, 20], 0.95)]
)
def test_first_wrong_ignores_the_fully_hidden_picture(wrong, share):
    right = torch.ones(len(SHARES), dtype=torch.bool)
    right[wrong] = False
    assert first_wrong(right) == share


def test_classifier_that_is_right_longest_comes_first():
    course = Course(
        truth=4, names=("zero", "mask", "knn"), probability=torch.zeros(3, len(SHARES)), changed=(0.0, None, 0.5)
    )
    html = _chart(course, 0.0)
    assert html.index("Mask channel") < html.index("k-NN") < html.index("Zero")
    assert "not before all is hidden" in html and "at 50 %" in html and "at 0 %" in html


def test_curve_starts_at_the_complete_picture_and_marks_the_canvas():
    html = render(ChangingMind(box=None, growth=None, again=None, chart=None, seed=None), SCENE, MISSING, "blobs", 0)
    lines = re.findall(r'<polyline points="([^"]+)"', html)
    assert len(lines) == len(available_classifiers("mnist")) - 1 and all(
        len(line.split()) == len(SHARES) for line in lines
    )
    assert all(float(line.split()[0].split(",")[1]) < 30 for line in lines)  # almost certain at first
    here = float(re.search(r'class="here" x1="([\d.]+)"', html)[1])
    assert here == pytest.approx(LEFT + (WIDTH - LEFT - RIGHT) * 0.25, abs=0.1)
    assert html.count("<li>") == len(available_classifiers("mnist")) - 1
    other = render(ChangingMind(box=None, growth=None, again=None, chart=None, seed=None), SCENE, MISSING, "blobs", 1)
    assert re.findall(r"<polyline[^>]+>", other) != re.findall(r"<polyline[^>]+>", html)


def test_unknown_growth_is_refused():
    with pytest.raises(ValueError, match="choose one of blobs, specks"):
        render(ChangingMind(box=None, growth=None, again=None, chart=None, seed=None), SCENE, MISSING, None, 0)


def test_first_layer_is_shown_for_the_mean_for_misconv_and_their_difference():
    html = render(FirstLayer(box=None, strips=None))
    assert html.count('class="strip"') == 3 and html.count("<img") == 3 * SHOWN
    assert "Nothing is hidden" in render(FirstLayer(box=None, strips=None), SCENE, NOTHING)


def test_bars_and_first_layer_share_one_call_per_source(monkeypatch):
    source, calls, cache = load_classifier("misconv-dmfa", "mnist").source, [], ImputationCache()
    monkeypatch.setattr(source, "impute", lambda *a, _own=source.impute, **k: calls.append(1) or _own(*a, **k))
    for part in (Predictions(bars=None), FirstLayer(box=None, strips=None)):
        part.render(SCENE, MISSING, cache)
    assert len(calls) == 1
