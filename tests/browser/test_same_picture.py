"""Results always belong to the picture on the canvas: on slow connections, after a long pause, after a restart of the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenPage, Tabs
from tests.browser.page import canvas, card, choose, expect_answer, hidden, hold_requests, mean, stroke, upload
from tests.browser.photos import own_photo, photo, shown_face
from tests.conftest import Server, server

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def own_server(tabs: Tabs) -> Iterator[Server]:
    """A server that tests stop and restart."""
    with server() as running:
        tabs.wait_for_first_results(running.address)
        yield running


@pytest.fixture
def page(open_page: OpenPage, own_server: Server) -> Page:
    page = open_page()
    page.goto(own_server.address)
    expect(mean(page)).to_be_visible()
    return page


def restart(server: Server) -> None:
    server.stop()
    server.start()


def state(page: Page, tab: str = "compare") -> str | None:
    """How the results of a tab are marked: current (""), "pending" or "stale"."""
    return page.locator(f"#tab-{tab}").get_attribute("data-state")


def wait_for_state(page: Page, wanted: str, tab: str = "compare") -> None:
    expect(page.locator(f"#tab-{tab}")).to_have_attribute("data-state", wanted)


def take_a_photo(page: Page) -> None:
    choose(page, "Faces")
    own_photo(page, photo())
    page.locator("#aligner").get_by_role("button", name="Use this face").click()
    expect(page.locator("#compare")).to_contain_text("your own face")
    wait_for_state(page, "")


def test_forgotten_visit_goes_on_with_its_own_picture(page: Page, own_server: Server):
    """The server no longer knows the visit, as ten minutes after a lost connection."""
    take_a_photo(page)
    face = shown_face(page)
    restart(own_server)
    stroke(page, (0.1, 0.1), (0.9, 0.1))
    wait_for_state(page, "")
    assert (shown_face(page) == face).all()
    expect(page.locator("#compare")).to_contain_text(f"{hidden(page)} of 4096 pixels hidden")
    page.get_by_role("tab", name="Factors", exact=True).click()
    wait_for_state(page, "", "factors")
    page.get_by_role("tab", name="Predictions", exact=True).click()
    expect(page.locator("#predictions .panel").first).to_contain_text("smiling")
    assert "dataset=celeba" in page.url and "sample" not in page.url
    assert page.get_by_test_id("toast-body").count() == 0


def test_restarted_server_gets_mask_and_own_picture_from_the_page(page: Page, own_server: Server):
    take_a_photo(page)
    face = shown_face(page)
    own_server.stop()
    stroke(page, (0.1, 0.1), (0.9, 0.1))
    painted = hidden(page)
    own_server.start()
    expect(page.locator("#compare")).to_contain_text("your own face")
    expect(page.locator("#compare")).to_contain_text(f"{painted} of 4096 pixels hidden")
    assert hidden(page) == painted and (shown_face(page) == face).all()


def test_reload_keeps_mask_and_own_digit(page: Page):
    drawing = photo(200, 300, eyes=((100, 80),))
    upload(page, "digit-upload", drawing)
    expect(page.locator("#compare")).to_contain_text("your own digit")
    stroke(page, (0.1, 0.1), (0.9, 0.1))
    wait_for_state(page, "")
    painted, original = hidden(page), card(page, "Original").locator("img").get_attribute("src")
    page.reload()
    expect(page.locator("#compare")).to_contain_text("your own digit")
    expect(page.locator("#compare")).to_contain_text(f"{painted} of 784 pixels hidden")
    assert card(page, "Original").locator("img").get_attribute("src") == original


def test_link_opened_in_the_same_tab_replaces_the_own_picture(page: Page, own_server: Server):
    upload(page, "digit-upload", photo(200, 300, eyes=((100, 80),)))
    expect(page.locator("#compare")).to_contain_text("your own digit")
    page.goto(own_server.address + "?sample=45")
    expect(page.locator("#compare")).to_contain_text("4, test image 33")


@pytest.fixture
def held(page: Page) -> Iterator[Callable[[], None]]:
    """Holds back the requests of the page from one call to the next."""
    waiting: list[Route] = []
    holding = False

    def turn() -> None:
        nonlocal holding
        holding = not holding
        while not holding and waiting:
            waiting.pop(0).continue_()

    page.route("**/queue/join*", lambda route: waiting.append(route) if holding else route.continue_())
    yield turn


@pytest.mark.parametrize("tab", ["compare", "factors", "samples", "predictions"])
def test_results_look_pending_until_their_answer_arrives(page: Page, held: Callable[[], None], tab: str):
    page.get_by_role("tab", name=tab.capitalize(), exact=True).click()
    stroke(page, (0.1, 0.1), (0.3, 0.1))
    wait_for_state(page, "", tab)
    held()
    stroke(page, (0.1, 0.9), (0.9, 0.9))
    assert state(page, tab) == "pending", "at once"
    result = page.locator(f"#tab-{tab} .html-container:visible").first
    page.wait_for_function("(element) => getComputedStyle(element).opacity < 0.7", arg=result.element_handle())
    expect(page.locator(f"#tab-{tab}")).to_have_attribute("aria-busy", "true")
    held()
    wait_for_state(page, "", tab)
    page.wait_for_function("(element) => getComputedStyle(element).opacity == 1", arg=result.element_handle())


def test_results_of_another_picture_look_stale_until_their_answer_arrives(page: Page):
    """The picture of another data set is shown while the answers of its models are held back."""
    waiting: list[Route] = []
    holding = True

    def hold(route: Route) -> None:
        first = (route.request.post_data_json["data"] or [None])[0]
        of_faces = isinstance(first, dict) and first.get("dataset") == "celeba"
        waiting.append(route) if holding and of_faces else route.continue_()

    page.route("**/queue/join*", hold)
    choose(page, "Faces")
    expect(page.locator("#painter [role=status]")).to_contain_text("of 4096")
    assert state(page) == "stale"
    page.get_by_role("tab", name="Samples", exact=True).click()
    page.get_by_role("tab", name="Compare", exact=True).click()
    assert state(page) == "stale"
    holding = False
    for route in waiting:
        route.continue_()
    wait_for_state(page, "")
    expect(page.locator("#compare")).to_contain_text("Eileen Collins")


def test_page_looks_busy_from_the_click_on(page: Page, held: Callable[[], None]):
    stage = page.locator(".stage")
    for click in (
        lambda: page.locator("#dataset").get_by_role("radio", name="Faces").check(),
        lambda: page.locator("#samples").get_by_role("radio").nth(1).click(),
        lambda: page.locator("#preset-half").click(),
        lambda: page.locator("#examples button").first.click(),
    ):
        held()
        click()
        expect(stage).to_have_attribute("aria-busy", "true")
        held()
        expect(stage).to_have_attribute("aria-busy", "false")


def test_pending_results_stay_pending_while_the_server_is_down(page: Page, own_server: Server):
    own_server.stop()
    stroke(page, (0.1, 0.5), (0.9, 0.5))
    count = hidden(page)  # a page that reloads shows the first hole for a moment
    page.wait_for_timeout(500)
    assert state(page) in ("pending", "stale")
    assert canvas(page).is_visible()
    own_server.start()
    expect(page.locator("#compare")).to_contain_text(f"{count} of 784 pixels hidden")
    wait_for_state(page, "")


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda route: route.abort(), id="no connection"),
        pytest.param(lambda route: route.fulfill(body=""), id="end without a message"),
        pytest.param(lambda route: route.fulfill(status=502), id="error of a proxy"),
    ],
)
def test_stream_of_answers_that_breaks_off_is_opened_again(page: Page, end: Callable[[Route], None]):
    page.route("**/queue/data*", end, times=1)
    with page.expect_request("**/queue/data*"):
        stroke(page, (0.1, 0.5), (0.9, 0.5))
    wait_for_state(page, "")
    expect_answer(page, hidden(page))


def test_busy_server_is_named_quietly_and_the_picture_stays(page: Page):
    before = mean(page).get_attribute("src")
    release = hold_requests(page, lambda data: True)
    stroke(page, (0.1, 0.2), (0.9, 0.2))
    panel = page.locator("#tab-compare")
    expect(panel).to_have_attribute("data-busy", "")
    note = panel.evaluate("(panel) => getComputedStyle(panel, '::after').content")
    assert "busy" in note and mean(page).get_attribute("src") == before
    assert page.get_by_test_id("toast-body").count() == 0
    release()
    wait_for_state(page, "")
    expect(panel).not_to_have_attribute("data-busy", "")
    expect_answer(page, hidden(page))


def test_page_asks_for_the_rest_of_a_partial_answer(page: Page):
    with page.expect_request("**/queue/join*") as request:
        page.evaluate("document.dispatchEvent(new Event('more-wanted'))")
    values = request.value.post_data_json["data"]
    assert next(value["runs"] for value in values if isinstance(value, dict) and "runs" in value)
