"""The Predictions tab: what classifiers make of an incomplete image."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.page import press, stroke

pytestmark = pytest.mark.browser


def panels(page: Page) -> list[str]:
    return page.locator("#predictions .panel").evaluate_all("panels => panels.map(panel => panel.innerText)")


def test_predictions_follow_the_brush_and_mark_the_true_class(page: Page):
    page.get_by_role("tab", name="Predictions").click()
    expect(page.locator("#predictions .panel")).to_have_count(8)
    assert page.locator("#predictions .true span").all_inner_texts() == ["4"] * 8
    layer = page.locator("#first-layer img").first
    before, seen = panels(page), layer.get_attribute("src")
    text = page.locator("#predictions .panels").inner_text()
    box = page.locator("#predictions").bounding_box()
    assert box["y"] + 370 <= 720, "both rows are seen without scrolling"
    stroke(page, (0.05, 0.3), (0.95, 0.3))
    stroke(page, (0.1, 0.2), (0.9, 0.8))
    expect(layer).not_to_have_attribute("src", seen)
    page.wait_for_function("(text) => document.querySelector('#predictions .panels').innerText !== text", arg=text)
    after = panels(page)
    assert after[0] == before[0] and after[1:] != before[1:]  # the first sees the complete image
    press(page, "Invert")
    press(page, "Clear")
    expect(page.locator("#first-layer")).to_contain_text("Nothing is hidden")
    assert page.locator("#predictions .wrong").count() == 0


def test_growing_hole_is_chosen_and_redrawn(page: Page):
    page.get_by_role("tab", name="Predictions").click()
    line = page.locator("#changing-mind polyline").first
    expect(line).to_be_visible()
    points = line.get_attribute("points")
    page.get_by_label("Growing specks").click()
    expect(line).not_to_have_attribute("points", points)
    points = line.get_attribute("points")
    page.locator("#another-hole").click()
    expect(line).not_to_have_attribute("points", points)
    here, points = page.locator("#changing-mind .here"), line.get_attribute("points")
    place = here.get_attribute("x1")
    page.locator("#preset-half").click()  # moves the mark; the growing hole stays the same
    expect(here).not_to_have_attribute("x1", place)
    assert line.get_attribute("points") == points
