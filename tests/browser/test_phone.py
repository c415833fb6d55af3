"""The page on a phone: painting by touch, and everything within the width of the screen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.browser.conftest import PATIENCE, NewContext, OpenPage, Recording
from tests.browser.page import READY, canvas, choose, clear, expect_answer, hidden, mean

pytestmark = pytest.mark.browser

PHONE = {"has_touch": True, "is_mobile": True}


def phones(playwright: Playwright) -> list[tuple[int, int]]:
    """The windows of all phones that Playwright knows, upright and sideways."""
    mobile = [device["viewport"] for device in playwright.devices.values() if device["is_mobile"]]
    return sorted({(one["width"], one["height"]) for one in mobile})


@pytest.fixture(scope="module")
def shared_phone(browser: Browser, served: str) -> Iterator[Page]:
    with browser.new_context(**PHONE, viewport={"width": 390, "height": 844}, reduced_motion="reduce") as context:
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(served)
        expect(mean(page)).to_be_visible()
        yield page


@pytest.fixture
def phone(shared_phone: Page, recording: Recording) -> Iterator[Page]:
    """A visit on a phone, which goes on from test to test."""
    with recording(shared_phone) as page:
        yield page


IN_SIGHT = """() => {
    const places = [document.querySelector("#painter canvas"),
        ...[...document.querySelectorAll("#compare .card img")].slice(2, 4)];
    return places.every((place) => {
        const { left, top, right, bottom } = place.getBoundingClientRect();
        return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
    }) && document.documentElement.scrollWidth <= innerWidth;
}"""


def test_phone_shows_the_canvas_and_two_answers_while_painting(phone: Page, playwright: Playwright):
    sizes = phones(playwright)
    assert len(sizes) > 80 and {(320, 568), (568, 320)} <= set(sizes)
    for width, height in sizes:
        phone.set_viewport_size({"width": width, "height": height})
        phone.evaluate("scrollTo(0, 0)")
        canvas(phone).scroll_into_view_if_needed()
        box = canvas(phone).bounding_box()
        phone.touchscreen.tap(box["x"] + 0.2 * box["width"], box["y"] + 0.3 * box["height"])
        phone.wait_for_function(IN_SIGHT)


def test_phone_keeps_a_small_canvas_in_sight_while_scrolling(phone: Page):
    phone.set_viewport_size({"width": 390, "height": 844})
    phone.evaluate("scrollTo(0, 0)")
    whole = canvas(phone).bounding_box()["width"]
    phone.evaluate("document.querySelector('#compare').lastElementChild.scrollIntoView()")
    phone.wait_for_function(
        "(whole) => document.querySelector('#painter canvas').getBoundingClientRect().width < 0.6 * whole", arg=whole
    )
    box = canvas(phone).bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= 844 and box["x"] + box["width"] <= 390
    text = phone.locator("#painter [role=status]").inner_text()
    phone.touchscreen.tap(box["x"] + 0.5 * box["width"], box["y"] + 0.05 * box["height"])
    expect(phone.locator("#painter [role=status]")).not_to_have_text(text)  # the small canvas can be painted on


CUT_LABELS = """() => [...document.querySelectorAll(".segments label")].filter((label) => {
    const { left, right } = label.getBoundingClientRect();
    for (let box = label.parentElement; box && box !== document.body; box = box.parentElement) {
        const outer = box.getBoundingClientRect();
        if (getComputedStyle(box).overflowX !== "visible" && (right > outer.right + 1 || left < outer.left - 1)) return true;
    }
    return false;
}).map((label) => label.textContent)"""


@pytest.mark.parametrize("width", [320, 390, 820])
def test_phone_cuts_off_no_label(phone: Page, width: int):
    phone.set_viewport_size({"width": width, "height": 844})
    for name, part in READY.items():
        phone.get_by_role("tab", name=name.capitalize(), exact=True).click()
        expect(phone.locator(part).first).to_be_visible()
        assert phone.evaluate(CUT_LABELS) == [], name
    phone.get_by_role("tab", name="Compare", exact=True).click()


def test_phone_shows_a_caution_about_the_training_images_of_faces(phone: Page):
    caution = phone.locator("#caution")
    expect(caution).to_have_text("")
    choose(phone, "Faces")
    expect(caution).to_contain_text("what is common in those photographs")
    caution.get_by_role("button", name="About the training images").click()
    expect(phone.locator("#explainer dialog section:visible")).to_contain_text("It says nothing about the person")
    phone.keyboard.press("Escape")
    choose(phone, "MNIST")
    expect(caution).to_have_text("")


def test_phone_paints_by_touch(new_context: NewContext, served: str):
    page = new_context(**PHONE, viewport={"width": 400, "height": 800}).new_page()
    page.goto(served)
    expect(mean(page)).to_be_visible()
    clear(page)
    canvas(page).tap(position={"x": 150, "y": 150})
    assert hidden(page) > 0
    expect_answer(page, hidden(page))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the narrow page scrolls sideways"


def test_phone_shows_every_tab_without_scrolling_sideways(open_page: OpenPage, served: str):
    page = open_page(360, 740)
    page.goto(served)
    expect(mean(page)).to_be_visible()
    for name, place in (
        ("Factors", "#gaussian"),
        ("Samples", "#strips"),
        ("Attractors", "#player .plane"),
        ("Predictions", "#predictions .panel >> nth=0"),
        ("Results", "#chart"),
        ("Compare", "#compare"),
    ):
        page.get_by_role("tab", name=name).click()
        expect(page.locator(place)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} scrolls sideways"


def test_phone_fits_the_chart_of_results(open_page: OpenPage, served: str):
    page = open_page(360, 740)
    page.goto(f"{served}?tab=results")
    expect(page.locator("#chart")).to_contain_text("18.59")
    table, column = page.locator("#chart table").bounding_box(), page.locator("#chart").bounding_box()
    assert table["x"] + table["width"] <= column["x"] + column["width"] <= 360
