"""What happens when somebody takes something away."""

from __future__ import annotations

from typing import Any

from dmfa_demo.app.canvas.mask_painter import Canvas
from dmfa_demo.app.events.address_controls import described, describing
from dmfa_demo.app.events.events import ONCE, told
from dmfa_demo.app.layout import Layout
from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.sharing.export import Code, File, take_away


def offer_take_away(layout: Layout, cache: ImputationCache) -> None:
    """Listen to the buttons for the picture, the numbers and the code."""

    def give(wanted: str, canvas: Canvas, *shown: Any) -> File | Code:
        return take_away(wanted, canvas.scene, described(layout, canvas, *shown), cache)

    layout.take.input(told(give), [layout.take, *describing(layout)], [layout.take], **ONCE)
