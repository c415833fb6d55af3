"""The start of the page."""

from threading import Event
from typing import Any

from dmfa_demo.app import page


def test_models_are_loaded_once_the_page_is_served(monkeypatch):
    """Gradio does not request the page first: it would end the server when a busy machine takes three seconds to answer."""
    loaded, when_served = Event(), []

    class Page:
        def launch(self, **options: Any) -> None:
            assert not options["_frontend"]
            when_served.append(loaded.is_set())

        def close(self) -> None:
            pass

    class Traffic:
        stopping = loaded  # which ends the wait for a signal

        def stop_on_sigterm(self) -> None:
            pass

        def drain(self) -> None:
            pass

    for name in ("_return_memory", "fetch_nothing"):
        monkeypatch.setattr(page, name, lambda: None)
    monkeypatch.setattr(page.sys, "setswitchinterval", lambda _: None)
    monkeypatch.setattr(page, "build_page", Page)
    monkeypatch.setattr(page, "Traffic", Traffic)
    monkeypatch.setattr(page, "_warm_up", lambda stopping: stopping.set())
    page.launch()
    assert when_served == [False] and loaded.is_set()
