"""The figures of a data set, gathered from those of its methods."""

import json
from pathlib import Path

import pytest

from train.report import rows
from train.report.rows import Row, gather, write_rows


def row(metric: str, value: float) -> Row:
    return Row(
        dataset="mnist",
        method="mean",
        protocol="square14",
        metric=metric,
        value=value,
        stderr=None,
        n=1,
        seeds=1,
        paper=None,
        source=None,
        weights="x",
    )


def test_the_machine_is_that_of_the_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rows, "ROOT", tmp_path)
    monkeypatch.setattr(rows, "write_model_card", lambda folder: None)

    def machine_after(name: str, milliseconds: float, error: float) -> str:
        monkeypatch.setattr(rows, "hardware", lambda: name)
        write_rows(tmp_path / "mnist" / "mean", [row("milliseconds", milliseconds), row("sse", error)])
        gather("mnist")
        found = json.loads((tmp_path / "mnist" / "results.json").read_text())
        assert [one["value"] for one in found["rows"]] == [milliseconds, error]
        return found["hardware"]

    assert machine_after("first", 2.0, 20.0) == "first"
    assert machine_after("second", 2.0, 19.0) == "first"  # no time was measured
    assert machine_after("third", 1.0, 19.0) == "third"
