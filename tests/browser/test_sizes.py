"""The page at every size: all methods at once on a screen, canvas and answers together on a phone, and forced colours."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.browser.conftest import OpenPage, patient
from tests.browser.test_accessible import READY
from tests.browser.test_page import canvas, card, choose, mean, own_photo, photo

pytestmark = pytest.mark.browser


def phones(playwright: Playwright) -> list[tuple[int, int]]:
    """The windows of all phones that Playwright knows, upright and on their side."""
    mobile = [device["viewport"] for device in playwright.devices.values() if device["is_mobile"]]
    return sorted({(one["width"], one["height"]) for one in mobile})


@pytest.fixture(scope="module")
def phone(browser: Browser, served: str) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, reduced_motion="reduce"
    )
    page = patient(context.new_page())
    page.goto(served)
    expect(mean(page)).to_be_visible()
    yield page
    context.close()


IN_SIGHT = """() => {
    const places = [document.querySelector("#painter canvas"),
        ...[...document.querySelectorAll("#compare .card img")].slice(2, 4)];
    return places.every((place) => {
        const { left, top, right, bottom } = place.getBoundingClientRect();
        return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
    }) && document.documentElement.scrollWidth <= innerWidth;
}"""


def test_on_every_phone_canvas_and_two_answers_are_in_sight_while_painting(phone: Page, playwright: Playwright):
    sizes = phones(playwright)
    assert len(sizes) > 80 and {(320, 568), (568, 320)} <= set(sizes)
    for width, height in sizes:
        phone.set_viewport_size({"width": width, "height": height})
        phone.evaluate("scrollTo(0, 0)")
        canvas(phone).scroll_into_view_if_needed()
        box = canvas(phone).bounding_box()
        phone.touchscreen.tap(box["x"] + 0.2 * box["width"], box["y"] + 0.3 * box["height"])
        phone.wait_for_function(IN_SIGHT)


def test_the_canvas_stays_small_in_sight_while_one_reads_on(phone: Page):
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
    expect(phone.locator("#painter [role=status]")).not_to_have_text(text)  # it is still painted on


CUT_LABELS = """() => [...document.querySelectorAll(".segments label")].filter((label) => {
    const { left, right } = label.getBoundingClientRect();
    for (let box = label.parentElement; box && box !== document.body; box = box.parentElement) {
        const outer = box.getBoundingClientRect();
        if (getComputedStyle(box).overflowX !== "visible" && (right > outer.right + 1 || left < outer.left - 1)) return true;
    }
    return false;
}).map((label) => label.textContent)"""


@pytest.mark.parametrize("width", [320, 390, 820])
def test_no_label_of_a_choice_is_cut_off(phone: Page, width: int):
    phone.set_viewport_size({"width": width, "height": 844})
    for name, part in READY.items():
        phone.get_by_role("tab", name=name.capitalize(), exact=True).click()
        expect(phone.locator(part).first).to_be_visible()
        assert phone.evaluate(CUT_LABELS) == [], name
    phone.get_by_role("tab", name="Compare", exact=True).click()


def test_faces_come_with_a_word_about_the_training_images(phone: Page):
    caution = phone.locator("#caution")
    expect(caution).to_have_text("")
    choose(phone, "Faces")
    expect(caution).to_contain_text("what is common in those photographs")
    caution.get_by_role("button", name="About the training images").click()
    expect(phone.locator("#explainer dialog section:visible")).to_contain_text("It says nothing about the person")
    phone.keyboard.press("Escape")
    choose(phone, "MNIST")
    expect(caution).to_have_text("")


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1366, 768), (1536, 864), (1920, 1080), (2560, 1440)])
def test_all_methods_are_in_sight_at_once(open_page: OpenPage, served: str, width: int, height: int):
    page = open_page(width, height)
    page.goto(served)
    expect(mean(page)).to_be_visible()
    page.wait_for_function(
        """() => [...document.querySelectorAll("#compare .card")].length === 12
            && [...document.querySelectorAll("#compare .card, #painter canvas")].every(
                (one) => one.getBoundingClientRect().bottom <= innerHeight)"""
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    small = card(page, "DMFA").bounding_box()["width"]
    page.locator("#choose-methods > button").click()
    for name in ("Zero", "Training mean", "Gaussian", "k-NN", "VAEAC", "Context encoder", "Universal Marginalizer"):
        page.locator("#methods").get_by_role("checkbox", name=name, exact=True).uncheck()
        expect(card(page, name)).to_have_count(0)
    page.wait_for_function(
        "(small) => document.querySelector('#compare .card').getBoundingClientRect().width > 1.2 * small", arg=small
    )


def test_a_scene_further_up_or_a_photo_further_down_brings_canvas_and_results_into_sight(
    open_page: OpenPage, served: str
):
    page = open_page(reduced_motion="reduce")
    page.goto(served)
    expect(mean(page)).to_be_visible()
    thumbnails = page.locator("#examples button")
    for one in thumbnails.all():
        box = one.bounding_box()
        assert box["y"] + box["height"] <= 720, "scenes are found without scrolling"
    thumbnails.first.click()
    expect(page.locator("#examples [role=status]")).to_contain_text("Only the lower half is visible")
    page.locator("#preset-half").click()
    expect(page.locator("#examples [role=status]")).to_contain_text("begin with one of these")
    choose(page, "Faces")
    own_photo(page, photo())
    use = page.locator("#aligner").get_by_role("button", name="Use this face")
    use.scroll_into_view_if_needed()
    use.dblclick()  # what slides under the pointer is not pressed
    page.wait_for_function(
        "() => { const top = document.querySelector('#painter canvas').getBoundingClientRect().top; return top >= 0 && top < 300; }"
    )
    page.get_by_role("tab", name="Compare", exact=True).click()
    expect(page.locator("#compare")).to_contain_text("your own face")
    page.wait_for_timeout(600)
    expect(page.locator("#painter [role=status]")).to_contain_text("of 4096")
    expect(page.locator("#compare")).to_contain_text("your own face")


def test_what_is_chosen_is_seen_in_forced_colours(open_page: OpenPage, served: str):
    page = open_page(1280, 900, forced_colors="active")
    page.goto(served)
    expect(mean(page)).to_be_visible()

    def look(selector: str, name: str) -> str:
        return page.locator(selector).first.evaluate(f"(one) => getComputedStyle(one)['{name}']")

    selected, other = (f'[role=tab][aria-selected="{value}"]' for value in ("true", "false"))
    assert look(selected, "backgroundColor") != look(other, "backgroundColor")
    assert look("#painter [aria-pressed=true]", "backgroundColor") != look(
        "#painter [aria-pressed=false]", "backgroundColor"
    )
    assert look(".segments label:has(input:checked)", "outlineStyle") == "solid"
    assert look(".segments label:not(:has(input:checked))", "outlineStyle") == "none"
    mark = look("#compare .card strong i", "backgroundColor")
    assert mark == "rgb(47, 109, 181)", "the colour of DMFA"
    page.get_by_role("tab", name="Results", exact=True).click()
    expect(page.locator("#chart .dot").first).to_be_visible()
    assert look("#chart tbody .track .dot", "backgroundColor") == "rgb(47, 109, 181)"
    page.get_by_role("tab", name="Predictions", exact=True).click()
    expect(page.locator("#predictions .panel").first).to_be_visible()
    bar, ground = look("#predictions li b i", "backgroundColor"), look("#predictions li b", "backgroundColor")
    assert bar != ground


def test_a_table_wider_than_its_place_says_so_until_its_end_is_in_sight(open_page: OpenPage, served: str):
    page = open_page()
    page.goto(f"{served}?tab=results")
    hint = page.locator("#results-table .more")
    expect(hint).to_have_text(re.compile("scroll the table sideways"))
    expect(hint).to_be_visible()
    page.locator("#results-table .scroll").evaluate("(box) => { box.scrollLeft = box.scrollWidth; }")
    expect(hint).to_be_hidden()
    page.set_viewport_size({"width": 2560, "height": 1440})
    page.locator("#results-table .scroll").evaluate("(box) => { box.scrollLeft = 0; }")
    expect(hint).to_be_hidden()
