"""Handlers for the controls of the tabs."""

from __future__ import annotations

import gradio as gr
from gradio.events import Dependency

from dmfa_demo.app.layout import Layout, panel_of
from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.tabs.part import Part, Values
from dmfa_demo.app.widgets.handlers import LATEST, in_turn


def follow_controls(layout: Layout, cache: ImputationCache) -> list[Dependency]:
    """Listen to every control except those that change the canvas.

    Returns:
        The events that change state without a control, such as the number of a draw.
    """
    changes = []
    for name, tab in layout.tabs.items():
        for part in tab.parts:
            # One event for all controls, so that the last answer reflects all of them. The controls of a single part share the event of
            # its strokes, see `follow_canvas`.
            if len(tab.parts) > 1 and part.FOLLOWS_CANVAS and part.working():
                gr.on(
                    part.working(),
                    _rendering(part, layout, cache),
                    {layout.painter, *part.inputs},
                    part.outputs,
                    **LATEST,
                )
            changes += part.listen(layout.painter, cache, panel_of(name))
    return changes


def _rendering(part: Part, layout: Layout, cache: ImputationCache):
    def handler(values: Values):
        return part.answer(values, layout.painter, cache)

    return in_turn(handler)
