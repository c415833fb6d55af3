"""A visitor's own table: read a CSV file of unknown delimiter, encoding and number format."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import numpy as np

from dmfa_demo.app.tables.page_table import PageTable
from dmfa_demo.tables.schema import Schema

MOST_ROWS, LEAST_ROWS, MOST_COLUMNS, LEAST_COLUMNS = 5_000, 30, 50, 2
# A text column with more categories than this is taken for names or numbers of rows.
MOST_CATEGORIES = 30
# Cells that mean "no value".
MISSING = ("", "na", "n/a", "nan", "null", "none", "?", "-", "--", "missing")
# A number with a point or a comma before its decimals, and with either, spaces or apostrophes between thousands.
_SPACES = "'\u00a0\u2009 "
_POINT = re.compile(rf"[+-]?(\d+|[1-9]\d{{0,2}}([,{_SPACES}]\d{{3}})+)?(\.\d*)?([eE][+-]?\d+)?%?")
_COMMA = re.compile(rf"[+-]?(\d+|[1-9]\d{{0,2}}([.{_SPACES}]\d{{3}})+)?(,\d*)?([eE][+-]?\d+)?%?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}([T ].*)?|\d{1,2}:\d{2}(:\d{2})?"
)


def read_csv(content: bytes, title: str) -> PageTable:
    """Return the table in a file.

    The first line has the names of the columns. Semicolons, tabs and bars are delimiters as well as commas; numbers may have a decimal
    comma or separators of thousands. Columns without use are left out, and named in the table's description.

    Raises:
        ValueError: If it is not a table, or too small or too large; the message names the fix.
    """
    header, rows, delimiter = _lines(_decode(content))
    if len(header) > MOST_COLUMNS:
        raise ValueError(f"the file has {len(header)} columns; keep at most {MOST_COLUMNS}")
    if len(rows) > MOST_ROWS:
        raise ValueError(
            f"the file has more than {MOST_ROWS:,} rows; keep at most {MOST_ROWS:,}, for example at random"
        )
    if len(rows) < LEAST_ROWS:
        raise ValueError(
            f"the file has {len(rows)} rows below its header; models need at least {LEAST_ROWS} to learn from"
        )
    # In a file with semicolons "1.234" may have thousands or decimals; another cell such as "0,5" decides.
    comma = delimiter == ";" and any(_DECIMAL_COMMA.fullmatch(cell.strip()) for row in rows for cell in row)
    kept: dict[str, Any] = {}
    categorical, left_out = [], []
    for place, name in enumerate(_distinct(header)):
        cells = [row[place].strip() if place < len(row) else "" for row in rows]
        cells = [None if cell.lower() in MISSING else cell for cell in cells]
        column, reason = _column(cells, comma)
        if column is None:
            left_out.append(f"{name} ({reason})")
            continue
        kept[name] = column
        if column.dtype == object:
            categorical.append(name)
    if len(kept) < LEAST_COLUMNS:
        reasons = f"; left out: {', '.join(left_out)}" if left_out else ""
        raise ValueError(
            f"the file has {len(kept)} usable columns; it needs at least {LEAST_COLUMNS}, numbers or categories{reasons:.400}"
        )
    import pandas

    frame = pandas.DataFrame(kept)
    schema = Schema.of(frame, categorical)
    about = f"Your own table, {len(rows):,} rows. It stays on this server until you leave."
    about += f" Left out: {', '.join(left_out)}." if left_out else ""
    return PageTable.of("", title, about, schema, schema.encode(frame))


def _decode(content: bytes) -> str:
    """Return the text of a file, by its byte order mark, as UTF-8, or as Windows' Western encoding."""
    if not content.strip():
        raise ValueError("the file is empty")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ("utf-16",)
    elif content.startswith(b"PK"):
        raise ValueError("this is a spreadsheet or an archive; save the table as CSV, and upload that")
    else:
        encodings = ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise ValueError("this is not a text file; save the table as CSV, and upload that")


def _lines(text: str) -> tuple[list[str], list[list[str]], str]:
    """Return the header, the rows that are not empty, one more than `MOST_ROWS` at most, and the delimiter."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t|", key=first.count)
    if not first.count(delimiter):
        raise ValueError("the first line has one column; separate columns by commas, semicolons or tabs")
    header: list[str] | None = None
    rows = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            if not any(cell.strip() for cell in row):
                continue
            if header is None:
                header = [cell.strip() for cell in row]
                continue
            if len(row) > len(header) and any(cell.strip() for cell in row[len(header) :]):
                raise ValueError(
                    f"row {len(rows) + 2} has {len(row)} cells, and the header {len(header)}; put cells with a {delimiter!r} in quotes"
                )
            rows.append(row)
            if len(rows) > MOST_ROWS:
                break
    except csv.Error as error:
        raise ValueError(f"row {len(rows) + 2} cannot be read ({error}); check its quotes") from None
    if header is None:
        raise ValueError("the file has no names of columns; write them into its first line")
    return header, rows, delimiter


def _distinct(names: list[str]) -> list[str]:
    """Return a different name for each column."""
    found: list[str] = []
    for place, name in enumerate(names, 1):
        plain = name[:60] or f"column {place}"
        number = 2
        unused = plain
        while unused in found:
            unused, number = f"{plain} {number}", number + 1
        found.append(unused)
    return found


def _column(cells: list[str | None], comma: bool) -> tuple[np.ndarray | None, str]:
    """Return the numbers or categories of a column, or None and the reason to leave it out."""
    known = [cell for cell in cells if cell is not None]
    if not known:
        return None, "empty"
    if len(set(known)) == 1:
        return None, "the same everywhere"
    if all(_DATE.fullmatch(cell) for cell in known):
        return None, "dates"
    numbers = _numbers(cells, comma)
    if numbers is not None:
        return numbers, ""
    if len(set(known)) > MOST_CATEGORIES:
        return None, f"{len(set(known))} different texts"
    return np.array([None if cell is None else cell[:60] for cell in cells], dtype=object), ""


def _numbers(cells: list[str | None], comma: bool) -> np.ndarray | None:
    """Return the numbers of a column, NaN where missing; None if a cell is none. With `comma`, the decimal sign is rather a comma."""
    known = [cell for cell in cells if cell is not None]
    styles = ((_POINT, "."), (_COMMA, ","))
    for style, decimal in reversed(styles) if comma else styles:
        if all(style.fullmatch(cell) and any(sign.isdigit() for sign in cell) for cell in known):
            drop = str.maketrans("", "", "".join({*_SPACES, *",.%"} - {decimal}))
            numbers = np.array(
                [np.nan if cell is None else float(cell.translate(drop).replace(",", ".")) for cell in cells]
            )
            return None if np.isinf(numbers).any() else numbers
    return None
