"""The light page in a real browser: answers, tabs, address, offline, keyboard, phone, and what happens when something is missing."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from dmfa_demo.app.sharing.address import Address
from dmfa_demo.data.datasets import load_samples, to_float
from dmfa_demo.data.mask_text import mask_text
from dmfa_demo.data.masks import mask_family
from dmfa_demo.lite.build import build
from dmfa_demo.models.autoencoder import Autoencoder, AutoencoderConfig
from dmfa_demo.models.dynamics import flow, latent_field
from dmfa_demo.models.latent_map import LatentMap
from dmfa_demo.registry import load_imputer
from dmfa_demo.storage.checkpoints import ROOT, load_network
from tests.browser.conftest import NewContext, OpenPage, events
from tests.browser.page import hidden, press, stroke
from tests.conftest import serve_light

pytestmark = pytest.mark.browser


@pytest.fixture
def open_light(open_page: OpenPage, light: str) -> Iterator[OpenPage]:
    """Open the page and wait for its first answers; the test fails if it logs an error or makes a request to another host."""
    seen = list[list[list[Any]]]()
    with ExitStack() as listening:

        def open_light(query: str = "", **options: Any) -> Page:
            page = open_page(**options)
            seen.append([listening.enter_context(events(page, name)) for name in ("console", "pageerror", "request")])
            page.goto(light + query)
            expect_answers(page)
            return page

        yield open_light
    for messages, errors, requests in seen:
        assert [message.text for message in messages if message.type == "error"] == []
        assert errors == []
        assert [request.url for request in requests if not request.url.startswith((light, "data:", "blob:"))] == []


@pytest.fixture
def page(open_light: OpenPage) -> Page:
    """The page with all its methods."""
    return open_light()


@pytest.fixture
def small(open_light: OpenPage) -> Page:
    """The page with two methods, which is ready sooner."""
    return open_light("?methods=dmfa,zero")


def expect_answers(page: Page, tab: str = "compare") -> None:
    """Wait until the answers of a tab belong to what is on the canvas."""
    expect(page.locator(f"#panel-{tab}[data-answered]")).to_have_attribute("data-state", "")


def card(page: Page, title: str) -> Locator:
    return page.locator("#compare-cards figure", has=page.get_by_text(title, exact=True))


def pixels(canvas: Locator) -> np.ndarray:
    """The pixels of a canvas, `(H, W, 3)`."""
    address = canvas.evaluate("(canvas) => canvas.toDataURL()")
    return np.array(Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))).convert("RGB"))


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()
    expect_answers(page, name.lower())


def test_the_first_answers_are_those_of_the_models(page: Page):
    first = Address.first("mnist")
    image = to_float(load_samples("mnist").images[first.sample])[None]
    expected = load_imputer("dmfa", "mnist").impute(image, first.mask[None, None], seed=0)
    shown = pixels(card(page, "DMFA").locator("canvas"))[..., 0] / 255
    assert np.abs(shown - expected.mean[0, 0].numpy()).max() < 2e-3 + 0.5 / 255
    nll = -expected.density.log_prob(image.flatten(1), first.mask.flatten()[None]).item()
    expect(card(page, "DMFA")).to_contain_text(f"NLL {round(nll)} nats".replace("-", "−"))
    assert page.locator("#compare-cards strong").all_inner_texts() == [
        "Original",
        "What the models see",
        "DMFA",
        "VAEAC",
        "AE dynamics",
        "Zero",
    ]
    expect(page.locator("#compare-cards progress:visible")).to_have_count(0)


COMPUTE = """async ([method, image, mask, normals]) => {
    const { compute } = await import("./models.js");
    const manifest = await (await fetch("manifest.json")).json();
    const model = manifest.datasets[0].methods.find(({ name }) => name === method);
    const inputs = { images: { data: Float32Array.from(image), dims: [1, 1, 28, 28] }, missing: { data: Uint8Array.from(mask), dims: [1, 1, 28, 28] } };
    if (model.inputs.normals) inputs.normals = { data: Float32Array.from(normals), dims: [10, model.inputs.normals] };
    return [...(await compute(model, inputs)).filled.data];
}"""


@pytest.mark.parametrize("name", ["dmfa", "vaeac", "zero"])
def test_answers_in_the_browser_equal_those_in_python(small: Page, name: str):
    images = to_float(load_samples("mnist").images[::5])
    missing = mask_family("square14+half+strokes+noise30-90+line3")(
        len(images), 28, 28, torch.Generator().manual_seed(0)
    )
    missing[1], missing[2] = False, True
    for image, hole in zip(images, missing):
        # The draws of VAEAC with this seed.
        normals = torch.randn(10, 1, 32, generator=torch.Generator().manual_seed(3)).flatten()
        if name == "dmfa":
            normals = torch.zeros(50)
        expected = load_imputer(name, "mnist").impute(image[None], hole[None], seed=3).mean
        sent = [tensor.flatten().tolist() for tensor in (image, hole.int(), normals)]
        found = torch.tensor(small.evaluate(COMPUTE, [name, *sent]), dtype=torch.float32).view_as(expected)
        torch.testing.assert_close(found, expected, atol=2e-3, rtol=0)


def test_answers_follow_each_stroke(page: Page):
    before = pixels(card(page, "DMFA").locator("canvas"))
    stroke(page, (0.1, 0.8), (0.9, 0.8))
    expect_answers(page)
    expect(card(page, "What the models see")).to_contain_text(f"{hidden(page)} of 784 pixels hidden")
    assert hidden(page) > 196 and not np.array_equal(before, pixels(card(page, "DMFA").locator("canvas")))
    press(page, "Clear")
    expect(page.locator("#panel-compare")).to_contain_text("Nothing is hidden, so there is nothing to guess")
    expect_answers(page)
    original = pixels(card(page, "Original").locator("canvas"))
    assert np.array_equal(original, pixels(card(page, "VAEAC").locator("canvas")))
    press(page, "Invert")
    expect_answers(page)
    expect(card(page, "What the models see")).to_contain_text("784 of 784 pixels hidden")


def test_error_and_deviation(small: Page):
    small.get_by_role("radio", name="Deviation", exact=True).click()
    expect(card(small, "Zero")).to_be_hidden()
    inside, outside = (
        pixels(card(small, "DMFA").locator("canvas"))[12, 12],
        pixels(card(small, "DMFA").locator("canvas"))[0, 0],
    )
    assert inside.sum() > outside.sum()
    small.get_by_role("radio", name="Error", exact=True).click()
    expect(card(small, "Zero")).to_be_visible()
    assert len(np.unique(pixels(card(small, "Zero").locator("canvas")).reshape(-1, 3), axis=0)) > 1


def test_methods_can_be_chosen(page: Page):
    page.get_by_text("Methods", exact=True).click()
    page.get_by_role("checkbox", name="Zero").uncheck()
    expect(card(page, "Zero")).to_have_count(0)
    expect_answers(page)
    assert "methods=dmfa,vaeac,dynamics" in page.url


def test_samples(small: Page):
    open_tab(small, "Samples")
    strips = small.locator("#panel-samples .strip")
    expect(strips).to_have_count(2)
    expect(strips.first.locator("figure")).to_have_count(8)
    expect(strips.first.locator(".framed")).to_have_count(1)
    shown = [pixels(one) for one in strips.last.locator("canvas").all()]
    assert len({picture.tobytes() for picture in shown}) == 8
    small.get_by_role("button", name="More samples").click()
    expect(strips.first.locator("figure")).to_have_count(16)
    expect_answers(small, "samples")
    again = [pixels(one) for one in strips.last.locator("canvas").all()]
    assert all(np.array_equal(one, two) for one, two in zip(shown, again)), "further samples follow the first ones"
    small.get_by_role("button", name="Other samples").click()
    expect_answers(small, "samples")
    expect(strips.first.locator("figure")).to_have_count(16)
    assert not np.array_equal(shown[0], pixels(strips.last.locator("canvas").first)) and "seed=1" in small.url


def test_factors_move_the_picture(small: Page):
    open_tab(small, "Factors")
    moved = small.locator(".moved canvas")
    before = pixels(moved)
    small.get_by_role("slider", name="factor 1").fill("3")
    expect_answers(small, "factors")
    assert not np.array_equal(before, pixels(moved)) and "z=3" in small.url
    small.get_by_role("button", name="Sliders to zero").click()
    expect_answers(small, "factors")
    assert np.array_equal(before, pixels(moved))


def test_walks_on_the_map(small: Page, open_page: OpenPage, light: str):
    open_tab(small, "Attractors")
    tiles = small.locator("#player .tiles figure")
    assert tiles.locator("figcaption span").all_inner_texts() == ["Noise", "DMFA", "Your start", "The picture"]
    before = pixels(small.locator("#player .plane"))
    small.locator("#player .plane").focus()
    small.keyboard.press("ArrowLeft")
    small.keyboard.press("Space")
    expect(small.locator("#player [role=status]")).to_contain_text(
        re.compile("Your start (is fixed|still moves) at step")
    )
    expect(tiles.locator("canvas")).to_have_count(3)
    assert not np.array_equal(before, pixels(small.locator("#player .plane")))
    small.get_by_role("radio", name="Only 0, 1, 2").click()
    small.get_by_role("radio", name="Whole steps").click()
    expect_answers(small, "attractors")
    expect(small.locator("#player .key span")).to_have_text(["0", "1", "2"])
    there = Address.from_query(dict(parse_qsl(urlsplit(small.url).query)))
    assert (there.chosen["map"], there.chosen["step"]) == ("autoencoder-2d-012", 1)
    other = open_page()
    other.goto(small.url)
    expect_answers(other, "attractors")
    assert other.url == small.url
    expect(other.get_by_role("radio", name="Whole steps")).to_have_attribute("aria-checked", "true")


def test_walks_on_the_map_are_those_in_python(small: Page):
    folder = ROOT / "mnist" / "autoencoder-2d"
    plane = LatentMap.load(folder).plane(load_network(folder, Autoencoder, AutoencoderConfig))
    start = torch.tensor([[1.0, -2.0]])
    with torch.inference_mode():
        states = list(flow(lambda z, rows: latent_field(plane.encode, plane.decode)(z), start, 1.0, 20, 0.0))
    place = start
    for state in states[1:]:
        place = torch.tensor(small.evaluate(MOVE, place[0].tolist()))[None]
        torch.testing.assert_close(place, state.points, atol=2e-2, rtol=1e-2)


MOVE = """async (place) => {
    const { compute } = await import("./models.js");
    const manifest = await (await fetch("manifest.json")).json();
    const { move } = manifest.datasets[0].maps.find(({ name }) => name === "autoencoder-2d");
    return [...(await compute(move, { places: { data: Float32Array.from(place), dims: [1, 2] } })).next.data];
}"""


def test_walks_and_predictions(small: Page):
    open_tab(small, "Attractors")
    walk = small.locator("#panel-attractors .strip").first
    expect(walk).to_contain_text("after")
    assert walk.locator("figcaption").first.inner_text() == "step 0"
    open_tab(small, "Predictions")
    complete = small.locator(".panel", has_text="Complete image")
    expect(complete).to_contain_text("✓ 4")
    expect(small.locator(".panel", has_text="MisConv (DMFA)").locator("li")).to_have_count(10)


def test_guided_answers_about_a_face_are_those_in_python(light_page: Path, tmp_path: Path, open_page: OpenPage):
    """MFA of faces conditions hundreds of factors, and DMFA uses its answer."""
    build(tmp_path / "page", datasets=["celeba"], methods=["dmfa", "mfa"], runtime=light_page / "runtime")
    first = Address.first("celeba")
    image = to_float(load_samples("celeba").images[first.sample])[None]
    missing = first.mask[None, None]
    with serve_light(tmp_path / "page") as address:
        page = open_page()
        page.goto(address)
        expect_answers(page)
        for name, title in (("dmfa", "DMFA"), ("mfa", "MFA")):
            expected = load_imputer(name, "celeba").impute(image, missing, seed=0)
            shown = pixels(card(page, title).locator("canvas")) / 255
            assert np.abs(shown - expected.mean[0].permute(1, 2, 0).numpy()).max() < 2e-3 + 0.5 / 255
            nll = -expected.density.log_prob(image.flatten(1), missing.expand_as(image).flatten(1)).item()
            said = re.search("NLL (.*) nats", card(page, title).inner_text())
            assert said is not None
            assert float(said[1].replace("−", "-").replace(",", "")) == pytest.approx(nll, abs=2)
        open_tab(page, "Samples")
        for strip in page.locator("#panel-samples .strip").all():
            drawn = [pixels(one) for one in strip.locator("canvas").all()]
            assert len({picture.tobytes() for picture in drawn}) == 8
            hidden_part = np.stack(drawn)[:, first.mask.numpy()] / 255
            assert 0.02 < hidden_part.std(0).mean() < 0.3
            assert np.ptp(np.stack(drawn)[:, ~first.mask.numpy()], 0).max() == 0
        open_tab(page, "Factors")
        expect(page.get_by_role("radio", name="DMFA without a guide")).to_be_visible()


def test_a_link_opens_in_both_pages(small: Page, open_page: OpenPage):
    small.get_by_role("radio", name="7, test image").first.click()
    small.get_by_role("button", name="All but a line").click()
    open_tab(small, "Samples")
    query = dict(parse_qsl(urlsplit(small.url).query))
    there = Address.from_query(query)
    assert (there.dataset, there.tab) == ("mnist", "samples") and there.sample == int(query["sample"])
    other = open_page()
    other.goto(small.url)
    expect_answers(other, "samples")
    assert hidden(other) == hidden(small) == int(there.mask.sum())
    # A mask that the full page wrote.
    mask = mask_family("strokes")(1, 28, 28, torch.Generator().manual_seed(1))[0, 0]
    other.goto(f"{small.url.split('?')[0]}?sample=3&mask={mask_text(mask)}")
    expect_answers(other)
    assert hidden(other) == int(mask.sum())
    other.goto(f"{small.url.split('?')[0]}?sample=99999&mask=%25&tab=gears&z=a&dataset=x")
    expect_answers(other)
    assert hidden(other) == 196


def test_the_page_works_without_a_network_after_the_first_visit(new_context: NewContext, light: str):
    context = new_context()
    page = context.new_page()
    page.goto(light)
    expect_answers(page)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.reload()  # now through the service worker, which keeps the models
    expect_answers(page)
    context.set_offline(True)
    page.reload()
    expect_answers(page)
    stroke(page, (0.1, 0.8), (0.9, 0.8))
    expect_answers(page)


def test_a_reload_keeps_the_mask(small: Page):
    stroke(small, (0.1, 0.1), (0.9, 0.1))
    expect_answers(small)
    count = hidden(small)
    small.reload()
    expect_answers(small)
    assert hidden(small) == count


def test_a_mask_from_a_file(small: Page):
    square = np.zeros((28, 28), np.uint8)
    square[5:10, 5:10] = 1
    red, hole, drawn = (np.full((28, 28, 4), value, np.uint8) for value in (0, 200, 0))
    red[square > 0, 0] = red[..., 3] = 255
    hole[square > 0, 3] = 0
    drawn[square > 0] = 255
    for picture, message in (
        (255 * square, ""),
        (0 * square, "a single shade and hides nothing"),
        (square, ""),
        (red, ""),
        (hole, ""),
        (0 * hole, "transparent everywhere"),
        (drawn, ""),
        (np.arange(784, dtype=np.uint8).reshape(28, 28), "does not have two clear shades"),
    ):
        press(small, "Clear")
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "PNG")
        small.locator("#mask-file").set_input_files(
            {"name": "mask.png", "mimeType": "image/png", "buffer": file.getvalue()}
        )
        if message:
            expect(small.get_by_role("alert")).to_contain_text(message)
        else:
            expect(small.locator("#panel-compare")).not_to_contain_text("Nothing is hidden")
            expect(small.get_by_role("alert")).to_be_hidden()
        expect_answers(small)
        assert hidden(small) == (0 if message else 25)
    small.locator("#mask-file").set_input_files({"name": "mask.png", "mimeType": "image/png", "buffer": b"no picture"})
    expect(small.get_by_role("alert")).to_contain_text("not a picture that your browser can read")


def test_the_keyboard_alone(small: Page):
    small.get_by_role("tab", name="Compare").focus()
    small.keyboard.press("ArrowRight")
    expect(small.get_by_role("tab", name="Factors")).to_be_focused()
    expect_answers(small, "factors")
    small.keyboard.press("ArrowLeft")
    expect_answers(small)
    small.locator("#painter canvas").focus()
    small.keyboard.press("Delete")
    small.keyboard.press("Space")
    expect_answers(small)
    assert 0 < hidden(small) < 30


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(open_light: OpenPage, scheme: str):
    page = open_light("?methods=dmfa,vaeac,zero", height=900, color_scheme=scheme)
    for tab in ("Compare", "Factors", "Samples", "Attractors", "Predictions"):
        open_tab(page, tab)
        page.evaluate("Promise.allSettled(document.getAnimations().map((one) => one.finished))")
        found = Axe().run(page).response["violations"]
        serious = [
            f"{tab}: {one['id']}: {one['nodes'][0]['html']:.200}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
        assert not serious, "\n".join(serious)


def test_a_phone(new_context: NewContext, light: str):
    page = new_context(viewport={"width": 390, "height": 664}, has_touch=True, is_mobile=True).new_page()
    page.goto(light)
    expect_answers(page)
    box = page.locator("#painter canvas").bounding_box()
    answer = card(page, "DMFA").locator("canvas").bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= 664 and answer["y"] + answer["height"] / 2 <= 664
    page.touchscreen.tap(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.9)
    expect_answers(page)
    assert hidden(page) > 196
    assert page.evaluate("document.documentElement.scrollWidth <= 390")
    page.mouse.wheel(0, 600)
    expect(page.locator("#painter canvas")).to_be_in_viewport()


def test_a_model_that_cannot_be_fetched(new_context: NewContext, light: str):
    page = new_context(service_workers="block").new_page()
    page.route("**/vaeac/*", lambda route: route.fulfill(status=404))
    page.route("**/autoencoder/*", lambda route: route.abort())
    page.goto(light)
    expect_answers(page)
    expect(card(page, "VAEAC")).to_contain_text("the model could not be fetched: mnist/vaeac/answer.onnx answers 404")
    expect(card(page, "AE dynamics")).to_contain_text("there is no connection. Paint again to try once more")
    expect(card(page, "DMFA")).to_contain_text("PSNR")
    page.unroute_all()
    stroke(page, (0.1, 0.8), (0.9, 0.8))
    expect_answers(page)
    expect(card(page, "VAEAC")).to_contain_text("PSNR")


def test_a_map_that_cannot_be_fetched(new_context: NewContext, light: str):
    page = new_context(service_workers="block").new_page()
    page.route("**/maps.json", lambda route: route.abort())
    page.goto(f"{light}?tab=attractors&methods=dmfa,zero")
    expect_answers(page, "attractors")
    problem = page.locator("#panel-attractors p[role=status]").first
    expect(problem).to_contain_text("Paint again to try once more")
    page.unroute_all()
    stroke(page, (0.1, 0.8), (0.9, 0.8))
    expect_answers(page, "attractors")
    expect(problem).to_be_empty()
    page.route("**/autoencoder-2d/map.onnx", lambda route: route.abort())
    page.locator("#player .plane").click()
    expect(problem).to_contain_text("there is no connection")


def test_a_full_cache_has_a_message(new_context: NewContext, light: str):
    page = new_context().new_page()
    session = page.context.new_cdp_session(page)
    session.send("Storage.overrideQuotaForOrigin", {"origin": light.rstrip("/"), "quotaSize": 1_000})
    page.goto(light)
    expect(page.get_by_role("alert")).to_contain_text("This browser has no room to keep the models")
    expect_answers(page)


def test_an_old_browser_gets_a_message(new_context: NewContext, light: str):
    page = new_context().new_page()
    page.add_init_script("delete window.WebAssembly")
    page.goto(light)
    expect(page.get_by_role("alert")).to_contain_text("This browser is too old for models in the page")


def test_truth_is_covered_and_a_guess_is_weighed(open_light: OpenPage):
    page = open_light("?methods=dmfa,mfa,zero&truth=covered")
    expect(card(page, "Original").locator("canvas")).to_be_hidden()
    assert "PSNR" not in page.locator("#compare-cards").inner_text()
    page.locator("#painter").get_by_role("button", name="Pen", exact=True).click()
    stroke(page, (0.4, 0.5), (0.6, 0.55))
    expect_answers(page)
    expect(card(page, "You")).to_be_visible()
    plausible = page.locator("#panel-compare").get_by_text("How plausible is your drawing?")
    expect(plausible).to_contain_text("DMFA")
    assert "truth" not in plausible.inner_text()
    page.keyboard.press("r")
    expect(card(page, "Original").locator("canvas")).to_be_visible()
    expect(card(page, "You")).to_contain_text("NLL")
    weighed = {
        name: float(value.replace("−", "-"))
        for name, value in re.findall(r"(DMFA|MFA) (\S+) \(truth", plausible.inner_text())
    }
    scene, guess = guess_on(page)
    missing = scene["missing"]
    for name, value in weighed.items():
        density = load_imputer(name.lower(), "mnist").impute(scene["image"], missing, seed=0).density
        exact = density.log_prob(torch.where(missing, guess, scene["image"]).flatten(1), missing.flatten(1)).item()
        assert value == pytest.approx(exact / int(missing.sum()), abs=0.02), name
    page.locator("#samples button").nth(3).click()
    expect(card(page, "You")).to_have_count(0)


def guess_on(page: Page) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """The picture, the hole and the visitor's drawing, `(1, 1, 28, 28)` each."""
    image = to_float(load_samples("mnist").images[Address.first("mnist").sample])[None]
    drawn = torch.from_numpy(pixels(card(page, "You").locator("canvas"))[..., 0] / 255).float()[None, None]
    hole = pixels(card(page, "What the models see").locator("canvas"))[..., 0]
    checked = torch.from_numpy((hole == 0x96) | (hole == 0x76))[None, None]
    return {"image": image, "missing": checked}, drawn


def test_pictures_are_enlarged(small: Page):
    card(small, "DMFA").locator("canvas").click()
    dialog = small.locator("#look dialog")
    expect(dialog.locator("strong")).to_have_text("DMFA")
    dialog.get_by_label("Compare with").select_option(label="Original")
    dialog.get_by_role("slider").press("ArrowRight")
    expect(dialog.locator("canvas.over")).to_have_css("clip-path", "inset(0px 0px 0px 51%)")
    small.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_chapters_ask_and_the_test_is_saved_as_a_file(open_light: OpenPage):
    page = open_light("?methods=zero")
    page.get_by_role("tab", name="Learn").click()
    lesson = page.locator("#lesson")
    expect(lesson.locator("h2")).to_have_text("Why a single imputation lies")
    expect(lesson.locator("math").first).to_be_hidden()
    lesson.get_by_role("button", name="The sample: it looks real").click()
    lesson.get_by_role("button", name="Check my guess").click()
    expect(lesson.locator("[data-section=question] .reveal")).to_contain_text("Not quite. The answer is: The mean")
    expect(lesson.locator("math").first).to_be_visible()
    page.get_by_role("radio", name="2. Conditions").click()
    expect(lesson.locator("[data-part=slice]")).to_contain_text("mean 1.20")
    expect(page).to_have_url(re.compile("tab=learn.*lesson=2"))
    page.get_by_role("button", name="Test before").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save my answers").click()
    assert saved.value.suggested_filename.startswith("test-before-")
    expect(page.locator("#quiz [role=status]")).to_contain_text("6 without an answer")
