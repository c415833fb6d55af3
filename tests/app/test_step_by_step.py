"""Filling step by step without a browser: a stream that ends with samples."""

import re

import pytest
import torch

from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene, psnr_in_hole
from dmfa_demo.app.tabs import step_by_step
from dmfa_demo.app.tabs.step_by_step import StepByStep
from dmfa_demo.app.widgets.strips import SHOWN
from dmfa_demo.data.masks import mask_family
from dmfa_demo.registry import load_imputer

NAME = "universal-marginalizer"
PART = StepByStep(methods=(NAME,), boxes=(), starts=(), strips=(), seed=None)
SCENE = Scene.sample("mnist", 42)
MISSING = mask_family("square14")(1, 28, 28, torch.Generator().manual_seed(4))[0, 0]


def remaining(content: str) -> int:
    return int(re.search(r"(\d+) pixels? to fill", content)[1])


def test_stream_ends_with_the_librarys_sample(monkeypatch):
    monkeypatch.setattr(step_by_step, "PERIOD", 0)
    *parts, last = PART.fill(NAME, SCENE, MISSING, ImputationCache(), seed=3)
    counts = [remaining(part) for part in parts]
    assert all(part.count("<img") == SHOWN for part in parts)
    assert counts == sorted(counts, reverse=True) and 0 < counts[-1] <= counts[0] <= 196
    imputer = load_imputer(NAME, "mnist")
    twin = imputer.impute(SCENE.image[None], MISSING[None, None], seed=3).sample(SHOWN)[:, 0]
    psnr = psnr_in_hole(twin, SCENE, MISSING)
    shown = [float(value) for value in re.findall(r"<figcaption class=truth>([\d.]+) dB", last)]
    assert shown == pytest.approx(psnr.tolist(), abs=0.051) and last.count("class=framed") == 1


def test_filling_is_shown_again_only_for_the_same_picture_and_hole():
    cache = ImputationCache()
    *_, last = PART.fill(NAME, SCENE, MISSING, cache, seed=0)
    assert PART.render(Scene.sample("mnist", 42), MISSING.clone(), cache) == [last]
    for scene, missing in ((SCENE, ~MISSING), (Scene.sample("mnist", 3), MISSING)):
        assert remaining(PART.render(scene, missing, cache)[0]) == int(missing.sum())


def test_without_a_hole_there_is_nothing_to_fill():
    nothing = torch.zeros(28, 28, dtype=torch.bool)
    (content,) = PART.fill(NAME, SCENE, nothing, ImputationCache(), seed=0)
    assert "Nothing is hidden" in content
    face, everything = Scene.sample("celeba", 0), torch.ones(64, 64, dtype=torch.bool)
    assert list(PART.fill(NAME, face, everything, ImputationCache(), 0)) == [""]
