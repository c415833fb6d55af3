"""The start of the page."""

from threading import Event
from typing import Any

from dmfa_demo.app import page
from tests.conftest import PATIENCE


def test_models_are_loaded_once_the_page_is_served(monkeypatch):
    """Gradio gives up if its first request takes more than three seconds, as it would while models are loaded."""
    loaded, when_served = Event(), []

    class Page:
        def launch(self, **_: Any) -> None:
            when_served.append(loaded.is_set())

        def block_thread(self) -> None:
            loaded.wait(PATIENCE)

    for name in ("_return_memory", "fetch_nothing"):
        monkeypatch.setattr(page, name, lambda: None)
    monkeypatch.setattr(page.sys, "setswitchinterval", lambda _: None)
    monkeypatch.setattr(page, "build_page", Page)
    monkeypatch.setattr(page, "_warm_up", loaded.set)
    page.launch()
    assert when_served == [False] and loaded.is_set()
