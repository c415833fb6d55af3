"""Handlers for changes of the canvas, and for the open tab that follows it.

A handler that changes the canvas changes nothing else: the painter then sends its mask to the visible tab, which renders itself;
other tabs do so when they are opened. The cache lets all tabs share one pass through each model.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr
from gradio.events import Dependency
from PIL import Image
from torch import Tensor

from dmfa_demo.app.canvas.handwriting import cut_digit, find_digit
from dmfa_demo.app.canvas.photo_aligner import Photo
from dmfa_demo.app.canvas.presets import OFFERS
from dmfa_demo.app.canvas.sample_picker import Choice
from dmfa_demo.app.canvas.uploads import mask_from_picture, read_picture
from dmfa_demo.app.layout import Layout, panel_of
from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.canvas import Canvas
from dmfa_demo.app.scene.scene import Scene, draw_mask, fitted
from dmfa_demo.app.tabs.part import Answering
from dmfa_demo.app.widgets.handlers import LATEST, ONCE, in_turn, on_canvas
from dmfa_demo.figures import grey_or_colour


def follow_canvas(layout: Layout, cache: ImputationCache) -> list[Dependency]:
    """Listen to the painter, to the tabs' labels, and to everything that changes the canvas.

    Returns:
        The events that open another tab.
    """
    painter = layout.painter

    opened = []
    for name, tab in layout.tabs.items():
        # The browser reports which tab is open, since answers may arrive out of order.
        js = f"() => '{name}'"
        opened.append(tab.label.select(None, [], [layout.opened], js=js, api_visibility="private"))
        if tab.answered is None:
            continue
        listeners = [tab.label.select, painter.painted(panel_of(name))]
        if len(tab.parts) == 1:
            # Controls share the event of the strokes, since two requests may overtake each other on the way to the server.
            listeners += tab.parts[0].working()
        inputs = {painter, *(component for part in tab.parts for component in part.inputs)}
        outputs = [*(output for part in tab.parts for output in part.outputs), tab.answered]
        answering = Answering(tab.parts, painter, cache)
        gr.on(listeners, in_turn(answering, answering.gather), inputs, outputs, **LATEST)
    on_canvas(layout.picker.select, _pick, [layout.picker, painter], [painter], **LATEST)
    for position, button in enumerate(layout.presets):
        on_canvas(button.click, partial(_preset, position), [painter], [painter], **LATEST)
    on_canvas(layout.mask_upload.upload, _take_mask, [layout.mask_upload, painter], [painter], **ONCE)
    taken = [painter, layout.picker]
    doubted = [*taken, layout.digit_aligner]
    on_canvas(layout.digit_upload.upload, _take_digit, [layout.digit_upload, painter], doubted, **ONCE)
    on_canvas(layout.digit_aligner.input, _take_cut_digit, [layout.digit_aligner, painter], taken, **ONCE)
    on_canvas(layout.face_aligner.input, _take_face, [layout.face_aligner, painter], taken, **ONCE)
    return opened


def _pick(choice: Choice | None, canvas: Canvas) -> Any:
    if choice is None or choice.dataset != canvas.scene.dataset:  # clicked before the data set changed
        return gr.skip()
    picked = Scene.sample(choice.dataset, choice.number)
    return Canvas(picked, fitted(canvas.missing, picked), change="picture")


def _preset(position: int, canvas: Canvas) -> Canvas:
    name = OFFERS[canvas.scene.dataset].presets[position][1]
    return Canvas(canvas.scene, draw_mask(name, canvas.scene), change="mask")


def _take_mask(data: bytes, canvas: Canvas) -> Canvas:
    missing = mask_from_picture(read_picture(data), *canvas.scene.image.shape[1:])
    return Canvas(canvas.scene, missing, change="mask")


def _take_digit(data: bytes, canvas: Canvas) -> list[Any]:
    """Return the digit in a picture and, if it is doubtful, the picture to cut it out by hand."""
    picture = read_picture(data)
    found = find_digit(picture)
    photo = gr.skip() if found.unsure is None else Photo(picture, found.box, found.unsure)
    return [*_take_own(Scene.own("mnist", found.image), canvas), photo]


def _take_cut_digit(cut: Tensor, canvas: Canvas) -> list[Any]:
    picture = Image.fromarray(grey_or_colour(cut))
    return _take_own(Scene.own("mnist", cut_digit(picture, (0, 0, *picture.size))), canvas)


def _take_face(face: Tensor, canvas: Canvas) -> list[Any]:
    return _take_own(Scene.own("celeba", face), canvas)


def _take_own(own: Scene, canvas: Canvas) -> list[Any]:
    if canvas.scene.dataset != own.dataset:  # the data set changed meanwhile
        return [gr.skip(), gr.skip()]
    return [Canvas(own, fitted(canvas.missing, own), change="picture"), None]
