"""Filling pixel by pixel without a browser: short calls that add up to a sample, and runs that end."""

import re

import torch

from dmfa_demo.app.pixel_by_pixel import PixelByPixel
from dmfa_demo.app.scene import ImputationCache, Scene
from dmfa_demo.app.strips import SHOWN, psnr_in_hole
from dmfa_demo.checkpoints import load_imputer
from dmfa_demo.masks import mask_family

PART = PixelByPixel("universal-marginalizer", None, None, None, None)
SCENE = Scene.sample("mnist", 42)
MISSING = mask_family("square14")(1, 28, 28, torch.Generator().manual_seed(4))[0, 0]


def remaining(content: str) -> int:
    return int(re.search(r"(\d+) pixels to fill", content)[1])


def test_short_calls_add_up_to_the_librarys_own_sample():
    content, run, clock = PART.begin(SCENE, MISSING, ImputationCache(), seed=3)
    counts = []
    while run is not None:
        assert clock.active and content.count("<img") == SHOWN
        counts.append(remaining(content))
        content, run, clock = PART.advance(run)
    assert not clock.active and counts == sorted(counts, reverse=True) and 0 < counts[-1] <= counts[0] < 196
    imputer = load_imputer("universal-marginalizer", "mnist")
    twin = imputer.impute(SCENE.image[None], MISSING[None, None], seed=3).sample(SHOWN)[:, 0]
    psnr = psnr_in_hole(twin, SCENE, MISSING)
    assert [float(value) for value in re.findall(r"<figcaption>([\d.]+) dB", content)] == [round(value, 1) for value in psnr.tolist()]  # fmt: skip
    assert content.count("class=nearest") == 1


def test_a_new_hole_ends_the_run_and_a_late_tick_changes_nothing():
    content, run, clock = PART.render(SCENE, MISSING, ImputationCache())
    assert remaining(content) == 196 and run is None and not clock.active
    _, run, clock = PART.advance(None)
    assert run is None and not clock.active


def test_without_a_hole_there_is_nothing_to_fill():
    content, run, _ = PART.begin(SCENE, torch.zeros(28, 28, dtype=torch.bool), ImputationCache(), seed=0)
    assert "Nothing is hidden" in content and run is None
