"""A visitor's own photo of a face: aligning, bad files, and the camera."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from dmfa_demo.figures import png_address
from tests.browser import chromium
from tests.browser.conftest import PATIENCE, OpenPage, Recording
from tests.browser.page import card, choose
from tests.browser.photos import own_photo, photo, png, png_file, shown_face

pytestmark = pytest.mark.browser


@pytest.fixture
def camera(launch_browser: Callable[..., Browser], recording: Recording) -> Iterator[Page]:
    """A page in a browser whose camera shows a test picture."""
    fake = "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"
    with launch_browser(args=[*chromium.ARGUMENTS, *fake]) as browser, recording(browser.new_page()) as page:
        page.set_default_timeout(PATIENCE)
        yield page


# Collects the tracks of the camera in `tracks`.
WATCH = """() => {
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    window.tracks = [];
    navigator.mediaDevices.getUserMedia = async (what) => {
        const stream = await ask(what);
        tracks.push(...stream.getTracks());
        return stream;
    };
}"""


def test_photo_is_moved_until_the_eyes_meet_the_rings(page: Page):
    choose(page, "Faces")
    page.locator("#samples").get_by_role("radio", name="Joe Biden").click()
    page.wait_for_url(re.compile("sample=3"))
    own_photo(page, photo())
    aligner = page.locator("#aligner")
    expect(aligner.get_by_role("button", name="Use this face")).to_be_visible()
    # At first the face is 300 pixels of the photo around (200, 225). The rings are at (0.348, 0.480) and (0.652, 0.480) of it,
    # 91.4 pixels apart, and the eyes of the photo are 100 pixels apart.
    zoom = aligner.locator("[data-control=zoom]")
    zoom.fill("-0.13")  # 328 pixels, of which the rings are 100 apart
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
    assert tuple(face[31, 22]) == (255, 0, 0) and tuple(face[31, 42]) == (0, 0, 255)
    assert tuple(face[60, 32]) == (128, 128, 128)
    expect(aligner.locator("canvas")).to_be_hidden()


def test_photo_is_moved_zoomed_and_turned_by_keyboard(page: Page):
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


def test_photo_is_rotated_by_its_exif_and_flattened_on_white(page: Page):
    choose(page, "Faces")
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    own_photo(page, photo(eyes=((250, 300), (150, 300)), exif=exif))
    page.keyboard.press("Enter")
    expect(page.locator("#compare")).to_contain_text("your own face")
    face = shown_face(page)
    assert tuple(face[26, 21]) == (255, 0, 0) and tuple(face[26, 43]) == (0, 0, 255)
    own_photo(page, png_file("clear.png", png(np.zeros((90, 90, 4), np.uint8))))
    page.keyboard.press("Enter")
    white = png_address(np.full((64, 64, 3), 255, np.uint8))
    expect(card(page, "Original").locator("img")).to_have_attribute("src", white)


def test_file_that_is_no_photo_shows_a_message_and_keeps_the_face(page: Page):
    choose(page, "Faces")
    expect(page.locator("#compare")).to_contain_text("Eileen Collins")
    own_photo(page, png_file("photo.png", b"no picture"), good=False)
    expect(page.locator("#aligner")).to_contain_text("not a picture that your browser can read")
    expect(page.locator("#compare")).to_contain_text("Eileen Collins")
    page.locator("#aligner").get_by_role("button", name="Camera").click()
    expect(page.locator("#aligner")).to_contain_text("camera cannot be used")


def test_camera_takes_a_photo_and_is_off_when_not_shown(camera: Page, served: str):
    page = camera
    page.goto(f"{served}?dataset=celeba")
    expect(page.locator("#compare")).to_contain_text("Eileen Collins")
    page.evaluate(WATCH)
    aligner = page.locator("#aligner")
    off = "() => tracks.length > 0 && tracks.every((track) => track.readyState === 'ended')"
    aligner.get_by_role("button", name="Camera").dblclick()
    aligner.get_by_role("button", name="Take the photo").click()
    aligner.get_by_role("button", name="Use this face").click()
    expect(page.locator("#compare")).to_contain_text("your own face")
    page.wait_for_function(off)
    pixels = shown_face(page).reshape(-1, 3)
    assert len(pixels) == 64 * 64 and len(np.unique(pixels, axis=0)) > 3
    aligner.get_by_role("button", name="Camera").click()
    aligner.get_by_role("button", name="Cancel").click()
    page.wait_for_function(off)
    aligner.get_by_role("button", name="Camera").click()
    expect(aligner.get_by_role("button", name="Take the photo")).to_be_visible()
    choose(page, "MNIST")
    page.wait_for_function(off)
    assert page.evaluate("tracks.length") == 3, "a double click asks once"


def test_camera_takes_no_photo_before_its_first_frame(open_page: OpenPage, served: str):
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
