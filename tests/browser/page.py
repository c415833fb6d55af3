"""What tests read on the page and do with it."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, Route, expect

# What each tab shows once it has been opened.
READY = {
    "compare": "#compare figure img",
    "factors": "#gaussian img",
    "samples": "#strips img",
    "attractors": "#player canvas",
    "predictions": "#predictions section",
    "learn": "#lesson .films img",
    "results": "#results-table table",
}


def card(page: Page, title: str) -> Locator:
    """The card of a method, or of the original, in the Compare tab."""
    return page.locator("#compare figure", has=page.locator("strong", has_text=re.compile(f"^{title}$")))


def mean(page: Page) -> Locator:
    """The picture of DMFA's answer in the Compare tab."""
    return card(page, "DMFA").locator("img")


def titles(page: Page) -> list[str]:
    """The titles of all cards in the Compare tab."""
    return page.locator("#compare figure strong").all_inner_texts()


def pictures(page: Page, place: str) -> list[str]:
    """The sources of all pictures at a place."""
    return [image.get_attribute("src") for image in page.locator(f"{place} img").all()]


def canvas(page: Page) -> Locator:
    """The canvas that is painted on."""
    return page.locator("#painter canvas")


def hidden(page: Page) -> int:
    """How many pixels the painter says are hidden."""
    text = page.locator("#painter [role=status]").inner_text()
    found = re.match(r"(\d+) of", text)
    return int(found[1]) if found else 0


def press(page: Page, name: str) -> None:
    """Press a button of the painter."""
    page.locator("#painter").get_by_role("button", name=name, exact=True).click()


def stroke(page: Page, start: tuple[float, float], end: tuple[float, float], button: str = "left") -> None:
    """Drag over the canvas between two places given as fractions of its size."""
    box = canvas(page).bounding_box()
    (x0, y0), (x1, y1) = ((box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end))
    page.mouse.move(x0, y0)
    page.mouse.down(button=button)
    page.mouse.move(x1, y1, steps=8)
    page.mouse.up(button=button)


def clear(page: Page) -> None:
    """Uncover all pixels, and wait until the results say so."""
    press(page, "Clear")
    expect(page.locator("#compare")).to_contain_text("there is nothing to guess")


def choose(page: Page, title: str) -> None:
    """Choose a data set by its title on the page."""
    page.locator("#dataset").get_by_role("radio", name=title, exact=True).check()


def choose_methods(page: Page) -> Locator:
    """The list of methods, unfolded."""
    if not page.locator("#methods").is_visible():
        page.locator("#choose-methods > button").click()
    return page.locator("#methods")


def upload(page: Page, button: str, file) -> None:
    """Choose a file in the dialogue that a button opens."""
    with page.expect_file_chooser() as dialogue:
        page.locator(f"#{button}").click()
    dialogue.value.set_files(file)


def expect_answer(page: Page, count: int) -> None:
    """Wait for results of a mask of `count` hidden pixels."""
    expect(page.locator("#compare")).to_contain_text(f"{count} of 784 pixels hidden")


def expect_current(page: Page, tab: str = "compare") -> None:
    """Wait until the results of a tab belong to what is on the canvas."""
    expect(page.locator(f"#tab-{tab}")).to_have_attribute("data-state", "")


def hold_requests(page: Page, wanted: Callable[[list], bool]) -> Callable[[], None]:
    """Hold back requests with such values from the server, until the function that this returns is called."""
    held: list[Route] = []
    released = False

    def hold(route: Route) -> None:
        waits = not released and wanted(route.request.post_data_json["data"])
        held.append(route) if waits else route.continue_()

    def release() -> None:
        nonlocal released
        page.wait_for_timeout(1000)  # for requests that overtake the held ones
        released = True
        assert held
        for route in held:
            route.continue_()
        page.wait_for_timeout(1000)  # for late answers

    page.route("**/queue/join*", hold)
    return release
