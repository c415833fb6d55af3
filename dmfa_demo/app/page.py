"""The page: one canvas that every tab shares, and results that follow each stroke."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial, wraps
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import Any

import gradio as gr
import torch
from torch import Tensor

from dmfa_demo.app.api import offer_endpoints
from dmfa_demo.app.attractors import AttractorsTab
from dmfa_demo.app.changing_mind import ChangingMind
from dmfa_demo.app.compare import CompareTab, still_wanted, wanted_first
from dmfa_demo.app.face_aligner import FaceAligner
from dmfa_demo.app.factors import FactorsTab
from dmfa_demo.app.first_layer import FirstLayer
from dmfa_demo.app.latent_walk import LatentWalk
from dmfa_demo.app.mask_painter import Canvas, MaskPainter
from dmfa_demo.app.part import Part, Together
from dmfa_demo.app.pixel_by_pixel import PixelByPixel, Run
from dmfa_demo.app.predictions import Predictions, predict
from dmfa_demo.app.presets import OFFERS, START
from dmfa_demo.app.results import ResultsTab
from dmfa_demo.app.sample_picker import Choice, SamplePicker
from dmfa_demo.app.samples import SamplesTab
from dmfa_demo.app.scene import ImputationCache, Memory, Scene, fitted, measure
from dmfa_demo.app.segments import segments
from dmfa_demo.app.theme import theme
from dmfa_demo.app.uploads import MAX_BYTES, digit_from_picture, mask_from_picture, read_picture
from dmfa_demo.app.visits import forget_after_leaving
from dmfa_demo.checkpoints import available_methods
from dmfa_demo.data import load_samples
from dmfa_demo.masks import mask_family

START_MASK, START_SEED = "square14", 4

MAX_WAITING = 64

TITLE = "What is behind the paint?"
MASTHEAD = f"""
<header class="masthead">
  <h1>{TITLE}</h1>
  <p>Hide part of a picture and see, while you draw, what different models of missing data believe is there.</p>
</header>
"""

# Runs in the browser: what is shown goes into the address, so that the page can be sent as it is.
_KEEP_IN_ADDRESS = """(dataset, sample, methods, view) => {
    const address = new URL(location), asked = address.searchParams;
    asked.set('dataset', dataset);
    sample?.chosen == null ? asked.delete('sample') : asked.set('sample', sample.chosen);
    asked.set('methods', methods.join(','));
    asked.set('show', view);
    history.replaceState(null, '', address.href.replaceAll('%2C', ','));
}"""


def build_page() -> gr.Blocks:
    """The whole page; loads no model until someone looks at it."""
    cache = ImputationCache()
    start = Scene.sample(START, OFFERS[START].sample)
    start_mask = _draw(START_MASK, start, START_SEED)

    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        scene = gr.State(start)
        gr.HTML(MASTHEAD, apply_default_css=False)
        with gr.Row(equal_height=False, elem_classes="stage"):
            with gr.Column(elem_classes="canvas"):
                painter = MaskPainter(Canvas(start_mask, start.image), elem_id="painter")
            with gr.Column(elem_classes="results"):
                with gr.Tab("Compare") as compare_tab:
                    compare = CompareTab.build(START)
                with gr.Tab("Factors") as factors_tab:
                    factors = FactorsTab.build(START)
                with gr.Tab("Samples") as samples_tab:
                    samples = SamplesTab.build()
                    walk, filling = LatentWalk.build(START, samples.seed), PixelByPixel.build(START)
                with gr.Tab("Attractors") as attractors_tab:
                    attractors = AttractorsTab.build(START)
                with gr.Tab("Predictions") as predictions_tab:
                    bars, mind, layer = Predictions.build(), ChangingMind.build(), FirstLayer.build()
                with gr.Tab("Results") as results_tab:
                    measured = ResultsTab.build(START)
            with gr.Column(elem_classes="choose"):
                _heading("Choose a picture")
                dataset = segments([(offer.title, name) for name, offer in OFFERS.items()], "Data set", "dataset")
                picker = SamplePicker(Choice(START, OFFERS[START].sample), elem_id="samples")
                _heading("Hide pixels as the papers do")
                with gr.Row(elem_classes="chips"):
                    presets = [
                        gr.Button(label, size="sm", elem_id=f"preset-{name}") for label, name in OFFERS[START].presets
                    ]
                _heading("Bring your own")
                with gr.Row(elem_classes="chips"):
                    digit_upload = _upload_button("Upload a digit…", "digit-upload")
                    mask_upload = _upload_button("Upload a mask…", "mask-upload")
                with gr.Column(visible=False) as own_face:
                    aligner = FaceAligner(elem_id="aligner")

        # Whatever changes the canvas only changes the canvas: the painter then sends its mask, and `paint` renders the tab
        # that is open; the others are rendered when they are opened. The cache lets all share one pass through each model.
        drawn = Together((samples, walk, filling))
        parts = compare, factors, *drawn.parts, attractors, bars, mind, layer
        tabs: dict[str, Part] = {
            "compare": compare,
            "factors": factors,
            "samples": drawn,
            "attractors": attractors,
            "predictions": Together((bars, mind, layer)),
            "results": Together(()),
        }
        opened = gr.State("compare")
        # The methods that somebody wants to compare, those that the data set in sight does not have among them.
        wanted = gr.State(wanted_first())

        def render(part: Part, missing: Tensor, scene: Scene, *controls: Any) -> list[Any]:
            return part.render(scene, fitted(missing, scene), cache, *controls)

        def paint(missing: Tensor, scene: Scene, opened: str, *controls: Any) -> list[Any]:
            given, contents = iter(controls), []
            for name, tab in tabs.items():
                own = list(islice(given, len(tab.inputs)))
                contents += render(tab, missing, scene, *own) if name == opened else [gr.skip()] * len(tab.outputs)
            return contents

        def look(name: str, missing: Tensor, scene: Scene, *controls: Any) -> list[Any]:
            return [name, *render(tabs[name], missing, scene, *controls)]

        def draw_more(missing: Tensor, scene: Scene, noise: Any, seed: int) -> list[Any]:
            return [seed + 1, *render(samples, missing, scene, noise, seed + 1)]

        def stand_still(missing: Tensor, scene: Scene, method: Any, component: Any) -> list[Any]:
            zeros = [0.0] * len(factors.sliders)
            return [*zeros, *render(factors, missing, scene, method, component, *zeros)]

        def grow_anew(missing: Tensor, scene: Scene, growth: Any, seed: int) -> list[Any]:
            return [seed + 1, *render(mind, missing, scene, growth, seed + 1)]

        def begin(missing: Tensor, scene: Scene, seed: int) -> list[Any]:
            return filling.begin(scene, fitted(missing, scene), cache, seed)

        def advance(missing: Tensor, scene: Scene, run: Run | None) -> list[Any]:
            return filling.advance(scene, missing, run)

        def walk_again(missing: Tensor, scene: Scene, plane: str, step_size: float, seed: int, *run: Any) -> list[Any]:
            return [seed + 1, *render(attractors, missing, scene, plane, step_size, seed + 1, *run)]

        def walk_on(missing: Tensor, scene: Scene, *controls: Any) -> list[Any]:
            return attractors.advance(scene, missing, *controls)

        def pick(choice: Choice | None, scene: Scene) -> list[Any]:
            if choice is None or choice.dataset != scene.dataset:  # it was clicked before another data set came
                return [gr.skip(), gr.skip()]
            picked = Scene.sample(choice.dataset, choice.number)
            return [picked, Canvas(image=picked.image)]

        def preset(position: int, scene: Scene) -> Canvas:
            return Canvas(_draw(OFFERS[scene.dataset].presets[position][1], scene))

        def arrange(
            name: str, number: int, missing: Tensor, wanted: list[str], of: str | None, protocol: str | None
        ) -> list[Any]:
            """The contents of `arranged` for another data set and one of its samples."""
            offer, first = OFFERS[name], Scene.sample(name, number)
            hole = Canvas(fitted(missing, first), first.image)
            labels = [gr.Button(value=label) for label, _ in offer.presets]
            own = [gr.UploadButton(visible=name == "mnist"), gr.Column(visible=name == "celeba")]
            followed = compare.follow(name, wanted) + factors.follow(name, of) + walk.follow(name)
            followed += filling.follow(name) + attractors.follow(name) + measured.follow(name, protocol)
            return [first, hole, Choice(name, number), wanted, *labels, *own, *followed]

        def switch(
            name: str | None, missing: Tensor, scene: Scene, wanted: list[str], methods: list[str], *choices: str | None
        ) -> list[Any]:
            if name not in OFFERS:
                raise ValueError(f"there is no data set {name!r:.40}; choose one of {', '.join(OFFERS)}")
            return arrange(name, OFFERS[name].sample, missing, still_wanted(scene.dataset, wanted, methods), *choices)

        def arrive(request: gr.Request, missing: Tensor, scene: Scene) -> list[Any]:
            asked = request.query_params
            name = asked.get("dataset") if asked.get("dataset") in OFFERS else START
            number = asked.get("sample", "")
            known = number.isdecimal() and len(number) < 5 and int(number) < len(load_samples(name))
            number = int(number) if known else OFFERS[name].sample
            view, methods = compare.from_address(asked, name)
            contents = arrange(name, number, missing, methods, None, None)
            if (name, number) == (START, OFFERS[START].sample):
                contents[1] = gr.skip()  # it is there, and somebody may have painted already
            return [name, view, *contents, *render(compare, missing, contents[0], view, methods)]

        def take_mask(data: bytes, scene: Scene) -> Canvas:
            return Canvas(mask_from_picture(read_picture(data), *scene.image.shape[1:]))

        def take_digit(data: bytes, scene: Scene) -> list[Any]:
            return take_own("mnist", digit_from_picture(read_picture(data)), "your own digit", scene)

        def take_face(face: Tensor, scene: Scene) -> list[Any]:
            return take_own("celeba", face, "your own face", scene)

        def take_own(dataset: str, image: Tensor, caption: str, scene: Scene) -> list[Any]:
            if scene.dataset != dataset:  # somebody went on while it was on its way
                return [gr.skip(), gr.skip(), gr.skip()]
            return [Scene(dataset, image, caption, own=Memory()), Canvas(image=image), None]

        once = dict(show_progress="hidden", concurrency_id="cpu", concurrency_limit=1, api_visibility="private")
        latest = dict(once, trigger_mode="always_last")  # strokes made while one is answered collapse into the last
        everything = Together(tuple(tabs.values()))
        painter.input(_told(paint), [painter, scene, opened, *everything.inputs], everything.outputs, **latest)
        labels = compare_tab, factors_tab, samples_tab, attractors_tab, predictions_tab, results_tab
        for (name, tab), label in zip(tabs.items(), labels):
            label.select(_told(partial(look, name)), [painter, scene, *tab.inputs], [opened, *tab.outputs], **latest)
        picker.select(_told(pick), [picker, scene], [scene, painter], **latest)
        for position, button in enumerate(presets):
            button.click(_told(partial(preset, position)), [scene], [painter], **latest)
        asked = [dataset, painter, scene, wanted, compare.methods, factors.method, measured.protocol]
        followers = [part for tab in (compare, factors, walk, filling, attractors, measured) for part in tab.followers]
        arranged = [scene, painter, picker, wanted, *presets, digit_upload, own_face, *followers]
        changed = dataset.input(_told(switch), asked, arranged, **latest)
        arrived = page.load(
            _told(arrive), [painter, scene], [dataset, compare.view, *arranged, *compare.outputs], **once
        )
        mask_upload.upload(_told(take_mask), [mask_upload, scene], [painter], **once)
        own_digit = digit_upload.upload(_told(take_digit), [digit_upload, scene], [scene, painter, picker], **once)
        own_photo = aligner.input(_told(take_face), [aligner, scene], [scene, painter, picker], **once)
        shown = [dataset, picker, compare.methods, compare.view]
        for event in (
            changed.then,
            own_digit.then,
            own_photo.then,
            picker.select,
            compare.methods.input,
            compare.view.input,
        ):
            event(None, shown, None, js=_KEEP_IN_ADDRESS, api_visibility="private")
        for part in parts:
            for control in part.inputs:
                if not isinstance(control, gr.State):
                    control.input(_told(partial(render, part)), [painter, scene, *part.inputs], part.outputs, **latest)
        still = [painter, scene, factors.method, factors.component]
        factors.reset.click(_told(stand_still), still, [*factors.sliders, *factors.outputs], **latest)
        others = [painter, scene, *samples.inputs], [samples.seed, *samples.outputs]
        samples.more.click(_told(draw_more), *others, **latest)
        filling.start.click(_told(begin), [painter, scene, samples.seed], filling.outputs, **latest)
        filling.clock.tick(_told(advance), [painter, scene, filling.run], filling.outputs, **once)
        mind.again.click(_told(grow_anew), [painter, scene, *mind.inputs], [mind.seed, *mind.outputs], **latest)
        walking = [painter, scene, *attractors.inputs]
        attractors.again.click(_told(walk_again), walking, [attractors.seed, *attractors.outputs], **latest)
        attractors.clock.tick(_told(walk_on), walking, attractors.outputs, **once)
        # Every click is answered: one that waited would find the answer to the one before it in the place of its value.
        clicked = dict(once, trigger_mode="multiple")
        attractors.player.input(_told(attractors.drop), [scene, attractors.player], [attractors.player], **clicked)
        asked = [scene, measured.protocol, measured.measure]
        measured.measure.input(_told(measured.render_chart), asked, [measured.chart], **once)
        for event in (arrived.then, changed.then, measured.protocol.input):
            event(_told(measured.render_choice), asked, [measured.measure, measured.chart], **once)
            event(_told(measured.render_table), [scene, measured.protocol], [measured.table], **once)
        forget_after_leaving(page)
        offer_endpoints(concurrency_id="cpu", concurrency_limit=1)
    # Whoever comes when so many wait is told to try again, instead of making everybody wait for ever.
    return page.queue(max_size=MAX_WAITING)


def launch() -> None:
    """Serve the page. Host and port come from Gradio's own environment variables (`GRADIO_SERVER_PORT`, ...).

    Ends with a message where `DMFA_DEMO_CELEBA` names a folder without CelebA.
    """
    try:
        load_samples("celeba")
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")
    Thread(target=_warm_up, daemon=True).start()
    build_page().launch(
        theme=theme(),
        css=(Path(__file__).parent / "page.css").read_text(),
        max_file_size=MAX_BYTES,
        enable_monitoring=False,
        ssr_mode=False,
        footer_links=["api"],
    )


def _warm_up() -> None:
    """Load the models and run each once while the first visitor's browser still fetches the page."""
    for dataset, offer in OFFERS.items():
        scene, cache = Scene.sample(dataset, offer.sample), ImputationCache()
        missing = _draw("half", scene, START_SEED)
        for name in available_methods(dataset):
            measure(cache.impute(name, scene, missing), scene, missing)
        predict(scene, missing, cache)


def _told(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler, with bad input answered by a message that leaves the page as it is."""

    @wraps(handler)
    def told(*arguments: Any) -> Any:
        try:
            return handler(*arguments)
        except ValueError as error:
            gr.Warning(str(error)[:1].upper() + str(error)[1:], duration=8)
            return gr.skip()

    return told


def _draw(name: str, scene: Scene, seed: int | None = None) -> Tensor:
    """A mask `(H, W)` of the family called `name` for the scene's image."""
    generator = torch.Generator()
    generator.seed() if seed is None else generator.manual_seed(seed)
    return mask_family(name)(1, *scene.image.shape[1:], generator)[0, 0]


def _heading(text: str) -> None:
    gr.HTML(f'<h2 class="section">{text}</h2>', apply_default_css=False)


def _upload_button(label: str, elem_id: str) -> gr.UploadButton:
    return gr.UploadButton(label, file_types=["image"], type="binary", size="sm", elem_id=elem_id)
