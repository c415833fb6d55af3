"""The test before and after a lesson."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from dmfa_demo.app.lessons.quiz import ITEMS, questions
from tests.browser.conftest import OpenPage
from tests.browser.test_accessible import expect_accessible

pytestmark = pytest.mark.browser


def test_answers_leave_as_a_file_only(open_page: OpenPage, served: str):
    page = open_page(1280, 900)
    page.goto(served + "?lesson=1")
    expect(page.locator("#lesson .films img").first).to_be_visible()
    page.get_by_role("button", name="Test after").click()
    expect(page.get_by_role("dialog", name="Test after the lesson")).to_be_visible()
    expect_accessible(page)
    requests = list[str]()
    page.on("request", lambda request: requests.append(request.url))
    for number, item in enumerate(ITEMS):
        page.locator("#quiz li").nth(number).get_by_label(item.options[item.answer], exact=True).check()
    page.get_by_label("A code word").fill("Blue owl 7")
    page.get_by_label("A code word").press("Enter")  # changes nothing
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Test before").click()  # has answers of its own
    expect(page.locator("#quiz input:checked")).to_have_count(0)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Test after").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save my answers").click()
    content = json.loads(saved.value.path().read_text())
    assert re.fullmatch(r"test-after-Blue-owl-7-\d{4}-\d\d-\d\d\.json", saved.value.suggested_filename)
    assert (
        content["test"] == "after"
        and content["code"] == "Blue owl 7"
        and [one["answer"] for one in content["answers"]] == [item.options[item.answer] for item in ITEMS]
    )
    assert not [url for url in requests if not url.startswith("blob:")]
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#quiz dialog")).to_be_hidden()


def test_page_has_no_key(page: Page):
    assert len(ITEMS) == 6 and all(set(one) == {"question", "options"} for one in questions())
    assert {item.answer for item in ITEMS} == {0, 1, 2}
