"""Tables as arrays and back, for all kinds of columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmfa_demo.tables.schema import Column, Schema

FRAME = pd.DataFrame(
    {
        "size": [1.5, np.nan, 3.0],
        "colour": ["red", "blue", None],
        "wild": [True, False, True],
        "legs": pd.Series([4, None, 2], dtype="Int64"),
    }
)


def test_columns_of_a_frame_are_recognised():
    schema = Schema.of(FRAME)
    assert [column.categories for column in schema.columns] == [None, ("blue", "red"), (False, True), None]
    assert Schema.of(FRAME, ["legs"]).columns[3].categories == (2, 4)
    assert schema.numeric == [0, 3] and schema.categorical == [1, 2]


@pytest.mark.parametrize("kind", ["Int64", "Float64", "boolean", "string", "category", "object"])
def test_missing_cells_of_every_kind_of_column(kind):
    """pandas marks missing cells by NaN, None or its own NA."""
    frame = pd.DataFrame({"x": pd.Series([1, None, 0]).astype("Int64").astype(kind)})
    np.testing.assert_array_equal(np.isnan(Schema.of(frame).encode(frame))[:, 0], [False, True, False])


def test_frame_comes_back_as_it_was():
    schema = Schema.of(FRAME)
    values = schema.encode(FRAME)
    np.testing.assert_array_equal(values, [[1.5, 1, 1, 4], [np.nan, 0, 0, np.nan], [3, np.nan, 1, 2]])
    back = schema.decode(values)
    assert back["colour"].tolist()[:2] == ["red", "blue"] and back["colour"].isna()[2]
    assert back["wild"].tolist() == [True, False, True] and list(back.columns) == list(FRAME.columns)


def test_array_keeps_its_categories():
    table = np.array([[10.0, 1.0], [30.0, np.nan], [np.nan, 2.0]])
    schema = Schema.of(table, categorical=[0])
    assert schema.columns[0].categories == (10.0, 30.0)
    np.testing.assert_array_equal(schema.decode(schema.encode(table)), table)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.integers(0, 2**32 - 1))
def test_one_hot_form_and_back(widths, seed):
    """`collapse` inverts `expand`, for every mixture of numbers and categories."""
    random = np.random.default_rng(seed)
    schema = Schema(
        tuple(Column(number, None if width == 1 else tuple(range(width))) for number, width in enumerate(widths))
    )
    values = np.stack(
        [random.normal(size=7) if width == 1 else random.integers(0, width, 7) for width in widths], 1
    ).astype(float)
    expanded = schema.expand(values)
    assert expanded.shape == (7, sum(widths)) and (schema.owners == np.repeat(np.arange(len(widths)), widths)).all()
    np.testing.assert_array_equal(schema.collapse(expanded), values)
    values[random.random(values.shape) < 0.5] = np.nan
    np.testing.assert_array_equal(np.isnan(schema.expand(values)), np.isnan(values)[:, schema.owners])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (FRAME.drop(columns="legs"), "expected .*legs"),
        (FRAME.assign(colour="green"), "column 'colour' has categories that were not in the table before: .*green"),
        (FRAME.assign(size="large"), "column 'size' is numeric, but has a cell that is not"),
    ],
)
def test_other_tables_are_refused(table, message):
    with pytest.raises(ValueError, match=message):
        Schema.of(FRAME).encode(table)


def test_unknown_or_empty_categorical_columns_are_refused():
    with pytest.raises(ValueError, match="categorical columns .*weight.* are not in the table"):
        Schema.of(FRAME, ["weight"])
    with pytest.raises(ValueError, match="categorical column 'empty' has no value"):
        Schema.of(FRAME.assign(empty=None))
