"""Deletion of a visitor's data."""

import threading
from datetime import datetime, timedelta
from types import SimpleNamespace

import gradio as gr
import torch

from dmfa_demo.app.scene.cache import ImputationCache, Question
from dmfa_demo.app.scene.memory import Memory
from dmfa_demo.app.scene.scene import Scene
from dmfa_demo.app.server import visits
from dmfa_demo.app.server.visits import forget, forget_after_leaving
from dmfa_demo.app.tabs.changing_mind import ChangingMind

MISSING = torch.zeros(28, 28, dtype=torch.bool)
MISSING[5:15, 5:15] = True


def test_visit_is_dropped_ten_minutes_after_its_last_use():
    now = datetime.now()
    used = {"left": now - timedelta(minutes=10), "back": now - timedelta(minutes=2)}
    holder = SimpleNamespace(session_data={name: "a face" for name in used}, time_last_used=dict(used))
    done = {
        session: forget(SimpleNamespace(state_holder=holder), session, timedelta(minutes=10))
        for session in ("left", "back", "unknown")
    }
    assert done == {"left": True, "back": False, "unknown": True}
    assert list(holder.session_data) == list(holder.time_last_used) == ["back"]


def test_departed_visitors_use_no_threads(monkeypatch):
    monkeypatch.setattr(visits, "PERIOD", 0.05)
    with gr.Blocks() as page:
        forget_after_leaving(page, ImputationCache())
    (left,) = (fn.fn for fn in page.fns.values() if ("unload" in {event for _, event in fn.targets}))
    before, holder = set(threading.enumerate()), page.state_holder
    for number in range(500):
        holder.time_last_used[str(number)] = datetime.now() - timedelta(minutes=20)
        holder.session_data[str(number)] = None
        left(SimpleNamespace(session_hash=str(number)))
    assert set(threading.enumerate()) <= before
    for _ in range(6_000):
        if not holder.session_data:
            break
        threading.Event().wait(0.05)
    assert not holder.session_data and not holder.time_last_used


def test_results_of_own_pictures_are_kept_apart_from_those_of_samples():
    cache, sample = ImputationCache(), Scene.sample("mnist", 42)
    own = Scene.own("mnist", sample.image)
    first = cache.impute("mean", own, MISSING)
    assert cache.impute("mean", own, MISSING) is first, "computed once"
    ChangingMind(box=None, growth=None, again=None, chart=None, seed=None).render(own, MISSING, cache, "blobs", 0)
    cache.glances([Question(scene=own, missing=MISSING, names=["mean"])])
    assert not len(cache._imputations) and not len(cache._glances)
    assert len(cache._own_imputations) == 2 and len(cache._own_glances) == 1
    shared = cache.impute("mean", sample, MISSING)
    assert shared is not first and cache.impute("mean", Scene.sample("mnist", 42), MISSING) is shared


def test_only_the_latest_results_are_kept():
    memory, made = Memory(2), []
    for key in (1, 2, 1, 3, 1, 2):
        memory.recall(key, lambda key=key: made.append(key) or key)
    assert made == [1, 2, 3, 2], "the least recently used result is dropped first"
