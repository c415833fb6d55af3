"""What each model believes about the erased cells of the rows that are shown, as the page draws it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from dmfa_demo.app.tables.page_table import MODELS, PageTable
from dmfa_demo.tables.schema import Column

if TYPE_CHECKING:  # scikit-learn is slow to import
    from dmfa_demo.tables.imputer import TableImputation

# Draws for the small picture in each cell, and for the cell in focus; bins of the former, points of the curve of the latter.
DRAWS, FOCUS_DRAWS, BINS, POINTS = 80, 400, 12, 61
# Whole rows that are drawn.
ROWS = 5


@dataclass(frozen=True, kw_only=True)
class TableState:
    """What a visitor did with a table.

    Attributes:
        erased: the erased cells, bool `(R, D)`.
        edits: (row, column) -> another value of a visible cell.
        focus: the cell in focus, (row, column); None if there is none.
        seed: seeds all draws.
    """

    erased: np.ndarray
    edits: dict[tuple[int, int], float] = field(default_factory=dict)
    focus: tuple[int, int] | None = None
    seed: int = 0

    def apply(self, shown: np.ndarray) -> np.ndarray:
        """Return the values that models see, `(R, D)`: edited, and NaN where erased."""
        values = shown.copy()
        for place, value in self.edits.items():
            values[place] = value
        return np.where(self.erased, np.nan, values)


def believe(table: PageTable, state: TableState) -> dict[str, Any]:
    """Return what the models that have learnt believe.

    Returns:
        "models": their names, titles, summaries and colours.
        "cells": "row,column" -> model -> its value as text, and the heights of a small picture: a histogram of draws over the column's
        range, or the probabilities of the categories.
        "focus": the distribution of the cell in focus by each model, see `_focus`; None if it is not erased.
        "errors": model -> its error so far: of numbers, the root mean square in units of the column's deviation; of categories, the share
        of wrong ones. None where nothing of the kind is erased. Edited cells do not count, since they have no truth.
        "rows": draws of the row in focus by the last model that draws, as text; None if nothing is erased in it.
    """
    seen = state.apply(table.shown)
    names = [name for name, model in MODELS.items() if table.has_learnt(name) or not model.on_demand]

    def answers_for(rows: np.ndarray) -> dict[str, TableImputation]:
        return {name: table.model(name).impute(table.schema.decode(rows)) for name in names}

    answers = answers_for(seen)
    # More draws than of all rows.
    of_row = answers_for(seen[[state.focus[0]]]) if state.focus is not None else {}
    hidden = [tuple(map(int, place)) for place in np.argwhere(state.erased)]
    drawn = {name: answer.sample(DRAWS, state.seed) if hidden else None for name, answer in answers.items()}
    cells = {
        f"{row},{column}": {
            name: {
                "text": text_of(table, column, answer.mean[row, column]),
                "heights": _heights(table, answer, drawn[name], row, column),
            }
            for name, answer in answers.items()
        }
        for row, column in hidden
    }
    return {
        "models": [
            {"name": name, "title": MODELS[name].title, "summary": MODELS[name].summary, "colour": MODELS[name].colour}
            for name in names
        ],
        "cells": cells,
        "focus": _focus(table, state, of_row),
        "errors": {name: _errors(table, state, answer.mean) for name, answer in answers.items()},
        "rows": _rows(table, state, of_row),
    }


def text_of(table: PageTable, place: int, value: float) -> str:
    """Return a value of a column as text; "" if it is missing."""
    if np.isnan(value):
        return ""
    column = table.schema.columns[place]
    if column.categories is not None:
        return str(column.categories[int(value)])
    return f"{value:,.{table.decimals[place]}f}".replace(",", "\u2009").replace("-", "−")


def _heights(
    table: PageTable, answer: TableImputation, drawn: np.ndarray | None, row: int, place: int
) -> list[float] | None:
    """Return the heights of a cell's small picture, the largest 1; None for a single answer."""
    if place in answer.probabilities:
        shares = answer.probabilities[place][row]
    elif answer.sampler is None or drawn is None:
        return None
    else:
        low, high = table.limits[:, place]
        shares = np.histogram(drawn[:, row, place].clip(low, high), BINS, (low, high))[0]
    return [round(float(share), 3) for share in shares / max(shares.max(), 1e-9)]


def _focus(table: PageTable, state: TableState, answers: dict[str, TableImputation]) -> dict[str, Any] | None:
    """Return the distribution of the cell in focus by each model, given everything that is visible in its row.

    Returns:
        For a number: "axis", the ends of the column's range, and for each model the heights of a curve over it, a density of draws, or None
        for a single answer; "mean", and "position", that of the mean on the axis, 0 to 1. For a category: the probability of each category,
        the most probable ones first. "truth" is the table's own value as text, with its "position".
    """
    if state.focus is None or not state.erased[state.focus]:
        return None
    row, place = state.focus
    column, truth = table.schema.columns[place], table.shown[row, place]
    about: dict[str, Any] = {
        "row": row,
        "column": place,
        "name": str(column.name),
        "truth": text_of(table, place, truth),
    }
    if column.categories is not None:
        return about | {"categories": _of_categories(column, place, answers)}
    low, high = map(float, table.limits[:, place])
    width = (high - low) or 1.0
    curves = {}
    for name, answer in answers.items():
        mean = float(answer.mean[0, place])
        draws = answer.sample(FOCUS_DRAWS, state.seed)[:, 0, place] if answer.sampler is not None else None
        curves[name] = {
            "heights": None if draws is None else _curve(draws, np.linspace(low, high, POINTS)),
            "mean": text_of(table, place, mean),
            "position": round(min(1.0, max(0.0, (mean - low) / width)), 4),
        }
    return about | {
        "axis": [text_of(table, place, low), text_of(table, place, high)],
        "curves": curves,
        "position": None if np.isnan(truth) else round((float(truth) - low) / width, 4),
    }


def _of_categories(column: Column, place: int, answers: dict[str, TableImputation]) -> list[dict[str, Any]]:
    """Return each category with its probability by model, the most probable ones by any model first."""
    assert column.categories is not None
    shares = {name: answer.probabilities[place][0] for name, answer in answers.items()}
    order = np.argsort(-np.max(list(shares.values()), 0), kind="stable")
    return [
        {"name": str(column.categories[code]), "shares": {name: round(float(p[code]), 4) for name, p in shares.items()}}
        for code in order
    ]


def _curve(draws: np.ndarray, grid: np.ndarray) -> list[float]:
    """Return a kernel estimate of the density of draws at the points of a grid, in units of one over the grid's length.

    The bandwidth is Silverman's for the narrower of deviation and quartiles (Silverman, 1986, equation 3.31), and at least half a point,
    so that a certain answer is a narrow peak.
    """
    step = float(grid[1] - grid[0]) or 1.0
    spread = min(float(draws.std()), float(np.subtract(*np.percentile(draws, [75, 25]))) / 1.34)
    width = max(0.9 * spread * len(draws) ** -0.2, step / 2)
    heights = np.exp(-0.5 * ((grid[:, None] - draws) / width) ** 2).mean(1) / (width * np.sqrt(2 * np.pi))
    return [round(float(height), 4) for height in heights * step * (len(grid) - 1)]


def _errors(table: PageTable, state: TableState, mean: np.ndarray) -> dict[str, float | None]:
    """Return the errors of means `(R, D)` in erased cells that have a truth."""
    measured = state.erased & ~np.isnan(table.shown)
    for place in state.edits:
        measured[place] = False
    categorical = np.array([column.categories is not None for column in table.schema.columns])
    off = (mean - table.shown) / np.where(categorical, 1.0, table.deviations)
    numbers, codes = off[measured & ~categorical], off[measured & categorical]
    return {
        "numbers": round(float(np.sqrt(np.mean(numbers**2))), 3) if numbers.size else None,
        "categories": round(float(np.mean(codes != 0)), 3) if codes.size else None,
    }


def _rows(table: PageTable, state: TableState, answers: dict[str, TableImputation]) -> dict[str, Any] | None:
    """Return the row in focus, completed by draws of the last model that draws; None if nothing is erased in it."""
    if state.focus is None or not state.erased[state.focus[0]].any():
        return None
    name = [name for name, answer in answers.items() if answer.sampler is not None][-1]
    drawn = answers[name].sample(ROWS, state.seed)[:, 0]
    texts = [[text_of(table, place, value) for place, value in enumerate(values)] for values in drawn]
    return {"model": name, "row": state.focus[0], "drawn": texts}
