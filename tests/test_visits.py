"""What is left of a visit."""

from datetime import datetime, timedelta
from types import SimpleNamespace

import torch

from dmfa_demo.app.cache import ImputationCache
from dmfa_demo.app.changing_mind import ChangingMind
from dmfa_demo.app.memory import Memory
from dmfa_demo.app.scene import Scene
from dmfa_demo.app.visits import forget

MISSING = torch.zeros(28, 28, dtype=torch.bool)
MISSING[5:15, 5:15] = True


def test_a_visit_is_forgotten_once_nobody_has_come_back():
    now = datetime.now()
    used = {"left": now - timedelta(minutes=10), "back": now - timedelta(minutes=2)}
    holder = SimpleNamespace(session_data={name: "a face" for name in used}, time_last_used=dict(used))
    for session in ("left", "back", "nobody"):
        forget(SimpleNamespace(state_holder=holder), session, timedelta(minutes=10))
    assert list(holder.session_data) == list(holder.time_last_used) == ["back"]


def test_what_is_computed_of_an_own_picture_lies_with_it_alone():
    cache, sample = ImputationCache(), Scene.sample("mnist", 42)
    own = Scene("mnist", sample.image, "your own digit", own=Memory())
    first = cache.impute("mean", own, MISSING)
    assert cache.impute("mean", own, MISSING) is first, "asked twice, computed once"
    ChangingMind(None, None, None, None).render(own, MISSING, cache, "blobs", 0)
    cache.glance(own, MISSING, ["mean"])
    assert not cache._imputations._kept and not cache._glances._kept and len(own.own._kept) == 3
    shared = cache.impute("mean", sample, MISSING)
    assert shared is not first and cache.impute("mean", Scene.sample("mnist", 42), MISSING) is shared


def test_only_the_latest_results_are_kept():
    memory, made = Memory(2), []
    for key in (1, 2, 1, 3, 1, 2):
        memory.recall(key, lambda key=key: made.append(key) or key)
    assert made == [1, 2, 3, 2], "the one that was asked for longest ago goes first"
