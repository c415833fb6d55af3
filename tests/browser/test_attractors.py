"""The Attractors tab: walks of an autoencoder, their player and their map."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.page import mean, press

pytestmark = pytest.mark.browser


def tile(page: Page, title: str):
    return page.locator("#player .tiles figure", has=page.locator("span", has_text=re.compile(f"^{title}$")))


def step(page: Page) -> int:
    """The step that the player shows."""
    return int(re.match(r"step (\d+) of", page.locator("#player output").inner_text())[1])


def looks(canvas) -> str:
    """The pixels of a canvas, as an address."""
    return canvas.evaluate("(canvas) => canvas.toDataURL()")


def open_attractors(page: Page) -> None:
    """Open the tab, and wait until the walks have ended."""
    page.get_by_role("tab", name="Attractors").click()
    expect(page.locator("#holes figure")).to_have_count(7)


def test_walks_play_pause_step_and_scrub(page: Page):
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


def test_walks_restart_when_the_mask_changes(page: Page):
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


def test_walk_starts_at_a_click_or_at_the_keyboard_cursor(page: Page):
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
    press(page, "Invert")  # a start on the map does not depend on the mask
    page.wait_for_timeout(500)
    expect(own).to_be_visible()


def test_walks_change_with_the_map_the_step_size_and_the_noise(page: Page):
    open_attractors(page)
    player, strip = page.locator("#player"), page.locator("#holes img").first
    bar, plane = player.locator("input[type=range]"), player.locator(".plane")
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
    page.wait_for_function(
        """(before) => document.querySelector('#player .tiles canvas').toDataURL() !== before
            && document.querySelector('#player input').value > 0""",
        arg=noise,
    )
    bar.fill("0")
    assert looks(tile(page, "Noise").locator("canvas")) != noise


def test_walks_show_their_end_under_reduced_motion(open_page: OpenPage, served: str):
    page = open_page(reduced_motion="reduce", color_scheme="dark")
    page.goto(served)
    expect(mean(page)).to_be_visible()
    open_attractors(page)
    place, last = page.locator("#player input[type=range]").evaluate("(bar) => [bar.value, bar.max]")
    assert int(place) == int(last) > 0


def test_link_opens_the_walk_by_denoising(open_page: OpenPage, served: str):
    page = open_page(1280, 900)
    page.goto(f"{served}?tab=attractors&walkers=all")
    expect(page.get_by_role("radio", name="Denoising too")).to_be_checked()
    expect(page.locator("#player .tiles")).to_contain_text("Diffusion")
    page.get_by_role("radio", name="Fashion-MNIST").check()
    expect(page.get_by_role("radio", name="Denoising too")).to_be_checked()
    page.get_by_role("radio", name="Omniglot").check()  # without diffusion
    expect(page.get_by_role("radio", name="Denoising too")).to_be_hidden()
