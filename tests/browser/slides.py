"""Write screenshots of all scenes and chapters as slides: `python -m tests.browser.slides OUT`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from benchmarks.server import start_server
from dmfa_demo.app.lessons.lessons import LESSONS, query_of
from dmfa_demo.app.sharing.examples import EXAMPLES
from tests.browser import chromium

SIZE = {"width": 1920, "height": 1080}
PATIENCE = 120_000


def write(out: Path, served: str) -> None:
    """Write slides of the page at an address into a folder: NN-TITLE.png, and slides.md with all of them."""
    out.mkdir(parents=True, exist_ok=True)
    places = [(example.title, f"?{example.query}") for example in EXAMPLES]
    places += [(lesson.title, f"?{query_of(number)}") for number, lesson in enumerate(LESSONS, 1)]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(playwright), args=chromium.ARGUMENTS)
        page, slides = browser.new_page(viewport=SIZE, reduced_motion="reduce"), ["---\nmarp: true\n---\n"]
        page.set_default_timeout(PATIENCE)
        for number, (title, query) in enumerate(places, 1):
            name = f"{number:02}-{re.sub('[^a-z0-9]+', '-', title.lower()).strip('-')}.png"
            page.goto(f"{served}{query}&present=1")
            settle(page)
            page.screenshot(path=out / name)
            slides.append(f"![bg contain]({name})\n\n<!-- {title} -->\n")
        (out / "slides.md").write_text("\n---\n\n".join(slides).replace("---\n\n---\n", "---\n", 1))
        browser.close()


def settle(page: Page) -> None:
    """Wait until the results of the open tab belong to the picture."""
    panel = page.locator("[role=tabpanel]:visible").first
    expect(panel.locator("img, canvas, svg").first).to_be_visible(timeout=PATIENCE)
    expect(page.locator(":is([data-state=pending], [data-state=stale]):visible")).to_have_count(0, timeout=PATIENCE)
    page.wait_for_timeout(500)  # for pictures that are still drawn


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.browser.slides OUT")
    _, server, address = start_server()
    try:
        write(Path(sys.argv[1]), address)
    finally:
        server.terminate()
        server.wait()
