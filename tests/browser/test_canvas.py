"""Painting on the canvas by mouse, finger and keyboard; results follow every stroke."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import events
from tests.browser.page import canvas, clear, expect_answer, hidden, hold_requests, mean, press, stroke

pytestmark = pytest.mark.browser


def test_results_follow_the_brush_undo_and_redo(page: Page):
    clear(page)
    empty = mean(page).get_attribute("src")
    stroke(page, (0.3, 0.5), (0.7, 0.5))
    expect(mean(page)).not_to_have_attribute("src", empty)
    painted = hidden(page)
    assert painted > 40
    expect_answer(page, painted)
    press(page, "Undo")
    expect(mean(page)).to_have_attribute("src", empty)
    assert hidden(page) == 0
    press(page, "Redo")
    expect_answer(page, painted)


def test_results_follow_before_the_mouse_button_is_released(page: Page):
    clear(page)
    empty = mean(page).get_attribute("src")
    box = canvas(page).bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 200, steps=5)
    expect(mean(page)).not_to_have_attribute("src", empty)
    page.mouse.up()


def test_eraser_and_right_button_uncover_pixels(page: Page):
    clear(page)
    stroke(page, (0.2, 0.5), (0.8, 0.5))
    before = hidden(page)
    press(page, "Eraser")
    stroke(page, (0.2, 0.5), (0.4, 0.5))
    between = hidden(page)
    assert between < before
    press(page, "Brush")
    stroke(page, (0.5, 0.5), (0.8, 0.5), button="right")
    assert hidden(page) < between
    expect_answer(page, hidden(page))


def test_invert_swaps_hidden_and_visible_up_to_the_whole_image(page: Page):
    before = hidden(page)
    press(page, "Invert")
    assert hidden(page) == 784 - before
    expect_answer(page, 784 - before)
    clear(page)
    press(page, "Invert")
    expect_answer(page, 784)


def test_strokes_made_while_the_server_is_busy_are_kept(page: Page):
    release = hold_requests(page, lambda _: True)
    page.locator("#samples").get_by_role("radio").nth(45).click()
    canvas(page).scroll_into_view_if_needed()
    stroke(page, (0.05, 0.05), (0.9, 0.05))
    painted = hidden(page)
    assert painted > 196
    release()
    expect(page.locator("#compare")).to_contain_text("4, test image")
    expect_answer(page, painted)
    assert hidden(page) == painted


def test_undo_during_a_stroke_removes_the_stroke(page: Page):
    box = canvas(page).bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 20, steps=4)
    page.keyboard.press("Control+z")
    page.mouse.move(box["x"] + 300, box["y"] + 300)
    page.mouse.up()
    assert hidden(page) == 196
    expect_answer(page, 196)


def test_rapid_changes_send_one_request(page: Page):
    expect_answer(page, 196)
    with events(page, "request") as requests:
        page.get_by_role("button", name="Invert").evaluate(
            "(button) => { for (let i = 0; i < 5; i++) button.click(); }"
        )
        expect_answer(page, 784 - 196)
    sent = [one.post_data_json["data"] for one in requests if "queue/join" in one.url]
    assert [sum(data[0]["runs"][1::2]) for data in sent if len(data) == 3] == [784 - 196]


def test_second_finger_does_not_paint(page: Page):
    clear(page)
    painted = canvas(page).evaluate(
        """(canvas) => {
            const box = canvas.getBoundingClientRect();
            const send = (kind, pointerId, x) => canvas.dispatchEvent(new PointerEvent(kind,
                {pointerId, clientX: box.left + x, clientY: box.top + 100, button: 0, bubbles: true}));
            const count = () => parseInt(document.querySelector('#painter [role=status]').textContent) || 0;
            send('pointerdown', 1, 50);
            const first = count();
            send('pointerdown', 2, 300); send('pointermove', 2, 320); send('pointerup', 2, 320);
            const second = count();
            send('pointermove', 1, 120); send('pointerup', 1, 120);
            return [first, second, count()];
        }"""
    )
    assert 0 < painted[0] == painted[1] < painted[2]
    press(page, "Undo")
    assert hidden(page) == 0


def test_double_click_paints_one_spot(page: Page):
    clear(page)
    canvas(page).dblclick(position={"x": 100, "y": 100})
    assert 0 < hidden(page) < 30
    expect_answer(page, hidden(page))


def test_keyboard_paints_erases_and_clears(page: Page):
    clear(page)
    canvas(page).focus()
    page.keyboard.press("Space")
    first = hidden(page)
    assert first > 0
    for _ in range(6):
        page.keyboard.press("Shift+ArrowRight")
    assert hidden(page) > first
    expect_answer(page, hidden(page))
    page.keyboard.press("Control+z")
    page.keyboard.press("e")
    page.keyboard.press("Space")
    page.keyboard.press("Delete")
    expect(page.locator("#compare")).to_contain_text("there is nothing to guess")


def test_brush_size_is_in_image_pixels(page: Page):
    clear(page)
    page.locator("#painter [name=size]").fill("1")
    canvas(page).click(position={"x": 200, "y": 200})
    assert hidden(page) == 1
    expect_answer(page, 1)
