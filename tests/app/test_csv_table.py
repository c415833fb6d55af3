"""A visitor's own table: delimiters, encodings, kinds of numbers, columns without use, and files that are none."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmfa_demo.app.tables.csv_table import LEAST_ROWS, MOST_COLUMNS, MOST_ROWS, read_csv
from dmfa_demo.app.tables.page_table import PageTable

ROWS = 36


def written(columns: dict[str, list[str]], delimiter: str = ",") -> str:
    """Return a CSV file with these columns."""
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values()))
    return file.getvalue()


def read(columns: dict[str, list[str]], delimiter: str = ",", encoding: str = "utf-8") -> PageTable:
    return read_csv(written(columns, delimiter).encode(encoding), "Mine")


def values_of(table: PageTable, name: str) -> list[float]:
    """Return all values of a column, sorted, without missing ones."""
    place = [column.name for column in table.schema.columns].index(name)
    both = np.concatenate([table.shown[:, place], table.learnt[:, place]])
    return sorted(both[~np.isnan(both)].tolist())


NUMBERS = [f"{number / 4:.2f}" for number in range(ROWS)]
KINDS = [("red", "green", "blue")[number % 3] for number in range(ROWS)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_delimiters_and_encodings(delimiter, encoding):
    table = read({"größe": NUMBERS, "Farbe": KINDS}, delimiter, encoding)
    assert [column.name for column in table.schema.columns] == ["größe", "Farbe"]
    assert table.schema.columns[1].categories == ("blue", "green", "red")
    assert values_of(table, "größe") == [float(one) for one in NUMBERS]


@pytest.mark.parametrize(
    "delimiter, style, expected",
    [
        (";", lambda value: f"{value:.2f}".replace(".", ","), lambda value: value),
        (";", lambda value: f"{value:.3f}", lambda value: value),  # a point in a file with semicolons
        (",", lambda value: f"{1_000 * value:,.1f}", lambda value: 1_000 * value),
        (";", lambda value: f"{1e6 * value:,.2f}".replace(",", " ").replace(".", ","), lambda value: 1e6 * value),
        (";", lambda value: f"{1e6 * value:,.2f}".translate(str.maketrans(",.", ".,")), lambda value: 1e6 * value),
        (",", lambda value: f"{1_000 * value:,.0f}".replace(",", "'"), lambda value: 1_000 * value),
        (",", lambda value: f"{value:.4e}", lambda value: value),
        (",", lambda value: f"{value:.2f}%", lambda value: value),
        (",", lambda value: f"{-value:.2f}", lambda value: -value),
    ],
)
def test_styles_of_numbers(delimiter, style, expected):
    numbers = [1.25 + number / 4 for number in range(ROWS)]
    table = read({"x": [style(one) for one in numbers], "kind": KINDS}, delimiter)
    assert values_of(table, "x") == pytest.approx(sorted(expected(one) for one in numbers))


def test_missing_cells_by_any_name():
    marks = ["", "NA", "n/a", "NaN", "null", "?", "-"]
    table = read({"x": [*marks, *NUMBERS[len(marks) :]], "kind": [*KINDS[:-1], "none"]})
    assert len(values_of(table, "x")) == ROWS - len(marks)
    assert table.schema.columns[1].categories == ("blue", "green", "red") and len(values_of(table, "kind")) == ROWS - 1


def test_columns_without_use_are_left_out_and_named():
    table = read(
        {
            "x": NUMBERS,
            "kind": KINDS,
            "empty": [""] * ROWS,
            "same": ["7"] * ROWS,
            "day": [f"2026-01-{number % 28 + 1:02}" for number in range(ROWS)],
            "time": [f"{number % 24}:30" for number in range(ROWS)],
            "name": [f"person {number}" for number in range(ROWS)],
        }
    )
    assert [column.name for column in table.schema.columns] == ["x", "kind"]
    for reason in (
        "empty (empty)",
        "same (the same everywhere)",
        "day (dates)",
        "time (dates)",
        "name (36 different texts)",
    ):
        assert reason in table.about


def test_names_are_distinct_and_quotes_hold_delimiters():
    text = 'x,x,"a, ""b""",\n' + "\n".join(f'{number},{number % 5},"one, two",{number % 3}' for number in range(ROWS))
    table = read_csv(text.replace('"one, two",0', "three,0").encode(), "Mine")
    assert [column.name for column in table.schema.columns] == ["x", "x 2", 'a, "b"', "column 4"]
    assert table.schema.columns[2].categories == ("one, two", "three")


def test_rows_are_divided_into_shown_and_learnt():
    table = read({"x": NUMBERS, "kind": KINDS})
    assert len(table.shown) == 12 and len(table.learnt) == ROWS - 12
    assert values_of(table, "x") == [float(one) for one in NUMBERS]
    assert np.array_equal(read({"x": NUMBERS, "kind": KINDS}).shown, table.shown)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"PK\x03\x04 and so on", "spreadsheet or an archive"),
        (bytes(range(256)) * 4, "not a text file"),
        (b"just one line of words", "separate columns"),
        (b"a,b\n1,2\n", f"1 rows below its header; models need at least {LEAST_ROWS}"),
        (("a,b\n" + "1,2\n" * 40).encode(), "0 usable columns.*a \\(the same everywhere\\)"),
        (("a,b\n" + "?,?\n" * 40).encode(), "0 usable columns.*b \\(empty\\)"),
        (("a,b\n" + "1,2,3\n" * 40).encode(), "row 2 has 3 cells, and the header 2"),
        (('a,b\n"1,2\n' + "3,4\n" * 40).encode(), "cannot be read.*quotes"),
        ((",".join(f"c{number}" for number in range(MOST_COLUMNS + 1)) + "\n" + "1\n" * 40).encode(), "51 columns; keep at most 50"),
        (("a,b\n" + "1,2\n" * (MOST_ROWS + 1)).encode(), "more than 5,000 rows"),
        (("a,b\n" + "1,2\n" * 1_000_000).encode(), "more than 5,000 rows"),
    ],
)  # fmt: skip
def test_files_that_are_no_table_are_refused_with_a_reason(content, message):
    with pytest.raises(ValueError, match=message):
        read_csv(content, "Mine")


def test_numbers_beyond_all_bounds_are_no_numbers():
    table = read({"x": ["1e999", *NUMBERS[1:-6], *["1.00"] * 6], "y": NUMBERS, "kind": KINDS})
    assert "x" not in [column.name for column in table.schema.columns] or table.schema.columns[0].categories is not None


@settings(max_examples=150)
@given(st.one_of(st.binary(max_size=400), st.text(max_size=400).map(str.encode), st.text("0123456789.,;\t\"'\n ab-", max_size=2_000).map(str.encode)))  # fmt: skip
def test_any_file_is_read_or_refused(content):
    try:
        table = read_csv(content, "Mine")
    except ValueError as error:
        assert str(error)
    else:
        assert len(table.schema.columns) >= 2 and len(table.shown)
