"""The Predictions tab: what classifiers make of an incomplete image."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.page import press, stroke
from tests.browser.test_accessible import expect_accessible

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


def game_of(open_page: OpenPage, served: str, width: int = 1280) -> tuple[Page, Locator]:
    page = open_page(width, 900)
    page.goto(f"{served}?tab=predictions")
    game = page.locator("#pixel-game")
    expect(game.get_by_role("button", name="Expected information")).to_be_visible()
    return page, game


def test_rule_looks_at_twelve_pixels_and_the_picture_is_shown_last(open_page: OpenPage, served: str):
    _, game = game_of(open_page, served)
    game.get_by_role("button", name="Expected information").click()
    expect(game.locator("p[role=status]")).to_contain_text("Expected information (MFA): 12 of 12 pixels")
    expect(game.locator(".results li")).to_have_count(1)
    expect(game.locator(".whole")).to_be_hidden()
    game.get_by_role("button", name="Show the picture").click()
    expect(game.locator(".whole")).to_contain_text(re.compile(r"It is: \d\."))
    expect(game.locator(".results li")).to_contain_text(re.compile("[✓✗]"))


def test_visitor_looks_by_pointer_and_by_keyboard(open_page: OpenPage, served: str):
    page, game = game_of(open_page, served)
    status, board = game.locator("p[role=status]"), game.locator("canvas")
    board.click(position={"x": 100, "y": 100})
    board.click(position={"x": 100, "y": 100})  # the same one
    board.click(position={"x": 200, "y": 100})  # without waiting for the answer
    expect(status).to_contain_text("You: 2 of 12 pixels")
    board.press("ArrowRight")
    page.keyboard.press("Space")
    expect(status).to_contain_text("You: 3 of 12 pixels")
    game.get_by_label("Read by").select_option(label="VAEAC")
    expect(status).to_contain_text("You: 0 of 12 pixels")
    game.get_by_role("button", name="Random order").click()
    game.get_by_role("button", name="Row by row").click()  # interrupts it
    expect(status).to_contain_text("Row by row (VAEAC): 12 of 12 pixels")
    expect(game.locator(".results")).not_to_contain_text("Random order (VAEAC), 12 pixels")
    game.get_by_role("button", name="Your turn").click()
    expect(status).to_contain_text("You: 0 of 12 pixels")
    game.get_by_role("button", name="Show the picture").click()
    expect(game.locator(".whole")).to_be_visible()
    board.click(position={"x": 100, "y": 100})
    expect(status).to_contain_text("You have seen this picture.")
    game.get_by_role("button", name="Another hidden picture").click()
    expect(status).to_contain_text("You: 0 of 12 pixels")
    expect(game.locator(".whole")).to_be_hidden()
    page.get_by_role("radio", name="Fashion-MNIST").check()
    expect(game.locator("ol")).to_contain_text("sneaker")
    page.get_by_role("radio", name="Faces").check()
    expect(game).to_be_hidden()


def test_game_is_accessible_and_fits_a_phone(open_page: OpenPage, served: str):
    page, game = game_of(open_page, served, width=390)
    game.get_by_role("button", name="Random order").click()
    expect(game.locator("p[role=status]")).to_contain_text("12 of 12 pixels")
    expect_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    game.locator("canvas").evaluate("(board) => board.scrollIntoView()")
    expect(page.locator("#painter canvas")).to_be_hidden()  # it would cover the board
    game.locator("canvas").click(position={"x": 300, "y": 20})
    expect(game.locator("p[role=status]")).to_contain_text("You: 0 of 12 pixels")
