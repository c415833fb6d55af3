"""Prepared scenes of the page Tables: what can be learnt from an erased cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dmfa_demo.app.tables.page_table import PageTable, built_in


@dataclass(frozen=True, kw_only=True)
class TableScene:
    """A scene.

    Attributes:
        title: what it shows.
        text: what to look at, in a sentence or two.
        table: a name in `OFFERED`.
        columns: names of the columns that are erased, in all rows.
        row: the row in focus, in the first of these columns.
    """

    title: str
    text: str
    table: str
    columns: tuple[str, ...]
    row: int

    def erased(self) -> np.ndarray:
        """Return the erased cells, bool `(R, D)`."""
        table = built_in(self.table)
        found = np.zeros(table.shown.shape, dtype=bool)
        found[:, self.places(table)] = True
        return found

    def focus(self) -> tuple[int, int]:
        """Return the cell in focus."""
        return self.row, self.places(built_in(self.table))[0]

    def places(self, table: PageTable) -> list[int]:
        """Return the positions of the erased columns."""
        names = [column.name for column in table.schema.columns]
        return [names.index(column) for column in self.columns]


SCENES = (
    TableScene(
        title="Two answers, and a mean that never occurs",
        text="Only the length of the sepals is visible. In row 1 it fits two kinds of flowers: one with petals of about 1.5 cm, one with "
        "about 4 cm. The density has two peaks, and the mean lies between them, at a length that no flower has. Draw the row again and again to see both.",
        table="iris",
        columns=("petal length, cm", "petal width, cm", "sepal width, cm", "species"),
        row=0,
    ),
    TableScene(
        title="A column that the others determine",
        text="The pelvic incidence is the sum of pelvic tilt and sacral slope, so nothing is lost when it is erased: the mixture's peak is "
        "narrow and in the right place. Erase the pelvic tilt of a row too, and its peak becomes wide.",
        table="orthopedic",
        columns=("pelvic incidence, °",),
        row=2,
    ),
    TableScene(
        title="A column that the others say little about",
        text="Fur, feathers and legs tell little about whether an animal is a predator. The mixture's bars are close to those of the whole "
        "column, and it is wrong about as often as somebody who has not looked at the row.",
        table="zoo",
        columns=("predator",),
        row=0,
    ),
)
