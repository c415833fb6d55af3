"""Prepared masks, samples and examples."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.page import canvas, expect_answer, hidden, mean, press

pytestmark = pytest.mark.browser


def test_preset_during_a_stroke_determines_the_results(page: Page):
    box = canvas(page).bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 20, steps=4)
    page.locator("#preset-half").dispatch_event("click")
    expect(page.locator("#painter [role=status]")).to_contain_text("392 of 784")
    page.mouse.move(box["x"] + 300, box["y"] + 300, steps=4)
    page.mouse.up()
    expect_answer(page, 392)
    page.wait_for_timeout(300)
    expect_answer(page, hidden(page))


def test_undo_works_after_a_preset_and_letter_keys_work_from_the_toolbar(page: Page):
    page.locator("#preset-half").click()
    expect_answer(page, 392)
    page.keyboard.press("Control+z")
    expect_answer(page, 196)
    press(page, "Eraser")
    page.keyboard.press("b")
    expect(page.locator("#painter [data-tool=brush]")).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize(
    ("preset", "count"),
    [
        ("square14", 196),
        ("rect10x15", 150),
        ("half", 392),
        ("centre", 196),
        ("trapezoid", 396),
        ("line3", 700),
        ("pattern", 196),
    ],
)
def test_presets_hide_as_many_pixels_as_in_the_papers(page: Page, preset: str, count: int):
    page.locator(f"#preset-{preset}").click()
    expect_answer(page, count)
    assert hidden(page) == count
    press(page, "Undo")
    expect_answer(page, 196)


def test_new_sample_keeps_the_mask(page: Page):
    before = mean(page).get_attribute("src")
    page.locator("#samples").get_by_role("radio").nth(45).click()
    expect(mean(page)).not_to_have_attribute("src", before)
    assert hidden(page) == 196
    page.keyboard.press("ArrowRight")
    expect(page.locator("#samples").get_by_role("radio").nth(46)).to_have_attribute("aria-checked", "true")


def test_example_opens_its_tab_mask_and_data_set(page: Page):
    page.locator("#examples button", has_text="Nothing but a line").click()
    expect(page.get_by_role("tab", name="Samples", exact=True)).to_have_attribute("aria-selected", "true")
    expect(page.locator("#painter [role=status]")).to_contain_text("700 of 784")
    expect(page.locator("#strips figure").first).to_be_visible()
    page.wait_for_url(re.compile("sample=20.*mask=.*tab=samples|sample=20.*tab=samples.*mask="))
    page.locator("#examples button", has_text="Half a face").click()
    expect(page.locator("#compare")).to_contain_text("Joe Biden")
    expect(page.locator("#dataset").get_by_role("radio", name="Faces")).to_be_checked()
