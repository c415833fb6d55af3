"""The page in a real browser: paint, erase, undo, upload, walk along a factor, and bad input that breaks nothing."""

from __future__ import annotations

import base64
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from dmfa_demo.app.contents import TABS
from dmfa_demo.app.sharing.address import Address
from dmfa_demo.app.sharing.reproduction import code_for
from dmfa_demo.app.tabs.attractors import mapped
from dmfa_demo.data.datasets import load_samples
from dmfa_demo.figures import png_address
from dmfa_demo.models.classifier import available_classifiers
from dmfa_demo.registry import available_methods, method_class
from tests.browser.conftest import OpenPage, events, patient

pytestmark = pytest.mark.browser


@pytest.fixture
def page(open_page: OpenPage, served: str) -> Iterator[Page]:
    """A fresh visit with its first results on screen; fails on any JavaScript error."""
    page = open_page()
    with events(page, "pageerror") as errors:
        page.goto(served)
        expect(mean(page)).to_be_visible()
        yield page
        assert not errors


def card(page: Page, title: str):
    return page.locator("#compare figure", has=page.locator("strong", has_text=re.compile(f"^{title}$")))


def mean(page: Page):
    return card(page, "DMFA").locator("img")


def titles(page: Page) -> list[str]:
    return page.locator("#compare figure strong").all_inner_texts()


def canvas(page: Page):
    return page.locator("#painter canvas")


def hidden(page: Page) -> int:
    """How many pixels the painter says are hidden."""
    text = page.locator("#painter [role=status]").inner_text()
    found = re.match(r"(\d+) of 784", text)
    return int(found[1]) if found else 0


def press(page: Page, name: str) -> None:
    page.locator("#painter").get_by_role("button", name=name, exact=True).click()


def stroke(page: Page, start: tuple[float, float], end: tuple[float, float], button: str = "left") -> None:
    """Drag over the canvas between two places given as shares of its size."""
    box = canvas(page).bounding_box()
    (x0, y0), (x1, y1) = ((box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end))
    page.mouse.move(x0, y0)
    page.mouse.down(button=button)
    page.mouse.move(x1, y1, steps=8)
    page.mouse.up(button=button)


def choose_methods(page: Page):
    """The list of methods, unfolded."""
    if not page.locator("#methods").is_visible():
        page.locator("#choose-methods > button").click()
    return page.locator("#methods")


def expect_answer(page: Page, count: int) -> None:
    """The results answer to a mask of `count` hidden pixels."""
    expect(page.locator("#compare")).to_contain_text(f"{count} of 784 pixels hidden")


def upload(page: Page, button: str, file) -> None:
    """Choose a file in the dialogue that a button opens."""
    with page.expect_file_chooser() as dialogue:
        page.locator(f"#{button}").click()
    dialogue.value.set_files(file)


def expect_current(page: Page, tab: str = "compare") -> None:
    """The results of a tab answer to what is on the canvas."""
    expect(page.locator(f"#tab-{tab}")).to_have_attribute("data-state", "")


def clear(page: Page) -> None:
    press(page, "Clear")
    expect(page.locator("#compare")).to_contain_text("there is nothing to guess")


def test_the_first_visit_shows_a_result_without_scrolling(page: Page):
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


def test_results_follow_the_brush_and_come_back_with_undo(page: Page):
    clear(page)
    empty = mean(page).get_attribute("src")
    stroke(page, (0.3, 0.5), (0.7, 0.5))
    expect(mean(page)).not_to_have_attribute("src", empty)
    painted = hidden(page)
    assert painted > 40
    expect_answer(page, painted)
    press(page, "Undo")
    expect(mean(page)).to_have_attribute("src", empty)
    assert hidden(page) == 0
    press(page, "Redo")
    expect_answer(page, painted)


def test_results_follow_while_the_button_is_still_down(page: Page):
    clear(page)
    empty = mean(page).get_attribute("src")
    box = canvas(page).bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 200, steps=5)
    expect(mean(page)).not_to_have_attribute("src", empty)
    page.mouse.up()


@pytest.mark.parametrize(("query", "view"), [("", "Mean"), ("?show=error", "Error")])
def test_what_is_done_before_the_page_has_greeted_its_visitor_stays(
    open_page: OpenPage, served: str, query: str, view: str
):
    page = open_page()
    held: list[Route] = []

    def hold(route: Route) -> None:
        arrives = route.request.post_data_json["trigger_id"] == 0  # the page itself
        held.append(route) if arrives else route.continue_()

    page.route("**/queue/join*", hold)
    page.goto(served + query)
    expect(mean(page)).to_be_visible()
    clear(page)
    samples = page.locator("#samples").get_by_role("radio")
    samples.nth(45).click()
    expect(page.locator("#compare")).to_contain_text("4, test image 33")
    page.wait_for_timeout(1000)
    assert page.url == f"{served}/{query}"  # which nobody has read yet
    (greeting,) = held
    greeting.continue_()
    page.wait_for_url(re.compile("sample=45"))
    expect(page.locator("#view").get_by_role("radio", name=view)).to_be_checked()
    expect(page.locator("#compare")).to_contain_text(f"The {view.lower()} is the")  # the open tab follows the link
    page.wait_for_timeout(1000)
    expect(page.locator("#compare")).to_contain_text("4, test image 33")
    expect(page.locator("#compare")).to_contain_text("there is nothing to guess")
    expect(samples.nth(45)).to_have_attribute("aria-checked", "true")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#compare")).to_contain_text("4, test image 42")


def test_the_eraser_and_the_right_button_uncover(page: Page):
    clear(page)
    stroke(page, (0.2, 0.5), (0.8, 0.5))
    before = hidden(page)
    press(page, "Eraser")
    stroke(page, (0.2, 0.5), (0.4, 0.5))
    between = hidden(page)
    assert between < before
    press(page, "Brush")
    stroke(page, (0.5, 0.5), (0.8, 0.5), button="right")
    assert hidden(page) < between
    expect_answer(page, hidden(page))


def test_invert_swaps_hidden_and_visible_and_everything_may_be_hidden(page: Page):
    before = hidden(page)
    press(page, "Invert")
    assert hidden(page) == 784 - before
    expect_answer(page, 784 - before)
    clear(page)
    press(page, "Invert")
    expect_answer(page, 784)


def test_strokes_made_while_the_server_thinks_are_kept(page: Page):
    let_go = held_back(page, lambda _: True)
    page.locator("#samples").get_by_role("radio").nth(45).click()
    canvas(page).scroll_into_view_if_needed()
    stroke(page, (0.05, 0.05), (0.9, 0.05))
    painted = hidden(page)
    assert painted > 196
    let_go()
    expect(page.locator("#compare")).to_contain_text("4, test image")
    expect_answer(page, painted)
    assert hidden(page) == painted


def test_a_preset_that_comes_during_a_stroke_is_what_the_results_answer(page: Page):
    box = canvas(page).bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 20, steps=4)
    page.locator("#preset-half").dispatch_event("click")
    expect(page.locator("#painter [role=status]")).to_contain_text("392 of 784")
    page.mouse.move(box["x"] + 300, box["y"] + 300, steps=4)
    page.mouse.up()
    expect_answer(page, 392)
    page.wait_for_timeout(300)
    expect_answer(page, hidden(page))


def test_undo_works_right_after_a_preset_and_letters_from_the_toolbar(page: Page):
    page.locator("#preset-half").click()
    expect_answer(page, 392)
    page.keyboard.press("Control+z")
    expect_answer(page, 196)
    press(page, "Eraser")
    page.keyboard.press("b")
    expect(page.locator("#painter [data-tool=brush]")).to_have_attribute("aria-pressed", "true")


def test_the_factors_tab_is_at_rest_when_nothing_is_hidden(page: Page):
    clear(page)
    page.get_by_role("tab", name="Factors").click()
    expect(page.locator("#gaussian")).to_contain_text("there is no density")
    expect(page.locator("#factor-1")).to_be_hidden()


def test_undo_in_the_middle_of_a_stroke_takes_the_stroke_back(page: Page):
    box = canvas(page).bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 20, steps=4)
    page.keyboard.press("Control+z")
    page.mouse.move(box["x"] + 300, box["y"] + 300)
    page.mouse.up()
    assert hidden(page) == 196
    expect_answer(page, 196)


def test_changes_in_one_breath_are_asked_about_once(page: Page):
    expect_answer(page, 196)
    with events(page, "request") as asked:
        page.get_by_role("button", name="Invert").evaluate(
            "(button) => { for (let i = 0; i < 5; i++) button.click(); }"
        )
        expect_answer(page, 784 - 196)
    sent = [one.post_data_json["data"] for one in asked if "queue/join" in one.url]
    assert [sum(data[0]["runs"][1::2]) for data in sent if len(data) == 3] == [784 - 196]


def test_a_second_finger_does_not_paint(page: Page):
    clear(page)
    painted = canvas(page).evaluate(
        """(canvas) => {
            const box = canvas.getBoundingClientRect();
            const send = (kind, pointerId, x) => canvas.dispatchEvent(new PointerEvent(kind,
                {pointerId, clientX: box.left + x, clientY: box.top + 100, button: 0, bubbles: true}));
            const count = () => parseInt(document.querySelector('#painter [role=status]').textContent) || 0;
            send('pointerdown', 1, 50);
            const first = count();
            send('pointerdown', 2, 300); send('pointermove', 2, 320); send('pointerup', 2, 320);
            const second = count();
            send('pointermove', 1, 120); send('pointerup', 1, 120);
            return [first, second, count()];
        }"""
    )
    assert 0 < painted[0] == painted[1] < painted[2]
    press(page, "Undo")
    assert hidden(page) == 0


def test_a_double_click_is_one_spot(page: Page):
    clear(page)
    canvas(page).dblclick(position={"x": 100, "y": 100})
    assert 0 < hidden(page) < 30
    expect_answer(page, hidden(page))


def test_the_keyboard_paints(page: Page):
    clear(page)
    canvas(page).focus()
    page.keyboard.press("Space")
    first = hidden(page)
    assert first > 0
    for _ in range(6):
        page.keyboard.press("Shift+ArrowRight")
    assert hidden(page) > first
    expect_answer(page, hidden(page))
    page.keyboard.press("Control+z")
    page.keyboard.press("e")
    page.keyboard.press("Space")
    page.keyboard.press("Delete")
    expect(page.locator("#compare")).to_contain_text("there is nothing to guess")


def test_brush_size_is_in_image_pixels(page: Page):
    clear(page)
    page.locator("#painter input[type=range]").fill("1")
    canvas(page).click(position={"x": 200, "y": 200})
    assert hidden(page) == 1
    expect_answer(page, 1)


def test_touch_paints(browser: Browser, served: str):
    context = browser.new_context(viewport={"width": 400, "height": 800}, has_touch=True, is_mobile=True)
    page = patient(context.new_page())
    page.goto(served)
    expect(mean(page)).to_be_visible()
    clear(page)
    canvas(page).tap(position={"x": 150, "y": 150})
    assert hidden(page) > 0
    expect_answer(page, hidden(page))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the narrow page scrolls sideways"
    context.close()


@pytest.mark.parametrize(
    ("preset", "count"),
    [
        ("square14", 196),
        ("rect10x15", 150),
        ("half", 392),
        ("centre", 196),
        ("trapezoid", 396),
        ("line3", 700),
        ("pattern", 196),
    ],
)
def test_presets_hide_what_the_papers_hide(page: Page, preset: str, count: int):
    page.locator(f"#preset-{preset}").click()
    expect_answer(page, count)
    assert hidden(page) == count
    press(page, "Undo")
    expect_answer(page, 196)


def test_another_sample_keeps_the_mask(page: Page):
    before = mean(page).get_attribute("src")
    page.locator("#samples").get_by_role("radio").nth(45).click()
    expect(mean(page)).not_to_have_attribute("src", before)
    assert hidden(page) == 196
    page.keyboard.press("ArrowRight")
    expect(page.locator("#samples").get_by_role("radio").nth(46)).to_have_attribute("aria-checked", "true")


def test_a_factor_slider_moves_the_picture_and_zero_brings_it_back(page: Page):
    page.get_by_role("tab", name="Factors").click()
    walked = page.locator("#gaussian figure", has_text="Mean plus factors").locator("img")
    still = walked.get_attribute("src")
    page.locator("#factor-1 input[type=range]").fill("2.5")
    expect(walked).not_to_have_attribute("src", still)
    expect(page.locator("#gaussian")).to_contain_text("z1 = +2.5")
    page.locator("#sliders-to-zero").click()
    expect(walked).to_have_attribute("src", still)


def test_another_gaussian_of_the_mixture_has_another_mean(page: Page):
    page.get_by_role("tab", name="Factors").click()
    picture = page.locator("#gaussian figure").nth(1).locator("img")
    first = picture.get_attribute("src")
    page.locator("#component").get_by_role("radio").nth(2).check()
    expect(picture).not_to_have_attribute("src", first)


def test_the_factors_of_mfa_are_those_of_its_most_responsible_gaussians(page: Page):
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


def test_the_choice_of_methods_and_view_is_kept_in_the_address(page: Page, open_page: OpenPage):
    choose_methods(page).get_by_role("checkbox", name="Zero").uncheck()
    expect(page.locator("#compare figure")).to_have_count(11)
    choose_methods(page).get_by_role("checkbox", name="MFA", exact=True).uncheck()
    expect(page.locator("#compare figure")).to_have_count(10)
    page.locator("#view").get_by_role("radio", name="Error").check()
    expect(card(page, "DMFA").locator("img")).to_have_attribute("alt", re.compile("mean less the true image"))
    chosen = "dmfa,vaeac,universal-marginalizer,dynamics-knn,context-encoder,gaussian,knn,mean"
    page.wait_for_url(re.compile(f"methods={chosen}&show=error|show=error&methods={chosen}"))
    other = open_page()
    other.goto(page.url)
    expect(card(other, "DMFA").locator("img")).to_have_attribute("alt", re.compile("mean less the true image"))
    assert titles(other) == [
        "Original",
        "What the models see",
        "DMFA",
        "VAEAC",
        "Universal Marginalizer",
        "AE dynamics from k-NN",
        "Context encoder",
        "Gaussian",
        "k-NN",
        "Training mean",
    ]
    expect(choose_methods(other).get_by_role("checkbox", name="Zero")).not_to_be_checked()


def pictures(page: Page, place: str) -> list[str]:
    return [image.get_attribute("src") for image in page.locator(f"{place} img").all()]


def test_a_link_shows_what_its_sender_saw(page: Page, open_page: OpenPage):
    """Of each tab something is changed; whoever opens the link finds all of it, and the tab that was open."""
    stroke(page, (0.1, 0.1), (0.9, 0.2))
    page.get_by_role("tab", name="Factors", exact=True).click()
    page.locator("#factors-of").get_by_role("radio", name="MFA", exact=True).check()
    expect(page.locator("#component").get_by_role("radio")).to_have_count(5)  # DMFA has three
    page.locator("#component label").nth(1).click()
    page.locator("#factor-2 input[type=range]").fill("1.2")
    page.get_by_role("tab", name="Attractors", exact=True).click()
    page.locator("#step-size").get_by_role("radio", name="Whole steps").check()
    page.get_by_role("tab", name="Predictions", exact=True).click()
    page.locator("#growth").get_by_role("radio", name="Growing specks").check()
    page.get_by_role("tab", name="Samples", exact=True).click()
    expect(page.locator("#strips img").first).to_be_visible()
    page.locator("#noise").get_by_role("radio", name="With pixel noise", exact=True).check()
    expect(page.locator("#strips")).to_contain_text("with pixel noise")
    drawn = page.locator("#strips img").first.get_attribute("src")
    page.locator("#more").click()
    expect(page.locator("#strips img").first).not_to_have_attribute("src", drawn)
    words = "mask of gaussian z step growth noise seed tab"
    page.wait_for_function(
        "words => words.split(' ').every(word => new URL(location).searchParams.has(word))", arg=words
    )
    other = open_page()
    other.goto(page.url)
    expect(other.get_by_role("tab", name="Samples", exact=True)).to_have_attribute("aria-selected", "true")
    expect(other.locator("#strips")).to_contain_text("with pixel noise")
    expect_current(other, "samples")
    assert hidden(other) == hidden(page)
    assert pictures(other, "#strips") == pictures(page, "#strips")
    for one in (page, other):
        one.get_by_role("tab", name="Factors", exact=True).click()
        expect(one.locator("#gaussian")).to_contain_text("z2 = +1.2")
        expect_current(one, "factors")
    expect(other.locator("#component label").nth(1).locator("input")).to_be_checked()
    expect(other.locator("#factors-of").get_by_role("radio", name="MFA", exact=True)).to_be_checked()
    assert pictures(other, "#gaussian") == pictures(page, "#gaussian")
    other.get_by_role("tab", name="Predictions", exact=True).click()
    expect(other.locator("#growth").get_by_role("radio", name="Growing specks")).to_be_checked()
    other.get_by_role("tab", name="Attractors", exact=True).click()
    expect(other.locator("#step-size").get_by_role("radio", name="Whole steps")).to_be_checked()


def test_a_prepared_scene_is_one_click(page: Page):
    page.locator("#examples button", has_text="Nothing but a line").click()
    expect(page.get_by_role("tab", name="Samples", exact=True)).to_have_attribute("aria-selected", "true")
    expect(page.locator("#painter [role=status]")).to_contain_text("700 of 784")
    expect(page.locator("#strips figure").first).to_be_visible()
    page.wait_for_url(re.compile("sample=20.*mask=.*tab=samples|sample=20.*tab=samples.*mask="))
    page.locator("#examples button", has_text="Half a face").click()
    expect(page.locator("#compare")).to_contain_text("Joe Biden")
    expect(page.locator("#dataset").get_by_role("radio", name="Faces")).to_be_checked()


def test_the_comparison_is_taken_away_as_picture_numbers_and_code(page: Page, tmp_path: Path):
    for name, kind in (("Comparison as PNG", "comparison.png"), ("All numbers as zip", "comparison.zip")):
        with page.expect_download() as download:
            page.locator("#take").get_by_role("button", name=name, exact=True).click()
        assert download.value.suggested_filename == kind
        download.value.save_as(tmp_path / kind)
    with Image.open(tmp_path / "comparison.png") as picture:
        assert picture.width > 900
    with zipfile.ZipFile(tmp_path / "comparison.zip") as archive:
        assert {"image.png", "mask.png", "figures.json", "code.py", "dmfa/numbers.npz"} <= set(archive.namelist())
    page.locator("#take").get_by_role("button", name="Code for this", exact=True).click()
    dialog = page.locator("#take dialog")
    expect(dialog).to_contain_text('load_imputer(method, "mnist")')
    page.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()


def test_a_lesson_plays_asks_and_tells(page: Page):
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


def test_the_slice_through_a_gaussian_moves_and_keeps_its_width(open_page: OpenPage, served: str):
    page = open_page(1280, 900)
    page.goto(served + "?lesson=2")
    told = page.locator("#lesson [data-part=slice]")
    expect(told).to_contain_text("mean 1.20, standard deviation 0.60")
    page.get_by_label("Observed first pixel").fill("-1")
    expect(told).to_contain_text("mean −0.80, standard deviation 0.60")
    page.get_by_label("Correlation").fill("0")
    expect(told).to_contain_text("mean 0.00, standard deviation 1.00")
    box = page.locator("#lesson svg").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2)
    expect(page.get_by_label("Observed first pixel")).to_have_value("1.7")
    page.wait_for_url(re.compile(r"slice=1\.7,0$"))
    page.locator("#take").get_by_role("button", name="Code for this", exact=True).click()
    expect(page.locator("#take dialog")).to_contain_text("torch.tensor([[1.7, 0.0]])")


def test_a_link_brings_the_slice_back(open_page: OpenPage, served: str):
    page = open_page(1280, 900)
    page.goto(served + "?lesson=2&slice=-1.5,0.6")
    expect(page.locator("#lesson [data-part=slice]")).to_contain_text("mean −0.90, standard deviation 0.80")
    page.locator("#next-chapter").click()
    expect(page.locator("#lesson .films img").first).to_be_visible()
    page.locator("#chapter label").nth(1).click()
    expect(page.locator("#lesson [data-part=slice]")).to_contain_text("mean −0.90, standard deviation 0.80")
    page.wait_for_url(re.compile(r"slice=-1\.5,0\.6"))


@pytest.mark.parametrize("number", range(1, 7))
def test_every_lesson_has_a_link_and_shows_something_that_moves(open_page: OpenPage, served: str, number: int):
    page = open_page(1280, 900)
    page.goto(f"{served}?lesson={number}")
    expect(page.locator("#lesson h2")).not_to_be_empty()
    expect(page.locator("#chapter label").nth(number - 1).locator("input")).to_be_checked()
    if number != 2:
        expect(page.locator("#lesson .films img").first).to_be_visible()
    assert page.locator("#lesson math").count() >= 3


def test_embedded_there_is_nothing_around_it(open_page: OpenPage, served: str):
    page = open_page()
    page.goto(served + "?embed=1")
    expect(mean(page)).to_be_visible()
    expect(page.locator(".masthead")).not_to_be_visible()
    expect(page.locator("footer")).not_to_be_visible()
    page.locator("#preset-half").click()
    page.wait_for_url(re.compile("embed=1.*mask="))


def test_an_address_that_asks_for_what_there_is_not_shows_everything(open_page: OpenPage, served: str):
    page = open_page()
    page.goto(served + "?methods=gan,%3Cscript%3E&show=smell")
    expect(mean(page)).to_be_visible()
    assert len(titles(page)) == 12
    expect(page.locator("#view").get_by_role("radio", name="Mean")).to_be_checked()


def test_the_deviation_is_shown_where_there_is_one_on_one_scale(page: Page):
    page.locator("#view").get_by_role("radio", name="Deviation").check()
    expect(page.locator("#compare .note").first).to_have_text(
        "One answer and no deviation: AE dynamics from k-NN, Context encoder, k-NN, Training mean, Zero."
    )
    expect(card(page, "k-NN")).to_have_count(0)
    expect(card(page, "MFA").locator("img")).to_have_attribute("alt", re.compile("standard deviation"))
    expect(page.locator("#compare .bar")).to_have_count(1)


def test_the_best_figure_of_each_kind_is_marked_once(page: Page):
    marked = [text.split()[0] for text in page.locator("#compare .best").all_inner_texts()]
    assert sorted(marked) == ["NLL", "PSNR", "SSIM"]
    figures = {}
    for title in titles(page)[2:]:
        text = card(page, title).inner_text()
        figures[title] = float(re.search(r"PSNR ([\d.]+)", text)[1])
    best = max(figures.values())
    winner = page.locator("#compare figure", has=page.locator(".best", has_text="PSNR"))
    assert float(re.search(r"PSNR ([\d.]+)", winner.inner_text())[1]) == best


def test_no_method_at_all_is_answered(page: Page):
    for box in choose_methods(page).get_by_role("checkbox").all():
        box.uncheck()
    expect(page.locator("#compare")).to_contain_text("Choose a method above")
    expect(page.locator("#compare figure")).to_have_count(2)


def test_samples_follow_the_hole_and_the_nearest_is_framed(page: Page):
    page.get_by_role("tab", name="Samples").click()
    strips = page.locator("#strips .strip")
    first = strips.first.locator("img").first
    expect(strips).to_have_count(4)
    for strip in strips.all():
        values = [float(text.split()[0]) for text in strip.locator("figcaption").all_inner_texts()[:-1]]
        assert len(values) == 8
        assert float(strip.locator(".framed figcaption").inner_text().split()[0]) == max(values)
    before = first.get_attribute("src")
    page.locator("#more").click()
    expect(first).not_to_have_attribute("src", before)
    other = first.get_attribute("src")
    page.locator("#noise").get_by_role("radio", name="With pixel noise").check()
    expect(first).not_to_have_attribute("src", other)
    press(page, "Clear")
    expect(page.locator("#strips")).to_contain_text("every sample would be the picture itself")


def test_a_latent_slider_moves_the_answer_continuously_and_zero_brings_it_back(page: Page):
    page.get_by_role("tab", name="Samples").click()
    here, other = page.locator("#here img"), page.locator("#path-2 img").first
    still, beside = here.get_attribute("src"), other.get_attribute("src")
    expect(page.locator("#path-1 img")).to_have_count(7)
    for step in ("1.5", "1.6"):
        before = here.get_attribute("src")
        page.locator("#latent-1 input[type=range]").fill(step)
        expect(here).not_to_have_attribute("src", before)
        expect(page.locator("#here")).to_contain_text(f"At +{step}, +0.0")
    expect(other).not_to_have_attribute("src", beside)
    page.locator("#latent-1 input[type=range]").fill("0")
    expect(here).to_have_attribute("src", still)


def test_a_hole_is_filled_pixel_by_pixel_and_a_stroke_ends_it(page: Page):
    page.get_by_role("tab", name="Samples").click()
    filling = page.locator("#filling")
    expect(filling).to_contain_text("196 pixels to fill")
    page.locator("#fill").click()
    expect(filling).to_contain_text(re.compile(r"(?<!\d)1[0-8]\d pixels to fill"))
    expect(filling).to_contain_text("filled")
    expect(filling.locator(".framed")).to_have_count(1)
    page.get_by_role("tab", name="Compare").click()
    expect_answer(page, 196)
    page.get_by_role("tab", name="Samples").click()
    page.wait_for_timeout(500)
    expect(filling).to_contain_text("filled")
    page.locator("#preset-line3").click()
    expect(filling).to_contain_text("700 pixels to fill")
    page.locator("#fill").click()
    expect(filling).to_contain_text(re.compile(r"6\d\d pixels to fill"))
    page.locator("#preset-half").click()
    expect(filling).to_contain_text("392 pixels to fill")
    page.wait_for_timeout(1_000)
    expect(filling).to_contain_text("392 pixels to fill")


def tile(page: Page, title: str):
    return page.locator("#player .tiles figure", has=page.locator("span", has_text=re.compile(f"^{title}$")))


def step(page: Page) -> int:
    """Where the player of the walks is."""
    return int(re.match(r"step (\d+) of", page.locator("#player output").inner_text())[1])


def looks(canvas) -> str:
    """What is drawn on a canvas."""
    return canvas.evaluate("(canvas) => canvas.toDataURL()")


def open_attractors(page: Page) -> None:
    """Open the tab and wait for the walks' end."""
    page.get_by_role("tab", name="Attractors").click()
    expect(page.locator("#holes figure")).to_have_count(7)


def test_the_walks_play_pause_step_and_scrub(page: Page):
    open_attractors(page)
    for title in ("Noise", "Training mean", "k-NN", "DMFA", "Your start", "The picture"):
        expect(tile(page, title)).to_be_visible()
    player, bar = page.locator("#player"), page.locator("#player input[type=range]")
    bar.fill("2")
    assert step(page) == 2
    picture = tile(page, "Noise").locator("canvas")
    early, plane = looks(picture), looks(page.locator("#player .plane"))
    player.get_by_role("button", name="One step on").click()
    assert step(page) == 3 and looks(picture) != early and looks(page.locator("#player .plane")) != plane
    player.get_by_role("button", name="One step back").click()
    assert step(page) == 2 and looks(picture) == early
    player.get_by_role("button", name="Play").click()
    expect(page.locator("#player output")).not_to_contain_text("step 2 ")
    player.get_by_role("button", name="Pause").click()
    stopped = step(page)
    page.wait_for_timeout(300)
    assert step(page) == stopped > 2
    last = int(bar.get_attribute("max"))
    bar.fill(str(last))
    assert step(page) == last
    expect(tile(page, "k-NN")).to_contain_text(re.compile(r"fixed at step \d+|residual 0\.\d\d"))
    expect(page.locator("#player .key")).to_contain_text("0123456789")


def test_a_stroke_begins_new_walks(page: Page):
    open_attractors(page)
    page.locator("#player input[type=range]").fill("90")
    ended, last = looks(tile(page, "DMFA").locator("canvas")), page.locator("#holes img").first.get_attribute("src")
    page.locator("#preset-centre").click()
    expect(page.locator("#holes img").first).not_to_have_attribute("src", last)
    page.locator("#player input[type=range]").fill("90")
    assert looks(tile(page, "DMFA").locator("canvas")) != ended
    press(page, "Clear")
    expect(page.locator("#holes")).to_contain_text("Nothing is hidden")
    expect(tile(page, "DMFA")).to_have_count(0)
    expect(tile(page, "The picture")).to_be_visible()


def test_a_walk_starts_where_one_clicks_or_where_the_keyboard_is(page: Page):
    open_attractors(page)
    plane = page.locator("#player .plane")
    expect(tile(page, "Your start").locator("canvas")).to_have_count(0)
    box = plane.bounding_box()
    plane.click(position={"x": 0.2 * box["width"], "y": 0.7 * box["height"]})
    own = tile(page, "Your start").locator("canvas")
    expect(own).to_be_visible()
    page.locator("#player input[type=range]").fill("0")
    clicked = looks(own)
    plane.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "Enter"):
        page.keyboard.press(key)
    page.wait_for_function(
        "(before) => document.querySelectorAll('#player .tiles canvas')[4].toDataURL() !== before", arg=clicked
    )
    press(page, "Invert")  # the start on the map has nothing to do with the hole
    page.wait_for_timeout(500)
    expect(own).to_be_visible()


def test_another_map_another_step_size_and_other_noise_change_the_walks(page: Page):
    open_attractors(page)
    strip, bar, plane = page.locator("#holes img").first, page.locator("#player input[type=range]"), page.locator("#player .plane")  # fmt: skip
    for change in (
        lambda: page.locator("#step-size").get_by_role("radio", name="Whole steps").check(),
        lambda: page.locator("#plane").get_by_role("radio", name="Only 0, 1, 2").check(),
    ):
        bar.fill("3")
        before, drawn = strip.get_attribute("src"), looks(plane)
        change()
        expect(strip).not_to_have_attribute("src", before)
        bar.fill("3")
        assert looks(plane) != drawn
    bar.fill("0")
    noise = looks(tile(page, "Noise").locator("canvas"))
    page.locator("#again").click()
    started = "([before]) => document.querySelector('#player .tiles canvas').toDataURL() !== before && document.querySelector('#player input').value > 0"
    page.wait_for_function(started, arg=[noise])
    bar.fill("0")
    assert looks(tile(page, "Noise").locator("canvas")) != noise


def test_whoever_wants_no_motion_sees_the_end(open_page: OpenPage, served: str):
    page = open_page(reduced_motion="reduce", color_scheme="dark")
    page.goto(served)
    expect(mean(page)).to_be_visible()
    open_attractors(page)
    place, last = page.locator("#player input[type=range]").evaluate("(bar) => [bar.value, bar.max]")
    assert int(place) == int(last) > 0


def test_only_the_open_tab_follows_and_the_others_do_when_opened(page: Page):
    page.get_by_role("tab", name="Samples").click()
    first = page.locator("#strips img").first
    expect(first).to_be_visible()
    compared, drawn = mean(page).get_attribute("src"), first.get_attribute("src")
    page.locator("#preset-half").click()
    expect(first).not_to_have_attribute("src", drawn)
    assert mean(page).get_attribute("src") == compared
    page.get_by_role("tab", name="Compare").click()
    expect_answer(page, 392)
    expect(mean(page)).not_to_have_attribute("src", compared)


def test_every_tab_is_reached_on_a_phone(open_page: OpenPage, served: str):
    page = open_page(360, 740)
    page.goto(served)
    expect(mean(page)).to_be_visible()
    for name, place in (
        ("Factors", "#gaussian"),
        ("Samples", "#strips"),
        ("Attractors", "#player .plane"),
        ("Predictions", "#predictions .panel >> nth=0"),
        ("Results", "#chart"),
        ("Compare", "#compare"),
    ):
        page.get_by_role("tab", name=name).click()
        expect(page.locator(place)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} scrolls sideways"


def panels(page: Page) -> list[str]:
    return page.locator("#predictions .panel").evaluate_all("panels => panels.map(panel => panel.innerText)")


def test_predictions_follow_the_brush_with_the_truth_marked(page: Page):
    page.get_by_role("tab", name="Predictions").click()
    expect(page.locator("#predictions .panel")).to_have_count(8)
    assert page.locator("#predictions .true span").all_inner_texts() == ["4"] * 8
    layer = page.locator("#first-layer img").first
    before, seen = panels(page), layer.get_attribute("src")
    text = page.locator("#predictions .panels").inner_text()
    box = page.locator("#predictions").bounding_box()
    assert box["y"] + 370 <= 720  # both rows without scrolling
    stroke(page, (0.05, 0.3), (0.95, 0.3))
    stroke(page, (0.1, 0.2), (0.9, 0.8))
    expect(layer).not_to_have_attribute("src", seen)
    page.wait_for_function("(text) => document.querySelector('#predictions .panels').innerText !== text", arg=text)
    after = panels(page)
    assert after[0] == before[0] and after[1:] != before[1:]  # who sees the complete image does not care
    press(page, "Invert")
    press(page, "Clear")
    expect(page.locator("#first-layer")).to_contain_text("Nothing is hidden")
    assert page.locator("#predictions .wrong").count() == 0


def test_the_growing_hole_is_chosen_and_drawn_anew(page: Page):
    page.get_by_role("tab", name="Predictions").click()
    line = page.locator("#changing-mind polyline").first
    expect(line).to_be_visible()
    points = line.get_attribute("points")
    page.get_by_label("Growing specks").click()
    expect(line).not_to_have_attribute("points", points)
    points = line.get_attribute("points")
    page.locator("#another-hole").click()
    expect(line).not_to_have_attribute("points", points)
    here, points = page.locator("#changing-mind .here"), line.get_attribute("points")
    place = here.get_attribute("x1")
    page.locator("#preset-half").click()  # marks how much is hidden, and grows the same hole
    expect(here).not_to_have_attribute("x1", place)
    assert line.get_attribute("points") == points


def test_results_show_ours_beside_the_papers(page: Page):
    page.get_by_role("tab", name="Results").click()
    chart = page.locator("#chart")
    expect(chart).to_contain_text("Squared error, summed")
    row = chart.locator("tbody tr", has=page.get_by_role("rowheader", name="MFA", exact=True))
    expect(row).to_contain_text("18.59")
    expect(page.locator("#results-table")).to_contain_text("DMFA paper, table 1")
    page.locator("#results-protocol input").click()
    page.get_by_role("option", name="Arbitrary (ACFlow)").click()
    page.locator("#results-measure input").click()
    page.get_by_role("option", name="PSNR, whole image, dB").click()
    expect(chart).to_contain_text("17.30")
    expect(chart.get_by_role("rowheader", name="ACFlow", exact=True)).to_be_visible()


def held_back(page: Page, asked: Callable[[list], bool]) -> Callable[[], None]:
    """Keep from the server what the page asks with such values, until what this returns is called."""
    held: list[Route] = []
    free = False

    def hold(route: Route) -> None:
        waits = not free and asked(route.request.post_data_json["data"])
        held.append(route) if waits else route.continue_()

    def let_go() -> None:
        nonlocal free
        page.wait_for_timeout(1000)  # for whatever may overtake it
        free = True
        assert held
        for route in held:
            route.continue_()
        page.wait_for_timeout(1000)  # for whatever comes late

    page.route("**/queue/join*", hold)
    return let_go


def test_a_measure_chosen_before_the_kind_of_hole_is_answered_stays(page: Page):
    page.get_by_role("tab", name="Results").click()
    let_go = held_back(page, lambda data: data[1:] == ["arbitrary", "sse"])
    page.locator("#results-protocol input").click()
    page.get_by_role("option", name="Arbitrary (ACFlow)").click()
    page.locator("#results-measure input").click()
    page.get_by_role("option", name="PSNR, whole image, dB").click()
    let_go()
    expect(page.locator("#results-measure input")).to_have_value("PSNR, whole image, dB")
    expect(page.locator("#chart").get_by_role("rowheader", name="ACFlow", exact=True)).to_be_visible()


def test_a_gaussian_chosen_before_the_method_is_answered_stays(page: Page):
    page.get_by_role("tab", name="Factors").click()
    expect(page.locator("#component").get_by_role("radio")).to_have_count(3)
    let_go = held_back(page, lambda data: data[1:3] == ["mfa", 0])
    page.locator("#factors-of").get_by_role("radio", name="MFA", exact=True).check()
    page.locator("#component").get_by_role("radio").nth(2).check()
    let_go()
    picture = page.locator("#gaussian figure").nth(1).locator("img")
    expect(picture).to_have_attribute("alt", re.compile("^MFA's mean"))
    expect(page.locator("#component").get_by_role("radio")).to_have_count(5)
    expect(page.locator("#component").get_by_role("radio").nth(2)).to_be_checked()
    third = picture.get_attribute("src")
    page.locator("#component").get_by_role("radio").first.check()
    expect(picture).not_to_have_attribute("src", third)


def test_what_to_show_chosen_before_the_mask_is_answered_stays(page: Page):
    let_go = held_back(page, lambda data: data[1:2] == ["mean"])
    press(page, "Invert")
    page.locator("#view").get_by_role("radio", name="Error").check()
    let_go()
    expect(mean(page)).to_have_attribute("alt", re.compile("mean less the true image"))
    expect_answer(page, hidden(page))


def test_the_chart_of_results_fits_a_phone(open_page: OpenPage, served: str):
    page = open_page(360, 740)
    page.goto(f"{served}?tab=results")
    expect(page.locator("#chart")).to_contain_text("18.59")
    table, column = page.locator("#chart table").bounding_box(), page.locator("#chart").bounding_box()
    assert table["x"] + table["width"] <= column["x"] + column["width"] <= 360


def test_a_hole_with_other_measures_shows_one_of_them_without_complaint(page: Page):
    page.get_by_role("tab", name="Results").click()
    expect(page.locator("#chart")).to_contain_text("Squared error, summed")
    page.locator("#results-protocol input").click()
    page.get_by_role("option", name="Classify, noise 75 %").click()
    expect(page.locator("#chart")).to_contain_text("Accuracy")
    row = page.locator("#chart tbody tr", has=page.get_by_role("rowheader", name="MisConv (DMFA)", exact=True))
    expect(row).to_contain_text("0.966")
    expect(page.locator("#results-table")).to_contain_text("MisConv paper, table 9")
    page.locator("#results-protocol input").click()
    page.get_by_role("option", name="All but a line, binarised").click()
    expect(page.locator("#chart")).to_contain_text("NLL, nats")
    assert page.locator(".toast-body").count() == 0


def test_the_table_of_results_is_sorted_by_its_headings(page: Page):
    page.get_by_role("tab", name="Results").click()
    table = page.locator("#results-table table")
    heading = table.get_by_role("columnheader", name="NLL", exact=True)
    column = heading.evaluate("(heading) => heading.cellIndex")

    def values() -> list[str]:
        return [row.locator("> *").nth(column).get_attribute("data-value") for row in table.locator("tbody tr").all()]

    for direction, reverse in (("ascending", False), ("descending", True)):
        heading.get_by_role("button").click()
        expect(heading).to_have_attribute("aria-sort", direction)
        known = [float(value) for value in values() if value]
        assert len(known) >= 3 and known == sorted(known, reverse=reverse)
        assert values()[len(known) :] == [""] * (len(values()) - len(known)), "methods without a density come last"
    table.get_by_role("columnheader", name="Method").get_by_role("button").click()
    titles = [text.splitlines()[0] for text in table.locator("tbody th").all_inner_texts()]
    assert len(titles) >= 9 and titles == sorted(titles, key=str.lower)


def test_a_mask_goes_out_and_comes_back(page: Page, tmp_path: Path):
    clear(page)
    stroke(page, (0.2, 0.2), (0.8, 0.8))
    painted = hidden(page)
    with page.expect_download() as download:
        press(page, "Save mask")
    saved = tmp_path / "mask.png"
    download.value.save_as(saved)
    assert (np.asarray(Image.open(saved).convert("L")) > 127).sum() == painted
    clear(page)
    upload(page, "mask-upload", saved)
    expect_answer(page, painted)
    assert hidden(page) == painted


def test_an_uploaded_digit_is_centred_and_imputed(page: Page):
    drawing = np.full((300, 200), 255, np.uint8)
    drawing[40:120, 30:45] = 0
    upload(page, "digit-upload", {"name": "one.png", "mimeType": "image/png", "buffer": png(drawing)})
    expect(page.locator("#compare")).to_contain_text("your own digit")


@pytest.mark.parametrize(
    ("button", "name", "data", "message"),
    [
        ("digit-upload", "empty.png", b"", "empty"),
        ("digit-upload", "text.png", b"this is not a picture", "not a picture"),
        ("digit-upload", "blank.png", None, "blank"),
        ("mask-upload", "blank.png", None, "exactly 28 x 28"),
    ],
)
def test_a_bad_upload_is_told_and_the_page_goes_on(
    page: Page, button: str, name: str, data: bytes | None, message: str
):
    data = png(np.full((50, 60), 255, np.uint8)) if data is None else data
    upload(page, button, {"name": name, "mimeType": "image/png", "buffer": data})
    expect(page.get_by_test_id("toast-body")).to_contain_text(message)
    expect_answer(page, 196)
    page.locator("#preset-half").click()
    expect_answer(page, 392)


def test_the_page_is_whole_in_the_dark(open_page: OpenPage, served: str):
    page = open_page()
    page.goto(served + "?__theme=dark")
    expect(mean(page)).to_be_visible()
    colour = page.evaluate("getComputedStyle(document.querySelector('.gradio-container')).backgroundColor")
    assert sum(map(int, re.findall(r"\d+", colour)[:3])) < 150


def png(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    return buffer.getvalue()


def choose(page: Page, title: str) -> None:
    """Another data set, by its title on the page."""
    page.locator("#dataset").get_by_role("radio", name=title, exact=True).check()


def test_another_data_set_keeps_tab_brush_mask_and_methods(page: Page):
    press(page, "Clear")
    stroke(page, (0.3, 0.3), (0.7, 0.7))
    choose_methods(page).get_by_role("checkbox", name="Zero").uncheck()
    page.locator("#view").get_by_role("radio", name="Error").check()
    expect(card(page, "Zero")).to_have_count(0)
    press(page, "Eraser")
    share = hidden(page) / 784
    choose(page, "Faces")
    expect(page.locator("#compare")).to_contain_text("Eileen Collins")
    found = re.match(r"(\d+) of 4096", page.locator("#painter [role=status]").inner_text())
    assert abs(int(found[1]) / 4096 - share) < 0.03
    expect(card(page, "Training mean").locator("img")).to_have_attribute("alt", re.compile("less the true image"))
    expect(card(page, "Zero")).to_have_count(0)
    expect(card(page, "Training mean")).to_be_visible()
    expect(page.get_by_role("button", name="Eraser", exact=True)).to_have_attribute("aria-pressed", "true")
    assert int(page.locator("#painter input[type=range]").input_value()) == 9  # 4 of 28 pixels
    expect(page.get_by_role("button", name="Both eyes", exact=True)).to_be_visible()
    expect(page.locator("#digit-upload")).to_be_hidden()
    choose(page, "MNIST")
    expect(page.locator("#compare")).to_contain_text("4, test image 19")
    expect(card(page, "Universal Marginalizer")).to_be_visible()  # which faces do not have
    expect(card(page, "Zero")).to_have_count(0)
    assert int(page.locator("#painter input[type=range]").input_value()) == 4


@pytest.mark.parametrize(("title", "dataset"), [("Fashion-MNIST", "fashion-mnist"), ("Faces", "celeba")])
def test_every_tab_works_for_every_data_set(page: Page, title: str, dataset: str):
    choose(page, title)
    methods = [method_class(name) for name in available_methods(dataset)]
    there = {  # what each tab shows, and whether there is something to show
        "Factors": ("#gaussian img", any(method.has_factors for method in methods)),
        "Samples": ("#strips img", any(method.has_samples for method in methods)),
        "Attractors": ("#player .tiles img", mapped(dataset)),
        "Predictions": ("#predictions .panel", available_classifiers(dataset)),
        "Results": ("#chart", True),
        "Compare": ("#compare img", True),
    }
    for tab, (result, something) in there.items():
        page.get_by_role("tab", name=tab, exact=True).click()
        expect(page.locator(result if something else ".note:visible").first).to_be_visible()
    assert page.locator(".toast-body").count() == 0


def test_the_colours_of_a_face_are_shown_as_they_are(page: Page):
    choose(page, "Faces")
    original = card(page, "Original").locator("img")
    expect(original).to_have_attribute("alt", re.compile("Eileen Collins"))
    seen = page.evaluate(
        """async (image) => {
            await image.decode();
            const sheet = document.createElement("canvas");
            sheet.width = image.naturalWidth; sheet.height = image.naturalHeight;
            const pen = sheet.getContext("2d");
            pen.drawImage(image, 0, 0);
            return [...pen.getImageData(0, 0, sheet.width, sheet.height).data];
        }""",
        original.element_handle(),
    )
    truth = load_samples("celeba").images[0].permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(np.array(seen).reshape(64, 64, 4)[..., :3], truth)


def photo(width: int = 400, height: int = 500, eyes: tuple = ((150, 200), (250, 200)), **options) -> dict:
    """A grey photo with a red and a blue eye, as a file to upload."""
    pixels = np.full((height, width, 3), 128, np.uint8)
    for (x, y), colour in zip(eyes, ((255, 0, 0), (0, 0, 255))):
        pixels[y - 15 : y + 15, x - 15 : x + 15] = colour
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", **options)
    return {"name": "photo.png", "mimeType": "image/png", "buffer": buffer.getvalue()}


def own_photo(page: Page, file: dict, good: bool = True) -> None:
    """Choose a photo, and wait until it is there to be aligned."""
    with page.expect_file_chooser() as dialogue:
        page.locator("#aligner").get_by_role("button", name="Your own photo…").click()
    dialogue.value.set_files(file)
    if good:
        expect(page.locator("#aligner canvas")).to_be_focused()


def shown_face(page: Page) -> np.ndarray:
    address = card(page, "Original").locator("img").get_attribute("src")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))))


def test_an_own_photo_is_moved_until_the_eyes_meet_the_rings(page: Page):
    choose(page, "Faces")
    page.locator("#samples").get_by_role("radio", name="Joe Biden").click()
    page.wait_for_url(re.compile("sample=3"))
    own_photo(page, photo())
    aligner = page.locator("#aligner")
    expect(aligner.get_by_role("button", name="Use this face")).to_be_visible()
    # The face is 300 pixels of the photo at first, around (200, 225); eyes belong 91.4 apart at (0.348, 0.480) and (0.652, 0.480).
    zoom = aligner.locator("[data-control=zoom]")
    zoom.fill("-0.13")  # 328 pixels, in which 100 are the rings' distance
    box = aligner.locator("canvas").bounding_box()
    scale = box["width"] / (300 * 2**0.13)
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0], middle[1] + (25 - 0.0195 * 328) * scale, steps=4)
    page.mouse.up()
    aligner.get_by_role("button", name="Use this face").click()
    expect(page.locator("#compare")).to_contain_text("your own face")
    page.wait_for_url(lambda url: "dataset=celeba" in url and "sample=" not in url)
    face = shown_face(page)
    assert face.shape == (64, 64, 3)
    assert (
        tuple(face[31, 22]) == (255, 0, 0)
        and tuple(face[31, 42]) == (0, 0, 255)
        and tuple(face[60, 32]) == (128, 128, 128)
    )
    expect(aligner.locator("canvas")).to_be_hidden()


def test_a_photo_is_aligned_by_keyboard_and_turned(page: Page):
    choose(page, "Faces")
    own_photo(page, photo())
    drawing = page.locator("#aligner canvas")
    before = drawing.screenshot()
    for key in ("ArrowLeft", "ArrowUp", "+", "."):
        page.keyboard.press(key)
        after = drawing.screenshot()
        assert after != before, key
        before = after
    page.keyboard.press("Enter")
    expect(page.locator("#compare")).to_contain_text("your own face")


def test_an_own_photo_is_upright_whatever_its_exif_says_and_flattened(page: Page):
    choose(page, "Faces")
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    own_photo(page, photo(eyes=((250, 300), (150, 300)), exif=exif))
    page.keyboard.press("Enter")
    expect(page.locator("#compare")).to_contain_text("your own face")
    face = shown_face(page)
    assert tuple(face[26, 21]) == (255, 0, 0) and tuple(face[26, 43]) == (0, 0, 255)
    buffer = io.BytesIO()
    Image.new("RGBA", (90, 90), (0, 0, 0, 0)).save(buffer, "PNG")
    own_photo(page, {"name": "clear.png", "mimeType": "image/png", "buffer": buffer.getvalue()})
    page.keyboard.press("Enter")
    white = png_address(np.full((64, 64, 3), 255, np.uint8))
    expect(card(page, "Original").locator("img")).to_have_attribute("src", white)


def test_a_file_that_is_no_photo_is_told_and_the_face_stays(page: Page):
    choose(page, "Faces")
    expect(page.locator("#compare")).to_contain_text("Eileen Collins")
    own_photo(page, {"name": "photo.png", "mimeType": "image/png", "buffer": b"no picture"}, good=False)
    expect(page.locator("#aligner")).to_contain_text("not a picture that your browser can read")
    expect(page.locator("#compare")).to_contain_text("Eileen Collins")
    page.locator("#aligner").get_by_role("button", name="Camera").click()
    expect(page.locator("#aligner")).to_contain_text("camera cannot be used")


def test_undo_never_brings_back_the_mask_of_another_data_set(page: Page):
    press(page, "Clear")
    stroke(page, (0.2, 0.2), (0.5, 0.5))
    page.locator("#painter input[type=range]").fill("14")
    choose(page, "Faces")
    expect(page.locator("#compare")).to_contain_text("Eileen Collins")
    expect(page.get_by_role("button", name="Undo", exact=True)).to_be_disabled()
    assert page.locator("#painter input[type=range]").input_value() == "32"  # half of the picture, as before
    stroke(page, (0.7, 0.7), (0.8, 0.8))
    press(page, "Undo")
    expect(page.get_by_role("button", name="Undo", exact=True)).to_be_disabled()
    expect(page.locator("#painter [role=status]")).to_contain_text("of 4096 pixels hidden")


def test_a_data_set_and_a_sample_are_kept_in_the_address(page: Page, open_page: OpenPage):
    choose(page, "Faces")
    page.locator("#samples").get_by_role("radio", name="Joe Biden").click()
    expect(page.locator("#compare")).to_contain_text("Joe Biden")
    page.wait_for_url(re.compile("dataset=celeba.*sample=3"))
    other = open_page()
    other.goto(page.url)
    expect(other.locator("#compare")).to_contain_text("Joe Biden")
    expect(other.locator("#dataset").get_by_role("radio", name="Faces")).to_be_checked()
    expect(other.locator("#samples").get_by_role("radio", name="Joe Biden")).to_be_checked()
    expect(other.locator("#painter [role=status]")).to_contain_text("of 4096 pixels hidden")
    other.get_by_role("tab", name="Results", exact=True).click()
    expect(other.locator("#results-protocol input")).to_have_value("Square 25×25")


@pytest.mark.parametrize(
    "query", ["dataset=cifar&sample=3", "dataset=celeba&sample=99", "dataset=celeba&sample=-1", "sample=x"]
)
def test_a_data_set_or_sample_that_there_is_not_shows_the_first(open_page: OpenPage, served: str, query: str):
    page = open_page()
    page.goto(f"{served}?{query}")
    name = "Eileen Collins" if "celeba" in query else "4, test image 19"
    expect(page.locator("#compare")).to_contain_text(name if "sample=3" not in query else "test image")


@pytest.fixture(scope="module")
def camera(launch: Callable[..., Browser]) -> Iterator[Browser]:
    """A browser whose camera shows a test picture."""
    with launch("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream") as browser:
        yield browser


WATCHED = """() => {
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    window.tracks = [];
    navigator.mediaDevices.getUserMedia = async (what) => {
        const stream = await ask(what);
        tracks.push(...stream.getTracks());
        return stream;
    };
}"""


def test_the_camera_takes_a_photo_and_is_off_whenever_it_is_not_seen(camera: Browser, served: str):
    page = patient(camera.new_page())
    page.goto(f"{served}?dataset=celeba")
    expect(page.locator("#compare")).to_contain_text("Eileen Collins")
    page.evaluate(WATCHED)
    aligner = page.locator("#aligner")
    live = "() => tracks.length > 0 && tracks.every((track) => track.readyState === 'ended')"
    aligner.get_by_role("button", name="Camera").dblclick()
    aligner.get_by_role("button", name="Take the photo").click()
    aligner.get_by_role("button", name="Use this face").click()
    expect(page.locator("#compare")).to_contain_text("your own face")
    page.wait_for_function(live)
    assert (
        len(shown_face(page).reshape(-1, 3)) == 64 * 64 and len(np.unique(shown_face(page).reshape(-1, 3), axis=0)) > 3
    )
    aligner.get_by_role("button", name="Camera").click()
    aligner.get_by_role("button", name="Cancel").click()
    page.wait_for_function(live)
    aligner.get_by_role("button", name="Camera").click()
    expect(aligner.get_by_role("button", name="Take the photo")).to_be_visible()
    choose(page, "MNIST")
    page.wait_for_function(live)
    assert page.evaluate("tracks.length") == 3, "a double click asks once"
    page.close()


def test_no_photo_is_taken_before_the_camera_has_seen_anything(open_page: OpenPage, served: str):
    page = open_page()
    page.goto(f"{served}?dataset=celeba")
    expect(page.locator("#compare")).to_contain_text("Eileen Collins")
    page.evaluate("navigator.mediaDevices.getUserMedia = async () => new MediaStream()")
    aligner = page.locator("#aligner")
    aligner.get_by_role("button", name="Camera").click()
    expect(aligner.get_by_role("button", name="Take the photo")).to_be_disabled()
    aligner.get_by_role("button", name="Cancel").click()
    own_photo(page, photo())
    expect(aligner.get_by_role("button", name="Use this face")).to_be_enabled()


def with_a_late_canvas(browser: Browser) -> Page:
    """The canvas is 3 s late to say what is hidden, as on a busy telephone."""
    page = patient(browser.new_page(viewport={"width": 1280, "height": 720}))
    slow = "const soon = window.setTimeout; window.setTimeout = (run, delay, ...more) => soon(run, delay ?? 3000, ...more);"
    page.add_init_script(slow)
    return page


def test_a_link_to_a_tab_says_nothing_while_the_canvas_takes_up_its_picture(browser: Browser, served: str):
    page = with_a_late_canvas(browser)
    page.goto(f"{served}?tab=samples")
    expect(page.locator("#strips img").first).to_be_visible()
    assert page.get_by_test_id("toast-body").all_inner_texts() == []
    page.close()


def test_code_is_given_while_the_canvas_takes_up_its_picture(browser: Browser, served: str):
    page = with_a_late_canvas(browser)
    page.goto(f"{served}?sample=3&tab=results")
    expect(page.locator("#results-table table")).to_be_visible()
    page.locator("#take").get_by_role("button", name="Code for this").click()
    expect(page.locator("#take dialog")).to_contain_text("RESULTS")
    page.close()


@pytest.mark.parametrize("tab", TABS)
def test_a_link_shows_no_control_that_the_page_keeps_for_itself(open_page: OpenPage, served: str, tab: str):
    page = open_page()
    page.goto(f"{served}?dataset=fashion-mnist&tab={tab}&seed=3&walk=2&hole=1")
    expect(page.get_by_role("tab", name=tab.capitalize(), exact=True)).to_have_attribute("aria-selected", "true")
    expect(page.locator(f"#tab-{tab} .info").first).to_be_visible()
    expect(page.locator("input[type=number]:visible")).to_have_count(0)


@pytest.mark.parametrize("tab", TABS)
def test_link_and_code_of_every_tab_are_of_the_same(page: Page, tab: str):
    page.get_by_role("tab", name="Samples" if tab == "compare" else "Compare", exact=True).click()
    page.get_by_role("tab", name=tab.capitalize(), exact=True).click()
    page.wait_for_url(re.compile({"compare": r"^(?!.*tab=)", "learn": "lesson=1"}.get(tab, f"tab={tab}$")))
    expect(page.get_by_role("tab", name=tab.capitalize(), exact=True)).to_have_attribute("aria-selected", "true")
    page.locator("#take").get_by_role("button", name="Code for this").click()
    linked = Address.from_query(dict(parse_qsl(urlsplit(page.url).query)))
    expect(page.locator("#take dialog code")).to_have_text(code_for(linked))
