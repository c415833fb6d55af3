"""Uploaded digits and masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.page import clear, expect_answer, hidden, press, stroke, upload
from tests.browser.photos import png, png_file

pytestmark = pytest.mark.browser


def test_saved_mask_can_be_uploaded(page: Page, tmp_path: Path):
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


def test_uploaded_digit_is_imputed(page: Page):
    drawing = np.full((300, 200), 255, np.uint8)
    drawing[40:120, 30:45] = 0
    upload(page, "digit-upload", png_file("one.png", png(drawing)))
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
def test_invalid_upload_shows_a_message_and_the_page_goes_on(
    page: Page, button: str, name: str, data: bytes | None, message: str
):
    data = png(np.full((50, 60), 255, np.uint8)) if data is None else data
    upload(page, button, png_file(name, data))
    expect(page.get_by_test_id("toast-body")).to_contain_text(message)
    expect_answer(page, 196)
    page.locator("#preset-half").click()
    expect_answer(page, 392)
