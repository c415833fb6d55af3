"""The page Tables in a browser: erasing by mouse and keyboard, changed values, links, own tables, phones, accessibility."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage

pytestmark = pytest.mark.browser


def at(page: Page, row: int, column: int) -> Locator:
    return page.locator(f"td[data-place='{row},{column}']")


def settled(page: Page) -> None:
    expect(page.locator(".editor")).to_have_attribute("aria-busy", "false")


@pytest.fixture
def page(open_page: OpenPage, served: str) -> Page:
    page = open_page(1280, 900)
    page.goto(f"{served}/tables")
    expect(page.locator("td.erased svg").first).to_be_visible()
    settled(page)
    return page


def test_first_visit_shows_a_scene_with_the_cell_in_focus(page: Page):
    expect(page.locator(".about-cell h2")).to_have_text("petal length, cm, row 1")
    expect(page.locator(".about-cell polyline")).to_have_count(2)  # k-NN has one answer
    expect(page.locator("#table-note")).to_contain_text("two kinds of flowers")
    rows = page.locator(".about-row tbody tr")
    expect(rows).to_have_count(5)
    before = rows.all_inner_texts()
    page.get_by_role("button", name="Draw again").click()
    settled(page)
    assert rows.all_inner_texts() != before
    assert "table=iris" in page.url


def test_cells_rows_and_columns_are_erased_and_come_back(page: Page):
    page.get_by_role("button", name="Show everything").click()
    expect(page.locator("td.erased")).to_have_count(0)
    truth = at(page, 2, 2).inner_text()
    at(page, 2, 2).click()
    expect(at(page, 2, 2)).to_have_class(re.compile("erased"))
    expect(page.locator(".about-cell h2")).to_have_text("petal length, cm, row 3")
    page.get_by_label("Show the truth").check()
    expect(at(page, 2, 2).locator("small")).to_have_text(truth)
    page.locator("thead").get_by_role("button", name="species").click()
    expect(page.locator("td.erased")).to_have_count(21)
    page.locator("tbody").get_by_role("button", name="3", exact=True).click()
    expect(page.locator("td.erased")).to_have_count(24)
    page.locator("tbody").get_by_role("button", name="3", exact=True).click()
    expect(page.locator("td.erased")).to_have_count(19)
    page.get_by_role("button", name="Erase half at random").click()
    settled(page)
    assert 20 < page.locator("td.erased").count() < 80
    expect(page.locator(".about-errors tbody tr")).to_have_count(3)


def test_keyboard_erases_moves_and_edits(page: Page):
    page.get_by_role("button", name="Show everything").click()
    at(page, 0, 0).click()
    settled(page)
    page.keyboard.press("Space")
    expect(at(page, 0, 0)).not_to_have_class(re.compile("erased"))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(at(page, 1, 1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")  # the heading of the second column
    expect(page.locator("td.erased")).to_have_count(20)
    at(page, 0, 2).focus()
    page.keyboard.press("F2")
    page.keyboard.insert_text("x")
    page.keyboard.press("Enter")
    expect(page.locator(".editor [role=status]")).to_contain_text("is not a number")
    page.keyboard.press("F2")
    page.locator("td input").fill("6,5")
    page.keyboard.press("Enter")
    expect(at(page, 0, 2)).to_have_text("6.5")
    expect(at(page, 0, 2)).to_have_class(re.compile("edited"))
    settled(page)
    before = at(page, 0, 1).inner_text()
    page.keyboard.press("F2")
    page.locator("td input").fill("1.2")
    page.keyboard.press("Enter")
    expect(at(page, 0, 1)).not_to_have_text(before)  # what is believed follows


def test_link_restores_table_erased_cells_edits_and_focus(page: Page, served: str, open_page: OpenPage):
    page.locator("#tables").get_by_text("Zoo", exact=True).click()
    expect(page.locator(".about")).to_contain_text("an animal")
    settled(page)
    page.get_by_role("button", name="Show everything").click()
    at(page, 4, 3).click()
    at(page, 5, 0).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("F2")
    page.locator("td select").select_option(index=1)
    page.keyboard.press("Enter")
    settled(page)
    edited = page.locator("td.edited").count()
    link = page.url
    other = open_page(1280, 900)
    other.goto(link)
    expect(other.locator("td.erased")).to_have_count(1)
    expect(at(other, 4, 3)).to_have_class(re.compile("erased"))
    expect(other.locator("td.edited")).to_have_count(edited)
    expect(other.locator("#tables").get_by_label("Zoo", exact=True)).to_be_checked()
    other.reload()
    expect(other.locator("td.erased")).to_have_count(1)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_scenes_explain_what_is_shown(page: Page, number: int):
    page.locator(f"#scene-{number}").click()
    expect(page.locator("#table-note")).to_have_text(re.compile(".{60,}"))
    settled(page)
    expect(page.locator("td.focus.erased")).to_be_visible()


def test_own_table_is_read_and_vaeac_learns_it(page: Page, tmp_path: Path):
    lines = [f"{number / 4:.2f};{number / 2:.2f};{'ab'[number % 2]}" for number in range(60)]
    (tmp_path / "mine.csv").write_text("length;double;kind\n" + "\n".join(lines).replace(".", ","))
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Your own CSV…").click()
    chooser.value.set_files(tmp_path / "mine.csv")
    expect(page.locator(".about")).to_contain_text("60 rows")
    expect(page.locator("thead button")).to_have_text(["length", "double", "kind"])
    settled(page)
    assert "erased" not in page.url  # it stays out of the address
    page.locator("#learn-vaeac").click()
    expect(page.locator("#table-note")).to_contain_text("VAEAC learns from 40 rows")
    expect(page.locator(".models").get_by_role("radio", name="VAEAC")).to_have_attribute("aria-checked", "true")
    expect(page.locator("#table-note")).to_have_text("")


def test_bad_file_says_why_and_changes_nothing(page: Page, tmp_path: Path):
    (tmp_path / "empty.csv").write_text("a,b\n1,2\n")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Your own CSV…").click()
    chooser.value.set_files(tmp_path / "empty.csv")
    expect(page.get_by_test_id("toast-body")).to_contain_text("1 rows below its header")
    expect(page.locator(".about-cell h2")).to_have_text("petal length, cm, row 1")


def test_errors_of_whole_tables_are_at_hand(page: Page):
    page.get_by_role("button", name="How well the methods fill in whole tables").click()
    expect(page.locator("#measured-errors tbody tr").first).to_be_visible()


def test_pages_link_to_each_other(page: Page):
    page.get_by_role("link", name="Pictures").click()
    expect(page.locator("#painter canvas")).to_be_visible()
    page.get_by_role("link", name="tables").click()
    expect(page.locator("td.erased").first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_accessible_and_within_the_window(open_page: OpenPage, served: str, scheme: str, width: int):
    page = open_page(width, 844, color_scheme=scheme)
    page.goto(f"{served}/tables?table=mushroom")
    expect(page.locator("td[data-place]").first).to_be_visible()
    page.get_by_role("button", name="Erase half at random").click()
    settled(page)
    page.locator("td.erased").first.click()
    page.locator("td:not(.erased)[data-place]").first.click()
    settled(page)
    page.evaluate("Promise.allSettled(document.getAnimations().map((one) => one.finished))")
    violations = Axe().run(page).response["violations"]
    serious = [
        f"{one['id']}: {[node['html'][:160] for node in one['nodes'][:3]]}"
        for one in violations
        if one["impact"] in ("serious", "critical")
    ]
    assert not serious, "\n".join(serious)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
