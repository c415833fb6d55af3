"""The errors of every method in whole tables, with the paper's, for visitors."""

from __future__ import annotations

from functools import cache
from html import escape

from dmfa_demo.tables.datasets import DATASETS
from dmfa_demo.tables.measured import load_results
from dmfa_demo.tables.methods import METHODS

INTRODUCTION = (
    "Half of the cells of each table erased at random, in rows that no method has learnt: the root mean squared error of numbers in units of "
    "their column's deviation, or the share of wrong categories (Mushroom, Phishing, Zoo), averaged over columns; the mean of five repetitions ± "
    "their standard deviation. Less is better. Small: the VAEAC paper."
)


@cache
def render_errors() -> str:
    """Return the errors as an HTML table with a row for each table; the lowest of each row is marked."""
    results = load_results()
    heading = "".join(f'<th scope="col">{escape(title)}</th>' for title in METHODS.values())
    rows = []
    for table, row in results.items():
        best = min(figures["error"] for figures in row.values())
        cells = "".join(_cell(row.get(method), best) for method in METHODS)
        rows.append(f'<tr><th scope="row">{escape(DATASETS[table].title)}</th>{cells}</tr>')
    return (
        f'<p class="note wide">{INTRODUCTION}</p><div class="scroll" tabindex="0" role="region" aria-label="Errors">'
        f'<table class="figures"><thead><tr><th scope="col">Table</th>{heading}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _cell(figures: dict[str, float] | None, best: float) -> str:
    if figures is None:
        return "<td></td>"
    ours = f"{figures['error']:.3f} ± {figures['error_deviation']:.3f}"
    marked = f"<strong>{ours}</strong>" if figures["error"] == best else ours
    paper = ""
    if "paper_error" in figures:
        paper = f"<small>{figures['paper_error']:g} ± {figures['paper_error_deviation']:g}</small>"
    return f"<td>{marked}{paper}</td>"
