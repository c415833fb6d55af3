"""The Samples tab without a browser: the best of n, and reproducible samples."""

from itertools import combinations

import pytest
import torch

from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene
from dmfa_demo.app.tabs.samples import DRAWN, SamplesTab, best_of
from dmfa_demo.app.widgets.strips import SHOWN
from dmfa_demo.data.masks import mask_family

TAB = SamplesTab(noise=None, more=None, seed=None, strips=None)
SCENE = Scene.sample("mnist", 42)
STRIPS = ("DMFA", "MFA", "VAEAC", "ACFlow", "Posterior Matching", "Probabilistic circuit", "Gaussian")
MISSING = mask_family("square14")(1, 28, 28, torch.Generator().manual_seed(4))[0, 0]


def render(noise: bool = False, seed: int = 0, missing: torch.Tensor = MISSING) -> str:
    return TAB.render(SCENE, missing, ImputationCache(), noise, seed)[0]


def test_best_of_n_is_the_average_over_all_choices():
    values = torch.rand(7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for count, ours in enumerate(best_of(values).tolist(), 1):
        twin = sum(max(choice) for choice in combinations(values.tolist(), count))
        assert ours == pytest.approx(twin / len(list(combinations(range(7), count))))
    assert best_of(torch.rand(DRAWN)).diff().min() >= -1e-6


def test_every_method_with_a_distribution_has_a_strip():
    html = render()
    assert html.count('class="strip"') == len(STRIPS) and all(title in html for title in STRIPS)
    assert html.count("class=framed") == len(STRIPS) and html.count("<img") == len(STRIPS) * (SHOWN + 1)
    assert "k-NN" not in html


def test_samples_depend_on_the_seed_only():
    assert render() == render()
    assert render() != render(seed=1) and render() != render(noise=True)


def test_without_a_hole_there_are_no_samples():
    assert "Nothing is hidden" in render(missing=torch.zeros(28, 28, dtype=torch.bool))


def test_full_mask_is_accepted():
    assert render(missing=torch.ones(28, 28, dtype=torch.bool)).count('class="strip"') == len(STRIPS)
