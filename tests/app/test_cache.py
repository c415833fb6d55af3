"""Concurrent visitors get the same answers as alone, and nothing is computed twice."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
import torch
from cachetools import TTLCache

from dmfa_demo.app.scene import cache as module
from dmfa_demo.app.scene.cache import Glance, ImputationCache, Question
from dmfa_demo.app.scene.memory import Memory
from dmfa_demo.app.scene.scene import Scene, draw_mask, measure
from dmfa_demo.registry import available_methods, load_imputer

NAMES = ("dmfa", "mean")


def question(number: int, dataset: str = "mnist") -> tuple[Scene, torch.Tensor]:
    scene = Scene.sample(dataset, number)
    return scene, draw_mask("mixed", scene, seed=number)


class Counting:
    """An imputer that counts the rows of each pass."""

    def __init__(self, imputer):
        self.imputer, self.rows = imputer, []

    def impute(self, images, missing, seed):
        self.rows.append(len(images))
        return self.imputer.impute(images, missing, seed=seed)


class CountingSteps:
    """An imputer that counts its steps, and fails at one of them, or waits there until it may go on."""

    def __init__(self, imputer, fails_at=None, waits_at=None):
        self.imputer, self.fails_at, self.waits_at, self.steps = imputer, fails_at, waits_at, 0
        self.waiting, self.goes_on = Event(), Event()

    def impute_in_steps(self, images, missing, seed):
        for imputation in self.imputer.impute_in_steps(images, missing, seed=seed):
            self.steps += 1
            if self.steps == self.fails_at:
                raise RuntimeError("out of memory")
            if self.steps == self.waits_at:
                self.waiting.set()
                assert self.goes_on.wait(60)
            yield imputation


@pytest.fixture
def counting(monkeypatch) -> Counting:
    counted = Counting(load_imputer("dmfa", "mnist"))
    monkeypatch.setattr(module, "load_imputer", lambda name, dataset: counted)
    return counted


def glance(
    cache: ImputationCache, scene: Scene, missing: torch.Tensor, names: Sequence[str], spread: bool = True
) -> list[Glance | None]:
    (glances,) = cache.glances([Question(scene=scene, missing=missing, names=names, spread=spread)])
    return glances


def final_glance(
    cache: ImputationCache, scene: Scene, missing: torch.Tensor, names: Sequence[str], spread: bool = True
) -> list[Glance]:
    """Repeat the question until every method has reached its answer."""
    while True:
        glances = glance(cache, scene, missing, names, spread)
        if all(one is not None and one.steps is None for one in glances):
            return glances


def test_several_questions_are_answered_in_one_pass(counting):
    cache, questions = ImputationCache(), [question(number) for number in range(5)]
    answers = cache.glances([Question(scene=scene, missing=missing, names=["dmfa"]) for scene, missing in questions])
    assert counting.rows == [5]
    for (scene, missing), (one,) in zip(questions, answers):
        twin = counting.imputer.impute(scene.image[None], missing[None, None], seed=0)
        torch.testing.assert_close(one.mean, twin.mean[0], atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(one.variance, twin.variance[0], atol=1e-4, rtol=1e-2)


def test_limited_answer_continues_with_the_next_methods():
    cache, (scene, missing) = ImputationCache(), question(3)
    names = ["mean", "knn", "gaussian", "dmfa", "zero"]
    limited = Question(scene=scene, missing=missing, names=names, most=2)
    computed = [[one is not None for one in cache.glances([limited])[0]] for _ in range(3)]
    assert computed == [[True] * 2 + [False] * 3, [True] * 4 + [False], [True] * 5]
    unlimited = cache.glances([Question(scene=scene, missing=missing, names=names)])
    assert cache.glances([limited]) == unlimited


def test_equal_questions_are_computed_once(counting):
    cache = ImputationCache()
    first, again = (glance(cache, *question(3), ["dmfa"]) for _ in range(2))
    assert counting.rows == [1] and again == first


def test_results_of_own_pictures_are_kept_separately_and_bounded(counting):
    cache, (sample, missing) = ImputationCache(), question(3)
    for _ in range(2):  # the browser sends the picture with every stroke
        glance(cache, Scene.own("mnist", sample.image), missing, ["dmfa"])
    assert counting.rows == [1]
    glance(cache, sample, missing, ["dmfa"])
    assert counting.rows == [1, 1]
    for number in range(40):
        cache.impute("mean", Scene.own("mnist", torch.full((1, 28, 28), number / 255)), missing)
    assert len(cache._own_imputations) == 32 and not len(cache._imputations)


@pytest.mark.parametrize("dataset", ["mnist", "fashion-mnist", "celeba"])
def test_glance_equals_the_imputation_for_every_method(dataset):
    names = [name for name in available_methods(dataset) if not name.startswith("pseudo-gibbs")]
    (scene, missing), cache = question(1, dataset), ImputationCache()
    for name, one in zip(names, final_glance(cache, scene, missing, names)):
        twin = load_imputer(name, dataset).impute(scene.image[None], missing[None, None], seed=0)
        assert torch.equal(one.mean, twin.mean[0]) and one.figures == measure(twin, scene, missing)
        assert (one.variance is None) == (twin.variance is None)
    for one, brief in zip(
        final_glance(cache, scene, missing, names), final_glance(cache, scene, missing, names, spread=False)
    ):
        assert torch.equal(one.mean, brief.mean) and one.figures == brief.figures and brief.variance is None


def test_method_in_steps_continues_when_nothing_else_is_left(monkeypatch):
    monkeypatch.setattr(module, "PART_SECONDS", 0)
    cache, (scene, missing) = ImputationCache(), question(3)
    first, second = glance(cache, scene, missing, ["mean", "diffusion"])
    assert first is not None and second is None
    parts = [glance(cache, scene, missing, ["mean", "diffusion"])[1] for _ in range(21)]
    assert [part.steps for part in parts] == [*range(1, 21), None]
    assert [part.figures is None for part in parts] == [True] * 20 + [False]
    twin = load_imputer("diffusion", "mnist").impute(scene.image[None], missing[None, None], seed=0)
    assert torch.equal(parts[-1].mean, twin.mean[0]) and not torch.equal(parts[9].mean, twin.mean[0])


def test_all_tabs_share_the_steps_of_a_method(monkeypatch):
    monkeypatch.setattr(module, "PART_SECONDS", 0)
    counted = CountingSteps(load_imputer("diffusion", "mnist"))
    monkeypatch.setattr(module, "load_imputer", lambda name, dataset: counted)
    cache, (scene, missing) = ImputationCache(), question(3)
    glance(cache, scene, missing, ["diffusion"])
    found = cache.impute("diffusion", scene, missing)  # another tab
    (one,) = final_glance(cache, scene, missing, ["diffusion"], spread=False)
    assert counted.steps == 20 and torch.equal(one.mean, found.mean[0])
    assert cache.impute("diffusion", scene, missing) is found


def test_glance_of_an_imputation_of_another_tab_is_not_computed_again(counting):
    cache, (scene, missing) = ImputationCache(), question(3)
    known = cache.impute("dmfa", scene, missing)
    (one,) = glance(cache, scene, missing, ["dmfa"])
    assert (
        counting.rows == [1] and torch.equal(one.mean, known.mean[0]) and torch.equal(one.variance, known.variance[0])
    )
    assert one.figures == measure(known, scene, missing)


def test_visitors_with_the_same_hole_share_steps_and_all_see_them(monkeypatch):
    monkeypatch.setattr(module, "PART_SECONDS", 0)
    counted = CountingSteps(load_imputer("diffusion", "mnist"))
    monkeypatch.setattr(module, "load_imputer", lambda name, dataset: counted)
    cache, (scene, missing) = ImputationCache(), question(3)
    both = [Question(scene=scene, missing=missing, names=["diffusion"], spread=spread) for spread in (True, False)]
    for step in (1, 2, 3):
        (wide,), (brief,) = cache.glances(both)
        assert counted.steps == wide.steps == brief.steps == step
        assert torch.equal(wide.mean, brief.mean) and wide.variance is not None and brief.variance is None


def test_steps_of_another_thread_are_shown_without_waiting_for_its_last(monkeypatch):
    monkeypatch.setattr(module, "PART_SECONDS", 0)
    counted = CountingSteps(load_imputer("diffusion", "mnist"), waits_at=5)
    monkeypatch.setattr(module, "load_imputer", lambda name, dataset: counted)
    cache, (scene, missing) = ImputationCache(), question(3)
    with ThreadPoolExecutor() as pool:
        other = pool.submit(cache.impute, "diffusion", scene, missing)
        assert counted.waiting.wait(60)
        (one,) = glance(cache, scene, missing, ["diffusion"])
        assert one.steps == 4 and not other.done()
        counted.goes_on.set()
        found = other.result()
    assert (
        torch.equal(final_glance(cache, scene, missing, ["diffusion"])[0].mean, found.mean[0]) and counted.steps == 20
    )


def test_more_pictures_in_progress_than_imputations_are_kept_all_end(monkeypatch):
    monkeypatch.setattr(module, "PART_SECONDS", 0)
    cache = ImputationCache()
    monkeypatch.setattr(cache, "_own_imputations", Memory(2, 600))
    monkeypatch.setattr(cache, "_own_glances", Memory(9, 600))
    missing = question(3)[1]
    scenes = [Scene.own("mnist", torch.full((1, 28, 28), number / 9)) for number in range(4)]
    for _ in range(21):
        last = [glance(cache, scene, missing, ["diffusion"])[0] for scene in scenes]
    assert [one.steps for one in last] == [None] * 4


def test_new_question_of_another_visitor_does_not_wait_for_many_steps(monkeypatch):
    monkeypatch.setattr(module, "PART_SECONDS", 1e9)
    cache, (scene, missing), (other, hole) = ImputationCache(), question(3), question(4)
    slow, quick = Question(scene=scene, missing=missing, names=["diffusion"]), Question(other, hole, ["mean"])
    (one,), (mean,) = cache.glances([slow, quick])
    assert one.steps == 1 and mean is not None
    assert cache.glances([slow])[0][0].steps is None


def test_method_in_steps_begins_again_after_an_error(monkeypatch):
    monkeypatch.setattr(module, "PART_SECONDS", 0)
    counted = CountingSteps(load_imputer("diffusion", "mnist"), fails_at=3)
    monkeypatch.setattr(module, "load_imputer", lambda name, dataset: counted)
    cache, (scene, missing) = ImputationCache(), question(3)
    for _ in range(2):
        glance(cache, scene, missing, ["diffusion"])
    with pytest.raises(RuntimeError):
        glance(cache, scene, missing, ["diffusion"])
    assert glance(cache, scene, missing, ["diffusion"])[0].steps == 1


def test_empty_mask_has_no_figures():
    scene, missing = question(0)
    assert [one.figures for one in glance(ImputationCache(), scene, missing & False, NAMES)] == [None, None]
    assert glance(ImputationCache(), scene, missing, []) == []


def test_error_is_raised_only_for_its_caller(monkeypatch):
    cache = ImputationCache()
    with pytest.raises(ValueError, match="no gan|unknown method"):
        glance(cache, *question(0), ["gan"])
    assert len(glance(cache, *question(0), ["mean"])) == 1


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
