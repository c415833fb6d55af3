"""Pictures to upload, and the face that the page shows."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.page import card


def png(pixels: np.ndarray, **options) -> bytes:
    """Pixels as the bytes of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", **options)
    return buffer.getvalue()


def png_file(name: str, content: bytes) -> dict:
    """A file as Playwright uploads it."""
    return {"name": name, "mimeType": "image/png", "buffer": content}


def photo(width: int = 400, height: int = 500, eyes: tuple = ((150, 200), (250, 200)), **options) -> dict:
    """A grey photo with a red and a blue eye."""
    pixels = np.full((height, width, 3), 128, np.uint8)
    for (x, y), colour in zip(eyes, ((255, 0, 0), (0, 0, 255))):
        pixels[y - 15 : y + 15, x - 15 : x + 15] = colour
    return png_file("photo.png", png(pixels, **options))


def own_photo(page: Page, file: dict, good: bool = True) -> None:
    """Choose a photo of a face, and wait until it can be aligned."""
    with page.expect_file_chooser() as dialogue:
        page.locator("#aligner").get_by_role("button", name="Your own photo…").click()
    dialogue.value.set_files(file)
    if good:
        expect(page.locator("#aligner canvas")).to_be_focused()


def shown_face(page: Page) -> np.ndarray:
    """The pixels of the original in the Compare tab."""
    address = card(page, "Original").locator("img").get_attribute("src")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))))
