"""Handlers on a server: in their visitor's turn, gathered, with errors as messages."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import gradio as gr
import httpx
import pytest

from dmfa_demo.app.widgets import handlers
from dmfa_demo.app.widgets.handlers import LATEST, in_turn
from dmfa_demo.workers import MOST, Workers
from tests.conftest import PATIENCE


class Page:
    """A page with one text field, whose handler waits for `go`."""

    def __init__(self):
        self.go, self.began = threading.Event(), threading.Semaphore(0)
        self.passes: list[int] = []
        with gr.Blocks() as self.blocks:
            text, out = gr.Textbox(), gr.Textbox()
            options = LATEST | dict(api_visibility="public")

            def gather(contents, waited):
                self.passes.append(len(contents))
                return [content[text] + "!" for content in contents]

            def slow(values, gathered):
                self.began.release()
                self.go.wait(PATIENCE)
                return gathered

            def picky(value):
                if not value.isdigit():
                    raise ValueError("write a number")
                return value + "0"

            text.submit(in_turn(slow, gather), {text}, [out], api_name="slow", **options)
            text.change(in_turn(picky), [text], [out], api_name="picky", **options)


@pytest.fixture
def waiting_page(monkeypatch):
    workers = Workers(1)
    monkeypatch.setattr(handlers, "workers", lambda: workers)
    page = Page()
    page.blocks.queue(max_size=2_000)
    page.blocks.launch(prevent_thread_lock=True, quiet=True, max_threads=2_000)
    yield page
    page.go.set()
    page.blocks.close()


def ask(client: httpx.Client, visitor: str, text: str, handler: int = 0) -> None:
    """Put a request into the queue."""
    body = {"data": [text], "fn_index": handler, "session_hash": visitor}
    client.post("gradio_api/queue/join", json=body).raise_for_status()


def events(client: httpx.Client, visitor: str) -> Iterator[dict[str, Any]]:
    """Yield the messages for a visitor up to the next answer."""
    with client.stream("GET", "gradio_api/queue/data", params={"session_hash": visitor}) as stream:
        for line in filter(None, stream.iter_lines()):
            event = json.loads(line.removeprefix("data: "))
            yield event
            if event["msg"] == "process_completed":
                return


def answer(client: httpx.Client, visitor: str) -> list[str]:
    *_, done = events(client, visitor)
    assert done["success"], done
    return done["output"]["data"]


def test_a_hundred_visitors_are_gathered_and_none_is_refused(waiting_page: Page):
    visitors = [str(number) for number in range(100)]
    with httpx.Client(base_url=waiting_page.blocks.local_url, timeout=PATIENCE) as client:
        ask(client, "first", "first")
        assert waiting_page.began.acquire(timeout=PATIENCE)
        for visitor in visitors:
            ask(client, visitor, f"of {visitor}")
        waiting_page.go.set()
        assert answer(client, "first") == ["first!"]
        assert [answer(client, visitor) for visitor in visitors] == [[f"of {visitor}!"] for visitor in visitors]
    assert sum(waiting_page.passes) == len(visitors) + 1 and max(waiting_page.passes) == MOST


def test_errors_are_messages_and_leave_the_page_unchanged(waiting_page: Page):
    with httpx.Client(base_url=waiting_page.blocks.local_url, timeout=PATIENCE) as client:
        ask(client, "a", "12", handler=1)
        assert answer(client, "a") == ["120"]
        ask(client, "a", "twelve", handler=1)
        *others, done = events(client, "a")
        messages = [(event["level"], event["log"]) for event in others if event["msg"] == "log"]
        assert messages == [("warning", "Write a number")]
        assert done["success"] and done["output"]["data"] == [{"__type__": "update"}]
