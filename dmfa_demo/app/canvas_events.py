"""What happens when something is put on the canvas, and how the open tab follows it.

Whatever changes the canvas only changes the canvas: the painter then sends its mask to the tab that is in sight, which renders
itself; the others do when they are opened. The cache lets all share one pass through each model.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr
from gradio.events import Dependency
from torch import Tensor

from dmfa_demo.app.cache import ImputationCache
from dmfa_demo.app.events import LATEST, ONCE, STROKES, told, worked
from dmfa_demo.app.layout import Layout, panel_of
from dmfa_demo.app.mask_painter import Canvas
from dmfa_demo.app.memory import Memory
from dmfa_demo.app.part import rendering
from dmfa_demo.app.presets import OFFERS
from dmfa_demo.app.sample_picker import Choice
from dmfa_demo.app.scene import Scene, draw_mask, fitted
from dmfa_demo.app.uploads import digit_from_picture, mask_from_picture, read_picture


def follow_canvas(layout: Layout, cache: ImputationCache) -> list[Dependency]:
    """Listen to the painter, to the tabs' labels, and to all that puts something on the canvas.

    Returns:
        What opens another tab.
    """
    painter, scene = layout.painter, layout.scene

    looked = []
    for name, tab in layout.tabs.items():
        label = layout.labels[name]
        # Which tab is open the browser itself says: an answer might come after that to the next one.
        looked.append(label.select(None, [], [layout.opened], js=f"() => '{name}'", api_visibility="private"))
        if not tab.outputs:  # the results of all test images do not follow the canvas
            continue
        asking, when_free = [label.select, painter.painted(panel_of(name))], LATEST
        if name == "compare":
            # Of it alone the strokes of several visitors are answered together. What is answered so can overtake what is
            # not, so that its controls are of the same event.
            asking, when_free = asking + list(map(worked, tab.inputs)), STROKES
        gr.on(asking, told(rendering(tab, cache)), [painter, scene, *tab.inputs], tab.outputs, **when_free)
    layout.picker.select(told(_pick), [layout.picker, painter, scene], [scene, painter], **LATEST)
    for position, button in enumerate(layout.presets):
        button.click(told(partial(_preset, position)), [scene], [painter], **LATEST)
    layout.mask_upload.upload(told(_take_mask), [layout.mask_upload, scene], [painter], **ONCE)
    taken = [scene, painter, layout.picker]
    layout.digit_upload.upload(told(_take_digit), [layout.digit_upload, painter, scene], taken, **ONCE)
    layout.aligner.input(told(_take_face), [layout.aligner, painter, scene], taken, **ONCE)
    return looked


def _pick(choice: Choice | None, missing: Tensor, scene: Scene) -> list[Any]:
    if choice is None or choice.dataset != scene.dataset:  # it was clicked before another data set came
        return [gr.skip(), gr.skip()]
    picked = Scene.sample(choice.dataset, choice.number)
    return [picked, Canvas(fitted(missing, picked), picked.image, kept=True)]


def _preset(position: int, scene: Scene) -> Canvas:
    return Canvas(draw_mask(OFFERS[scene.dataset].presets[position][1], scene))


def _take_mask(data: bytes, scene: Scene) -> Canvas:
    return Canvas(mask_from_picture(read_picture(data), *scene.image.shape[1:]))


def _take_digit(data: bytes, missing: Tensor, scene: Scene) -> list[Any]:
    own = Scene("mnist", digit_from_picture(read_picture(data)), "your own digit", own=Memory())
    return _take_own(own, missing, scene)


def _take_face(face: Tensor, missing: Tensor, scene: Scene) -> list[Any]:
    return _take_own(Scene("celeba", face, "your own face", own=Memory()), missing, scene)


def _take_own(own: Scene, missing: Tensor, scene: Scene) -> list[Any]:
    if scene.dataset != own.dataset:  # somebody went on while it was on its way
        return [gr.skip(), gr.skip(), gr.skip()]
    return [own, Canvas(fitted(missing, own), own.image, kept=True), None]
