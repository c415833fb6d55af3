"""Several visitors at once: each sees results of their own picture and strokes."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewContext
from tests.browser.page import expect_answer, hidden, mean, pictures, stroke

pytestmark = pytest.mark.browser

# Of each visitor: the sample, and where the strokes begin and end.
VISITORS = ((3, (0.2, 0.8)), (45, (0.4, 0.6)), (70, (0.7, 0.3)))


def visit(new_context: NewContext, address: str) -> Page:
    page = new_context().new_page()
    page.goto(address)
    expect(mean(page)).to_be_visible()
    return page


def test_visitors_who_paint_in_turns_each_see_their_own_results(new_context: NewContext, served: str):
    pages = [visit(new_context, served) for _ in VISITORS]
    for page, (sample, _) in zip(pages, VISITORS):
        page.locator("#samples").get_by_role("radio").nth(sample).click()
    for row in (0.2, 0.45, 0.7, 0.9):  # without waiting for answers
        for page, (_, (begin, end)) in zip(pages, VISITORS):
            stroke(page, (begin, row), (end, row + 0.05))
    for page, (sample, _) in zip(pages, VISITORS):
        expect_answer(page, hidden(page))
        page.wait_for_url(re.compile(f"sample={sample}.*mask=|mask=.*sample={sample}"))
        seen = pictures(page, "#compare")
        alone = visit(new_context, page.url)
        expect_answer(alone, hidden(page))
        expect(mean(alone)).to_have_attribute("src", mean(page).get_attribute("src") or "")
        assert pictures(alone, "#compare") == seen
        alone.context.close()
    assert len({tuple(pictures(page, "#compare")[:2]) for page in pages}) == len(pages)
