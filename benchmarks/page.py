"""Time the page: start, memory, stroke to answer on the server, pen's release to picture in a real browser.

python -m benchmarks.page
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import gradio as gr
import psutil
import torch
from playwright.sync_api import Page, sync_playwright

from benchmarks import quantiles, report
from benchmarks.server import start_server
from dmfa_demo.app.canvas.mask_painter import MaskPainter, decode_mask, encode_mask
from dmfa_demo.app.canvas.presets import OFFERS, START
from dmfa_demo.app.layout import panel_of
from dmfa_demo.app.page import build_page
from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.canvas import Canvas
from dmfa_demo.app.scene.scene import Scene
from dmfa_demo.app.tabs.attractors import PERIOD, AttractorsTab, Run
from dmfa_demo.data.masks import mask_family
from dmfa_demo.registry import available_among, shown_first
from tests.browser import chromium

STROKES = 200
TABS = ("compare", "factors", "samples", "attractors", "predictions", "learn")


def main() -> None:
    """Print all figures."""
    torch.set_num_threads(1)  # as on the page
    rows = [
        (f"stroke to answer in {tab}, {dataset}, server", *quantiles(spent))
        for dataset in OFFERS
        for tab, spent in _server_strokes(dataset).items()
    ]
    rows.append(("stroke to the end of all walks, server", *quantiles(_server_walks())))
    seconds, server, address = start_server()
    try:
        if chromium.find():
            rows.append(("pen's release to picture, browser", *quantiles(_browser_strokes(address))))
        megabytes = psutil.Process(server.pid).memory_info().rss / 2**20
    finally:
        server.terminate()
        server.wait()
    report(
        f"Strokes, {STROKES} each, {torch.get_num_threads()} threads", ("what", "p50 ms", "p95 ms", "slowest ms"), rows
    )
    report(
        "Server",
        ("what", "value"),
        [("python app.py to first page, s", seconds), ("resident memory after use, MB", megabytes)],
    )


def _server_strokes(dataset: str) -> dict[str, list[float]]:
    """Return milliseconds from the painter's JSON to HTML with each tab open in turn; every mask is new."""
    paint = {
        event: function for function in build_page().fns.values() if function.inputs for _, event in function.targets
    }
    scene = Scene.sample(dataset, OFFERS[dataset].sample)
    size, generator = scene.image.shape[1:], torch.Generator().manual_seed(0)
    masks = mask_family("strokes")(len(TABS) * (STROKES + 5), size[0], size[1], generator)[:, 0]
    spent: dict[str, list[float]] = {tab: [] for tab in TABS}
    for number, mask in enumerate(masks):
        tab, payload = TABS[number % len(TABS)], encode_mask(mask)
        stroke = paint[panel_of(tab)]
        # The controls as the page sets them up.
        values: dict[Any, Any] = {component: getattr(component, "value", None) for component in stroke.inputs}
        (painter,) = (component for component in values if isinstance(component, MaskPainter))
        for component in values:
            if getattr(component, "elem_id", None) == "methods":
                values[component] = available_among(dataset, shown_first())
        assert stroke.fn is not None
        started = time.perf_counter()
        values[painter] = Canvas(scene, decode_mask(payload))
        asyncio.run(stroke.fn(gr.Request(session_hash=""), values))
        spent[tab].append(1000 * (time.perf_counter() - started))
    return {tab: values[5:] for tab, values in spent.items()}  # the first ones load the models


def _server_walks() -> list[float]:
    """Return milliseconds from a hole to the last of at most 100 steps from every start, including pauses between answers."""
    with gr.Blocks():
        tab = AttractorsTab.build(START)
    scene, cache, spent = Scene.sample(START, OFFERS[START].sample), ImputationCache(), []
    inputs = tab.plane.value, tab.step_size.value, 0
    for mask in mask_family("strokes")(STROKES + 5, 28, 28, torch.Generator().manual_seed(1))[:, 0]:
        started = time.perf_counter()
        run = Run()
        walks, *_ = tab.render(scene, mask, cache, *inputs, run, START)
        while walks.more:
            time.sleep(PERIOD)
            walks, *_ = tab.advance(scene, mask, cache, *inputs, run, START)
        spent.append(1000 * (time.perf_counter() - started))
    return spent[5:]


def _browser_strokes(address: str) -> list[float]:
    """Return milliseconds from the release of the pen to the new picture, with pauses between strokes."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(address)
        page.wait_for_selector("#compare figure img")
        page.get_by_role("button", name="Clear", exact=True).click()
        page.locator("#painter [name=size]").fill("1")
        page.wait_for_timeout(500)
        spent = [_one_stroke(page, number) for number in range(STROKES + 5)]
        browser.close()
    return spent[5:]


def _one_stroke(page: Page, number: int) -> float:
    """Paint a pixel that was visible, and time it inside the page."""
    return page.evaluate(
        """async (number) => {
            const canvas = document.querySelector('#painter canvas'), box = canvas.getBoundingClientRect();
            // The visible pixels, which every new mask changes; the models' guesses beside them arrive with them.
            const image = () => document.querySelectorAll('#compare figure img')[1].src;
            const place = (number * 37) % 784; // every pixel once: 37 and 784 have no common factor
            const x = box.left + (place % 28 + 0.5) * box.width / 28, y = box.top + (Math.floor(place / 28) + 0.5) * box.height / 28;
            const send = (kind) => canvas.dispatchEvent(
                new PointerEvent(kind, {clientX: x, clientY: y, button: 0, pointerId: 1, bubbles: true}));
            const before = image();
            send('pointerdown');
            const start = performance.now();
            send('pointerup');
            while (image() === before && performance.now() - start < 2000) await new Promise((done) => setTimeout(done, 1));
            const spent = performance.now() - start;
            await new Promise((done) => setTimeout(done, 120));
            return spent;
        }""",
        number,
    )


if __name__ == "__main__":
    main()
