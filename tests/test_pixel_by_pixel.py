"""Filling pixel by pixel without a browser: short calls that add up to a sample, and runs that end."""

import re

import pytest
import torch

from dmfa_demo.app.cache import ImputationCache
from dmfa_demo.app.pixel_by_pixel import PixelByPixel, Run
from dmfa_demo.app.scene import Scene
from dmfa_demo.app.strips import SHOWN, psnr_in_hole
from dmfa_demo.checkpoints import load_imputer
from dmfa_demo.masks import mask_family

PART = PixelByPixel(None, None, None, None, None)
SCENE = Scene.sample("mnist", 42)
MISSING = mask_family("square14")(1, 28, 28, torch.Generator().manual_seed(4))[0, 0]


def remaining(content: str) -> int:
    return int(re.search(r"(\d+) pixels? to fill", content)[1])


def test_short_calls_add_up_to_the_librarys_own_sample():
    content, run, clock = PART.begin(SCENE, MISSING, ImputationCache(), seed=3)
    counts = []
    while not run.done:
        assert clock.active and content.count("<img") == SHOWN
        counts.append(remaining(content))
        content, run, clock = PART.advance(SCENE, MISSING, run)
    assert not clock.active and counts == sorted(counts, reverse=True) and 0 < counts[-1] <= counts[0] < 196
    imputer = load_imputer("universal-marginalizer", "mnist")
    twin = imputer.impute(SCENE.image[None], MISSING[None, None], seed=3).sample(SHOWN)[:, 0]
    psnr = psnr_in_hole(twin, SCENE, MISSING)
    shown = [float(value) for value in re.findall(r"<figcaption>([\d.]+) dB", content)]
    assert shown == pytest.approx(psnr.tolist(), abs=0.051) and content.count("class=framed") == 1


def test_a_run_is_kept_while_its_hole_is_there_and_ends_with_it():
    _, run, _ = PART.begin(SCENE, MISSING, ImputationCache(), seed=0)
    content, kept, clock = PART.render(SCENE, MISSING, ImputationCache(), run)
    assert kept is run and clock.active and content == run.content
    for scene, missing in ((SCENE, ~MISSING), (Scene.sample("mnist", 3), MISSING)):
        content, _, clock = PART.advance(scene, missing, run)
        assert not clock.active and isinstance(content, dict), "a late tick changes nothing"
        content, gone, clock = PART.render(scene, missing, ImputationCache(), run)
        assert gone is None and not clock.active and remaining(content) == int(missing.sum())


def test_what_is_filled_stays_when_the_tab_is_opened_again():
    done = Run(SCENE, MISSING, iter(()), "the pictures", done=True)
    content, kept, clock = PART.render(SCENE, MISSING, ImputationCache(), done)
    assert (content, kept, clock.active) == ("the pictures", done, False)
    _, _, clock = PART.advance(SCENE, MISSING, done)
    assert not clock.active


def test_without_a_hole_there_is_nothing_to_fill():
    content, run, _ = PART.begin(SCENE, torch.zeros(28, 28, dtype=torch.bool), ImputationCache(), seed=0)
    assert "Nothing is hidden" in content and run is None
