"""What is on the page, and where."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import gradio as gr

from dmfa_demo.app.canvas.mask_painter import Canvas, MaskPainter
from dmfa_demo.app.canvas.photo_aligner import DIGIT, FACE, PhotoAligner
from dmfa_demo.app.canvas.presets import OFFERS, START
from dmfa_demo.app.canvas.sample_picker import Choice, SamplePicker
from dmfa_demo.app.lessons.explainer import Explainer
from dmfa_demo.app.lessons.learn import LearnTab
from dmfa_demo.app.scene.scene import Scene
from dmfa_demo.app.sharing.address import TABS, Address
from dmfa_demo.app.sharing.address_bar import AddressBar
from dmfa_demo.app.sharing.example_list import ExampleList
from dmfa_demo.app.sharing.export import TakeAway
from dmfa_demo.app.sharing.preview import TITLE
from dmfa_demo.app.tabs.attractors import AttractorsTab
from dmfa_demo.app.tabs.changing_mind import ChangingMind
from dmfa_demo.app.tabs.compare import CompareTab
from dmfa_demo.app.tabs.factors import FactorsTab
from dmfa_demo.app.tabs.first_layer import FirstLayer
from dmfa_demo.app.tabs.latent_walk import LatentWalk
from dmfa_demo.app.tabs.part import Part, Together
from dmfa_demo.app.tabs.pixel_by_pixel import PixelByPixel
from dmfa_demo.app.tabs.predictions import Predictions
from dmfa_demo.app.tabs.results import ResultsTab
from dmfa_demo.app.tabs.samples import SamplesTab
from dmfa_demo.app.widgets.answered import Answered
from dmfa_demo.app.widgets.info import caution as caution_of
from dmfa_demo.app.widgets.info import info_button
from dmfa_demo.app.widgets.segments import OneOf, SomeThatFollow, segments
from dmfa_demo.registry import METHODS, shown_first

MASTHEAD = f"""
<header class="masthead">
  <h1>{TITLE}</h1>
  <p>Hide part of a picture and see, while you draw, what different models of missing data believe is there.</p>
</header>
"""


@dataclass(frozen=True)
class Layout:
    """The parts of the page and what they share.

    Attributes:
        opened: the name of the open tab, one of `address.TABS`, in a choice that nobody sees.
        wanted: the methods that somebody wants to compare, those that the data set in sight does not have among them.
        labels: the tabs' labels, by name.
        answered: of each tab, what its results are about, by name.
    """

    opened: gr.Radio
    wanted: SomeThatFollow
    address: AddressBar
    painter: MaskPainter
    labels: dict[str, gr.Tab]
    answered: dict[str, Answered]
    tabs_box: gr.Tabs
    compare: CompareTab
    factors: FactorsTab
    samples: SamplesTab
    walk: LatentWalk
    filling: PixelByPixel
    attractors: AttractorsTab
    bars: Predictions
    mind: ChangingMind
    layer: FirstLayer
    learn: LearnTab
    results: ResultsTab
    caution: gr.HTML
    dataset: gr.Radio
    picker: SamplePicker
    presets: tuple[gr.Button, ...]
    digit_upload: gr.UploadButton
    mask_upload: gr.UploadButton
    own_digit: gr.Column
    digit_aligner: PhotoAligner
    own_face: gr.Column
    face_aligner: PhotoAligner
    take: TakeAway
    examples: ExampleList

    @classmethod
    def build(cls) -> Self:
        """Lay out the page inside the current Blocks, as a first visit finds it."""
        first = Address.first(START)
        start = Scene.sample(START, first.sample)
        opened = OneOf(list(TABS), value=first.tab, visible=False)
        # The browser keeps both, so that a server that has started anew goes on from them.
        states = opened, SomeThatFollow(list(METHODS), value=shown_first(), visible=False)
        address = AddressBar()
        gr.HTML(MASTHEAD, apply_default_css=False)
        examples = ExampleList(elem_id="examples")
        with gr.Row(equal_height=False, elem_classes="stage"):
            with gr.Column(elem_classes="canvas"):
                painter = MaskPainter(Canvas(start, first.mask), list(map(panel_of, TABS)), elem_id="painter")
            with gr.Column(elem_classes="results"), gr.Tabs(selected=first.tab) as tabs_box:
                labels: dict[str, gr.Tab] = {}
                answered: dict[str, Answered] = {}

                @contextmanager
                def tab(name: str, follows_canvas: bool = True) -> Iterator[None]:
                    labels[name] = gr.Tab(name.capitalize(), id=name, elem_id=panel_of(name))
                    with labels[name]:
                        if follows_canvas:
                            answered[name] = Answered()
                        yield
                        about = info_button(f"tab-{name}", f"the tab {name.capitalize()}")
                        gr.HTML(about, elem_classes="tab-about", apply_default_css=False)

                with tab("compare"):
                    compare = CompareTab.build(START)
                with tab("factors"):
                    factors = FactorsTab.build(START)
                with tab("samples"):
                    samples = SamplesTab.build()
                    walk, filling = LatentWalk.build(START, samples.seed), PixelByPixel.build(START)
                with tab("attractors"):
                    attractors = AttractorsTab.build(START)
                with tab("predictions"):
                    bars, mind, layer = Predictions.build(), ChangingMind.build(), FirstLayer.build()
                with tab("learn"):
                    learn = LearnTab.build()
                with tab("results", follows_canvas=False):
                    results = ResultsTab.build(START)
            with gr.Column(elem_classes="choose"):
                caution = gr.HTML(caution_of(START), elem_id="caution", apply_default_css=False)
                _heading("Choose a picture")
                dataset = segments([(offer.title, name) for name, offer in OFFERS.items()], "Data set", "dataset")
                picker = SamplePicker(Choice(START, OFFERS[START].sample), elem_id="samples")
                _heading("Hide pixels as the papers do")
                with gr.Row(elem_classes="chips"):
                    presets = tuple(
                        gr.Button(label, size="sm", elem_id=f"preset-{name}") for label, name in OFFERS[START].presets
                    )
                _heading("Bring your own")
                with gr.Row(elem_classes="chips"):
                    uploads = (
                        _upload_button("Upload a digit…", "digit-upload"),
                        _upload_button("Upload a mask…", "mask-upload"),
                    )
                with gr.Column() as own_digit:
                    digit_aligner = PhotoAligner(DIGIT, elem_id="digit-aligner")
                with gr.Column(visible=False) as own_face:
                    face_aligner = PhotoAligner(FACE, elem_id="aligner")
                _heading("Take it away")
                take = TakeAway(elem_id="take")
        Explainer(elem_id="explainer")
        drawn = samples, walk, filling
        seen = bars, mind, layer
        return cls(
            *states,
            address,
            painter,
            labels,
            answered,
            tabs_box,
            compare,
            factors,
            *drawn,
            attractors,
            *seen,
            learn,
            results,
            caution,
            dataset,
            picker,
            presets,
            *uploads,
            own_digit,
            digit_aligner,
            own_face,
            face_aligner,
            take,
            examples,
        )

    @property
    def parts(self) -> tuple[Part, ...]:
        """Everything that follows the canvas."""
        drawn, seen = (self.samples, self.walk, self.filling), (self.bars, self.mind, self.layer)
        return self.compare, self.factors, *drawn, self.attractors, *seen, self.learn

    @property
    def tabs(self) -> dict[str, Part]:
        """What follows the canvas in each tab, by name."""
        return {
            "compare": self.compare,
            "factors": self.factors,
            "samples": Together((self.samples, self.walk, self.filling)),
            "attractors": self.attractors,
            "predictions": Together((self.bars, self.mind, self.layer)),
            "learn": self.learn,
            "results": Together(()),
        }


def panel_of(tab: str) -> str:
    """The id of the panel below a tab's label."""
    return f"tab-{tab}"


def _heading(text: str) -> None:
    gr.HTML(f'<h2 class="section">{text}</h2>', apply_default_css=False)


def _upload_button(label: str, elem_id: str) -> gr.UploadButton:
    return gr.UploadButton(label, file_types=["image"], type="binary", size="sm", elem_id=elem_id)
