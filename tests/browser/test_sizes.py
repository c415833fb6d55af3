"""The page on screens of every size: all methods at once, scrolling to what changed, forced colours."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.page import card, choose, mean
from tests.browser.photos import own_photo, photo

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1366, 768), (1536, 864), (1920, 1080), (2560, 1440)])
def test_screen_shows_all_methods_at_once(open_page: OpenPage, served: str, width: int, height: int):
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


def test_screen_scrolls_to_the_canvas_after_an_example_or_a_photo(open_page: OpenPage, served: str):
    page = open_page(reduced_motion="reduce")
    page.goto(served)
    expect(mean(page)).to_be_visible()
    thumbnails = page.locator("#examples button")
    for one in thumbnails.all():
        box = one.bounding_box()
        assert box["y"] + box["height"] <= 720, "examples are found without scrolling"
    thumbnails.first.click()
    expect(page.locator("#examples [role=status]")).to_contain_text("Only the lower half is visible")
    page.locator("#preset-half").click()
    expect(page.locator("#examples [role=status]")).to_contain_text("begin with one of these")
    choose(page, "Faces")
    own_photo(page, photo())
    use = page.locator("#aligner").get_by_role("button", name="Use this face")
    use.scroll_into_view_if_needed()
    use.dblclick()  # the second click hits nothing else
    page.wait_for_function(
        "() => { const top = document.querySelector('#painter canvas').getBoundingClientRect().top; return top >= 0 && top < 300; }"
    )
    page.get_by_role("tab", name="Compare", exact=True).click()
    expect(page.locator("#compare")).to_contain_text("your own face")
    page.wait_for_timeout(600)
    expect(page.locator("#painter [role=status]")).to_contain_text("of 4096")
    expect(page.locator("#compare")).to_contain_text("your own face")


def test_screen_marks_what_is_chosen_in_forced_colours(open_page: OpenPage, served: str):
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


def test_screen_hints_at_a_wide_table_until_its_end_is_in_sight(open_page: OpenPage, served: str):
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
