"""Links restore what their sender saw, and agree with the code that the page shows."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from dmfa_demo.app.contents import TABS
from dmfa_demo.app.sharing.address import Address
from dmfa_demo.app.sharing.reproduction import code_for
from tests.browser.conftest import OpenPage
from tests.browser.page import card, choose, choose_methods, expect_current, hidden, pictures, stroke, titles

pytestmark = pytest.mark.browser


@pytest.fixture
def late_canvas(context: BrowserContext) -> Page:
    """A page whose canvas tells its mask 3 s late, as on a busy phone."""
    context.add_init_script(
        "const soon = window.setTimeout; window.setTimeout = (run, delay, ...more) => soon(run, delay ?? 3000, ...more);"
    )
    return context.new_page()


def test_link_keeps_methods_and_view(page: Page, open_page: OpenPage):
    choose_methods(page).get_by_role("checkbox", name="Zero").uncheck()
    expect(page.locator("#compare figure")).to_have_count(11)
    choose_methods(page).get_by_role("checkbox", name="MFA", exact=True).uncheck()
    expect(page.locator("#compare figure")).to_have_count(10)
    page.locator("#view").get_by_role("radio", name="Error").check()
    expect(card(page, "DMFA").locator("img")).to_have_attribute("alt", re.compile("mean less the true image"))
    chosen = "dmfa,vaeac,universal-marginalizer,dynamics-knn,context-encoder,gaussian,knn,mean"
    page.wait_for_url(re.compile(f"methods={chosen}&show=error|show=error&methods={chosen}"))
    other = open_page()
    other.goto(page.url)
    expect(card(other, "DMFA").locator("img")).to_have_attribute("alt", re.compile("mean less the true image"))
    assert titles(other) == [
        "Original",
        "What the models see",
        "DMFA",
        "VAEAC",
        "Universal Marginalizer",
        "AE dynamics from k-NN",
        "Context encoder",
        "Gaussian",
        "k-NN",
        "Training mean",
    ]
    expect(choose_methods(other).get_by_role("checkbox", name="Zero")).not_to_be_checked()


def test_link_restores_the_settings_of_every_tab(page: Page, open_page: OpenPage):
    """Something is changed in each tab; the link restores all of it, and the tab that was open."""
    stroke(page, (0.1, 0.1), (0.9, 0.2))
    page.get_by_role("tab", name="Factors", exact=True).click()
    page.locator("#factors-of").get_by_role("radio", name="MFA", exact=True).check()
    expect(page.locator("#component").get_by_role("radio")).to_have_count(5)  # DMFA has three
    page.locator("#component label").nth(1).click()
    page.locator("#factor-2 input[type=range]").fill("1.2")
    page.get_by_role("tab", name="Attractors", exact=True).click()
    page.locator("#step-size").get_by_role("radio", name="Whole steps").check()
    page.get_by_role("tab", name="Predictions", exact=True).click()
    page.locator("#growth").get_by_role("radio", name="Growing specks").check()
    page.get_by_role("tab", name="Samples", exact=True).click()
    expect(page.locator("#strips img").first).to_be_visible()
    page.locator("#noise").get_by_role("radio", name="With pixel noise", exact=True).check()
    expect(page.locator("#strips")).to_contain_text("with pixel noise")
    drawn = page.locator("#strips img").first.get_attribute("src")
    page.locator("#more").click()
    expect(page.locator("#strips img").first).not_to_have_attribute("src", drawn)
    page.wait_for_function(
        "keys => keys.every(key => new URL(location).searchParams.has(key))",
        arg="mask of gaussian z step growth noise seed tab".split(),
    )
    other = open_page()
    other.goto(page.url)
    expect(other.get_by_role("tab", name="Samples", exact=True)).to_have_attribute("aria-selected", "true")
    expect(other.locator("#strips")).to_contain_text("with pixel noise")
    expect_current(other, "samples")
    assert hidden(other) == hidden(page)
    assert pictures(other, "#strips") == pictures(page, "#strips")
    for one in (page, other):
        one.get_by_role("tab", name="Factors", exact=True).click()
        expect(one.locator("#gaussian")).to_contain_text("z2 = +1.2")
        expect_current(one, "factors")
    expect(other.locator("#component label").nth(1).locator("input")).to_be_checked()
    expect(other.locator("#factors-of").get_by_role("radio", name="MFA", exact=True)).to_be_checked()
    assert pictures(other, "#gaussian") == pictures(page, "#gaussian")
    other.get_by_role("tab", name="Predictions", exact=True).click()
    expect(other.locator("#growth").get_by_role("radio", name="Growing specks")).to_be_checked()
    other.get_by_role("tab", name="Attractors", exact=True).click()
    expect(other.locator("#step-size").get_by_role("radio", name="Whole steps")).to_be_checked()


def test_link_keeps_data_set_and_sample(page: Page, open_page: OpenPage):
    choose(page, "Faces")
    page.locator("#samples").get_by_role("radio", name="Joe Biden").click()
    expect(page.locator("#compare")).to_contain_text("Joe Biden")
    page.wait_for_url(re.compile("dataset=celeba.*sample=3"))
    other = open_page()
    other.goto(page.url)
    expect(other.locator("#compare")).to_contain_text("Joe Biden")
    expect(other.locator("#dataset").get_by_role("radio", name="Faces")).to_be_checked()
    expect(other.locator("#samples").get_by_role("radio", name="Joe Biden")).to_be_checked()
    expect(other.locator("#painter [role=status]")).to_contain_text("of 4096 pixels hidden")
    other.get_by_role("tab", name="Results", exact=True).click()
    expect(other.locator("#results-protocol input")).to_have_value("Square 32×32")


def test_link_to_a_tab_shows_no_message_while_the_canvas_is_late(late_canvas: Page, served: str):
    page = late_canvas
    page.goto(f"{served}?tab=samples")
    expect(page.locator("#strips img").first).to_be_visible()
    assert page.get_by_test_id("toast-body").all_inner_texts() == []


def test_code_is_shown_while_the_canvas_is_late(late_canvas: Page, served: str):
    page = late_canvas
    page.goto(f"{served}?sample=3&tab=results")
    expect(page.locator("#results-table table")).to_be_visible()
    page.locator("#take").get_by_role("button", name="Code for this").click()
    expect(page.locator("#take dialog")).to_contain_text("RESULTS")


def test_link_to_an_unknown_data_set_shows_a_message(open_page: OpenPage, served: str):
    page = open_page()
    page.goto(f"{served}?dataset=<b>flowers</b>")
    expect(page.get_by_test_id("toast-body")).to_contain_text("There is no data set '<b>flowers</b>' on this page")
    expect(page.locator("#dataset").get_by_role("radio").first).to_be_checked()


@pytest.mark.parametrize("tab", TABS)
def test_link_shows_no_internal_controls(open_page: OpenPage, served: str, tab: str):
    page = open_page()
    page.goto(f"{served}?dataset=fashion-mnist&tab={tab}&seed=3&walk=2&hole=1")
    expect(page.get_by_role("tab", name=tab.capitalize(), exact=True)).to_have_attribute("aria-selected", "true")
    expect(page.locator(f"#tab-{tab} .info").first).to_be_visible()
    expect(page.locator("input[type=number]:visible")).to_have_count(0)


@pytest.mark.parametrize("tab", TABS)
def test_link_and_code_agree_in_every_tab(page: Page, tab: str):
    page.get_by_role("tab", name="Samples" if tab == "compare" else "Compare", exact=True).click()
    page.get_by_role("tab", name=tab.capitalize(), exact=True).click()
    page.wait_for_url(re.compile({"compare": r"^(?!.*tab=)", "learn": "lesson=1"}.get(tab, f"tab={tab}$")))
    expect(page.get_by_role("tab", name=tab.capitalize(), exact=True)).to_have_attribute("aria-selected", "true")
    page.locator("#take").get_by_role("button", name="Code for this").click()
    linked = Address.from_query(dict(parse_qsl(urlsplit(page.url).query)))
    expect(page.locator("#take dialog code")).to_have_text(code_for(linked))
