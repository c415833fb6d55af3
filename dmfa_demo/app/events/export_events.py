"""Handlers for the export buttons."""

from __future__ import annotations

from dmfa_demo.app.events.address_values import address_from_values, address_inputs
from dmfa_demo.app.layout import Layout
from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.sharing.export import Code, File, take_away
from dmfa_demo.app.tabs.part import Values
from dmfa_demo.app.widgets.handlers import ONCE, in_turn


def offer_take_away(layout: Layout, cache: ImputationCache) -> None:
    """Listen to the buttons for the picture, the numbers and the code."""

    def give(values: Values) -> File | Code:
        scene = values[layout.painter].scene
        return take_away(values[layout.take], scene, address_from_values(layout, values), cache)

    layout.take.input(in_turn(give), {layout.take, *address_inputs(layout)}, [layout.take], **ONCE)
