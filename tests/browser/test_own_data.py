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


def test_nothing_speaks_of_data_sets_that_are_not_offered(page: Page):
    expect(page.locator("#digit-upload")).to_be_hidden()
    assert "CelebA" not in page.locator("#explainer").inner_text()
    page.get_by_role("button", name="Data and licences").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("public domain")
    assert "MNIST" not in dialog.inner_text()
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Learn").click()
    expect(page.locator("#lesson h2")).not_to_be_empty()
    expect(page.locator("#lesson [data-part=setting]")).to_be_hidden()
    page.locator("#lesson").get_by_role("button", name="Show the answer without a guess").click()
    expect(page.locator("#lesson [data-part=because]")).to_be_visible()
    expect(page.locator("#lesson .after")).to_be_hidden()


def test_tabs_without_a_model_name_the_commands_and_show_nothing_else(page: Page):
    page.get_by_role("tab", name="Attractors").click()
    expect(page.locator("#tab-attractors")).to_contain_text("python -m train attractors --dataset folder:PATH")
    expect(page.locator("#player")).to_be_hidden()
    expect(page.get_by_role("button", name="New noise")).to_be_hidden()
    page.get_by_role("tab", name="Predictions").click()
    expect(page.locator("#tab-predictions")).to_contain_text("--treatment complete")
    expect(page.get_by_role("button", name="Another hole")).to_have_count(0)
    expect(page.locator("#first-layer")).to_have_count(0)
