"""A browser for the tests, and time enough: how fast the page is, is measured in `benchmarks/` and not here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from tests.browser import chromium

expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def launch(playwright: Playwright) -> Callable[..., Browser]:
    """Starts a browser with more arguments."""
    path = chromium.find()
    if path is None:
        pytest.skip("no Chromium or Chrome: python -m tests.browser.chromium installs one")
    return lambda *more: playwright.chromium.launch(executable_path=path, args=[*chromium.ARGUMENTS, *more])


@pytest.fixture(scope="module")
def browser(launch: Callable[..., Browser]) -> Iterator[Browser]:
    with launch() as browser:
        yield browser
