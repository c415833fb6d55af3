"""The Compare tab without a browser: its views, its methods, and the marks of the best figures."""

import pytest
import torch

from dmfa_demo import registry
from dmfa_demo.app.scene import cache as cache_module
from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.canvas import Canvas
from dmfa_demo.app.scene.scene import Figures, Scene
from dmfa_demo.app.tabs import compare
from dmfa_demo.app.tabs.compare import FIRST, CompareTab, _lines
from dmfa_demo.app.tabs.part import RenderRequest
from dmfa_demo.data.masks import mask_family
from dmfa_demo.registry import available_among

TAB = CompareTab(view=None, methods=None, cards=None)
SCENE = Scene.sample("mnist", 42)
MISSING = mask_family("square14")(1, 28, 28, torch.Generator().manual_seed(4))[0, 0]


def test_best_figures_are_marked_unless_there_is_only_one():
    figures = [Figures(-5.0, 10.0, 0.5), Figures(None, 12.0, 0.4), Figures(-7.0, 11.0, 0.45)]
    marked = [[line.text.split()[0] for line in lines if line.best] for lines in _lines(figures)]
    assert marked == [["SSIM"], ["PSNR"], ["NLL"]]
    assert not any(line.best for line in _lines(figures[:1])[0]) and _lines([None]) == [()]
    assert [line.text for line in _lines(figures)[1]] == ["PSNR 12.0 dB", "SSIM 0.400"]


@pytest.mark.parametrize("view", ["mean", "error", "deviation"])
def test_every_chosen_method_has_one_card_per_view(view):
    (html,) = TAB.render(SCENE, MISSING, ImputationCache(), view, ["dmfa", "zero"])
    assert (
        html.count("<figure") == (3 if view == "deviation" else 4)
        and "DMFA" in html
        and "Zero" in html
        and "k-NN" not in html
    )
    assert ("without a deviation" in html) == (view == "deviation")
    assert html.count('class="bar"') == (0 if view == "mean" else 1)


def test_unknown_view_is_refused():
    with pytest.raises(ValueError, match="choose one of mean, error, deviation"):
        TAB.render(SCENE, MISSING, ImputationCache(), None, ["dmfa"])


def test_preferred_methods_survive_a_data_set_that_lacks_them(monkeypatch):
    there = {"digits": ["dmfa", "mfa", "knn"], "faces": ["dmfa", "mfa", "vaeac"]}
    for module in (compare, registry):
        monkeypatch.setattr(module, "available_methods", there.__getitem__)
    wanted = ["dmfa", "mfa", "knn"]
    assert available_among("digits", wanted) == wanted and available_among("faces", wanted) == ["dmfa", "mfa"]
    wanted = compare.update_preference("faces", wanted, ["dmfa", "vaeac"])  # MFA was removed there
    assert available_among("digits", wanted) == ["dmfa", "knn"]
    wanted = compare.update_preference("digits", wanted, ["knn"])
    assert available_among("faces", wanted) == ["vaeac"]


def test_walks_from_noise_are_not_shown_first():
    """On faces they paint patches; k-NN starts, which are better, need the training images."""
    assert "dynamics" in available_among("celeba", ["dynamics"])
    assert not {"dynamics", "pseudo-gibbs"} & set(available_among("celeba", registry.shown_first()))


def test_visitors_who_waited_too_long_get_some_methods_first():
    canvas, cache, methods = Canvas(SCENE, MISSING), ImputationCache(), ["mean", "zero", "knn", "dmfa", "gaussian"]
    late, early = (
        RenderRequest(canvas=canvas, arguments={"view": "mean", "methods": methods}, late=late)
        for late in (True, False)
    )
    pages = []
    for request in (late, late, early):
        (further,) = TAB.gather([request], cache)
        (html,) = TAB.render(SCENE, MISSING, cache, "mean", methods, **further)
        pages.append(html)
    assert [html.count("follows: the server is busy") for html in pages] == [len(methods) - FIRST, 0, 0]
    assert [html.count("data-more") for html in pages] == [1, 0, 0]
    assert ">best<" not in pages[0] and pages[1] == pages[2]


def test_card_of_a_method_in_steps_follows_its_answer(monkeypatch):
    monkeypatch.setattr(cache_module, "PART_SECONDS", 0)
    cache = ImputationCache()
    pages = [TAB.render(SCENE, MISSING, cache, "mean", ["zero", "dmfa", "diffusion"])[0] for _ in range(22)]
    assert [html.count("data-more") for html in pages] == [1] * 21 + [0]
    assert "follows: it takes seconds" in pages[0] and "PSNR" in pages[0]
    assert all(f"step {number}, more to come" in html for number, html in enumerate(pages[1:-1], 1))
    assert ">best<" not in pages[20] and ">best<" in pages[21]
    for view in ("error", "deviation"):
        assert "more to come" not in TAB.render(SCENE, MISSING, cache, view, ["diffusion"])[0]


def test_gathered_visitors_get_the_same_cards_as_alone():
    scenes = [Scene.sample("mnist", number) for number in (1, 2)]
    chosen = [("mean", ["dmfa", "zero"]), ("deviation", ["dmfa", "mfa"])]
    requests = [
        RenderRequest(canvas=Canvas(scene, MISSING), arguments={"view": view, "methods": methods}, late=False)
        for scene, (view, methods) in zip(scenes, chosen)
    ]
    cache = ImputationCache()
    for scene, (view, methods), further in zip(scenes, chosen, TAB.gather(requests, cache)):
        assert TAB.render(scene, MISSING, cache, view, methods, **further) == TAB.render(
            scene, MISSING, ImputationCache(), view, methods
        )
