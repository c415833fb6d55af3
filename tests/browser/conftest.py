"""The fixtures of pytest-playwright, with an installed Chromium, time enough for a busy machine, and tabs that tests share.

How fast the page is, is measured in `benchmarks/` and not here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

from tests.browser import chromium
from tests.browser.page import mean
from tests.conftest import PATIENCE as SERVER_PATIENCE

# Milliseconds.
PATIENCE = 120_000
expect.set_options(timeout=PATIENCE)

NewContext = Callable[..., BrowserContext]
OpenPage = Callable[..., Page]
Recording = Callable[[Page], AbstractContextManager[Page]]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any], playwright: Playwright) -> dict[str, Any]:
    path = chromium.find(playwright)
    if path is None:
        pytest.skip("no Chromium or Chrome: python -m tests.browser.chromium installs one")
    return {"executable_path": path, "args": chromium.ARGUMENTS, "timeout": PATIENCE, **browser_type_launch_args}


@pytest.fixture(scope="session")
def base_url() -> None:
    """No address, since each server has another; pytest-playwright's own fixture is a method, which pytest 9 warns of."""


@pytest.fixture
def new_context(new_context: NewContext) -> NewContext:
    """Open a context of the test's own, for init scripts, touch and permissions, which shared tabs do not have."""

    def patient(**options: Any) -> BrowserContext:
        context = new_context(**options)
        context.set_default_timeout(PATIENCE)
        return context

    return patient


@pytest.fixture
def recording(output_path: str, request: pytest.FixtureRequest) -> Recording:
    """Keep trace and screenshot of a page that outlives the test, if it fails, like those of pytest-playwright's own contexts.

    The trace has snapshots, which cost little, and no film, which would make tests a third slower.
    """
    traced, number = request.config.getoption("--tracing") != "off", itertools.count(1)

    @contextmanager
    def recording(page: Page) -> Iterator[Page]:
        if traced:
            page.context.tracing.start(title=request.node.nodeid, snapshots=True, sources=True)
        yield page
        name = Path(output_path) / f"page-{next(number)}"
        if failed(request.node):
            page.screenshot(path=f"{name}.png")
        if traced:
            page.context.tracing.stop(path=f"{name}-trace.zip" if failed(request.node) else None)

    return recording


def failed(test: pytest.Item) -> bool:
    """Whether a test failed before its teardown, by the reports that pytest-playwright leaves at it."""
    return any(getattr(test, name, None) is None or getattr(test, name).failed for name in ("rep_setup", "rep_call"))


@contextmanager
def events(page: Page, name: str) -> Iterator[list[Any]]:
    """Collect the events of a page by their name."""
    seen: list[Any] = []

    def listen(event: Any) -> None:
        seen.append(event)

    page.on(name, listen)  # type: ignore[call-overload]
    try:
        yield seen
    finally:
        page.remove_listener(name, listen)


# What a page is opened with unless a test says otherwise.
USUAL = {"color_scheme": "light", "reduced_motion": "no-preference", "forced_colors": "none"}


class Tabs:
    """Tabs that tests use one after the other: the page loads twice as fast in one as in a new context."""

    def __init__(self, browser: Browser):
        self._browser, self._idle = browser, list[Page]()

    def open(self, width: int = 1280, height: int = 720, **media: Any) -> Page:
        """Take an empty tab, resized."""
        page = self._idle.pop() if self._idle else self._browser.new_page()
        page.set_default_timeout(PATIENCE)
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(**{**USUAL, **media})
        return page

    def leave(self, page: Page) -> None:
        """Empty a tab for the next test."""
        page.unroute_all(behavior="ignoreErrors")
        page.evaluate("sessionStorage.clear()")
        page.goto("about:blank")
        self._idle.append(page)

    def wait_for_first_results(self, address: str) -> None:
        """Visit a server that has just started and loads its models, which takes longest on a busy machine."""
        page = self.open()
        page.set_default_timeout(1000 * SERVER_PATIENCE)
        page.goto(address)
        expect(mean(page)).to_be_visible(timeout=1000 * SERVER_PATIENCE)
        self.leave(page)


@pytest.fixture(scope="session")
def tabs(browser: Browser) -> Tabs:
    return Tabs(browser)


@pytest.fixture(scope="session")
def served(tabs: Tabs, served: str) -> str:
    tabs.wait_for_first_results(served)
    return served


@pytest.fixture
def open_page(tabs: Tabs, recording: Recording, request: pytest.FixtureRequest) -> Iterator[OpenPage]:
    """Open an empty shared tab of some size."""
    opened = list[Page]()
    with ExitStack() as recordings:

        def open_page(width: int = 1280, height: int = 720, **media: Any) -> Page:
            opened.append(recordings.enter_context(recording(tabs.open(width, height, **media))))
            return opened[-1]

        yield open_page
    for page in opened:
        if failed(request.node):
            page.close()
        else:
            tabs.leave(page)


@pytest.fixture
def page(open_page: OpenPage, served: str) -> Iterator[Page]:
    """A visit with its first results on screen; fails on any JavaScript error."""
    page = open_page()
    with events(page, "pageerror") as errors:
        page.goto(served)
        expect(mean(page)).to_be_visible()
        yield page
        assert not errors
