"""Requests of many visitors: in order for each, several at a time, gathered where possible."""

from __future__ import annotations

import os
from concurrent.futures import Future
from threading import Barrier, Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmfa_demo.workers import MOST, Request, Workers, usable_cores
from tests.conftest import PATIENCE


def results(futures: list[Future]) -> list:
    return [future.result(PATIENCE) for future in futures]


@given(st.lists(st.integers(0, 3), max_size=30), st.integers(1, 4))
def test_visitors_are_answered_one_at_a_time_in_order(visitors, threads):
    workers, running, answered = Workers(threads), set(), {visitor: [] for visitor in visitors}

    def answer(number, visitor):
        assert visitor not in running
        running.add(visitor)
        answered[visitor].append(number)
        running.remove(visitor)
        return number

    futures = [
        workers.submit(Request(str(visitor), lambda _, number=number, visitor=visitor: answer(number, visitor)))
        for number, visitor in enumerate(visitors)
    ]
    assert results(futures) == list(range(len(visitors)))
    assert all(numbers == sorted(numbers) for numbers in answered.values())


def test_visitors_are_answered_at_the_same_time():
    meeting = Barrier(2)
    workers = Workers(2)
    results([workers.submit(Request(visitor, lambda _: meeting.wait(PATIENCE))) for visitor in "ab"])


def test_visitor_with_two_requests_does_not_keep_others_waiting():
    workers, go = Workers(2), Event()
    first = workers.submit(Request("a", lambda _: go.wait(PATIENCE)))
    second = workers.submit(Request("a", lambda _: "a"))
    assert workers.submit(Request("b", lambda _: "b")).result(PATIENCE) == "b"
    assert not first.done() and not second.done()
    go.set()
    assert second.result(PATIENCE) == "a"


class Passes:
    """A `gather` that records the contents of each pass."""

    def __init__(self):
        self.contents, self.waited = [], []

    def gather(self, contents, waited):
        self.contents.append(list(contents))
        self.waited += waited
        if "broken" in contents:
            raise ValueError("broken")
        return [f"gathered {content}" for content in contents]


def blocked(threads: int = 1) -> tuple[Workers, Event]:
    """Workers whose threads are all busy until the event."""
    workers, go, started = Workers(threads), Event(), Barrier(threads + 1)

    def wait(_):
        started.wait(PATIENCE)
        go.wait(PATIENCE)

    for number in range(threads):
        workers.submit(Request(f"blocking {number}", wait))
    started.wait(PATIENCE)
    return workers, go


def ask(workers: Workers, visitor: str, passes: Passes, content: str = "") -> Future:
    return workers.submit(Request(visitor, lambda gathered: gathered, passes.gather, content or visitor))


def test_waiting_requests_are_gathered_up_to_a_maximum():
    (workers, go), passes = blocked(), Passes()
    names = [str(number) for number in range(MOST + 3)]
    futures = [ask(workers, name, passes) for name in names]
    go.set()
    assert results(futures) == [f"gathered {name}" for name in names]
    assert passes.contents == [names[:MOST], names[MOST:]]
    assert all(seconds >= 0 for seconds in passes.waited)


def test_only_requests_of_different_visitors_and_one_kind_are_gathered():
    (workers, go), passes, others = blocked(), Passes(), Passes()
    futures = [ask(workers, "a", passes), ask(workers, "b", others), ask(workers, "c", passes)]
    futures += [ask(workers, "a", passes, "a again"), workers.submit(Request("d", lambda gathered: gathered))]
    go.set()
    assert results(futures) == ["gathered a", "gathered b", "gathered c", "gathered a again", None]
    assert sorted(passes.contents) == [["a", "c"], ["a again"]] and others.contents == [["b"]]


def test_error_in_a_pass_does_not_affect_the_others():
    (workers, go), passes = blocked(), Passes()
    futures = [ask(workers, "a", passes), ask(workers, "b", passes, "broken")]
    go.set()
    assert results(futures) == [None, None], "each answer is then computed without the pass"


def test_error_of_an_answer_is_raised_for_its_request_only():
    workers = Workers(1)

    def fail(_):
        raise ValueError("no such method")

    failed, good = workers.submit(Request("a", fail)), workers.submit(Request("a", lambda _: 1))
    with pytest.raises(ValueError, match="no such method"):
        failed.result(PATIENCE)
    assert good.result(PATIENCE) == 1


def test_request_of_a_visitor_who_left_is_not_answered():
    (workers, go), answered = blocked(), []
    left, later = (
        workers.submit(Request("a", lambda _, name=name: answered.append(name))) for name in ("left", "later")
    )
    assert left.cancel()
    go.set()
    later.result(PATIENCE)
    assert answered == ["later"]


def test_map_keeps_the_order_and_uses_free_threads():
    meeting = Barrier(3)

    def square(number):
        meeting.wait(PATIENCE)
        return number**2

    assert Workers(2).map(square, [1, 2, 3]) == [1, 4, 9], "two threads and the caller"


def test_map_inside_an_answer_does_not_wait_for_a_free_thread():
    workers = Workers(1)
    inner = workers.submit(Request("a", lambda _: workers.map(lambda x, y: workers.map(str, [x, y]), [1, 2], [3, 4])))
    assert inner.result(PATIENCE) == [["1", "3"], ["2", "4"]]
    with pytest.raises(ZeroDivisionError):
        workers.map(lambda x: 1 / x, [1, 0])


def test_one_worker_for_each_usable_core(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 3, 5}, raising=False)
    assert usable_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    assert usable_cores() == os.cpu_count()
