"""Time the light page in a real browser: first answer, stroke to answers, transfer, memory over many strokes.

python -m benchmarks.light FOLDER    (the result of `python -m dmfa_demo.lite build FOLDER`)
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from threading import Thread

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks import quantiles, report
from dmfa_demo.lite import serve
from tests.browser import chromium

STROKES, MANY = 60, 2_000
PATIENCE = 300_000

# Paints one dot after another and returns, for each, the milliseconds until the first model has answered and until all have. The
# canvas waits 80 ms between two strokes.
STROKE = """async (count) => {
    const canvas = document.querySelector("#painter canvas"), panel = document.querySelector("[role=tabpanel]:not([hidden])");
    const cards = [...document.querySelectorAll("#compare-cards figure")], spent = [];
    const idle = () => panel.dataset.state === "";
    const until = async (done) => { while (!done()) await new Promise((resolve) => setTimeout(resolve, 2)); };
    for (let i = 0; i < count; i++) {
        const box = canvas.getBoundingClientRect(), at = { pointerId: 1, button: 0, bubbles: true, clientX: box.left + box.width * ((i * 0.37) % 1), clientY: box.top + box.height * ((i * 0.61) % 1) };
        let first = 0;
        const watcher = new MutationObserver(() => { first ||= performance.now(); });
        for (const one of cards.slice(2)) watcher.observe(one, { childList: true, subtree: true });
        const begun = performance.now();
        canvas.dispatchEvent(new PointerEvent("pointerdown", at));
        canvas.dispatchEvent(new PointerEvent("pointerup", at));
        await until(() => !idle());
        await until(idle);
        watcher.disconnect();
        spent.push([first - begun, performance.now() - begun]);
        if (i % 150 === 149) document.querySelector("[data-action=clear]").click(), await until(() => !idle()), await until(idle);
    }
    return spent;
}"""


# The sizes of the responses since a visit began.
SENT: list[int] = []


def main() -> None:
    """Print all figures."""
    folder, compressed = Path(sys.argv[1]), serve._compressed

    def counted(path: Path, changed: int) -> bytes:
        content = compressed(path, changed)
        SENT.append(len(content))
        return content

    serve._compressed = counted  # type: ignore[assignment]
    with serve.server(folder) as running, sync_playwright() as playwright:
        Thread(target=running.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{running.server_address[1]}/"
        browser = playwright.chromium.launch(executable_path=chromium.find(playwright), args=chromium.ARGUMENTS)
        visits, strokes = [], []
        for dataset in ("mnist", "fashion-mnist", "celeba"):
            page, first, everything, sent = visit(browser, f"{address}?dataset={dataset}")
            visits.append((dataset, first, everything, *sent))
            spent = page.evaluate(STROKE, STROKES)
            for name, column in (("first model", 0), ("all of Compare", 1)):
                strokes.append((f"{dataset}, {name}", *quantiles([row[column] for row in spent])))
            page.context.close()
        page, *_ = visit(browser, f"{address}?methods=dmfa")
        before = memory()
        page.evaluate(STROKE, MANY)
        after = memory()
        running.shutdown()
    columns = ("data set", "first answer, s", "all answers, s", "MB by then", "MB in all")
    report("First visit, with an empty cache", columns, visits)
    report(f"Strokes, {STROKES} each", ("what", "p50 ms", "p95 ms", "slowest ms"), strokes)
    report("Memory of the page", ("when", "MB"), [("at first", before), (f"after {MANY:,} strokes", after)])


def visit(browser: Browser, address: str) -> tuple[Page, float, float, tuple[float, float]]:
    """Open the page with an empty cache; return it, seconds to the first and to all answers, and the megabytes sent by then."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, service_workers="block")
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    SENT.clear()
    begun = time.perf_counter()
    page.goto(address)
    page.locator("#compare-cards figure").get_by_text("PSNR").first.wait_for()
    first, sent = time.perf_counter() - begun, sum(SENT)
    page.locator('#panel-compare[data-answered][data-state=""]').wait_for()
    return page, first, time.perf_counter() - begun, (sent / 1e6, sum(SENT) / 1e6)


def memory() -> float:
    """Return the megabytes of the largest process that renders a page, with its worker."""
    sizes = [
        process.memory_info().rss
        for process in psutil.Process().children(recursive=True)
        if "--type=renderer" in " ".join(process.cmdline())
    ]
    return max(sizes) / 2**20


if __name__ == "__main__":
    main()
