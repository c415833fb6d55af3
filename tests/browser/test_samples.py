"""The Samples tab: draws, walks through latent space, and filling pixel by pixel."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.page import expect_answer, press

pytestmark = pytest.mark.browser


def test_samples_follow_the_mask_and_the_nearest_is_framed(page: Page):
    page.get_by_role("tab", name="Samples").click()
    strips = page.locator("#strips .strip")
    first = strips.first.locator("img").first
    expect(strips).to_have_count(7)
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


def test_latent_slider_changes_the_answer_and_zero_restores_it(page: Page):
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


def record_texts(place: Locator) -> Callable[[], list[str]]:
    """Record every text that a place shows, however short; return a function that returns them."""
    place.evaluate(
        """(place) => {
            place.seen = [];
            new MutationObserver(() => place.seen.push(place.innerText)).observe(place, { childList: true, subtree: true, characterData: true });
        }"""
    )
    return lambda: place.evaluate("(place) => place.seen")


def start_filling(page: Page, name: str) -> tuple[Locator, Callable[[], list[str]]]:
    """Open Samples and start a method's filling; return its strip, and a function that returns the texts seen there."""
    page.get_by_role("tab", name="Samples").click()
    filling = page.locator(f"#filling-{name}")
    expect(filling).to_contain_text("196 pixels to fill")
    seen = record_texts(filling)
    page.locator(f"#fill-{name}").click()
    return filling, seen


def test_pixel_by_pixel_filling_ends_when_the_mask_changes(page: Page):
    filling, seen = start_filling(page, "universal-marginalizer")
    expect(filling).to_contain_text("filled")
    left = [int(found[1]) for text in seen() if (found := re.search(r"(\d+) pixels? to fill", text))]
    assert left == sorted(left, reverse=True) and left and left[-1] < 196
    expect(filling.locator(".framed")).to_have_count(1)
    page.get_by_role("tab", name="Compare").click()
    expect_answer(page, 196)
    page.get_by_role("tab", name="Samples").click()
    page.wait_for_timeout(500)
    expect(filling).to_contain_text("filled")
    page.locator("#preset-line3").click()
    expect(filling).to_contain_text("700 pixels to fill")
    page.locator("#fill-universal-marginalizer").click()
    expect(filling).not_to_contain_text("700 pixels to fill")
    page.locator("#preset-half").click()
    expect(filling).to_contain_text("392 pixels to fill")
    page.wait_for_timeout(1_000)
    expect(filling).to_contain_text("392 pixels to fill")


def test_diffusion_removes_noise_step_by_step(page: Page):
    filling, seen = start_filling(page, "diffusion")
    expect(filling).to_contain_text("filled", timeout=60_000)
    assert any(re.search(r"step \d+", text) for text in seen())
    expect(filling.locator(".framed")).to_have_count(1)


def test_auto_encoders_reconstruct_and_dream(page: Page):
    page.get_by_role("tab", name="Samples").click()
    dreams = page.locator("#dreams")
    expect(dreams.get_by_text("MisConv (DMFA)")).to_be_visible()
    expect(dreams.locator(".framed")).to_have_count(4)
