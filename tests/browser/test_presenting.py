"""The mode for the projector, the notes, the room and its votes."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from dmfa_demo.app.sharing.examples import EXAMPLES
from tests.browser.conftest import NewContext, OpenPage
from tests.browser.page import card, expect_current
from tests.browser.test_accessible import expect_accessible

pytestmark = pytest.mark.browser


@pytest.fixture
def presenting(open_page: OpenPage, served: str) -> Page:
    page = open_page(1920, 1080)
    page.goto(f"{served}?present=1")
    expect(card(page, "DMFA").locator("img")).to_be_visible()
    expect_current(page)
    return page


def act(page: Page, name: str) -> None:
    page.locator("#presenter .bar").get_by_role("button", name=name, exact=True).click()


def test_type_is_large_and_few_cards_are_shown(presenting: Page):
    size = presenting.locator("#compare figcaption").first.evaluate(
        "(one) => parseFloat(getComputedStyle(one).fontSize)"
    )
    assert size >= 24
    expect(presenting.locator("#compare .card:visible")).to_have_count(
        6
    )  # the original, what is visible, and four methods
    expect(presenting.locator(".masthead")).to_be_hidden()
    expect_accessible(presenting)
    presenting.keyboard.press("p")
    expect(presenting.locator(".masthead")).to_be_visible()
    expect(presenting).not_to_have_url(re.compile("present="))


def test_clicker_goes_through_scenes_and_chapters(presenting: Page):
    page = presenting
    for example in EXAMPLES[:2]:
        page.keyboard.press("PageDown")
        expect(page.locator("#presenter .now")).to_have_text(example.title)
        expect(page.get_by_role("tab", name=example.tab.capitalize())).to_have_attribute("aria-selected", "true")
    page.keyboard.press("PageUp")
    expect(page.locator("#presenter .now")).to_have_text(EXAMPLES[0].title)
    page.get_by_role("tab", name="Learn").click()
    expect(page.locator("#lesson h2")).to_have_text("Why a single imputation lies")
    page.keyboard.press("PageDown")
    expect(page.locator("#lesson h2")).to_have_text("A Gaussian that can be conditioned")


def test_notes_follow_in_another_window(presenting: Page, served: str):
    with presenting.expect_popup() as opened:
        act(presenting, "Notes")
    notes = opened.value
    presenting.keyboard.press("PageDown")
    expect(notes.locator("h1")).to_have_text(EXAMPLES[0].title)
    expect(notes.locator("#ask")).to_have_text(EXAMPLES[0].ask)
    expect(notes.locator("#next")).to_have_text(EXAMPLES[1].title)
    expect(notes.get_by_role("timer")).to_have_text(re.compile(r"\d+:\d\d"))


def test_phones_follow_a_room_and_vote(presenting: Page, new_context: NewContext, served: str):
    page = presenting
    act(page, "Open a room")
    code = page.locator("#presenter dialog.code")
    expect(code.locator("img")).to_have_attribute("alt", re.compile("QR code of http"))
    page.wait_for_function("document.querySelector('#presenter .code img').naturalWidth > 100")
    name = page.locator("#presenter [data-act=room]").inner_text().split()[-1]
    expect(code.locator("p")).to_contain_text(name)
    code.get_by_role("button", name="Close").click()
    phone = new_context(viewport={"width": 390, "height": 844}, has_touch=True).new_page()
    phone.goto(f"{served}?room={name}")
    expect(phone.locator("#presenter .follow")).to_contain_text(f"follows room {name}")
    page.keyboard.press("PageDown")  # samples of another picture
    expect(phone).to_have_url(re.compile("tab=samples"))
    expect(phone.locator("#strips img").first).to_be_visible()
    page.keyboard.press("h")
    expect(phone.locator("html")).to_have_attribute("data-truth", "covered")
    page.reload()  # still leads the room
    expect(page.locator("#presenter [data-act=room]")).to_have_text(f"Room {name}")
    page.keyboard.press("PageDown")
    expect(phone.locator("#presenter .follow")).to_contain_text(f"follows room {name}")
    expect(page.locator("#presenter .now")).to_contain_text(EXAMPLES[0].title)
    act(page, "Ask for votes")
    votes = page.locator("#presenter dialog.votes")
    expect(votes.locator("li i").first).to_be_hidden()
    phone.locator("#presenter .follow").get_by_role("button", name=EXAMPLES[0].options[2], exact=True).click()
    expect(votes).to_contain_text("1 vote")
    votes.get_by_role("button", name="Show the bars").click()
    expect(votes.locator("li").nth(2)).to_have_attribute("aria-label", f"{EXAMPLES[0].options[2]}: 1 of 1")
    expect_accessible(page)
    votes.get_by_role("button", name="End the vote").click()
    expect(phone.locator("#presenter .follow .options button")).to_have_count(0)
    phone.locator("#presenter .follow").get_by_role("button", name="Stop following").click()
    expect(phone).not_to_have_url(re.compile("room="))


def test_unknown_room_is_named(open_page: OpenPage, served: str):
    page = open_page(390, 844)
    page.goto(f"{served}?room=ABCDE")
    expect(page.locator("#presenter .follow [role=status]")).to_contain_text("there is no room ABCDE")
