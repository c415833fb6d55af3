"""The Results tab: figures measured on the test images, and the papers', as a chart and a sortable table."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, Self

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component
from gradio.events import Dependency

from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene
from dmfa_demo.app.tables.measured_errors import render_errors
from dmfa_demo.app.tabs.part import Part, Values
from dmfa_demo.app.widgets.cards import note
from dmfa_demo.app.widgets.fields import AddressField, one_of
from dmfa_demo.app.widgets.handlers import LATEST, in_turn
from dmfa_demo.app.widgets.info import info_button
from dmfa_demo.app.widgets.script import Script
from dmfa_demo.app.widgets.segments import OneOfManyThatFollow
from dmfa_demo.data.datasets import given_as
from dmfa_demo.registry import available_methods, method_class, methods
from dmfa_demo.results import ALSO, MEASURES, Measure, formatted, protocol_title, title_of, treatment_of, with_published
from dmfa_demo.storage.checkpoints import RESULTS, ROOT


@dataclass(frozen=True, kw_only=True)
class ResultsTab(Part):
    """The measured figures, which depend on the tab's controls and the data set, but not on the canvas."""

    FIELDS = (
        AddressField(
            key="protocol",
            control="protocol",
            default=lambda dataset: next((name for _, name in protocols(dataset)), None),
            parse=lambda dataset: one_of(name for _, name in protocols(dataset)),
            follows=True,
        ),
        AddressField(
            key="measure",
            control="measure",
            default=lambda dataset: "sse",
            parse=lambda dataset: one_of(MEASURES),
            follows=True,
        ),
    )
    FOLLOWS_CANVAS = False

    protocol: gr.Dropdown
    measure: gr.Dropdown
    chart: gr.HTML
    table: gr.HTML

    @classmethod
    def build(cls, dataset: str, beside: Sequence[Part] = ()) -> Self:
        first = _Choice.of(dataset, None, "sse")
        with gr.Row(elem_classes="choices"):
            protocol = OneOfManyThatFollow(
                first.protocols,
                value=first.protocol,
                label="What is hidden",
                filterable=False,
                elem_id="results-protocol",
            )
            measure = OneOfManyThatFollow(
                first.measures,
                value=first.measure,
                label="What is measured",
                filterable=False,
                elem_id="results-measure",
            )
        chart = gr.HTML(first.chart(), elem_id="chart", apply_default_css=False)
        script = (Path(__file__).parent / "results.js").read_text()
        table = gr.HTML(first.table(), elem_id="results-table", apply_default_css=False, js_on_load=script)
        gr.HTML(
            note(
                "All figures come from the commands evaluate, line-masks, classifier and wae of python -m train, on test images that no model has "
                "seen. The model cards beside the checkpoints describe how each model was trained and what each measure means."
            ),
            apply_default_css=False,
        )
        gr.HTML(
            f'<details class="of-tables"><summary>Tables of numbers and categories</summary>{render_errors()}</details>',
            apply_default_css=False,
        )
        return cls(protocol=protocol, measure=measure, chart=chart, table=table)

    @property
    def outputs(self) -> list[Component]:
        return []

    def render(self, *arguments: Any, **named: Any) -> list[Any]:
        return []

    @property
    def followers(self) -> list[Block]:
        return [self.protocol, self.measure, self.chart, self.table]

    def follow(self, dataset: str, **chosen: Any) -> list[Any]:
        """Return choices, chart and table, keeping the kind of hole and the measure if there are figures for them."""
        choice = _Choice.of(dataset, chosen["protocol"], chosen["measure"])
        return [
            gr.Dropdown(choices=choice.protocols, value=choice.protocol),
            gr.Dropdown(choices=choice.measures, value=choice.measure),
            choice.chart(),
            choice.table(),
        ]

    @classmethod
    def script(cls, dataset: str, chosen: Mapping[str, Any]) -> Script:
        folders = (dataset, *ALSO.get(dataset, ()))
        body = f"""files = [ROOT / dataset / RESULTS for dataset in {folders!r}]
rows = [row for file in files if file.is_file() for row in json.loads(file.read_text())["rows"]]
rows = [row for row in rows if (row["protocol"], row["metric"]) == ("{chosen["protocol"]}", "{chosen["measure"]}")]
for row in rows:
    print(row["method"], row["value"], "±", row["stderr"], "paper:", row["paper"])
"""
        imports = ("import json", "from dmfa_demo.storage.checkpoints import RESULTS, ROOT")
        return Script(imports, body, of_picture=False)

    def listen(self, painter: gr.HTML, cache: ImputationCache, panel: str) -> list[Dependency]:
        def chart(values: Values) -> tuple[gr.Dropdown, str]:
            return self.render_chart(values[painter].scene, values[self.protocol], values[self.measure])

        def table(values: Values) -> str:
            return self.render_table(values[painter].scene, values[self.protocol])

        # One event for both, so that a choice made while another is answered is answered after it.
        chosen = [self.protocol.input, self.measure.input]
        filled = [self.measure, self.chart]
        gr.on(chosen, in_turn(chart), {painter, self.protocol, self.measure}, filled, **LATEST)
        self.protocol.input(in_turn(table), {painter, self.protocol}, [self.table], **LATEST)
        return []

    def render_chart(self, scene: Scene, protocol: str | None, measure: str | None) -> tuple[gr.Dropdown, str]:
        """Return the contents of `measure`, for a kind of hole, and of `chart`."""
        choice = _Choice.of(scene.dataset, protocol, measure)
        # An unchanged value is omitted, since another may have been chosen by now.
        value: dict[str, Any] = {} if choice.measure == measure else {"value": choice.measure}
        return gr.Dropdown(choices=choice.measures, **value), choice.chart()

    def render_table(self, scene: Scene, protocol: str | None) -> str:
        """Return the content of `table`."""
        return _Choice.of(scene.dataset, protocol, None).table()


@dataclass(frozen=True)
class _Choice:
    """A kind of hole and a measure among those with figures.

    Attributes:
        protocols: (label, name) of the kinds of hole.
        protocol: the name of the chosen one; None if there are no figures.
        measures: (label, name) of the measures with figures for it.
        measure: the name of the chosen one.
    """

    dataset: str
    protocols: list[tuple[str, str]]
    protocol: str | None
    measures: list[tuple[str, str]]
    measure: str

    @classmethod
    def of(cls, dataset: str, protocol: str | None, measure: str | None) -> Self:
        """Choose a kind of hole and a measure, or the first ones if these have no figures."""
        holes = protocols(dataset)
        names = [name for _, name in holes]
        protocol = protocol if protocol in names else next(iter(names), None)
        found = {row["metric"] for row in rows_of(dataset, protocol)}
        known = [name for name in MEASURES if name in found] or list(MEASURES)
        measures = [(MEASURES[name].title, name) for name in known]
        return cls(dataset, holes, protocol, measures, measure if measure in known else known[0])

    def chart(self) -> str:
        """Return the figures of the measure as HTML."""
        rows = [row for row in rows_of(self.dataset, self.protocol) if row["metric"] == self.measure]
        return _chart(rows, MEASURES[self.measure])

    def table(self) -> str:
        """Return all figures of the kind of hole as HTML."""
        measured = {row.get("method") for row in _load(self.dataset)["rows"]}
        waiting = [method_class(name).title for name in available_methods(self.dataset) if name not in measured]
        remark = (
            note(
                f"Not measured yet: {escape(', '.join(waiting))}. Run python -m train evaluate --dataset {given_as(self.dataset)}."
            )
            if waiting
            else ""
        )
        return _table(rows_of(self.dataset, self.protocol), _load(self.dataset)["hardware"]) + remark


def protocols(dataset: str) -> list[tuple[str, str]]:
    """Return (label, name) of the kinds of hole with figures."""
    results = _load(dataset)
    names = dict.fromkeys(row["protocol"] for row in [*results["rows"], *results["published"]])
    return [(protocol_title(name), name) for name in names]


def _read(path: Path) -> dict[str, Any] | None:
    """Read a file of figures; return None if there is none or, with a printed message, if it is damaged."""
    if not path.is_file():
        return None
    try:
        results = json.loads(path.read_text())
        return {key: results[key] for key in ("rows", "published", "hardware")}
    except (ValueError, KeyError, TypeError) as error:
        print(f"left out: {path} is damaged ({error!r:.80}); download it or make it again", file=sys.stderr)
        return None


@cache
def _load(dataset: str) -> dict[str, Any]:
    """Load the figures of a data set, and of the protocols that belong to it under another name."""
    paths = [ROOT / name / RESULTS for name in (dataset, *ALSO.get(dataset, ()))]
    found = [part for path in paths if (part := _read(path))]
    results = {key: [row for part in found for row in part[key]] for key in ("rows", "published")}
    return {**results, "hardware": found[0]["hardware"] if found else ""}


def rows_of(dataset: str, protocol: str | None) -> list[dict[str, Any]]:
    """Return the measured rows of a kind of hole, and the papers' rows for which we have no method."""
    results = _load(dataset)
    return with_published(results["rows"], results["published"], protocol)


def _info(row: dict[str, Any]) -> str:
    """Return the "i" of a row with one of our methods."""
    name = row.get("method", "")
    return info_button(name, title_of(row)) if name in methods() or treatment_of(row) else ""


def _colour(row: dict[str, Any]) -> str:
    """Return the colour of our method, or none for a row without one of the page's methods."""
    if kind := treatment_of(row):
        return kind.colour
    return method_class(row["method"]).colour if row.get("method") in methods() else "currentColor"


def _table(rows: list[dict[str, Any]], hardware: str) -> str:
    """Return a table with a line per method and a column per measure; its headings are buttons that sort (results.js)."""
    lines: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        lines.setdefault(title_of(row), {})[row["metric"]] = row
    shown = [name for name in MEASURES if any(name in line for line in lines.values())]
    headings = "".join(
        f'<th scope="col" title="{escape(MEASURES[name].meaning)}"><button type="button">{escape(MEASURES[name].short)}</button></th>'
        for name in shown
    )
    papers = sorted({row["source"] for row in rows if row["source"]})
    sources = f"Figures of papers: {'; '.join(papers)}." if papers else "No paper reports this."
    body = ""
    for title, line in lines.items():
        first = next(iter(line.values()))
        body += (
            f'<tr><th scope="row" data-value="{escape(title)}" aria-label="{escape(title)}">{escape(title)}{_info(first)}'
            f"<small>{_sizes(first)}</small></th>"
        )
        body += "".join(_cell(line.get(name), MEASURES[name]) for name in shown) + "</tr>"
    if any(row["metric"] == "accuracy" for row in rows):
        errors, counted = "over networks trained with different seeds", "test images × networks"
    else:
        errors, counted = "over images", "test images × masks of each"
    return (
        f'<p class="note below">Everything measured with this hole, with its standard error {errors} and the paper\'s figure '
        f"below; below each name, {counted}, and the number of training images. Click a heading to sort.</p>"
        '<div class="scroll" tabindex="0" role="region" aria-label="All figures; scrolls sideways"><table class="figures">'
        f'<thead><tr><th scope="col"><button type="button">Method</button></th>{headings}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
        '<p class="note small more">More columns to the right: scroll the table sideways.</p>'
        f'<p class="note small">{escape(sources)} Times were last measured on {escape(hardware)}.</p>'
    )


def _sizes(row: dict[str, Any]) -> str:
    """Return the number of images on which a row was measured, and the number of training images."""
    if "n" not in row:
        return "published"
    known = row["training_images"]
    return f"{row['n']:,} × {row['seeds']}" + (f", {known:,} training images" if known else "")


def _cell(row: dict[str, Any] | None, measure: Measure) -> str:
    if row is None:
        return '<td data-value=""></td>'
    value, paper, error = row.get("value"), row["paper"], row.get("stderr")
    text = "" if value is None else formatted(value, measure)
    text += f"<small>± {error:.2g}</small>" if error else ""
    text += f"<small>paper {formatted(paper, measure)}</small>" if paper is not None else ""
    return f'<td data-value="{paper if value is None else value}">{text}</td>'


_PAPER = '<th scope="col"><i class="ring"></i>paper</th>'


def _chart(rows: list[dict[str, Any]], measure: Measure) -> str:
    """Plot a dot for each of our figures and a ring for each paper's on one axis, best first."""
    if not rows:
        return note("This has not been measured for this kind of hole. Choose another measure.")

    def rank(row: dict[str, Any]) -> float:
        value = row.get("value", row["paper"])
        if measure.target is not None:
            return abs(value - measure.target)
        return value if measure.more is False else -value

    rows = sorted(rows, key=rank)
    values = [value for row in rows for value in (row.get("value"), row["paper"]) if value is not None]
    low, high = min(values), max(values)
    margin = 0.04 * (high - low or 1)

    def place(value: float) -> str:
        return f"{100 * (value - low + margin) / (high - low + 2 * margin):.2f}%"

    lines, published = [], any(row["paper"] is not None for row in rows)
    for row in rows:
        value, error, paper = row.get("value"), row.get("stderr"), row["paper"]
        marks, ours, colour = "", "", _colour(row)
        if value is not None:
            marks += f'<i class="dot" style="left:{place(value)};background:{colour}"></i>'
            ours = formatted(value, measure) + (f" <small>± {error:.{measure.digits}f}</small>" if error else "")
        if paper is not None:
            marks += f'<i class="ring" style="left:{place(paper)};border-color:{colour}" title="{escape(row["source"])}"></i>'
        lines.append(
            f'<tr><th scope="row" aria-label="{escape(title_of(row))}"><i style="background:{colour if value is not None else "none"}"></i>'
            f"{escape(title_of(row))}{_info(row)}</th>"
            f'<td class="track"><div>{marks}</div></td><td>{ours}</td>'
            + (f"<td>{'' if paper is None else formatted(paper, measure)}</td></tr>" if published else "</tr>")
        )
    better = f" ({measure.better})" if measure.better else ""
    return (
        f'<table class="dots"><caption><strong>{escape(measure.title)}</strong>{better}. {escape(measure.meaning)}</caption>'
        '<thead><tr><th scope="col">Method</th><td class="track"></td>'
        '<th scope="col"><i class="dot"></i>ours</th>'
        f"{_PAPER if published else ''}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table>"
    )
