"""The page with a data set of one's own, in a folder of checkpoints that has no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.page import hidden, stroke
from tests.conftest import server
from tests.train.test_own_folder import root as root  # a fixture

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(root: Path) -> Iterator[str]:
    with server(DMFA_DEMO_CHECKPOINTS=str(root)) as running:
        yield running.address


@pytest.fixture
def page(open_page: OpenPage, address: str) -> Page:
    page = open_page()
    page.goto(address)
    expect(page.locator("#compare")).to_contain_text("Training mean")
    return page


def test_only_this_data_set_is_offered(page: Page):
    expect(page.locator("#dataset").get_by_role("radio")).to_have_count(1)
    expect(page.locator("#dataset")).to_contain_text("pets")
    expect(page.locator("#examples")).to_have_count(0)
    expect(page.locator("#compare")).to_contain_text("cats, test image")
    stroke(page, (0.1, 0.2), (0.9, 0.2))
    expect(page.locator("#compare")).to_contain_text(f"{hidden(page)} of 400 pixels hidden")


def test_every_tab_opens(page: Page):
    for tab in page.get_by_role("tab").all():
        tab.click()
        expect(tab).to_have_attribute("aria-selected", "true")
        if (name := tab.inner_text().lower()) != "results":  # it does not follow the canvas
            expect(page.locator(f"#tab-{name}")).to_have_attribute("data-state", "")
    assert page.get_by_test_id("toast-body").count() == 0
    expect(page.locator("#tab-results")).to_contain_text("Training mean")
