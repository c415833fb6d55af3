"""What a visitor finds on arrival: results in sight, dark or embedded, and defaults for a bad address."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.page import canvas, clear, mean, titles

pytestmark = pytest.mark.browser


def test_first_visit_shows_a_result_without_scrolling(page: Page):
    for place in (canvas(page), mean(page)):
        box = place.bounding_box()
        assert box["y"] + box["height"] <= 720
    shown = [
        "Original",
        "What the models see",
        "DMFA",
        "MFA",
        "VAEAC",
        "Universal Marginalizer",
        "AE dynamics from k-NN",
        "Context encoder",
        "Gaussian",
        "k-NN",
        "Training mean",
        "Zero",
    ]
    assert titles(page) == shown
    assert all(image.get_attribute("alt") for image in page.locator("#compare img").all())


@pytest.mark.parametrize(("query", "view"), [("", "Mean"), ("?show=error", "Error")])
def test_choices_made_before_the_load_event_is_answered_are_kept(
    open_page: OpenPage, served: str, query: str, view: str
):
    page = open_page()
    held: list[Route] = []

    def hold(route: Route) -> None:
        of_the_page_itself = route.request.post_data_json["trigger_id"] == 0
        held.append(route) if of_the_page_itself else route.continue_()

    page.route("**/queue/join*", hold)
    page.goto(served + query)
    expect(mean(page)).to_be_visible()
    clear(page)
    samples = page.locator("#samples").get_by_role("radio")
    samples.nth(45).click()
    expect(page.locator("#compare")).to_contain_text("4, test image 33")
    page.wait_for_timeout(1000)
    assert page.url == f"{served}/{query}"  # not yet updated
    (load_event,) = held
    load_event.continue_()
    page.wait_for_url(re.compile("sample=45"))
    expect(page.locator("#view").get_by_role("radio", name=view)).to_be_checked()
    expect(page.locator("#compare")).to_contain_text(f"The {view.lower()} is the")  # the view of the link
    page.wait_for_timeout(1000)
    expect(page.locator("#compare")).to_contain_text("4, test image 33")
    expect(page.locator("#compare")).to_contain_text("there is nothing to guess")
    expect(samples.nth(45)).to_have_attribute("aria-checked", "true")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#compare")).to_contain_text("4, test image 42")


def test_embedded_page_has_no_masthead_and_no_footer(open_page: OpenPage, served: str):
    page = open_page()
    page.goto(served + "?embed=1")
    expect(mean(page)).to_be_visible()
    expect(page.locator(".masthead")).not_to_be_visible()
    expect(page.locator("footer")).not_to_be_visible()
    page.locator("#preset-half").click()
    page.wait_for_url(re.compile("embed=1.*mask="))


def test_unknown_methods_and_view_in_the_address_fall_back_to_the_defaults(open_page: OpenPage, served: str):
    page = open_page()
    page.goto(served + "?methods=gan,%3Cscript%3E&show=smell")
    expect(mean(page)).to_be_visible()
    assert len(titles(page)) == 12
    expect(page.locator("#view").get_by_role("radio", name="Mean")).to_be_checked()


def test_dark_theme_has_a_dark_background(open_page: OpenPage, served: str):
    page = open_page()
    page.goto(served + "?__theme=dark")
    expect(mean(page)).to_be_visible()
    colour = page.evaluate("getComputedStyle(document.querySelector('.gradio-container')).backgroundColor")
    assert sum(map(int, re.findall(r"\d+", colour)[:3])) < 150


@pytest.mark.parametrize(
    "query", ["dataset=cifar&sample=3", "dataset=celeba&sample=99", "dataset=celeba&sample=-1", "sample=x"]
)
def test_unknown_data_set_or_sample_in_the_address_falls_back_to_the_first(
    open_page: OpenPage, served: str, query: str
):
    page = open_page()
    page.goto(f"{served}?{query}")
    name = "Eileen Collins" if "celeba" in query else "4, test image 19"
    expect(page.locator("#compare")).to_contain_text(name if "sample=3" not in query else "test image")
