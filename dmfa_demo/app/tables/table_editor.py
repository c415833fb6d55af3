"""The table editor: a table whose cells a visitor erases and changes, and what models believe is in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import gradio as gr
import numpy as np

from dmfa_demo.app.tables.beliefs import TableState, text_of
from dmfa_demo.app.tables.page_table import PageTable
from dmfa_demo.app.widgets.own_component import files_of

# The most cells and changes of a request.
MOST = 2_000


@dataclass(frozen=True, kw_only=True)
class Question:
    """What the browser asks.

    Attributes:
        table: the name of the table; None for the scene to begin with.
        view: the name of the table whose cells the browser has; None for none.
        erased: places, "row,column".
        edits: place -> value.
        focus: the place in focus, or None.
        seed: seeds all draws.
        revision: the number of this question, which the answer returns.
    """

    table: str | None
    view: str | None
    erased: list[str]
    edits: dict[str, float] = field(default_factory=dict)
    focus: str | None = None
    seed: int = 0
    revision: int = 0

    def state(self, table: PageTable) -> TableState:
        """Return the state of a table.

        Raises:
            ValueError: If a place or value is not in the table.
        """
        erased = np.isnan(table.shown)
        for place in self.erased:
            erased[_place(place, table)] = True
        edits = {_place(place, table): value for place, value in self.edits.items()}
        for (_, column), value in edits.items():
            categories = table.schema.columns[column].categories
            if categories is not None and value not in range(len(categories)):
                raise ValueError(
                    f"{table.schema.columns[column].name} has {len(categories)} categories; got {value!r:.40}"
                )
        focus = None if self.focus is None else _place(self.focus, table)
        return TableState(erased=erased, edits=edits, focus=focus, seed=self.seed)


class TableEditor(gr.HTML):
    """A table to erase cells in. It returns a `Question`; answers reach it through a `TableAnswer`."""

    def __init__(self, **kwargs: Any):
        super().__init__(**files_of(__file__), **kwargs)

    def preprocess(self, payload: Any) -> Question:
        try:
            return _question(payload)
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from None

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}

    def example_payload(self) -> dict[str, Any]:
        return {"table": "iris", "view": None, "erased": ["0,2"], "edits": {}, "focus": "0,2", "seed": 0, "revision": 1}

    def example_value(self) -> dict[str, Any]:
        return self.example_payload()


class TableAnswer(gr.HTML):
    """An invisible component that hands an answer to the `TableEditor`, see table_editor.js."""

    def __init__(self, **kwargs: Any):
        script = """watch("value", () => {
            if (props.value) document.dispatchEvent(new CustomEvent("table-answer", { detail: props.value }));
        });"""
        super().__init__(html_template="", js_on_load=script, apply_default_css=False, **kwargs)

    def postprocess(self, value: dict[str, Any] | None) -> dict[str, Any] | None:
        return value

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}


def cells_of(table: PageTable) -> dict[str, Any]:
    """Return what the browser shows of a table before a model has answered."""
    places = np.argwhere(np.isnan(table.shown))
    return {
        "name": table.name,
        "title": table.title,
        "about": table.about,
        "columns": [
            {
                "name": str(column.name),
                "categories": None if column.categories is None else list(map(str, column.categories)),
            }
            for column in table.schema.columns
        ],
        "cells": [[text_of(table, place, value) for place, value in enumerate(row)] for row in table.shown],
        "values": [[None if np.isnan(value) else round(float(value), 6) for value in row] for row in table.shown],
        "absent": [f"{row},{column}" for row, column in places],
    }


def _question(payload: Any) -> Question:
    given = payload if isinstance(payload, dict) else {}
    erased, edits = given.get("erased"), given.get("edits")
    table, view, focus = given.get("table"), given.get("view"), given.get("focus")
    if (
        not (table is None or isinstance(table, str))
        or not (view is None or isinstance(view, str))
        or not (focus is None or isinstance(focus, str))
        or not isinstance(erased, list)
        or not isinstance(edits, dict)
        or len(erased) + len(edits) > MOST
        or not all(isinstance(place, str) for place in erased)
        or not all(_is_number(value) for value in edits.values())
    ):
        raise ValueError(f"ask with a table, erased places and edits; got {payload!r:.60}")
    seed, revision = given.get("seed", 0), given.get("revision", 0)
    if not isinstance(seed, int) or not 0 <= seed < 2**31 or not isinstance(revision, int):
        raise ValueError(f"seed and revision must be whole numbers from 0; got {seed!r:.20} and {revision!r:.20}")
    return Question(table=table, view=view, erased=erased, edits=edits, focus=focus, seed=seed, revision=revision)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e12


def _place(text: str, table: PageTable) -> tuple[int, int]:
    """Return a place of a table from "row,column"."""
    row, _, column = text.partition(",")
    rows, columns = table.shown.shape
    if not (row.isascii() and row.isdigit() and column.isascii() and column.isdigit()):
        raise ValueError(f"a place is ROW,COLUMN; got {text!r:.40}")
    if int(row) >= rows or int(column) >= columns:
        raise ValueError(f"the table has {rows} rows and {columns} columns; got {text!r:.40}")
    return int(row), int(column)
