"""A photo of a digit is cut out automatically; where the result is doubtful, the visitor can correct it by hand."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.page import choose, mean, upload
from tests.browser.photos import png, png_file

pytestmark = pytest.mark.browser


@pytest.fixture
def page(open_page: OpenPage, served: str) -> Page:
    page = open_page(1280, 900)
    page.goto(served)
    expect(mean(page)).to_be_visible()
    return page


def drawing(*bars: tuple[slice, slice]) -> dict:
    """Dark bars on light paper, as a file to upload."""
    paper = np.full((700, 900), 235, np.uint8)
    for bar in bars:
        paper[bar] = 40
    return png_file("digit.png", png(paper))


ONE = slice(150, 500), slice(200, 222)
TWO_MARKS = (slice(150, 500), slice(100, 130)), (slice(150, 500), slice(700, 730)), (slice(150, 180), slice(560, 730))


def test_clear_digit_is_used_without_a_question(page: Page):
    upload(page, "digit-upload", drawing(ONE))
    expect(page.locator("#compare")).to_contain_text("your own digit")
    expect(page.locator("#digit-aligner canvas")).to_be_hidden()
    expect(page.locator("#digit-aligner").get_by_role("button", name="Camera")).to_be_hidden()


def test_doubtful_digit_is_shown_to_be_cut_out_by_hand(page: Page):
    upload(page, "digit-upload", drawing(*TWO_MARKS))
    expect(page.locator("#compare")).to_contain_text("your own digit")
    aligner = page.locator("#digit-aligner")
    expect(aligner.get_by_role("status").first).to_contain_text(
        "Please check what was cut out: there are several large marks."
    )
    aligner.get_by_role("button", name="Use this digit").click()
    expect(aligner.locator("canvas")).to_be_hidden()
    expect(page.locator("#compare")).to_contain_text("your own digit")
    choose(page, "Faces")
    expect(page.locator("#digit-aligner")).to_be_hidden()
