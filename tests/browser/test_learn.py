"""The Learn tab: lessons, their questions, and the slice through a Gaussian."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.page import stroke

pytestmark = pytest.mark.browser


def test_lesson_plays_asks_and_answers(page: Page):
    page.get_by_role("tab", name="Learn", exact=True).click()
    lesson = page.locator("#lesson")
    expect(lesson.locator("h2")).to_have_text("Why a single imputation lies")
    moving = lesson.locator(".films img").nth(2)
    first = moving.get_attribute("src")
    expect(moving).not_to_have_attribute("src", first)
    lesson.get_by_role("button", name="Pause").click()
    lesson.get_by_label("Frame").fill("3")
    expect(lesson).to_contain_text("sample 4")
    expect(lesson.locator(".reveal")).not_to_be_visible()
    lesson.locator(".options button").first.click()
    expect(lesson.locator(".reveal")).to_contain_text("Not quite.")
    expect(lesson.locator(".reveal")).to_contain_text(re.compile(r"the mean reaches -?\d+\.\d dB"))
    expect(lesson.locator(".options .right")).to_have_text("The mean, blurred as it is")
    stroke(page, (0.1, 0.1), (0.9, 0.2))  # the chapter follows the canvas and keeps the answer
    expect(lesson.locator(".reveal")).to_be_visible()
    page.locator("#next-chapter").click()
    expect(lesson.locator("h2")).to_have_text("A Gaussian that can be conditioned")
    expect(page.locator("#chapter label").nth(1).locator("input")).to_be_checked()
    expect(lesson.locator(".reveal")).not_to_be_visible()
    page.wait_for_url(re.compile("lesson=2"))


def test_slice_through_a_gaussian_moves_and_keeps_its_width(open_page: OpenPage, served: str):
    page = open_page(1280, 900)
    page.goto(served + "?lesson=2")
    text = page.locator("#lesson [data-part=slice]")
    expect(text).to_contain_text("mean 1.20, standard deviation 0.60")
    page.get_by_label("Observed first pixel").fill("-1")
    expect(text).to_contain_text("mean −0.80, standard deviation 0.60")
    page.get_by_label("Correlation").fill("0")
    expect(text).to_contain_text("mean 0.00, standard deviation 1.00")
    box = page.locator("#lesson svg").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2)
    expect(page.get_by_label("Observed first pixel")).to_have_value("1.7")
    page.wait_for_url(re.compile(r"slice=1\.7,0$"))
    page.locator("#take").get_by_role("button", name="Code for this", exact=True).click()
    expect(page.locator("#take dialog")).to_contain_text("torch.tensor([[1.7, 0.0]])")


def test_link_restores_the_slice(open_page: OpenPage, served: str):
    page = open_page(1280, 900)
    page.goto(served + "?lesson=2&slice=-1.5,0.6")
    expect(page.locator("#lesson [data-part=slice]")).to_contain_text("mean −0.90, standard deviation 0.80")
    page.locator("#next-chapter").click()
    expect(page.locator("#lesson .films img").first).to_be_visible()
    page.locator("#chapter label").nth(1).click()
    expect(page.locator("#lesson [data-part=slice]")).to_contain_text("mean −0.90, standard deviation 0.80")
    page.wait_for_url(re.compile(r"slice=-1\.5,0\.6"))


@pytest.mark.parametrize("number", range(1, 7))
def test_every_lesson_has_a_link_and_an_animation(open_page: OpenPage, served: str, number: int):
    page = open_page(1280, 900)
    page.goto(f"{served}?lesson={number}")
    expect(page.locator("#lesson h2")).not_to_be_empty()
    expect(page.locator("#chapter label").nth(number - 1).locator("input")).to_be_checked()
    if number != 2:
        expect(page.locator("#lesson .films img").first).to_be_visible()
    assert page.locator("#lesson math").count() >= 3
