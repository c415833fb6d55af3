"""The Compare tab: views, marks, and the choice of methods."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.page import (
    card,
    choose,
    choose_methods,
    expect_answer,
    expect_current,
    hidden,
    hold_requests,
    mean,
    press,
    stroke,
    titles,
)

pytestmark = pytest.mark.browser


def test_deviation_view_has_one_scale_and_names_methods_without_one(page: Page):
    page.locator("#view").get_by_role("radio", name="Deviation").check()
    expect(page.locator("#compare .note").first).to_have_text(
        "Single answers without a deviation: AE dynamics from k-NN, Context encoder, k-NN, Training mean, Zero."
    )
    expect(card(page, "k-NN")).to_have_count(0)
    expect(card(page, "MFA").locator("img")).to_have_attribute("alt", re.compile("standard deviation"))
    expect(page.locator("#compare .bar")).to_have_count(1)


def test_best_figure_of_each_measure_is_marked_once(page: Page):
    marked = [text.split()[0] for text in page.locator("#compare .best").all_inner_texts()]
    assert sorted(marked) == ["NLL", "PSNR", "SSIM"]
    figures = {}
    for title in titles(page)[2:]:
        text = card(page, title).inner_text()
        figures[title] = float(re.search(r"PSNR ([\d.]+)", text)[1])
    best = max(figures.values())
    winner = page.locator("#compare figure", has=page.locator(".best", has_text="PSNR"))
    assert float(re.search(r"PSNR ([\d.]+)", winner.inner_text())[1]) == best


# Collects in `seen` all texts that the card of a method shows.
WATCH = """(title) => {
    window.seen = [];
    const look = () => {
        const text = [...document.querySelectorAll("#compare figure")].find((card) => card.querySelector("strong")?.textContent === title)?.textContent;
        if (text && text !== seen.at(-1)) seen.push(text);
    };
    new MutationObserver(look).observe(document.querySelector("#compare"), { childList: true, subtree: true, characterData: true });
}"""


def test_diffusion_is_followed_step_by_step_and_a_stroke_begins_anew(page: Page):
    choose(page, "Faces")
    expect_current(page)
    page.evaluate(WATCH, "Diffusion")
    choose_methods(page).get_by_label("Diffusion", exact=True).check()
    page.wait_for_function("seen.some((text) => text.includes('more to come'))")
    expect(card(page, "DMFA")).to_contain_text("PSNR")
    stroke(page, (0.1, 0.9), (0.4, 0.9))
    page.wait_for_function("seen.some((text) => text.includes('follows: it takes seconds'))")
    expect(card(page, "Diffusion")).to_contain_text("PSNR")
    expect(page.locator("#compare .best")).to_have_count(3)
    expect_current(page)
    texts = page.evaluate("seen")
    steps = [int(found[1]) for text in texts if (found := re.search(r"step (\d+), more to come", text))]
    assert len(steps) > 2 and "PSNR" in texts[-1]


def test_no_chosen_method_asks_for_one(page: Page):
    for box in choose_methods(page).get_by_role("checkbox").all():
        box.uncheck()
    expect(page.locator("#compare")).to_contain_text("Choose a method above")
    expect(page.locator("#compare figure")).to_have_count(2)


def test_only_the_open_tab_is_updated(page: Page):
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


def test_view_chosen_before_the_answer_to_a_mask_is_kept(page: Page):
    release = hold_requests(page, lambda data: data[1:2] == ["mean"])
    press(page, "Invert")
    page.locator("#view").get_by_role("radio", name="Error").check()
    release()
    expect(mean(page)).to_have_attribute("alt", re.compile("mean less the true image"))
    expect_answer(page, hidden(page))
