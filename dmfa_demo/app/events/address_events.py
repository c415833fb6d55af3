"""What happens when somebody arrives by a link or chooses another data set, and how the address follows the page."""

from __future__ import annotations

from itertools import chain
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.events import Dependency
from torch import Tensor

from dmfa_demo.app.canvas.mask_painter import Canvas
from dmfa_demo.app.canvas.presets import OFFERS, START
from dmfa_demo.app.canvas.sample_picker import Choice
from dmfa_demo.app.events.address_controls import SEVERAL, controls_of, described, describing
from dmfa_demo.app.events.events import AT_ONCE, LATEST, on_canvas, told, worked
from dmfa_demo.app.layout import Layout
from dmfa_demo.app.scene.scene import Scene, fitted
from dmfa_demo.app.sharing.address import Address
from dmfa_demo.app.sharing.address_bar import GREETED
from dmfa_demo.app.sharing.examples import Example
from dmfa_demo.app.tabs.compare import still_wanted
from dmfa_demo.app.widgets.info import caution
from dmfa_demo.registry import shown_first

Contents = dict[Block, Any]


def follow_address(layout: Layout, page: gr.Blocks, changed: list[Dependency]) -> None:
    """Listen to whoever arrives, to the choice of data set, and to everything that an address holds.

    Args:
        changed: what changes, once it is answered, something that no control shows.
    """
    compare, factors, attractors, results = layout.compare, layout.factors, layout.attractors, layout.results
    kept = controls_of(layout)

    def arrange(
        scene: Scene,
        missing: Tensor,
        sample: int,
        wanted: list[str],
        of: str | None,
        plane: str | None,
        protocol: str | None,
        measure: str | None,
    ) -> Contents:
        """What a data set and a picture of it change on the page."""
        offer = OFFERS[scene.dataset]
        followed = [
            (compare, compare.follow(scene.dataset, wanted)),
            (factors, factors.follow(scene.dataset, of)),
            (layout.walk, layout.walk.follow(scene.dataset)),
            (layout.filling, layout.filling.follow(scene.dataset)),
            (attractors, attractors.follow(scene.dataset, plane)),
            (results, results.follow(scene.dataset, protocol, measure)),
        ]
        return {
            layout.painter: Canvas(scene, missing),
            layout.picker: Choice(scene.dataset, sample),
            layout.wanted: wanted,
            layout.caution: caution(scene.dataset),
            **{button: gr.Button(value=label) for button, (label, _) in zip(layout.presets, offer.presets)},
            layout.digit_upload: gr.UploadButton(visible=scene.dataset == "mnist"),
            layout.own_digit: gr.Column(visible=scene.dataset == "mnist"),
            layout.own_face: gr.Column(visible=scene.dataset == "celeba"),
            **{box: content for part, contents in followed for box, content in zip(part.followers, contents)},
        }

    def show(address: Address) -> Contents:
        """What an address changes on the page; the painter then sends its mask, and the open tab is rendered."""
        sample = OFFERS[address.dataset].sample if address.sample is None else address.sample
        scene = Scene.sample(address.dataset, sample)
        wanted = still_wanted(address.dataset, shown_first(), address.methods)
        values = {}
        for name, some in kept.items():
            said = getattr(address, name)
            values |= zip(some, said if name in SEVERAL else [said])
        return {
            layout.dataset: address.dataset,
            layout.opened: address.tab,
            layout.tabs_box: gr.Tabs(selected=address.tab),
            **values,
            factors.component: factors.choose(address.gaussian),
            **arrange(scene, address.mask, sample, wanted, address.of, address.map, address.protocol, address.measure),
        }

    def arrive(request: gr.Request) -> Contents | dict[str, Any]:
        address, first = Address.from_query(request.query_params), Address.first(START)
        # What is there already stays as it is, since somebody may have begun to paint, or to look around.
        if address.query() == first.query():
            return gr.skip()
        there = set()
        if address.tab == first.tab:
            there |= {layout.tabs_box, layout.opened}
        if address.dataset == START:
            usual = [some for name, some in kept.items() if getattr(address, name) == getattr(first, name)]
            there |= {layout.dataset, *chain.from_iterable(usual)}
            # Which measures there are, chart and table belong to both choices together.
            shown = {*results.followers}
            there = there | shown if there >= {results.protocol, results.measure} else there - shown
        contents = show(address)
        if (address.dataset, address.sample) == (START, first.sample) and "mask" not in request.query_params:
            there |= {layout.picker}
            start = Scene.sample(START, first.sample)
            contents[layout.painter] = Canvas(
                start, address.mask, change="nothing"
            )  # says again what is on it, for the open tab
        return {box: content for box, content in contents.items() if box not in there}

    def begin(example: Example) -> Contents:
        return show(example.address)

    def switch(
        name: str | None, canvas: Canvas, wanted: list[str], methods: list[str], *choices: str | None
    ) -> Contents:
        if name not in OFFERS:
            raise ValueError(f"there is no data set {name!r:.40}; choose one of {', '.join(OFFERS)}")
        chosen = Scene.sample(name, OFFERS[name].sample)
        wanted = still_wanted(canvas.scene.dataset, wanted, methods)
        return arrange(chosen, fitted(canvas.missing, chosen), OFFERS[name].sample, wanted, *choices)

    controls = [control for some in kept.values() for control in some]
    arranged = [layout.painter, layout.picker, layout.wanted, *layout.presets]
    arranged += [layout.caution, layout.digit_upload, layout.own_digit, layout.own_face]
    arranged += [
        box for part in (compare, factors, layout.walk, layout.filling, attractors, results) for box in part.followers
    ]
    everything = list(dict.fromkeys([layout.dataset, layout.opened, layout.tabs_box, *arranged, *controls]))
    arrived = page.load(told(arrive), [], everything, **AT_ONCE)
    arrived.then(None, [], [], js=GREETED, api_visibility="private")
    on_canvas(layout.examples.select, begin, [layout.examples], everything, **LATEST)
    choices = [compare.methods, factors.method, attractors.plane, results.protocol, results.measure]
    asked = [layout.dataset, layout.painter, layout.wanted, *choices]
    on_canvas(layout.dataset.input, switch, asked, arranged, **LATEST)

    def describe(*shown: Any) -> Address:
        return described(layout, *shown)

    shown = describing(layout)
    # Whatever changes the picture changes the canvas, which then says so.
    telling = [layout.painter.release, *(worked(control) for control in controls if not isinstance(control, gr.State))]
    gr.on(telling, told(describe), shown, [layout.address], **AT_ONCE)
    for dependency in changed:
        dependency.then(told(describe), shown, [layout.address], **AT_ONCE)
