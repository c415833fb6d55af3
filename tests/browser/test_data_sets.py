"""Switching between digits, clothing and faces."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from dmfa_demo.app.tabs.attractors import mapped
from dmfa_demo.data.datasets import load_samples
from dmfa_demo.models.classifier import available_classifiers
from dmfa_demo.registry import available_methods, method_class
from tests.browser.page import card, choose, choose_methods, hidden, press, stroke

pytestmark = pytest.mark.browser


def test_data_set_change_keeps_brush_mask_methods_and_view(page: Page):
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
    assert int(page.locator("#painter [name=size]").input_value()) == 9  # 4 of 28 pixels
    expect(page.get_by_role("button", name="Both eyes", exact=True)).to_be_visible()
    expect(page.locator("#digit-upload")).to_be_hidden()
    choose(page, "MNIST")
    expect(page.locator("#compare")).to_contain_text("4, test image 19")
    expect(card(page, "Universal Marginalizer")).to_be_visible()  # which faces do not have
    expect(card(page, "Zero")).to_have_count(0)
    assert int(page.locator("#painter [name=size]").input_value()) == 4


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


def test_face_is_shown_in_its_exact_colours(page: Page):
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


def test_undo_never_restores_the_mask_of_another_data_set(page: Page):
    press(page, "Clear")
    stroke(page, (0.2, 0.2), (0.5, 0.5))
    page.locator("#painter [name=size]").fill("14")
    choose(page, "Faces")
    expect(page.locator("#compare")).to_contain_text("Eileen Collins")
    expect(page.get_by_role("button", name="Undo", exact=True)).to_be_disabled()
    assert page.locator("#painter [name=size]").input_value() == "32"  # half of the picture, as before
    stroke(page, (0.7, 0.7), (0.8, 0.8))
    press(page, "Undo")
    expect(page.get_by_role("button", name="Undo", exact=True)).to_be_disabled()
    expect(page.locator("#painter [role=status]")).to_contain_text("of 4096 pixels hidden")
