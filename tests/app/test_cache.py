"""Concurrent visitors get the same answers as alone, and nothing is computed twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
import torch
from cachetools import TTLCache

from dmfa_demo.app.scene import cache as module
from dmfa_demo.app.scene.cache import MOST, ImputationCache
from dmfa_demo.app.scene.memory import Memory
from dmfa_demo.app.scene.scene import Scene, draw_mask, measure
from dmfa_demo.registry import available_methods, load_imputer
from tests.conftest import PATIENCE

NAMES = ("dmfa", "mean")


def question(number: int, dataset: str = "mnist") -> tuple[Scene, torch.Tensor]:
    scene = Scene.sample(dataset, number)
    return scene, draw_mask("mixed", scene, seed=number)


class Counting:
    """An imputer that counts the rows of each pass, and waits for an event before the first."""

    def __init__(self, imputer, go: Event):
        self.imputer, self.go, self.rows = imputer, go, []

    def impute(self, images, missing, seed):
        self.rows.append(len(images))
        self.go.wait(PATIENCE)
        return self.imputer.impute(images, missing, seed=seed)


@pytest.fixture
def counting(monkeypatch) -> Counting:
    counted = Counting(load_imputer("dmfa", "mnist"), Event())
    monkeypatch.setattr(module, "load_imputer", lambda name, dataset: counted)
    return counted


def test_waiting_visitors_are_answered_in_one_pass(counting):
    cache, questions = ImputationCache(), [question(number) for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(cache.glance, *questions[0], ["dmfa"])
        while not counting.rows:  # the first is being answered
            pass
        others = [pool.submit(cache.glance, *one, ["dmfa"]) for one in questions[1:]]
        while len(cache._waiting) < 5:
            pass
        counting.go.set()
        answers = [one.result() for one in (first, *others)]
    assert counting.rows == [1, 5]
    for (scene, missing), (glance,) in zip(questions, answers):
        twin = counting.imputer.impute(scene.image[None], missing[None, None], seed=0)
        torch.testing.assert_close(glance.mean, twin.mean[0], atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(glance.variance, twin.variance[0], atol=1e-4, rtol=1e-2)


def test_passes_have_a_maximum_size(counting):
    cache, count = ImputationCache(), 2 * MOST + 3
    counting.go.set()
    ready = Barrier(count)

    def visit(number: int):
        ready.wait()
        return cache.glance(*question(number), ["dmfa"])

    with ThreadPoolExecutor(count) as pool:
        assert all(len(answer) == 1 for answer in pool.map(visit, range(count)))
    assert sum(counting.rows) == count and max(counting.rows) <= MOST


def test_equal_questions_are_computed_once(counting):
    cache = ImputationCache()
    counting.go.set()
    first, again = (cache.glance(*question(3), ["dmfa"]) for _ in range(2))
    assert counting.rows == [1] and again == first


def test_results_of_own_pictures_are_kept_separately_and_bounded(counting):
    cache, (sample, missing) = ImputationCache(), question(3)
    counting.go.set()
    for _ in range(2):  # the browser sends the picture with every stroke
        cache.glance(Scene.own("mnist", sample.image), missing, ["dmfa"])
    assert counting.rows == [1]
    cache.glance(sample, missing, ["dmfa"])
    assert counting.rows == [1, 1]
    for number in range(40):
        cache.impute("mean", Scene.own("mnist", torch.full((1, 28, 28), number / 255)), missing)
    assert len(cache._own_imputations) == 32 and not len(cache._imputations)


@pytest.mark.parametrize("dataset", ["mnist", "fashion-mnist", "celeba"])
def test_glance_equals_the_imputation_for_every_method(dataset):
    names = [name for name in available_methods(dataset) if not name.startswith("pseudo-gibbs")]
    (scene, missing), cache = question(1, dataset), ImputationCache()
    for name, glance in zip(names, cache.glance(scene, missing, names)):
        twin = load_imputer(name, dataset).impute(scene.image[None], missing[None, None], seed=0)
        assert torch.equal(glance.mean, twin.mean[0]) and glance.figures == measure(twin, scene, missing)
        assert (glance.variance is None) == (twin.variance is None)
    for glance, brief in zip(cache.glance(scene, missing, names), cache.glance(scene, missing, names, spread=False)):
        assert torch.equal(glance.mean, brief.mean) and glance.figures == brief.figures and brief.variance is None


def test_empty_mask_has_no_figures():
    scene, missing = question(0)
    assert [one.figures for one in ImputationCache().glance(scene, missing & False, NAMES)] == [None, None]
    assert ImputationCache().glance(scene, missing, []) == []


def test_error_is_raised_only_for_its_caller(monkeypatch):
    cache = ImputationCache()
    with pytest.raises(ValueError, match="no gan|unknown method"):
        cache.glance(*question(0), ["gan"])
    assert len(cache.glance(*question(0), ["mean"])) == 1


def test_error_does_not_affect_other_answers_of_the_pass(counting):
    cache, bad = ImputationCache(), Scene("mnist", torch.zeros(1, 27, 27), "of another size")
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(cache.glance, *question(0), ["dmfa"])
        while not counting.rows:  # the first is being answered
            pass
        spoilt = pool.submit(cache.glance, bad, torch.ones(27, 27, dtype=torch.bool), ["dmfa"])
        good = pool.submit(cache.glance, *question(1), ["dmfa"])
        while len(cache._waiting) < 2:
            pass
        counting.go.set()
        assert len(first.result()) == len(good.result()) == 1
        with pytest.raises(ValueError, match="27"):
            spoilt.result()


def test_memory_with_a_time_limit_drops_unused_results():
    clock, memory = [0.0], Memory(4, seconds=600)
    memory._kept = TTLCache(4, 600, timer=lambda: clock[0])
    memory.keep("used", 1)
    memory.keep("left", 2)
    for clock[0] in (400.0, 800.0, 1200.0):  # each use restarts the time
        assert memory.get("used") == 1
    assert memory.get("left") is None
    memory.expire()
    assert len(memory) == 1


def test_memory_drops_the_least_recently_used_result():
    memory = Memory(2)
    for key in "abac":
        memory.recall(key, lambda key=key: key.upper())
    assert memory.get("a") == "A" and memory.get("c") == "C" and memory.get("b") is None
