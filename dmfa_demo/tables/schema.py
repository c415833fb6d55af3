"""Columns of a table, and its values as one array of floats."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Union

import numpy as np

Categorical = Union[Literal["auto"], Sequence[Hashable], "Schema"]
"""Names (of a DataFrame) or numbers of the categorical columns; "auto" for those of a DataFrame that are not numeric; a schema for
categories that do not all occur."""


@dataclass(frozen=True)
class Column:
    """A column: numeric, or categorical with its categories in the order of their codes."""

    name: Hashable
    categories: tuple[Hashable, ...] | None = None

    @property
    def width(self) -> int:
        """The number of values per cell in the one-hot form."""
        return 1 if self.categories is None else len(self.categories)


@dataclass(frozen=True)
class Schema:
    """The columns of a table.

    The table itself is `values`, float64 `(N, D)`: NaN where a cell is missing, the code 0, 1, ... of a category.

    Example:
        >>> schema = Schema.of(np.array([[1.5, 10], [2.5, 20]]), categorical=[1])
        >>> schema.encode(np.array([[1.5, 20], [np.nan, 10]]))
        array([[1.5, 1. ],
               [nan, 0. ]])
    """

    columns: tuple[Column, ...]
    framed: bool = False
    """whether the table is a pandas DataFrame"""

    @classmethod
    def of(cls, table: Any, categorical: Categorical = "auto") -> Schema:
        """Return the schema of a DataFrame, or of an array `(N, D)`; categories are those that occur, in order.

        Raises:
            ValueError: If a categorical column does not exist, or has no value.
        """
        if isinstance(categorical, Schema):
            return categorical
        framed = hasattr(table, "iloc")
        names = list(table.columns) if framed else list(range(table.shape[1]))
        if categorical == "auto":
            categorical = [name for name in names if framed and not _is_numeric(table[name])]
        unknown = [name for name in categorical if name not in names]
        if unknown:
            raise ValueError(f"categorical columns {unknown} are not in the table; its columns are {names}")
        columns = []
        for place, name in enumerate(names):
            categories = None
            if name in categorical:
                present = {cell for cell in _cells(table, place) if cell is not None}
                if not present:
                    raise ValueError(f"categorical column {name!r} has no value; drop it")
                categories = tuple(sorted(present, key=lambda cell: (str(type(cell)), cell)))
            columns.append(Column(name, categories))
        return cls(tuple(columns), framed)

    def encode(self, table: Any) -> np.ndarray:
        """Return the values of a DataFrame or array with these columns.

        Raises:
            ValueError: If the table has other columns, a category that is not in the schema, or text in a numeric column.
        """
        names = list(table.columns) if hasattr(table, "iloc") else None
        expected = [column.name for column in self.columns]
        if table.shape[1] != len(expected) or (self.framed and names is not None and names != expected):
            found = names if names is not None else f"{table.shape[1]} features"
            raise ValueError(f"the table has {found}; expected {expected}")
        values = np.full(table.shape, np.nan)
        for place, column in enumerate(self.columns):
            cells = _cells(table, place)
            values[:, place] = _numbers(column, cells) if column.categories is None else _codes(column, cells)
        return values

    def decode(self, values: np.ndarray) -> Any:
        """Return `values` `(N, D)` as a DataFrame if the schema is that of one, otherwise as an array, with categories in place of codes."""
        if not self.framed:
            found = values.copy()
            for place in self.categorical:
                codes, categories = values[:, place], np.array(self.columns[place].categories, dtype=float)
                known = ~np.isnan(codes)
                found[known, place] = categories[codes[known].astype(int)]
            return found
        import pandas

        table = {}
        for place, column in enumerate(self.columns):
            cells = values[:, place]
            if column.categories is not None:
                cells = [None if np.isnan(code) else column.categories[int(code)] for code in cells]
            table[column.name] = cells
        return pandas.DataFrame(table)

    @cached_property
    def numeric(self) -> list[int]:
        """The places of numeric columns."""
        return [place for place, column in enumerate(self.columns) if column.categories is None]

    @cached_property
    def categorical(self) -> list[int]:
        """The places of categorical columns."""
        return [place for place, column in enumerate(self.columns) if column.categories is not None]

    @cached_property
    def slices(self) -> list[slice]:
        """Each column's place in the one-hot form."""
        ends = np.cumsum([column.width for column in self.columns]).tolist()
        return [slice(end - column.width, end) for end, column in zip(ends, self.columns)]

    @cached_property
    def owners(self) -> np.ndarray:
        """The column of each value of the one-hot form, int `(W,)`."""
        return np.repeat(np.arange(len(self.columns)), [column.width for column in self.columns])

    @cached_property
    def is_numeric(self) -> np.ndarray:
        """Whether each value of the one-hot form is a number, bool `(W,)`."""
        return np.isin(self.owners, self.numeric)

    def expand(self, values: np.ndarray) -> np.ndarray:
        """Map values `(N, D)` to their one-hot form `(N, W)`, NaN in all places of a missing cell."""
        found = np.empty((len(values), len(self.owners)))
        for place, part in enumerate(self.slices):
            cells = values[:, place, None]
            if self.columns[place].categories is None:
                found[:, part] = cells
            else:
                found[:, part] = np.where(np.isnan(cells), np.nan, cells == np.arange(part.stop - part.start))
        return found

    def collapse(self, expanded: np.ndarray) -> np.ndarray:
        """Map the one-hot form `(..., W)`, or scores of each category, to values `(..., D)`."""
        found = np.empty((*expanded.shape[:-1], len(self.columns)))
        for place, part in enumerate(self.slices):
            is_numeric = self.columns[place].categories is None
            found[..., place] = expanded[..., part.start] if is_numeric else expanded[..., part].argmax(-1)
        return found


def _is_numeric(series: Any) -> bool:
    return series.dtype.kind in "iuf"


def _cells(table: Any, place: int) -> list[Any]:
    """Return the cells of a column, None where missing, by whatever value pandas marks them."""
    if hasattr(table, "iloc"):
        column = table.iloc[:, place]
        return [cell if known else None for cell, known in zip(column.tolist(), column.notna())]
    return [None if np.isnan(cell) else cell for cell in table[:, place].tolist()]


def _numbers(column: Column, cells: list[Any]) -> np.ndarray:
    try:
        return np.array([np.nan if cell is None else float(cell) for cell in cells])
    except (TypeError, ValueError) as error:
        raise ValueError(f"column {column.name!r} is numeric, but has a cell that is not: {error}") from None


def _codes(column: Column, cells: list[Any]) -> np.ndarray:
    code = {category: number for number, category in enumerate(column.categories or ())}
    unknown = {cell for cell in cells if cell is not None and cell not in code}
    if unknown:
        raise ValueError(
            f"column {column.name!r} has categories that were not in the table before: {sorted(map(str, unknown))}"
        )
    return np.array([np.nan if cell is None else code[cell] for cell in cells])
