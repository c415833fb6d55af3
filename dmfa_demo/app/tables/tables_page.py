"""The page Tables: layout and events."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from threading import Thread
from typing import Any

import gradio as gr
import numpy as np

from dmfa_demo.app.sharing.preview import TITLE
from dmfa_demo.app.tables.beliefs import TableState, believe
from dmfa_demo.app.tables.csv_table import read_csv
from dmfa_demo.app.tables.measured_errors import render_errors
from dmfa_demo.app.tables.page_table import MODELS, OFFERED, PageTable, built_in
from dmfa_demo.app.tables.table_editor import Question, TableAnswer, TableEditor, cells_of
from dmfa_demo.app.tables.table_scenes import SCENES, TableScene
from dmfa_demo.app.widgets.handlers import EVERY, LATEST, STREAMED, in_turn, stream_with_user_warnings, warn
from dmfa_demo.app.widgets.segments import OneThatFollows
from dmfa_demo.tables.datasets import DATASETS

MASTHEAD = f"""
<header class="masthead">
  <h1>{TITLE}</h1>
  <p>Tables: erase cells, and see what different models believe is in them. <a href="./">Pictures</a></p>
</header>
"""
OWN = "Your table"
# Seconds between two messages while a model learns.
PERIOD = 0.5


def build_tables() -> None:
    """Lay out the page inside the current route, and connect its events."""
    own = gr.State(None)
    gr.HTML(MASTHEAD, apply_default_css=False)
    with gr.Row(elem_classes="choices"):
        tables = OneThatFollows(
            [(DATASETS[name].title, name) for name in OFFERED],
            value=SCENES[0].table,
            label="Table",
            show_label=False,
            elem_classes="segments",
            elem_id="tables",
        )
        upload = gr.UploadButton(
            "Your own CSV…", file_types=[".csv", ".tsv", ".txt"], type="binary", size="sm", elem_id="csv"
        )
        learn = gr.Button(f"Let {MODELS['vaeac'].title} learn this table", size="sm", elem_id="learn-vaeac")
    with gr.Row(elem_classes="chips"):
        scenes = [gr.Button(scene.title, size="sm", elem_id=f"scene-{number}") for number, scene in enumerate(SCENES)]
    note = gr.HTML("", elem_id="table-note", apply_default_css=False)
    editor, shown = TableEditor(elem_id="table-editor"), TableAnswer()
    with gr.Accordion("How well the methods fill in whole tables", open=False):
        gr.HTML(render_errors(), elem_id="measured-errors", apply_default_css=False)

    answered = [shown, tables, note]
    editor.select(in_turn(answer), [editor, own], answered, **LATEST)
    tables.input(in_turn(start), [tables, own], answered, **LATEST)
    for scene, button in zip(SCENES, scenes):
        button.click(in_turn(partial(play, scene)), None, answered, **EVERY)
    upload.upload(stream_with_user_warnings(receive), [upload], [own, *answered], **STREAMED)
    learnt = learn.click(stream_with_user_warnings(learn_vaeac), [editor, own], [note], **STREAMED)
    learnt.then(in_turn(answer_of_vaeac), [editor, own], [shown], **LATEST)


def answer(question: Question, own: PageTable | None) -> tuple[Any, ...]:
    """Return what the models believe, with the cells of a table that the browser does not have yet.

    After a restart of the server a visitor's own table is gone, and the first scene takes its place.

    Raises:
        ValueError: If there is no such table.
    """
    if question.table == "" and own is None:
        warn("your table is no longer on this server; upload it again")
    if question.table is None or (question.table == "" and own is None):
        return play(SCENES[0])
    table = table_named(question.table, own)
    found = {"answered": question.revision, "beliefs": believe(table, question.state(table))}
    if question.view == question.table:
        return found, gr.skip(), gr.skip()
    return found | {"cells": cells_of(table)}, _choice(table), ""


def start(name: str, own: PageTable | None) -> tuple[Any, ...]:
    """Return a table with its last column erased in every other row."""
    table = table_named(name, own)
    erased = np.isnan(table.shown)
    erased[::2, -1] = True
    return _begin(table, erased, (0, erased.shape[1] - 1), "")


def play(scene: TableScene) -> tuple[Any, ...]:
    """Return a prepared scene."""
    return _begin(built_in(scene.table), scene.erased(), scene.focus(), scene.text)


def _begin(table: PageTable, erased: np.ndarray, focus: tuple[int, int], text: str) -> tuple[Any, ...]:
    places = [f"{row},{column}" for row, column in np.argwhere(erased & ~np.isnan(table.shown))]
    state = {"erased": places, "edits": {}, "focus": f"{focus[0]},{focus[1]}"}
    beliefs = believe(table, TableState(erased=erased, focus=focus))
    message = f'<p class="note wide">{text}</p>' if text else ""
    return {"answered": None, "begin": state, "cells": cells_of(table), "beliefs": beliefs}, _choice(table), message


def receive(content: bytes | None) -> Iterator[tuple[Any, ...]]:
    """Read a visitor's table, and let the models learn that do so within seconds.

    Raises:
        ValueError: If it is not a table.
    """
    if content is None:
        raise ValueError("the upload was interrupted; try again")
    table = read_csv(content, OWN)
    quick = [name for name, model in MODELS.items() if not model.on_demand]
    for number, name in enumerate(quick):
        message = f"{MODELS[name].title} learns from {len(table.learnt):,} rows…"
        yield gr.skip(), gr.skip(), gr.skip(), _progress(message, number / len(quick))
        table.model(name)
    yield table, *start("", table)


def learn_vaeac(question: Question, own: PageTable | None) -> Iterator[str]:
    """Let VAEAC learn a table, with messages on how long it takes.

    Raises:
        ValueError: If there is no such table.
    """
    table, name = table_named(question.table, own), "vaeac"
    failed: list[Exception] = []

    def work() -> None:
        try:
            table.model(name)
        except Exception as error:  # shown to the visitor
            failed.append(error)

    thread, began = Thread(target=work), time.monotonic()
    thread.start()
    while thread.is_alive():
        yield _progress(
            f"{MODELS[name].title} learns from {len(table.learnt):,} rows… {time.monotonic() - began:.0f} s"
        )
        thread.join(PERIOD)
    if failed:
        yield ""
        raise ValueError(f"{MODELS[name].title} could not learn this table: {failed[0]!s:.200}")
    yield ""


def answer_of_vaeac(question: Question, own: PageTable | None) -> dict[str, Any]:
    """Return what the models believe, now with VAEAC's answer in the cells, if it could learn.

    Raises:
        ValueError: If there is no such table.
    """
    table = table_named(question.table, own)
    beliefs = believe(table, question.state(table))
    return {"answered": None, "beliefs": beliefs, "prefer": "vaeac" if table.has_learnt("vaeac") else None}


def table_named(name: str | None, own: PageTable | None) -> PageTable:
    """Return an offered table, the visitor's own for "", or that of the first scene for None.

    Raises:
        ValueError: If there is none.
    """
    if name != "":
        return built_in(SCENES[0].table if name is None else name)
    if own is None:
        raise ValueError("your table is no longer on this server; upload it again")
    return own


def _choice(table: PageTable) -> Any:
    offered = [(DATASETS[name].title, name) for name in OFFERED]
    return gr.update(choices=offered if table.name else [*offered, (OWN, "")], value=table.name)


def _progress(text: str, share: float | None = None) -> str:
    value = "" if share is None else f' value="{share:.2f}"'
    return f'<p class="note" role="status"><progress{value} aria-label="Learning"></progress> {text}</p>'
