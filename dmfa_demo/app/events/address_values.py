"""Build the page's address from the values of its controls."""

from __future__ import annotations

from gradio.components import Component

from dmfa_demo.app.layout import Layout
from dmfa_demo.app.scene.canvas import Canvas
from dmfa_demo.app.sharing.address import Address
from dmfa_demo.app.tabs.part import Control, Values, components, value_of


def controls_of(layout: Layout) -> dict[str, Control]:
    """Return the controls in the address, by key."""
    return {field.key: getattr(part, field.control) for part in layout.parts for field in part.FIELDS}


def address_inputs(layout: Layout) -> set[Component]:
    """Return the components whose values `address_from_values` takes."""
    controls = {one for control in controls_of(layout).values() for one in components(control)}
    return {layout.painter, layout.opened, *controls}


def address_from_values(layout: Layout, values: Values) -> Address:
    """Return the address of the page's current contents."""
    canvas: Canvas = values[layout.painter]
    chosen = {}
    for part in layout.parts:
        for field in part.FIELDS:
            value = value_of(getattr(part, field.control), values)
            # A control of another data set is empty until its choices arrive.
            if value not in (None, ""):
                chosen[field.key] = field.value(value)
    first = Address.first(canvas.scene.dataset)
    tab = values[layout.opened] or first.tab
    return first.changed(sample=canvas.scene.number, mask=canvas.missing, tab=tab, **chosen)
