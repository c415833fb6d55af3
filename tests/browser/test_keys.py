"""Keyboard shortcuts on every layout, and explanations by key and by "i" buttons."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from dmfa_demo.app.contents import TABS
from dmfa_demo.registry import available_methods, method_class
from tests.browser.conftest import Recording, Tabs, events
from tests.browser.page import READY, canvas, choose, choose_methods, hidden, mean, press, stroke

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def shared_page(tabs: Tabs, served: str) -> Iterator[Page]:
    page = tabs.open()
    page.goto(served)
    expect(mean(page)).to_be_visible()
    yield page
    tabs.leave(page)


@pytest.fixture
def page(shared_page: Page, recording: Recording) -> Iterator[Page]:
    """A visit that goes on from test to test; fails on any JavaScript error."""
    with recording(shared_page) as page, events(page, "pageerror") as errors:
        yield page
        assert not errors


def key(page: Page, at: str = "#painter canvas", **event: object) -> None:
    """Send the event of a key."""
    send = (
        "(one, event) => one.dispatchEvent(new KeyboardEvent('keydown', {bubbles: true, cancelable: true, ...event}))"
    )
    page.locator(at).first.evaluate(send, event)


def tool(page: Page) -> str:
    return page.locator("#painter [data-tool][aria-pressed=true]").get_attribute("data-tool")


@pytest.mark.parametrize(
    ("brush", "eraser"),
    [
        ({"key": "b", "code": "KeyB"}, {"key": "e", "code": "KeyE"}),
        ({"key": "и", "code": "KeyB"}, {"key": "у", "code": "KeyE"}),  # Russian
        ({"key": "β", "code": "KeyB"}, {"key": "ε", "code": "KeyE"}),  # Greek
        ({"key": "נ", "code": "KeyB"}, {"key": "ק", "code": "KeyE"}),  # Hebrew
        ({"key": "ㅠ", "code": "KeyB"}, {"key": "ㄷ", "code": "KeyE"}),  # Korean
        ({"key": "b", "code": "KeyN"}, {"key": "e", "code": "KeyD"}),  # Dvorak: the letter counts, not its place
    ],
)
def test_letter_keys_choose_the_tool_on_every_layout(page: Page, brush: dict, eraser: dict):
    key(page, **eraser)
    assert tool(page) == "eraser"
    key(page, **brush)
    assert tool(page) == "brush"


@pytest.mark.parametrize(
    ("larger", "smaller"),
    [
        ({"key": "]"}, {"key": "["}),
        ({"key": "]", "altKey": True}, {"key": "[", "altKey": True}),  # macOS, German
        (
            {"key": "]", "altKey": True, "ctrlKey": True},
            {"key": "[", "altKey": True, "ctrlKey": True},
        ),  # AltGr on Windows
        ({"key": "ъ", "code": "BracketRight"}, {"key": "х", "code": "BracketLeft"}),  # Russian
    ],
)
def test_bracket_keys_change_the_brush_size_on_every_layout(page: Page, larger: dict, smaller: dict):
    size = page.locator("#painter [name=size]")
    before = int(size.input_value())
    key(page, **larger)
    assert int(size.input_value()) == before + 1
    key(page, **smaller)
    assert int(size.input_value()) == before


@pytest.mark.parametrize(
    "undo", [{"key": "z", "code": "KeyZ"}, {"key": "я", "code": "KeyZ"}, {"key": "z", "code": "KeyY"}]
)
def test_undo_key_works_on_every_layout(page: Page, undo: dict):
    before = hidden(page)
    press(page, "Invert")
    assert hidden(page) == 784 - before
    key(page, ctrlKey=True, **undo)
    assert hidden(page) == before
    key(page, ctrlKey=True, shiftKey=True, **undo)
    assert hidden(page) == 784 - before
    key(page, ctrlKey=True, **undo)


def test_key_event_without_a_key_does_nothing(page: Page):
    before = hidden(page)
    for at in ("#painter canvas", "body"):
        page.locator(at).first.evaluate("(one) => one.dispatchEvent(new Event('keydown', {bubbles: true}))")
    assert hidden(page) == before


def test_undo_key_works_from_every_control_without_text(page: Page):
    before = hidden(page)
    choose_methods(page)
    for at in (
        "#methods input[type=checkbox]",
        "#view input[type=radio]",
        "#painter [name=size]",
        "#choose-methods button",
    ):
        stroke(page, (0.02, 0.02), (0.2, 0.02))
        assert hidden(page) > before
        page.locator(at).first.focus()
        page.keyboard.press("Control+z")
        assert hidden(page) == before, at


def dialog(page: Page) -> Locator:
    return page.locator("#explainer dialog")


def test_question_mark_lists_the_keys(page: Page):
    canvas(page).focus()
    page.keyboard.press("Shift+?")
    expect(dialog(page)).to_be_visible()
    expect(dialog(page)).to_contain_text("undo, redo")
    page.keyboard.press("Escape")
    expect(dialog(page)).to_be_hidden()


@pytest.mark.parametrize("dataset", ["mnist", "celeba"])
def test_explanation_of_every_method_opens_from_its_card(page: Page, dataset: str):
    choose(page, {"mnist": "MNIST", "celeba": "Faces"}[dataset])
    shown = [name for name in available_methods(dataset) if method_class(name).shown_first]
    expect(page.locator(f'#compare [data-explain="{shown[-1]}"]')).to_be_visible()
    for name in shown:
        kind = method_class(name)
        page.locator(f'#compare [data-explain="{name}"]').click()
        expect(dialog(page).locator("section:visible h2")).to_have_text(kind.title)
        expect(dialog(page)).to_contain_text(kind.limits)
        if kind.formula:
            expect(dialog(page).locator("section:visible .formula")).to_have_text(kind.formula)
        if kind.url:
            expect(dialog(page).locator("section:visible a")).to_have_attribute("href", kind.url)
        dialog(page).get_by_role("button", name="Close").click()
    choose(page, "MNIST")


@pytest.mark.parametrize("tab", TABS)
def test_explanation_of_every_tab_and_of_its_terms_exists(page: Page, tab: str):
    page.get_by_role("tab", name=tab.capitalize(), exact=True).click()
    expect(page.locator(READY[tab]).first).to_be_visible()
    panel = page.locator(f"#tab-{tab}")
    panel.locator(".tab-about button").click()
    expect(dialog(page).locator("section:visible h2")).to_have_text(tab.capitalize())
    page.keyboard.press("Escape")
    known = dialog(page).locator("[data-entry]").evaluate_all("(all) => all.map((one) => one.dataset.entry)")
    asked = page.locator("[data-explain]").evaluate_all("(all) => all.map((one) => one.dataset.explain)")
    assert set(asked) <= set(known), "every button has an explanation"
    if tab in ("compare", "samples", "predictions", "results"):
        assert panel.locator(".info[data-explain]").count() >= 4
    page.get_by_role("tab", name="Compare", exact=True).click()


def test_footer_leads_to_glossary_privacy_licences_and_papers(page: Page):
    footer = page.locator("#explainer .about")
    expect(footer).to_contain_text("CelebA, for non-commercial research only")
    for name, text in (
        ("Glossary", "Peak signal-to-noise ratio"),
        ("Privacy", "at most ten minutes after their last use"),
        ("Data and licences", "CelebA"),
    ):
        footer.get_by_role("button", name=name).click()
        expect(dialog(page)).to_contain_text(text)
        page.keyboard.press("Escape")
    links = footer.locator("a").evaluate_all("(all) => all.map((one) => one.href)")
    assert {
        "https://arxiv.org/abs/2010.02183",
        "https://arxiv.org/abs/1806.02382",
        "https://arxiv.org/abs/2110.14010",
    } <= set(links)


def test_labels_that_change_are_not_translated(page: Page):
    for at in ("#preset-half", "#view", "#dataset"):
        expect(page.locator(at).first).to_have_attribute("translate", "no")
