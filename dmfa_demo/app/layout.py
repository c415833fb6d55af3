"""The layout of the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self, TypeVar

import gradio as gr

from dmfa_demo.app.canvas.mask_painter import MaskPainter
from dmfa_demo.app.canvas.photo_aligner import DIGIT, FACE, PhotoAligner
from dmfa_demo.app.canvas.presets import OFFERS, START
from dmfa_demo.app.canvas.sample_picker import Choice, SamplePicker
from dmfa_demo.app.contents import TABS
from dmfa_demo.app.lessons.explainer import Explainer
from dmfa_demo.app.looking.look_closely import LookClosely
from dmfa_demo.app.presenting.audience import Audience
from dmfa_demo.app.presenting.presenter import Presenter
from dmfa_demo.app.scene.canvas import Canvas
from dmfa_demo.app.scene.scene import Scene
from dmfa_demo.app.sharing.address import Address
from dmfa_demo.app.sharing.address_bar import AddressBar
from dmfa_demo.app.sharing.example_list import ExampleList
from dmfa_demo.app.sharing.export import TakeAway
from dmfa_demo.app.sharing.preview import TITLE
from dmfa_demo.app.tabs.part import Part
from dmfa_demo.app.widgets.answered import Answered
from dmfa_demo.app.widgets.info import caution as caution_of
from dmfa_demo.app.widgets.info import info_button
from dmfa_demo.app.widgets.segments import OneOf, SomeThatFollow, segments
from dmfa_demo.registry import methods, shown_first

MASTHEAD = f"""
<header class="masthead">
  <h1>{TITLE}</h1>
  <p>Hide part of a picture and see, while you draw, what different models of missing data believe is there.</p>
  <nav aria-label="More"><a href="tables">Tables</a> <a href="?room=">Join a room</a></nav>
</header>
"""

Kind = TypeVar("Kind", bound=Part)


@dataclass(frozen=True, kw_only=True)
class Tab:
    """One tab of the page.

    Attributes:
        label: its label; the `id` is its name in `TABS`.
        parts: its parts, from top to bottom.
        answered: the state of the canvas that its results belong to; None for a tab that does not follow the canvas.
    """

    label: gr.Tab
    parts: tuple[Part, ...]
    answered: Answered | None

    @classmethod
    def build(cls, name: str) -> Self:
        """Lay out a tab inside the current `gr.Tabs`."""
        with gr.Tab(name.capitalize(), id=name, elem_id=panel_of(name)) as label:
            answered = Answered() if any(kind.FOLLOWS_CANVAS for kind in TABS[name]) else None
            parts: list[Part] = []
            for kind in TABS[name]:
                parts.append(kind.build(START, parts))
            about = info_button(f"tab-{name}", f"the tab {name.capitalize()}")
            gr.HTML(about, elem_classes="tab-about", apply_default_css=False)
        return cls(label=label, parts=tuple(parts), answered=answered)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The components of the page.

    Attributes:
        opened: the name of the open tab, in an invisible control.
        preferred: the methods that the visitor wants to compare, including those that the current data set lacks; invisible.
        address: the browser's address.
        painter: the canvas.
        tabs_box: the container of the tabs.
        tabs: the tabs, by name.
        caution: a note about the models of the data set.
        dataset, picker, presets: the choices of data set, sample and mask.
        digit_upload, own_digit, digit_aligner: uploads of a digit.
        own_face, face_aligner: uploads of a face.
        mask_upload: uploads of a mask.
        take: the buttons for link, picture, numbers and code.
        examples: the prepared scenes.
    """

    opened: gr.Radio
    preferred: SomeThatFollow
    address: AddressBar
    painter: MaskPainter
    tabs_box: gr.Tabs
    tabs: dict[str, Tab]
    caution: gr.HTML
    dataset: gr.Radio
    picker: SamplePicker
    presets: tuple[gr.Button, ...]
    digit_upload: gr.UploadButton
    own_digit: gr.Column
    digit_aligner: PhotoAligner
    own_face: gr.Column
    face_aligner: PhotoAligner
    mask_upload: gr.UploadButton
    take: TakeAway
    examples: ExampleList

    @classmethod
    def build(cls) -> Self:
        """Lay out the page inside the current `gr.Blocks`, as on a first visit."""
        first = Address.first(START)
        # The browser keeps both, so that they survive a restart of the server.
        opened = OneOf(list(TABS), value=first.tab, visible=False)
        preferred = SomeThatFollow(list(methods()), value=shown_first(), visible=False)
        address = AddressBar()
        gr.HTML(MASTHEAD, apply_default_css=False)
        examples = ExampleList(elem_id="examples")
        with gr.Row(equal_height=False, elem_classes="stage"):
            with gr.Column(elem_classes="canvas"):
                canvas = Canvas(Scene.sample(START, first.sample), first.mask)
                painter = MaskPainter(canvas, list(map(panel_of, TABS)), elem_id="painter")
            with gr.Column(elem_classes="results"):
                LookClosely(elem_id="look")
                with gr.Tabs(selected=first.tab) as tabs_box:
                    tabs = {name: Tab.build(name) for name in TABS}
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
                upload = OFFERS[START].upload
                with gr.Row(elem_classes="chips"):
                    digit_upload = _upload_button("Upload a digit…", "digit-upload", visible=upload == "digit")
                    mask_upload = _upload_button("Upload a mask…", "mask-upload")
                with gr.Column(visible=upload == "digit") as own_digit:
                    digit_aligner = PhotoAligner(DIGIT, elem_id="digit-aligner")
                with gr.Column(visible=upload == "face") as own_face:
                    face_aligner = PhotoAligner(FACE, elem_id="aligner")
                _heading("Take it away")
                take = TakeAway(elem_id="take")
        Explainer(elem_id="explainer")
        Presenter(elem_id="presenter")
        Audience(elem_id="audience")
        return cls(
            opened=opened,
            preferred=preferred,
            address=address,
            painter=painter,
            tabs_box=tabs_box,
            tabs=tabs,
            caution=caution,
            dataset=dataset,
            picker=picker,
            presets=presets,
            digit_upload=digit_upload,
            own_digit=own_digit,
            digit_aligner=digit_aligner,
            own_face=own_face,
            face_aligner=face_aligner,
            mask_upload=mask_upload,
            take=take,
            examples=examples,
        )

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of all tabs."""
        return tuple(part for tab in self.tabs.values() for part in tab.parts)

    def part(self, kind: type[Kind]) -> Kind:
        """Return the part of a class."""
        return next(part for part in self.parts if isinstance(part, kind))


def panel_of(tab: str) -> str:
    """Return the id of the panel below a tab's label."""
    return f"tab-{tab}"


def _heading(text: str) -> None:
    gr.HTML(f'<h2 class="section">{text}</h2>', apply_default_css=False)


def _upload_button(label: str, elem_id: str, visible: bool = True) -> gr.UploadButton:
    return gr.UploadButton(label, file_types=["image"], type="binary", size="sm", elem_id=elem_id, visible=visible)
