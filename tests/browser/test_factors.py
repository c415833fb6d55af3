"""The Factors tab: components of a mixture and walks along their factors."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.page import clear, expect_answer, hold_requests

pytestmark = pytest.mark.browser


def test_factors_are_hidden_when_no_pixel_is_missing(page: Page):
    clear(page)
    page.get_by_role("tab", name="Factors").click()
    expect(page.locator("#gaussian")).to_contain_text("there is no density")
    expect(page.locator("#factor-1")).to_be_hidden()


def test_factor_slider_changes_the_picture_and_zero_restores_it(page: Page):
    page.get_by_role("tab", name="Factors").click()
    walked = page.locator("#gaussian figure", has_text="Mean plus factors").locator("img")
    still = walked.get_attribute("src")
    page.locator("#factor-1 input[type=range]").fill("2.5")
    expect(walked).not_to_have_attribute("src", still)
    expect(page.locator("#gaussian")).to_contain_text("z1 = +2.5")
    page.locator("#sliders-to-zero").click()
    expect(walked).to_have_attribute("src", still)


def test_components_of_the_mixture_have_different_means(page: Page):
    page.get_by_role("tab", name="Factors").click()
    picture = page.locator("#gaussian figure").nth(1).locator("img")
    first = picture.get_attribute("src")
    page.locator("#component").get_by_role("radio").nth(2).check()
    expect(picture).not_to_have_attribute("src", first)


def test_factors_of_mfa_are_those_of_its_most_responsible_components(page: Page):
    page.locator("#preset-line3").click()
    expect_answer(page, 700)
    page.get_by_role("tab", name="Factors").click()
    walked = page.locator("#gaussian figure", has_text="Mean plus factors").locator("img")
    before = walked.get_attribute("src")
    page.locator("#factors-of").get_by_role("radio", name="MFA", exact=True).check()
    expect(walked).not_to_have_attribute("src", before)
    expect(page.locator("#component").get_by_role("radio")).to_have_count(5)
    shares = [int(share) for share in re.findall(r"(\d+) %", page.locator("#component").inner_text())]
    assert shares == sorted(shares, reverse=True)
    expect(page.locator("#gaussian figure").nth(1).locator("img")).to_have_attribute("alt", re.compile("^MFA's mean"))
    before = walked.get_attribute("src")
    page.locator("#factor-1 input[type=range]").fill("-2")
    expect(walked).not_to_have_attribute("src", before)


def test_component_chosen_before_the_answer_to_a_method_is_kept(page: Page):
    page.get_by_role("tab", name="Factors").click()
    expect(page.locator("#component").get_by_role("radio")).to_have_count(3)
    release = hold_requests(page, lambda data: data[1:3] == ["mfa", 0])
    page.locator("#factors-of").get_by_role("radio", name="MFA", exact=True).check()
    page.locator("#component").get_by_role("radio").nth(2).check()
    release()
    picture = page.locator("#gaussian figure").nth(1).locator("img")
    expect(picture).to_have_attribute("alt", re.compile("^MFA's mean"))
    expect(page.locator("#component").get_by_role("radio")).to_have_count(5)
    expect(page.locator("#component").get_by_role("radio").nth(2)).to_be_checked()
    third = picture.get_attribute("src")
    page.locator("#component").get_by_role("radio").first.check()
    expect(picture).not_to_have_attribute("src", third)
