"""The mode for the projector, the notes, the room and its votes."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from dmfa_demo.app.lessons.lessons import LESSONS
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
    page.locator("#presenter .toolbar").get_by_role("button", name=name, exact=True).click()


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


def now(page: Page) -> Locator:
    return page.locator("#presenter .now option:checked")


def test_clicker_goes_through_scenes_and_chapters(presenting: Page):
    page = presenting
    for example in EXAMPLES[:2]:
        page.keyboard.press("PageDown")
        expect(now(page)).to_have_text(example.title)
        expect(page.get_by_role("tab", name=example.tab.capitalize())).to_have_attribute("aria-selected", "true")
    page.keyboard.press("PageUp")
    expect(now(page)).to_have_text(EXAMPLES[0].title)
    page.get_by_role("tab", name="Learn").click()
    expect(page.locator("#lesson h2")).to_have_text(LESSONS[0].title)
    page.get_by_label("Scene or chapter").select_option(label=f"7. {LESSONS[6].title}")
    expect(page.locator("#lesson h2")).to_have_text(LESSONS[6].title)
    page.keyboard.press("PageDown")  # on its own picture, a face
    expect(page.locator("#lesson h2")).to_have_text(LESSONS[7].title)
    expect(page).to_have_url(re.compile(r"dataset=celeba&.*sample=19"))
    expect(page.locator("#lesson .films img").first).to_be_visible()


def test_scene_of_a_link_is_found(open_page: OpenPage, served: str):
    page = open_page(1920, 1080)
    page.goto(f"{served}?{EXAMPLES[3].query}&present=1&truth=covered")
    expect(now(page)).to_have_text("Scene 4")  # its title would tell what is hidden
    page.keyboard.press("r")
    expect(now(page)).to_have_text(EXAMPLES[3].title)
    page.keyboard.press("PageDown")
    expect(now(page)).to_have_text(EXAMPLES[4].title)
    page.keyboard.press("Control+z")  # the hole of before, on this scene's picture
    expect(now(page)).to_have_text(EXAMPLES[4].title)
    page.locator("#samples button").nth(3).evaluate("(one) => one.click()")
    expect(now(page)).to_have_text("Another picture")


def test_notes_follow_in_another_window(presenting: Page, served: str):
    with presenting.expect_popup() as opened:
        act(presenting, "Notes")
    notes = opened.value
    presenting.keyboard.press("PageDown")
    expect(notes.locator("h1")).to_have_text(EXAMPLES[0].title)
    expect(notes.locator("#ask")).to_have_text(EXAMPLES[0].ask)
    expect(notes.locator("#next")).to_have_text(EXAMPLES[1].title)
    expect(notes.get_by_role("timer")).to_have_text(re.compile(r"\d+:\d\d"))


def open_room(page: Page) -> str:
    """Open a room, and return its code."""
    act(page, "Open a room")
    code = page.locator("#presenter dialog.code")
    expect(code.locator("img")).to_have_attribute("alt", re.compile("QR code of http"))
    page.wait_for_function("document.querySelector('#presenter .code img').naturalWidth > 100")
    name = page.locator("#presenter [data-act=room]").inner_text().split()[-1]
    expect(code.locator(".where")).to_have_text(re.compile(rf"^127\.0\.0\.1:\d+/\?room={name}$"))
    expect(code.locator(".advice")).to_contain_text("GRADIO_SERVER_NAME=0.0.0.0 make run")
    code.get_by_role("button", name="Close").click()
    return name


def join(new_context: NewContext, address: str) -> tuple[Page, Locator]:
    """Open a page on a phone, and return it with its part about the room."""
    phone = new_context(viewport={"width": 390, "height": 844}, has_touch=True).new_page()
    phone.goto(address)
    return phone, phone.locator("#audience .follow")


def test_phones_follow_a_room_and_vote(presenting: Page, new_context: NewContext, served: str):
    page = presenting
    name = open_room(page)
    phone, follow = join(new_context, f"{served}?room={name}")
    expect(follow).to_contain_text(f"follows room {name}")
    page.keyboard.press("PageDown")  # samples of another picture
    expect(phone).to_have_url(re.compile("tab=samples"))
    expect(phone.locator("#strips img").first).to_be_visible()
    phone.evaluate("scrollTo(0, 900)")
    expect(phone.locator("#painter canvas")).to_be_hidden()  # it would cover what they read
    phone.evaluate("scrollTo(0, 0)")
    expect(phone.locator("#painter canvas")).to_be_visible()
    page.keyboard.press("h")
    expect(phone.locator("html")).to_have_attribute("data-truth", "covered")
    page.reload()  # still leads the room
    expect(page.locator("#presenter [data-act=room]")).to_have_text(f"Room {name}")
    expect(now(page)).to_have_text("Scene 1")
    act(page, "Ask for votes")
    votes = page.locator("#presenter dialog.votes")
    expect(votes.locator("li i").first).to_be_hidden()
    chosen = follow.get_by_role("button", name=EXAMPLES[0].options[2], exact=True)
    chosen.click()
    expect(chosen).to_have_attribute("aria-pressed", "true")
    expect(votes).to_contain_text("1 vote")
    page.keyboard.press("Escape")  # hides it, and the vote goes on
    page.keyboard.press("r")
    expect(phone.locator("html")).not_to_have_attribute("data-truth", "covered")
    expect(chosen).to_have_attribute("aria-pressed", "true")
    page.reload()  # the vote goes on, too
    act(page, "Votes")
    votes.get_by_role("button", name="Show the bars").click()
    expect(votes.locator("li").nth(2)).to_have_attribute("aria-label", f"{EXAMPLES[0].options[2]}: 1 of 1")
    expect_accessible(page)
    shown = page.url
    page.keyboard.press("PageDown")  # not behind a dialog
    votes.get_by_role("button", name="End the vote").click()
    expect_current(page, EXAMPLES[0].tab)
    assert page.url == shown
    expect(follow.locator(".options button")).to_have_count(0)
    expect(now(page)).to_have_text(EXAMPLES[0].title)
    follow.get_by_role("button", name="Stop following").click()
    expect(phone).not_to_have_url(re.compile("room="))


def test_room_does_not_end_without_asking(presenting: Page, new_context: NewContext, served: str):
    page = presenting
    name = open_room(page)
    _, follow = join(new_context, f"{served}?room=")
    follow.get_by_label("The room's code").fill(name.lower())
    follow.get_by_role("button", name="Follow").click()
    expect(follow).to_contain_text(f"follows room {name}")
    page.keyboard.press("p")
    asked = page.locator("#presenter dialog.leave")
    expect(asked).to_contain_text(f"Room {name} is open")
    asked.get_by_role("button", name="Go on").click()
    expect(page.locator("html")).to_have_class(re.compile("presenting"))
    page.keyboard.press("p")
    asked.get_by_role("button", name="End the room").click()
    expect(page.locator(".masthead")).to_be_visible()
    expect(follow).to_contain_text("The teacher has ended the room.")


def test_refused_vote_does_not_look_accepted(presenting: Page, new_context: NewContext, served: str):
    name = open_room(presenting)
    phone, follow = join(new_context, f"{served}?room={name}")
    presenting.keyboard.press("PageDown")
    act(presenting, "Ask for votes")
    first = follow.locator(".options button").first
    expect(first).to_be_visible()
    phone.route("**/vote", lambda route: route.fulfill(status=409, json={"error": "this question is closed"}))
    first.click()
    expect(follow).to_contain_text("Your vote was not counted: this question is closed.")
    expect(first).to_have_attribute("aria-pressed", "false")


def test_room_is_closed_when_the_server_has_lost_it(presenting: Page):
    name = open_room(presenting)
    lost = {"error": f"there is no room {name}"}
    presenting.route(f"**/rooms/{name}", lambda route: route.fulfill(status=404, json=lost))
    presenting.keyboard.press("h")
    expect(presenting.locator("#presenter .said")).to_have_text(re.compile("The room was closed"))
    expect(presenting.locator("#presenter [data-act=room]")).to_have_text("Open a room")


def test_unknown_room_is_named(new_context: NewContext, served: str):
    phone, follow = join(new_context, f"{served}?room=ABCDE")
    expect(follow).to_contain_text("There is no room ABCDE.")
    expect(follow.get_by_label("The room's code")).to_be_visible()
    follow.get_by_role("button", name="Close").click()
    expect(follow).to_be_hidden()
    phone.get_by_role("link", name="Join a room").click()
    expect(follow.get_by_label("The room's code")).to_be_focused()
    expect_accessible(phone)
