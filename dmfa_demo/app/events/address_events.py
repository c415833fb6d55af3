"""Handlers for arrival by a link, the choice of a data set, and updates of the address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.events import Dependency
from torch import Tensor

from dmfa_demo.app.canvas.presets import OFFERS, START
from dmfa_demo.app.canvas.sample_picker import Choice
from dmfa_demo.app.contents import FIELDS
from dmfa_demo.app.events.address_values import address_from_values, address_inputs, controls_of
from dmfa_demo.app.layout import Layout
from dmfa_demo.app.scene.canvas import Canvas
from dmfa_demo.app.scene.scene import Scene, fitted
from dmfa_demo.app.sharing.address import Address
from dmfa_demo.app.sharing.address_bar import GREETED
from dmfa_demo.app.sharing.examples import Example
from dmfa_demo.app.tabs.compare import update_preference
from dmfa_demo.app.tabs.part import Values, components, value_of
from dmfa_demo.app.tabs.results import ResultsTab
from dmfa_demo.app.widgets.handlers import AT_ONCE, LATEST, on_canvas, on_input, warn, with_user_warnings
from dmfa_demo.app.widgets.info import caution
from dmfa_demo.registry import shown_first

Contents = dict[Block, Any]


def follow_address(layout: Layout, page: gr.Blocks, changed: list[Dependency]) -> None:
    """Listen to a visitor's arrival, to the choice of a data set or a prepared scene, and to all controls in the address.

    Args:
        changed: events whose answers change state without a control.
    """
    controls = controls_of(layout)

    def arrange(scene: Scene, missing: Tensor, sample: int, chosen: Mapping[str, Any]) -> Contents:
        """Return the updates of the page for a data set and a picture.

        Args:
            sample: the number of the picture.
            chosen: the values of all controls that depend on the data set; `methods` are the preferred ones.
        """
        offer, contents = OFFERS[scene.dataset], {}
        for part in layout.parts:
            contents |= zip(part.followers, part.follow(scene.dataset, **chosen))
        return {
            layout.painter: Canvas(scene, missing),
            layout.picker: Choice(scene.dataset, sample),
            layout.preferred: chosen["methods"],
            layout.caution: caution(scene.dataset),
            **{button: gr.Button(value=label) for button, (label, _) in zip(layout.presets, offer.presets)},
            layout.digit_upload: gr.UploadButton(visible=offer.upload == "digit"),
            layout.own_digit: gr.Column(visible=offer.upload == "digit"),
            layout.own_face: gr.Column(visible=offer.upload == "face"),
            **contents,
        }

    def show(address: Address) -> Contents:
        """Return the updates of the page for an address; the painter then sends its mask, and the open tab is rendered."""
        sample = OFFERS[address.dataset].sample if address.sample is None else address.sample
        scene = Scene.sample(address.dataset, sample)
        preferred = update_preference(address.dataset, shown_first(), address["methods"])
        values: Contents = {}
        for key, field in FIELDS.items():
            several = isinstance(controls[key], tuple)
            contents = map(field.content, address[key]) if several else [field.content(address[key])]
            values |= zip(components(controls[key]), contents)
        return {
            layout.dataset: address.dataset,
            layout.opened: address.tab,
            layout.tabs_box: gr.Tabs(selected=address.tab),
            **values,
            **arrange(scene, address.mask, sample, {**address.chosen, "methods": preferred}),
        }

    def arrive(request: gr.Request) -> Contents | dict[str, Any]:
        address, first = Address.from_query(request.query_params), Address.first(START)
        if (asked := request.query_params.get("dataset", START)) not in OFFERS:
            warn(f"there is no data set {asked!r:.40} on this page; choose one of those below the picture")
        # Existing contents stay, since the visitor may have begun to paint or look around.
        if address.query() == first.query():
            return gr.skip()
        there: set[Block] = set()
        if address.tab == first.tab:
            there |= {layout.tabs_box, layout.opened}
        if address.dataset == START:
            usual = [key for key in FIELDS if address[key] == first[key]]
            there |= {layout.dataset, *(one for key in usual for one in components(controls[key]))}
            # Measures, chart and table depend on both choices.
            results = layout.part(ResultsTab)
            shown = set(results.followers)
            there = there | shown if {results.protocol, results.measure} <= there else there - shown
        contents = show(address)
        if (address.dataset, address.sample) == (START, first.sample) and "mask" not in request.query_params:
            there |= {layout.picker}
            # Sent again for the open tab.
            contents[layout.painter] = Canvas(Scene.sample(START, first.sample), address.mask, change="nothing")
        return {box: content for box, content in contents.items() if box not in there}

    def begin(values: Values) -> Contents:
        example: Example = values[layout.examples]
        return show(example.address)

    def go(values: Values) -> Contents | dict[str, Any]:
        address = values[layout.address]
        return gr.skip() if address is None else show(address)

    def switch(values: Values) -> Contents:
        name, canvas = values[layout.dataset], values[layout.painter]
        if name not in OFFERS:
            raise ValueError(f"there is no data set {name!r:.40}; choose one of {', '.join(OFFERS)}")
        scene = Scene.sample(name, OFFERS[name].sample)
        chosen = {key: value_of(controls[key], values) for key in following}
        chosen["methods"] = update_preference(canvas.scene.dataset, values[layout.preferred], chosen["methods"])
        return arrange(scene, fitted(canvas.missing, scene), OFFERS[name].sample, chosen)

    def describe(values: Values) -> Address:
        return address_from_values(layout, values)

    following = [key for key, field in FIELDS.items() if field.follows]
    arranged: list[Any] = [layout.painter, layout.picker, layout.preferred, layout.caution, *layout.presets]
    arranged += [layout.digit_upload, layout.own_digit, layout.own_face]
    arranged += [box for part in layout.parts for box in part.followers]
    declared = [one for control in controls.values() for one in components(control)]
    everything = list(dict.fromkeys([layout.dataset, layout.opened, layout.tabs_box, *arranged, *declared]))
    arrived = page.load(with_user_warnings(arrive), [], everything, **AT_ONCE)
    arrived.then(None, [], [], js=GREETED, api_visibility="private")
    on_canvas(layout.examples.select, begin, {layout.examples}, everything, **LATEST)
    on_canvas(layout.address.input, go, {layout.address}, everything, **LATEST)
    inputs = {layout.dataset, layout.painter, layout.preferred}
    inputs |= {one for key in following for one in components(controls[key])}
    on_canvas(layout.dataset.input, switch, inputs, arranged, **LATEST)

    # A new picture changes the canvas, which then sends it.
    shown = address_inputs(layout)
    changes = [layout.painter.release, *(on_input(one) for one in declared)]
    gr.on(changes, with_user_warnings(describe), shown, [layout.address], **AT_ONCE)
    for dependency in changed:
        dependency.then(with_user_warnings(describe), shown, [layout.address], **AT_ONCE)
