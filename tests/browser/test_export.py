"""Taking a comparison away: as a link, a picture, numbers or code."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import NewContext
from tests.browser.page import mean

pytestmark = pytest.mark.browser


def test_comparison_is_exported_as_picture_numbers_and_code(page: Page, tmp_path: Path):
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


def test_copying_without_a_clipboard_says_so_and_selects_the_code(context: BrowserContext, served: str):
    page = context.new_page()
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")  # as over plain http
    page.goto(f"{served}?sample=3")
    expect(mean(page)).to_be_visible()
    take = page.locator("#take")
    take.get_by_role("button", name="Copy link").click()
    expect(take.get_by_role("status")).to_contain_text("may not use the clipboard")
    expect(take.get_by_role("status")).to_contain_text("sample=3")
    take.get_by_role("button", name="Code for this").click()
    take.locator("[data-act=copy]").click()
    expect(take.locator("[data-act=copy]")).to_have_text("Selected: press Ctrl C")
    assert "load_imputer" in page.evaluate("String(getSelection())")
    page.keyboard.press("Escape")
    take.get_by_role("button", name="Comparison as PNG").click()
    expect(take.get_by_role("status").get_by_role("link")).to_have_text("comparison.png")


def test_copied_link_says_that_it_leaves_out_an_own_picture(new_context: NewContext, served: str):
    page = new_context(permissions=["clipboard-read", "clipboard-write"]).new_page()
    page.goto(served)
    expect(mean(page)).to_be_visible()
    page.locator("#take").get_by_role("button", name="Copy link").click()
    expect(page.locator("#take [role=status]")).to_have_text("The link is copied.")
    page.evaluate("document.documentElement.dataset.ownPicture = 'true'")
    page.locator("#take").get_by_role("button", name="Copy link").click()
    expect(page.locator("#take [role=status]")).to_contain_text("Your own picture is not in it")
