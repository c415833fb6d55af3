"""How methods fill in tables: the measures against loops, the protocol, and the kept figures."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from dmfa_demo.tables.datasets import DATASETS, load_table
from dmfa_demo.tables.imputer import TableImputation
from dmfa_demo.tables.schema import Column, Schema
from train.report import uci
from train.report.papers_tables import ERRORS, SCORES, published
from train.report.uci import METHODS, RESULTS, MeasureTables, error, measure, repetition, score

# (rows, features) of each table, as its authors describe it.
SIZES = {
    "boston": (506, 13),
    "breast": (569, 30),
    "concrete": (1030, 8),
    "diabetes": (442, 10),
    "digits": (1797, 64),
    "glass": (214, 9),
    "iris": (150, 4),
    "mushroom": (8124, 22),
    "orthopedic": (310, 6),
    "phishing": (1353, 9),
    "wallrobot": (5456, 24),
    "whitewine": (4898, 11),
    "yeast": (1484, 8),
    "zoo": (101, 16),
}


@pytest.mark.parametrize("name", DATASETS)
def test_tables_are_complete_and_as_described(name):
    frame, schema = load_table(name)
    values = schema.encode(frame)
    assert (len(values), values.shape[1] - 1) == SIZES[name] and not np.isnan(values).any()
    about = DATASETS[name]
    kinds = {column.categories is None for column in schema.columns[:-1]}
    assert kinds == {not about.categorical} and (schema.columns[-1].categories is None) == about.regression


def test_unknown_names_are_refused(tmp_path):
    with pytest.raises(ValueError, match="unknown table 'moons'; available: boston"):
        load_table("moons")
    with pytest.raises(ValueError, match="unknown method 'gan'; available: mean"):
        measure(MeasureTables(method=("gan",), folder=tmp_path, results=tmp_path / "results.json"))


SCHEMA = Schema((Column("x"), Column("kind", ("a", "b")), Column("y")))


def test_error_is_the_mean_of_the_features():
    random = np.random.default_rng(0)
    truth = np.stack([random.normal(size=40), random.integers(0, 2, 40), random.normal(size=40)], 1)
    filled = truth.copy()
    filled[:, 0] += random.normal(size=40)
    filled[:20, 1] = 1 - filled[:20, 1]
    erased = random.random(truth.shape) < 0.5
    squares = [(filled[n, 0] - truth[n, 0]) ** 2 for n in range(40) if erased[n, 0]]
    wrong = [filled[n, 1] != truth[n, 1] for n in range(40) if erased[n, 1]]
    deviation = np.array([2.0, 1.0, 1.0])
    expected = (np.sqrt(np.mean(squares)) / 2 + np.mean(wrong)) / 2
    assert error(SCHEMA, filled, truth, erased, deviation) == pytest.approx(expected)


def test_score_averages_the_predictions_of_several_completed_tables():
    random = np.random.default_rng(1)
    tables = [np.stack([random.normal(size=30), random.integers(0, 2, 30), np.zeros(30)], 1) for _ in range(2)]
    target, truth = (table[:, 0] - table[:, 1] + random.normal(size=30) for table in tables)

    def answer(table: np.ndarray) -> TableImputation:
        draws = np.stack([table + np.array([0.1 * number, 0, 0]) for number in range(uci.COMPLETED)])
        return TableImputation(
            missing=np.ones_like(table, dtype=bool), mean=table, sampler=lambda count, seed, noise: draws[:count]
        )

    training, test = map(answer, tables)
    learnt = np.concatenate([SCHEMA.expand(one)[:, :3] for one in training.sample(uci.COMPLETED)])
    model = LinearRegression().fit(learnt, np.tile(target, uci.COMPLETED))
    predicted = np.mean([model.predict(SCHEMA.expand(one)[:, :3]) for one in test.sample(uci.COMPLETED)], 0)
    expected = 1 - np.sum((truth - predicted) ** 2) / np.sum((truth - truth.mean()) ** 2)
    assert score(SCHEMA, training, test, target, truth) == pytest.approx(expected)


def test_method_never_sees_the_erased_cells_or_the_targets_of_test_rows(monkeypatch):
    """A method gets the same table whatever is erased from it."""
    shown = []

    class Spy:
        def fit(self, table):
            shown.append(table)
            return self

        def impute(self, table):
            shown.append(table)
            filled = SCHEMA_OF_IRIS.encode(
                table.fillna({name: table[name].mode()[0] if table[name].notna().any() else 0 for name in table})
            )
            return TableImputation(missing=table.isna().to_numpy(), mean=filled)

    frame, SCHEMA_OF_IRIS = load_table("iris")
    monkeypatch.setattr(uci, "make", lambda *_: Spy())
    repetition("iris", "mean", seed=3)
    training, _, test = shown
    assert len(test) == int(0.25 * len(frame)) and test["target"].isna().all() and training["target"].notna().all()
    assert 0.4 < training.iloc[:, :-1].isna().to_numpy().mean() < 0.6


def test_measured_once_and_kept(tmp_path, capsys, monkeypatch):
    config = MeasureTables(
        table=("iris",), method=("mean",), repetitions=2, folder=tmp_path, results=tmp_path / "results.json"
    )
    measure(config)
    first = capsys.readouterr().out
    monkeypatch.setattr(uci, "repetition", None)  # a second run computes nothing
    measure(config)
    assert capsys.readouterr().out == first and first.startswith("iris mean error ")
    row = json.loads((tmp_path / "results.json").read_text())["iris"]["mean"]
    assert row["repetitions"] == 2 and 0.9 < row["error"] < 1.1


def test_kept_figures_have_all_repetitions():
    for table, row in json.loads(RESULTS.read_text()).items():
        assert table in DATASETS and set(row) <= set(METHODS)
        for figures in row.values():
            assert figures["repetitions"] == 5 and figures["error"] > 0 and figures["score"] <= 1


def test_papers_figures_cover_all_tables():
    assert ERRORS.keys() == SCORES.keys() == DATASETS.keys()
    assert (
        published("zoo", "vaeac") == {"error": (0.16, 0.02), "score": (0.77, 0.09)} and published("zoo", "mean") is None
    )
