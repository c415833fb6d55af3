"""Accessibility: axe-core in light and dark, a width of 360 pixels, names by keyboard, reduced motion."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from dmfa_demo.app.contents import TABS
from tests.browser.conftest import OpenPage
from tests.browser.page import READY
from tests.browser.photos import own_photo, photo

pytestmark = pytest.mark.browser


@pytest.fixture(params=["light", "dark"])
def page(open_page: OpenPage, request: pytest.FixtureRequest) -> Page:
    return open_page(1280, 900, color_scheme=request.param)


def expect_accessible(page: Page) -> None:
    """Axe-core finds no serious violation, once all answers are there and animations have ended."""
    expect(page.locator(":is([data-state=pending], [data-state=stale], .stage[aria-busy=true]):visible")).to_have_count(
        0
    )
    assert page.get_by_test_id("toast-body").all_inner_texts() == []
    page.evaluate("Promise.allSettled(document.getAnimations().map((one) => one.finished))")
    serious = [
        f"{one['id']}: {one['help']}: {[node['html'][:160] for node in one['nodes'][:3]]}"
        for one in Axe().run(page).response["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    assert not serious, "\n".join(serious)


@pytest.mark.parametrize("tab", TABS)
def test_axe_finds_nothing_serious_in_any_tab(page: Page, served: str, tab: str):
    page.goto(f"{served}?tab={tab}")
    expect(page.locator(READY[tab]).first).to_be_visible()
    expect_accessible(page)


def test_axe_finds_nothing_serious_in_the_face_aligner(page: Page, served: str):
    page.goto(f"{served}?dataset=celeba")
    expect(page.locator(READY["compare"]).first).to_be_visible()
    expect_accessible(page)
    own_photo(page, photo())
    expect_accessible(page)


def test_axe_finds_nothing_serious_in_the_code_dialogue(page: Page, served: str):
    page.goto(served)
    expect(page.locator(READY["compare"]).first).to_be_visible()
    page.locator("#take").get_by_role("button", name="Code for this").click()
    expect(page.locator("#take dialog")).to_contain_text("load_imputer")
    expect_accessible(page)


@pytest.mark.parametrize("tab", TABS)
def test_width_of_360_pixels_cuts_nothing_off(open_page: OpenPage, served: str, tab: str):
    page = open_page(360, 740)
    page.goto(f"{served}?tab={tab}")
    expect(page.locator(READY[tab]).first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_keyboard_reaches_every_control_and_each_has_a_name(open_page: OpenPage, served: str):
    page = open_page(1280, 900)
    page.goto(served)
    expect(page.locator(READY["compare"]).first).to_be_visible()
    names = []
    for _ in range(80):
        page.keyboard.press("Tab")
        name = page.evaluate(
            """() => {
                const at = document.activeElement;
                const label = at.getAttribute('aria-label') ?? at.labels?.[0]?.innerText ?? (at.innerText || at.alt || at.title);
                return at === document.body ? null : `${at.tagName} ${(label ?? '').trim()}`;
            }"""
        )
        if name is None:
            break
        names.append(name)
    assert all(name.split(" ", 1)[1] for name in names), names
    said = " | ".join(names)
    for control in ("Painter", "Brush", "Invert", "Compare", "Mean", "MNIST", "Half", "Copy link", "A 4, or a 9?"):
        assert control in said, (control, said)


def test_animations_do_not_play_under_reduced_motion(open_page: OpenPage, served: str):
    page = open_page(1280, 900, reduced_motion="reduce")
    page.goto(f"{served}?lesson=1")
    expect(page.locator(READY["learn"]).first).to_be_visible()
    expect(page.locator("#lesson").get_by_role("button", name="Play", exact=True)).to_be_visible()
    shown = page.locator("#lesson input[aria-label=Frame]").input_value()
    page.wait_for_timeout(1_000)
    assert page.locator("#lesson input[aria-label=Frame]").input_value() == shown == "0"
