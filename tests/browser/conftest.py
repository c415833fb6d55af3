"""A browser for the tests, and time enough: how fast the page is, is measured in `benchmarks/` and not here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from tests.browser import chromium

# Milliseconds.
PATIENCE = 120_000
expect.set_options(timeout=PATIENCE)

OpenPage = Callable[..., Page]


def patient(page: Page) -> Page:
    """The same page, which waits as long as it takes."""
    page.set_default_timeout(PATIENCE)
    return page


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def launch(playwright: Playwright) -> Callable[..., Browser]:
    """Starts a browser with more arguments."""
    path = chromium.find(playwright)
    if path is None:
        pytest.skip("no Chromium or Chrome: python -m tests.browser.chromium installs one")
    return lambda *more: playwright.chromium.launch(executable_path=path, args=[*chromium.ARGUMENTS, *more])


@pytest.fixture(scope="package")
def browser(launch: Callable[..., Browser]) -> Iterator[Browser]:
    with launch() as browser:
        yield browser


@contextmanager
def events(page: Page, name: str) -> Iterator[list[Any]]:
    """What the page tells by such events meanwhile."""
    told: list[Any] = []

    def listen(event: Any) -> None:
        told.append(event)

    page.on(name, listen)  # type: ignore[call-overload]
    try:
        yield told
    finally:
        page.remove_listener(name, listen)


# What a page is opened with unless a test says otherwise.
USUAL = {"color_scheme": "light", "reduced_motion": "no-preference", "forced_colors": "none"}


class Tabs:
    """Tabs that tests use one after the other: in one the page loads twice as fast as in a new window."""

    def __init__(self, browser: Browser):
        self._browser, self._idle = browser, list[Page]()

    def open(self, width: int, height: int, **media: Any) -> Page:
        """An empty tab in a window of its own."""
        page = self._idle.pop() if self._idle else patient(self._browser.new_page())
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(**{**USUAL, **media})
        return page

    def leave(self, page: Page) -> None:
        """Nothing that a test did is left for the next one."""
        page.unroute_all(behavior="ignoreErrors")
        page.evaluate("sessionStorage.clear()")
        page.goto("about:blank")
        self._idle.append(page)


@pytest.fixture(scope="package")
def tabs(browser: Browser) -> Tabs:
    return Tabs(browser)


@pytest.fixture
def open_page(tabs: Tabs, request: pytest.FixtureRequest) -> Iterator[OpenPage]:
    """Opens an empty tab of some size; for init scripts, touch and permissions a test needs a window from `browser`."""
    opened, failed = list[Page](), request.session.testsfailed

    def open_page(width: int = 1280, height: int = 720, **media: Any) -> Page:
        opened.append(tabs.open(width, height, **media))
        return opened[-1]

    yield open_page
    for page in opened:
        if request.session.testsfailed > failed:
            page.close()
        else:
            tabs.leave(page)
