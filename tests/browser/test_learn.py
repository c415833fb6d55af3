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
    reveal = lesson.locator("[data-section=question] .reveal")
    expect(reveal).not_to_be_visible()
    expect(lesson.locator("math").first).not_to_be_visible()  # no formula before the guess
    check = lesson.get_by_role("button", name="Check my guess")
    expect(check).to_be_disabled()
    lesson.get_by_role("button", name="The sample: it looks real").click()
    lesson.get_by_label("How sure are you?").fill("80")
    lesson.get_by_label("Why?").fill("It has sharp edges")
    check.click()
    expect(reveal).to_contain_text("Not quite. The answer is: The mean")
    expect(reveal).to_contain_text("You were 80 % sure. In 1 chapter so far: 0 right (0 %), and 80 % sure on average.")
    expect(reveal).to_contain_text(re.compile(r"is \d\.\d{3} for the mean"))
    expect(lesson.locator(".options .right")).to_have_text("The mean, blurred as it is")
    expect(lesson.locator("math").first).to_be_visible()
    stroke(page, (0.1, 0.1), (0.9, 0.2))  # the chapter follows the canvas and keeps the answer
    expect(reveal).to_be_visible()
    page.locator("#next-chapter").click()
    expect(lesson.locator("h2")).to_have_text("A Gaussian that can be conditioned")
    expect(page.locator("#chapter label").nth(1).locator("input")).to_be_checked()
    expect(reveal).not_to_be_visible()
    page.wait_for_url(re.compile("lesson=2"))
    page.locator("#chapter label").first.click()
    expect(lesson.get_by_label("Why?")).to_have_value("It has sharp edges")  # kept in the browser


def test_answer_without_a_guess_counts_for_nothing(open_page: OpenPage, served: str):
    page = open_page(1280, 900)
    page.goto(served + "?lesson=3")
    lesson = page.locator("#lesson")
    lesson.get_by_role("button", name="Show the answer without a guess").click()
    expect(lesson.locator("[data-section=question] .reveal")).to_contain_text("The answer is: ")
    assert "sure" not in lesson.locator("[data-part=gap]").inner_text()
    expect(lesson.locator(".options .right")).to_have_text("One for each pair of hidden pixels")


def test_question_about_another_picture_is_checked(open_page: OpenPage, served: str):
    page = open_page(1280, 900)
    page.goto(served + "?lesson=1")
    lesson = page.locator("#lesson")
    expect(lesson.get_by_role("button", name="Ask me about another picture")).to_be_hidden()
    lesson.get_by_role("button", name="Show the answer without a guess").click()
    for _ in range(2):
        lesson.get_by_role("button", name="Ask me about another picture").click()
        expect(lesson.locator("[data-part=transfer-films] img")).to_have_count(3)
        lesson.get_by_role("button", name="A", exact=True).click()
        verdict = lesson.locator("[data-section=transfer] .reveal")
        expect(verdict).to_contain_text("dB")
        first, second = map(float, re.findall(r"-?\d+\.\d(?= dB)", verdict.inner_text()))
        assert verdict.inner_text().startswith("Yes.") == (first >= second)
        expect(lesson.locator("[data-part=transfer-films] img")).to_have_count(4)  # and the truth
    expect(lesson.locator("h2")).to_have_text("Why a single imputation lies")


def test_chapter_opens_on_its_own_picture(open_page: OpenPage, served: str):
    page = open_page(1280, 900)
    page.goto(served + "?lesson=8")
    expect(page.locator("#lesson .remark")).to_contain_text("choose Faces")
    page.get_by_role("link", name="See it on its own picture.").click()
    expect(page.locator("#lesson .films img").first).to_be_visible()
    expect(page.locator("#dataset").get_by_role("radio", name="Faces")).to_be_checked()
    page.get_by_role("button", name="Show the answer without a guess").click()
    expect(page.locator("#lesson [data-part=figures]")).to_contain_text("the property “glasses” fades most")


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


@pytest.mark.parametrize("number", range(1, 8))
def test_every_lesson_has_a_link_and_an_animation(open_page: OpenPage, served: str, number: int):
    page = open_page(1280, 900)
    page.goto(f"{served}?lesson={number}")
    expect(page.locator("#lesson h2")).not_to_be_empty()
    expect(page.locator("#chapter label").nth(number - 1).locator("input")).to_be_checked()
    if number != 2:
        expect(page.locator("#lesson .films img").first).to_be_visible()
    page.get_by_role("button", name="Show the answer without a guess").click()
    assert page.locator("#lesson math").count() >= 3
