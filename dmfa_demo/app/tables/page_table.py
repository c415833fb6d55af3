"""The tables on the page: some rows of each are shown, and models learn from the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from dmfa_demo.app.tables.labels import CATEGORIES, COLUMNS
from dmfa_demo.tables.datasets import DATASETS, load_table
from dmfa_demo.tables.methods import METHODS, make
from dmfa_demo.tables.schema import Column, Schema

if TYPE_CHECKING:  # scikit-learn is slow to import
    from dmfa_demo.tables.imputer import TableImputer

# Those that fit on a screen and whose columns mean something to most people.
OFFERED = ("iris", "whitewine", "zoo", "mushroom", "orthopedic", "concrete", "glass")
# The most rows that are shown, and that models learn from, so that they do so within seconds.
SHOWN, LEARNT = 20, 1_000


@dataclass(frozen=True, kw_only=True)
class Model:
    """A method of `dmfa_demo.tables.methods` as the page offers it.

    Attributes:
        title: its name on the page.
        summary: a sentence for visitors.
        colour: `#rrggbb`.
        settings: arguments of the method's class, so that it learns within seconds.
        on_demand: whether it learns only when a visitor asks for it.
    """

    title: str
    summary: str
    colour: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    on_demand: bool = False


# By the method's name.
MODELS: dict[str, Model] = {
    "mean": Model(
        title="Column",
        summary="How often each value occurs in its column: what is known without looking at the row.",
        colour="#777777",
    ),
    "knn": Model(
        title=METHODS["knn"],
        summary="The mean of the ten rows that are nearest in the visible cells; a single answer for a number.",
        colour="#b5651d",
    ),
    "mixture": Model(
        title=METHODS["mixture"],
        summary="A few Gaussians with all correlations, conditioned exactly on the visible cells.",
        colour="#c8553d",
        settings={"components": 4, "iterations": 40},
    ),
    "vaeac": Model(
        title=METHODS["vaeac"],
        summary="A neural network that draws the hidden cells jointly. It learns for some seconds when you ask for it.",
        colour="#1f8a8c",
        settings={"steps": 1_500},
        on_demand=True,
    ),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class PageTable:
    """A table on the page.

    Attributes:
        name: its name in addresses; "" for a visitor's own, which stays out of them.
        title: its title.
        about: what a row is, and which columns were left out.
        schema: its columns.
        shown: values of the rows that are shown, `(R, D)`, as the schema encodes them; NaN where the table itself has no value.
        learnt: values of other rows, `(N, D)`, from which models learn.
    """

    name: str
    title: str
    about: str
    schema: Schema
    shown: np.ndarray
    learnt: np.ndarray
    _models: dict[str, TableImputer] = field(default_factory=dict, repr=False)
    _locks: dict[str, Lock] = field(default_factory=lambda: {name: Lock() for name in MODELS}, repr=False)

    @classmethod
    def of(cls, name: str, title: str, about: str, schema: Schema, values: np.ndarray) -> PageTable:
        """Return a table whose rows are divided at random, always in the same way."""
        order = np.random.default_rng(0).permutation(len(values))
        shown = min(SHOWN, len(values) // 3)
        rest = values[order[shown:]][:LEARNT]
        return cls(
            name=name, title=title, about=about, schema=schema, shown=values[np.sort(order[:shown])], learnt=rest
        )

    def has_learnt(self, name: str) -> bool:
        """Return whether a model has learnt."""
        return name in self._models

    def model(self, name: str) -> TableImputer:
        """Return a model of `MODELS`, which learns at its first use."""
        if name in self._models:
            return self._models[name]
        with self._locks[name]:
            if name not in self._models:
                self._models[name] = make(name, self.schema, **MODELS[name].settings).fit(
                    self.schema.decode(self.learnt)
                )
            return self._models[name]

    @cached_property
    def values(self) -> np.ndarray:
        """All values, of the rows that are shown and of the others, `(R + N, D)`."""
        return np.concatenate([self.shown, self.learnt])

    @cached_property
    def limits(self) -> np.ndarray:
        """The smallest and the largest value of each column, `(2, D)`."""
        return np.stack([np.nanmin(self.values, 0), np.nanmax(self.values, 0)])

    @cached_property
    def deviations(self) -> np.ndarray:
        """The standard deviation of each column, `(D,)`; 1 for a constant one."""
        found = np.nanstd(self.values, 0)
        return np.where(found > 0, found, 1.0)

    @cached_property
    def decimals(self) -> tuple[int, ...]:
        """The number of decimals to show of each column, at most 3."""
        places = []
        for column in self.values.T:
            known = column[~np.isnan(column)]
            exact = (digits for digits in range(4) if np.allclose(known, known.round(digits), rtol=0, atol=1e-9))
            places.append(next(exact, 3))
        return tuple(places)


@cache
def built_in(name: str) -> PageTable:
    """Return one of the offered tables.

    Raises:
        ValueError: If it is not offered.
    """
    if name not in OFFERED:
        raise ValueError(f"there is no table {name!r:.40}; available: {', '.join(OFFERED)}")
    frame, schema = load_table(name)
    about, values = DATASETS[name], schema.encode(frame)
    columns, categories = COLUMNS.get(name, {}), CATEGORIES.get(name, {})
    labelled = tuple(
        Column(
            columns.get(str(column.name), str(column.name).replace("_", " ")),
            column.categories
            and tuple(categories.get(str(column.name), {}).get(code, str(code)) for code in column.categories),
        )
        for column in schema.columns
    )
    varied = [place for place, column in enumerate(labelled) if column.categories is None or len(column.categories) > 1]
    readable = Schema(tuple(labelled[place] for place in varied), framed=True)
    return PageTable.of(name, about.title, f"Each row is {about.row}.", readable, values[:, varied])
