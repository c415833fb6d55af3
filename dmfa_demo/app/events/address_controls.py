"""The controls behind each word of an address, and the address of what they show."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Any

import gradio as gr

from dmfa_demo.app.canvas.mask_painter import Canvas
from dmfa_demo.app.layout import Layout
from dmfa_demo.app.sharing.address import Address

# Words of an address that several controls say together.
SEVERAL = ("z", "latent")


def controls_of(layout: Layout) -> dict[str, list[gr.components.Component]]:
    """The controls behind each word of an address."""
    return {
        "show": [layout.compare.view],
        "methods": [layout.compare.methods],
        "of": [layout.factors.method],
        "gaussian": [layout.factors.component],
        "z": [*layout.factors.sliders],
        "noise": [layout.samples.noise],
        "seed": [layout.samples.seed],
        "latent": [*layout.walk.sliders],
        "map": [layout.attractors.plane],
        "step": [layout.attractors.step_size],
        "walk": [layout.attractors.seed],
        "growth": [layout.mind.growth],
        "hole": [layout.mind.seed],
        "lesson": [layout.learn.chapter],
        "slice": [layout.learn.player],
        "protocol": [layout.results.protocol],
        "measure": [layout.results.measure],
    }


def described(layout: Layout, canvas: Canvas, opened: str | None, *values: Any) -> Address:
    """The address of what is on the page, from the values of `describing`."""
    given = iter(values)
    said: dict[str, Any] = {"tab": opened}
    for name, controls in controls_of(layout).items():
        own = tuple(islice(given, len(controls)))
        said[name] = tuple(map(float, own)) if name in SEVERAL else own[0]  # the browser sends 0 for 0.0
    said["methods"] = tuple(said["methods"])
    return replace(
        Address.first(canvas.scene.dataset),
        sample=canvas.scene.number,
        mask=canvas.missing,
        # What is of another data set for as long as its own is on the way is not in sight.
        **{name: value for name, value in said.items() if value not in (None, "")},
    )


def describing(layout: Layout) -> list[gr.components.Component]:
    """What `described` takes after the layout."""
    controls = [control for some in controls_of(layout).values() for control in some]
    return [layout.painter, layout.opened, *controls]
