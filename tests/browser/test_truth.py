"""Hide the truth, draw a guess, reveal."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.page import READY, canvas, card, expect_current, hidden, press, stroke
from tests.browser.test_accessible import expect_accessible

pytestmark = pytest.mark.browser

# What needs the hidden pixels: figures of pictures, marks of right answers, and the caption of the picture.
TELLS = re.compile(r"\d dB\b|SSIM \d|NLL \S?\d|✓|✗|test image \d")


# The number of pixels with drawing that a reload restores.
OPAQUE = """async () => {
    const picture = new Image();
    picture.src = JSON.parse(sessionStorage.getItem("canvas")).guess.image;
    await picture.decode();
    const pen = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
    pen.drawImage(picture, 0, 0);
    return pen.getImageData(0, 0, picture.width, picture.height).data.filter((value, i) => i % 4 === 3 && value).length;
}"""


def open_covered(page: Page, served: str, query: str = "") -> Page:
    page.goto(f"{served}?truth=covered{query}")
    expect(card(page, "DMFA").locator("img")).to_be_visible()
    expect_current(page)
    return page


def draw(page: Page) -> None:
    """Take the pen, and draw in the middle of the canvas."""
    draw_on_canvas(page)
    expect(card(page, "You")).to_be_visible()


def draw_on_canvas(page: Page) -> None:
    page.locator("#painter").get_by_role("button", name="Pen", exact=True).click()
    stroke(page, (0.4, 0.5), (0.6, 0.55))


def test_h_covers_and_r_reveals(page: Page):
    expect(card(page, "Original").locator("img")).to_be_visible()
    page.keyboard.press("h")
    expect(card(page, "Original").locator("img")).to_be_hidden()
    expect(page).to_have_url(re.compile("truth=covered"))
    assert not TELLS.search(page.locator("#compare").inner_text())
    expect(card(page, "DMFA").locator("img")).to_be_visible()
    page.keyboard.press("r")
    expect(card(page, "Original").locator("img")).to_be_visible()
    expect(page).not_to_have_url(re.compile("truth="))
    assert TELLS.search(page.locator("#compare").inner_text())


def test_letters_in_a_text_field_cover_nothing(page: Page):
    page.evaluate("document.body.append(Object.assign(document.createElement('input'), {type: 'text', id: 'field'}))")
    page.locator("#field").press("h")
    expect(card(page, "Original").locator("img")).to_be_visible()


@pytest.mark.parametrize("tab", [tab for tab in READY if tab != "results"])
@pytest.mark.parametrize("dataset", ["mnist", "celeba"])
def test_no_tab_tells_the_truth_while_it_is_covered(open_page: OpenPage, served: str, dataset: str, tab: str):
    page = open_page(1280, 900)
    page.goto(f"{served}?truth=covered&dataset={dataset}&tab={tab}")
    expect(page.locator(READY[tab]).last).to_be_attached()
    expect_current(page, tab)
    assert not (found := TELLS.search(page.locator(f"#tab-{tab}").inner_text())), found
    expect(page.locator("#samples button").first).to_have_css("background-image", "none")
    assert page.locator("#samples button").first.get_attribute("aria-label") == "Picture 1"


def test_h_again_covers_the_answers(open_page: OpenPage, served: str):
    page = open_covered(open_page(1280, 900), served)
    page.keyboard.press("h")
    expect(page).to_have_url(re.compile("truth=everything"))
    for tab in [tab for tab in READY if tab not in ("learn", "results")]:
        page.get_by_role("tab", name=tab.capitalize()).click()
        expect(page.locator(f"#tab-{tab}")).to_be_visible()
        expect_current(page, tab)
        expect(page.locator(f"#tab-{tab}")).to_have_text("", use_inner_text=True)  # buttons fade
        expect(page.locator(f"#tab-{tab} :is(img, canvas):visible")).to_have_count(0)
    page.get_by_role("tab", name="Results").click()
    expect(page.locator(READY["results"]).last).to_be_visible()
    page.get_by_role("tab", name="Learn").click()
    expect(page.locator("#lesson h2")).to_be_visible()
    expect(page.locator(READY["learn"]).last).to_be_attached()
    expect(page.locator("#lesson .films img:visible")).to_have_count(0)  # answers, too
    page.get_by_role("tab", name="Compare").click()
    draw_on_canvas(page)
    press(page, "Hide the answers too")  # again, which shows them
    expect(card(page, "You").locator("img")).to_be_visible()
    expect(page).to_have_url(re.compile("truth=covered"))
    page.goto(f"{served}?truth=everything")
    expect(page.locator("html")).to_have_attribute("data-answers", "covered")
    page.keyboard.press("r")
    expect(card(page, "Original").locator("img")).to_be_visible()


def test_names_of_scenes_and_films_do_not_tell(open_page: OpenPage, served: str):
    page = open_page(1280, 900)
    page.goto(f"{served}?truth=covered&lesson=6")
    expect(page.locator("#lesson .films img").first).to_be_attached()
    expect(page.locator("#lesson .films img:visible")).to_have_count(0)
    first = page.locator("#examples button").first
    expect(first).to_have_accessible_name("Scene 1")
    expect(first).to_have_accessible_description("")
    page.keyboard.press("r")
    expect(first).to_have_accessible_name("A 4, or a 9?")
    expect(page.locator("#lesson .films img").first).to_be_visible()


def test_guess_stands_beside_the_methods(open_page: OpenPage, served: str):
    page = open_covered(open_page(1280, 900), served)
    before = hidden(page)
    draw(page)
    assert hidden(page) == before  # the pen changes no mask
    expect(page.locator(".plausible")).to_contain_text("MFA")
    assert "PSNR" not in card(page, "You").inner_text()
    press(page, "Reveal the truth")
    expect(card(page, "You")).to_contain_text("PSNR")
    expect(card(page, "You")).to_contain_text("NLL")
    press(page, "Undo")
    expect(card(page, "You")).to_have_count(0)
    press(page, "Redo")
    expect(card(page, "You")).to_be_visible()


def test_who_is_less_sure_has_another_likelihood(open_page: OpenPage, served: str):
    page = open_covered(open_page(1280, 900), served)
    draw(page)
    page.keyboard.press("r")
    nll = card(page, "You").get_by_text("NLL")
    before = nll.inner_text()
    page.locator("#painter [name=doubt]").fill("0.5")
    expect(nll).not_to_have_text(before)


def test_guess_survives_a_reload_and_ends_with_its_picture(open_page: OpenPage, served: str):
    page = open_covered(open_page(1280, 900), served)
    draw(page)
    expect_current(page)
    page.reload()
    expect(card(page, "You")).to_be_visible()
    expect_current(page)
    kept = page.evaluate(OPAQUE)
    assert 0 < kept < hidden(page)  # the rest of the hole is still without drawing
    press(page, "Clear drawing")
    expect(card(page, "You")).to_have_count(0)
    press(page, "Undo")
    expect(card(page, "You")).to_be_visible()
    page.locator("#samples button").nth(3).click()
    expect(card(page, "You")).to_have_count(0)


def test_undo_brings_no_drawing_of_another_picture_back(open_page: OpenPage, served: str):
    page = open_covered(open_page(1280, 900), served)
    draw(page)
    page.locator("#samples button").nth(3).click()
    expect(card(page, "You")).to_have_count(0)
    expect_current(page)
    press(page, "Undo")
    expect_current(page)
    expect(card(page, "You")).to_have_count(0)


def test_pen_takes_the_colour_of_a_visible_pixel(open_page: OpenPage, served: str):
    page = open_covered(open_page(1280, 900), served, "&dataset=celeba")
    press(page, "Pen")
    colour = page.locator("#painter [name=colour]")
    before = colour.input_value()
    box = canvas(page).bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 3, box["y"] + 3)
    assert colour.input_value() != before
    expect(page.locator("#painter [name=shade]")).to_be_hidden()


def test_guess_is_drawn_by_keyboard(open_page: OpenPage, served: str):
    page = open_covered(open_page(1280, 900), served)
    page.keyboard.press("g")  # from anywhere on the page
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(card(page, "You")).to_be_visible()


def test_covered_page_is_accessible_and_fits_a_phone(open_page: OpenPage, served: str):
    page = open_covered(open_page(390, 844), served)
    draw(page)
    expect_current(page)
    expect_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
