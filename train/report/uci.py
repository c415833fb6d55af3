"""Measure how methods fill in tables: `python -m train tables`.

The protocol of the VAEAC paper (section 5.1, appendices A.2 and D.2): a quarter of the rows is for the test. Half of the features' cells
are erased at random in all rows. Each method learns the erased training rows with their targets, and fills in the test rows, of which it
does not see the target. Everything is repeated with other rows and cells.

- error: of a numeric feature, the root mean squared error of the erased cells, divided by the feature's deviation (NRMSE); of a categorical
  one the share of wrong cells (PFC). The mean over all features.
- score: of a linear regression of the target on the completed features (R²), or of a logistic one (accuracy). A method that draws gives ten
  completed tables: the regression learns from all, and its ten predictions are averaged, or vote.

A repetition that is already in the folder is not measured again.
"""

from __future__ import annotations

import json
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np

from dmfa_demo.options import Options, Range
from dmfa_demo.storage.files import write_text
from dmfa_demo.tables.datasets import DATASETS, load_table
from dmfa_demo.tables.measured import RESULTS
from dmfa_demo.tables.methods import METHODS, make
from dmfa_demo.tables.schema import Schema
from train.report.papers_tables import published

if TYPE_CHECKING:  # scikit-learn is slow to import
    from dmfa_demo.tables.imputer import TableImputation

MEASURES = ("error", "score")
# The share of test rows, of erased cells, and the number of completed tables.
TEST, ERASED, COMPLETED = 0.25, 0.5, 10


@dataclass(frozen=True)
class MeasureTables(Options):
    """Fill in tables with erased cells by every method, and compare with the VAEAC paper."""

    table: tuple[str, ...] = tuple(DATASETS)
    """tables to measure"""
    method: tuple[str, ...] = tuple(METHODS)
    """methods to measure"""
    repetitions: Annotated[int, Range(at_least=2)] = 5
    """the number of repetitions, at least two for a deviation"""
    folder: Path = Path("runs/tables")
    """where the figures of each repetition are kept"""
    results: Path = RESULTS
    """the file of all figures"""


def measure(config: MeasureTables) -> None:
    """Measure what is not measured yet, and write the figures of every table and method that has all repetitions.

    Raises:
        ValueError: If a table or method is unknown.
    """
    for kind, names, known in (("table", config.table, DATASETS), ("method", config.method, METHODS)):
        if unknown := [name for name in names if name not in known]:
            raise ValueError(f"unknown {kind} {unknown[0]!r}; available: {', '.join(known)}")
    for table in config.table:
        for method in config.method:
            kept = [config.folder / f"{table}-{method}-{seed}.json" for seed in range(config.repetitions)]
            figures = summary([_kept(path, table, method, seed) for seed, path in enumerate(kept)])
            errors, scores = (f"{name} {figures[name]:.3f} ± {figures[f'{name}_deviation']:.3f}" for name in MEASURES)
            print(table, method, errors, scores, flush=True)
            _write(config.results, table, method, figures)


def summary(found: list[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each figure over repetitions, and the standard deviation of the measures, as in the paper."""
    values = {name: [one[name] for one in found] for name in found[0]}
    figures = {name: round(float(np.mean(several)), 5) for name, several in values.items()}
    spread = {f"{name}_deviation": round(float(np.std(values[name], ddof=1)), 5) for name in MEASURES}
    return figures | spread | {"repetitions": len(found)}


def _kept(path: Path, table: str, method: str, seed: int) -> dict[str, float]:
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(repetition(table, method, seed)))
    return json.loads(path.read_text())


def _write(path: Path, table: str, method: str, figures: dict[str, float]) -> None:
    """Write the figures of a table and method, with the paper's, among the others, all in the order of `DATASETS` and `METHODS`."""
    for name, (value, deviation) in (published(table, method) or {}).items():
        figures = figures | {f"paper_{name}": value, f"paper_{name}_deviation": deviation}
    results = json.loads(path.read_text()) if path.is_file() else {}
    results.setdefault(table, {})[method] = figures
    ordered = {
        name: {one: row[one] for one in METHODS if one in row} for name in DATASETS if (row := results.get(name))
    }
    write_text(path, json.dumps(ordered, indent=1) + "\n")


def repetition(table: str, method: str, seed: int) -> dict[str, float]:
    """Return the error, the score and the seconds of one method on one table with random rows and cells erased."""
    frame, schema = load_table(table)
    values = schema.encode(frame)
    random = np.random.default_rng(seed)
    order = random.permutation(len(values))
    test, training = np.split(order, [int(TEST * len(order))])
    erased = random.random(values.shape) < ERASED
    erased[training, -1] = False
    erased[test, -1] = True
    shown = np.where(erased, np.nan, values)
    began = time.monotonic()
    imputer = make(method, schema, seed).fit(schema.decode(shown[training]))
    answers = {
        name: imputer.impute(schema.decode(shown[rows])) for name, rows in (("training", training), ("test", test))
    }
    seconds = time.monotonic() - began
    return {
        "error": error(schema, answers["test"].mean, values[test], erased[test], values.std(0)),
        "score": score(schema, answers["training"], answers["test"], values[training, -1], values[test, -1]),
        "seconds": round(seconds, 2),
    }


def error(schema: Schema, filled: np.ndarray, truth: np.ndarray, erased: np.ndarray, deviation: np.ndarray) -> float:
    """Return the mean over features of the NRMSE or PFC of erased cells.

    Args:
        filled, truth, erased: `(N, D)`, the target last, which does not count.
        deviation: of each column of the whole table, `(D,)`.
    """
    found = []
    for place in range(len(schema.columns) - 1):
        cells = erased[:, place]
        off = filled[cells, place] - truth[cells, place]
        if not cells.any():
            continue
        if schema.columns[place].categories is not None:
            found.append(np.mean(off != 0))
        elif deviation[place]:
            found.append(np.sqrt(np.mean(off**2)) / deviation[place])
    return float(np.mean(found))


def score(
    schema: Schema, training: TableImputation, test: TableImputation, target: np.ndarray, truth: np.ndarray
) -> float:
    """Return the R² or accuracy on test rows of a regression that learnt from completed training rows.

    Args:
        target, truth: the target of the training rows and of the test rows, `(N,)`.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    regression = schema.columns[-1].categories is None
    count = COMPLETED if training.sampler is not None else 1
    features = Schema(schema.columns[:-1])
    learnt, asked = (
        np.stack([features.expand(one[:, :-1]) for one in answer.sample(count, noise=False)])
        for answer in (training, test)
    )
    model = make_pipeline(StandardScaler(), LinearRegression() if regression else LogisticRegression(max_iter=500))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(learnt.reshape(-1, learnt.shape[-1]), np.tile(target, count))
    predicted = np.stack([model.predict(rows) for rows in asked])
    if regression:
        off = truth - predicted.mean(0)
        return float(1 - np.mean(off**2) / np.var(truth))
    codes = np.unique(target)
    votes = (predicted[..., None] == codes).sum(0)
    return float(np.mean(codes[votes.argmax(1)] == truth))
