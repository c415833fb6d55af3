"""Enlarge a picture, compare it with another, see the hole, pin."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.page import card, expect_current, press
from tests.browser.test_accessible import expect_accessible

pytestmark = pytest.mark.browser


def dialog(page: Page) -> Locator:
    return page.locator("#look dialog")


def look(page: Page, title: str) -> Locator:
    """Enlarge the picture of a card."""
    card(page, title).locator("img").click()
    expect(dialog(page)).to_be_visible()
    return dialog(page)


def enlarged(page: Page) -> str:
    return dialog(page).locator("canvas.under").evaluate("(one) => one.toDataURL()")


def test_click_enlarges_and_arrows_turn_to_the_next(page: Page):
    opened = look(page, "DMFA")
    expect(opened.locator("strong")).to_have_text("DMFA")
    first = enlarged(page)
    page.keyboard.press("ArrowRight")
    expect(opened.locator("strong")).to_have_text("MFA")
    assert enlarged(page) != first
    page.keyboard.press("ArrowLeft")
    expect(opened.locator("strong")).to_have_text("DMFA")
    assert enlarged(page) == first
    page.keyboard.press("Escape")
    expect(opened).to_be_hidden()


def test_boundary_between_two_pictures_moves_by_keys_and_by_pointer(page: Page):
    opened = look(page, "DMFA")
    opened.get_by_label("Compare with").select_option(label="Original")
    boundary, over = opened.get_by_role("slider"), opened.locator("canvas.over")
    expect(over).to_have_css("clip-path", "inset(0px 0px 0px 50%)")
    boundary.press("ArrowRight")
    expect(over).to_have_css("clip-path", "inset(0px 0px 0px 51%)")
    box = opened.locator(".frame").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + 40)
    expect(boundary).to_have_value("25")
    assert "Original to the right" in (boundary.get_attribute("aria-valuetext") or "")
    opened.get_by_role("button", name="Next picture").click()
    expect(opened.get_by_label("Compare with").locator("option:checked")).to_have_text("Original")
    page.keyboard.press("Escape")


def test_sides_of_the_boundary_are_named_and_differ(page: Page):
    opened = look(page, "DMFA")
    opened.get_by_label("Compare with").select_option(label="MFA")
    expect(opened.locator(".sides span")).to_have_text(["DMFA", "MFA"])
    page.keyboard.press("Tab")
    opened.get_by_role("button", name="Next picture").click()
    expect(opened.locator(".sides")).to_be_visible()
    name, against = opened.locator(".sides span").all_inner_texts()
    assert name not in ("DMFA", "MFA") and against == "MFA"
    page.keyboard.press("Escape")


def test_enlarged_picture_follows_the_canvas(page: Page):
    opened = look(page, "DMFA")
    before = enlarged(page)
    invert = "document.querySelector('[data-action=invert]').click()"  # behind the dialog
    page.evaluate(invert)
    expect_current(page)
    page.wait_for_function(
        "(before) => document.querySelector('#look canvas.under').toDataURL() !== before", arg=before
    )
    expect(opened.locator("strong")).to_have_text("DMFA")
    page.evaluate(invert)
    page.keyboard.press("Escape")


def test_pins_of_what_is_covered_are_covered(page: Page):
    for title in ("Original", "DMFA"):
        look(page, title).get_by_role("button", name="Pin", exact=True).click()
    pins = page.locator("#look .pins figure")
    page.keyboard.press("h")
    expect(pins.first).to_have_css("visibility", "hidden")
    expect(pins.nth(1)).to_have_css("visibility", "visible")
    page.keyboard.press("r")
    for title in ("Original", "DMFA"):
        page.get_by_role("button", name=f"Unpin {title}").click()


def test_hole_shows_while_the_button_is_held(page: Page):
    opened = look(page, "DMFA")
    hold, hole = opened.get_by_role("button", name="Hold to see the hole"), opened.locator("canvas.hole")
    expect(hole).to_be_hidden()
    hold.hover()
    page.mouse.down()
    expect(hole).to_be_visible()
    page.mouse.up()
    expect(hole).to_be_hidden()
    page.keyboard.down(" ")
    expect(hole).to_be_visible()
    page.keyboard.up(" ")
    expect(hole).to_be_hidden()
    page.keyboard.press("Escape")


def test_pinned_picture_stays_while_the_hole_changes(page: Page):
    before = card(page, "DMFA").locator("img").get_attribute("src")
    look(page, "DMFA").get_by_role("button", name="Pin", exact=True).click()
    pinned = page.locator("#look .pins img")
    shown = pinned.get_attribute("src")
    press(page, "Invert")
    expect(card(page, "DMFA").locator("img")).not_to_have_attribute("src", before)
    assert pinned.get_attribute("src") == shown
    page.get_by_role("button", name="Unpin DMFA").click()
    expect(page.locator("#look .pins")).to_be_hidden()


def test_pictures_are_enlarged_by_keyboard_and_covered_ones_are_left_out(page: Page):
    page.keyboard.press("h")
    page.locator("#compare img").nth(1).press("Enter")
    opened = dialog(page)
    expect(opened.locator("strong")).to_have_text("What the models see")
    assert "Original" not in opened.locator("option").all_inner_texts()
    page.keyboard.press("r")
    expect(opened).to_be_hidden()
    page.locator("#compare img").first.press("Enter")
    expect(opened.locator("strong")).to_have_text("Original")
    expect_current(page)
    expect_accessible(page)
    page.keyboard.press("Escape")
    expect(page.locator("#compare img").first).to_be_focused()


def test_samples_are_enlarged(page: Page):
    page.get_by_role("tab", name="Samples").click()
    page.locator("#strips figure img").nth(2).click()
    expect(dialog(page).locator("strong")).to_have_text("DMFA, 3")
    page.keyboard.press("Escape")
