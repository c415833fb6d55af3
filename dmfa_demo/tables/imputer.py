"""The one idea for tables: a table and a mask of missing cells -> a conditional distribution."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from dmfa_demo.tables.schema import Categorical, Schema


@dataclass(frozen=True, kw_only=True, eq=False)
class TableImputation:
    """What a model believes about the missing cells of a table.

    Attributes:
        missing: bool `(N, D)`.
        mean: `(N, D)`; of a categorical column the code of its most probable category. Observed cells are the table's own.
        probabilities: place of a categorical column -> `(N, K)`; empty if a method gives one category only.
        sampler: (count, seed, noise) -> values `(count, N, D)`; None for a single answer.
        density: complete values `(N, D)` -> log-density of the missing cells given the observed ones, in nats `(N,)`; None if unknown.
    """

    missing: np.ndarray
    mean: np.ndarray
    probabilities: Mapping[int, np.ndarray] = field(default_factory=dict)
    sampler: Callable[[int, int, bool], np.ndarray] | None = None
    density: Callable[[np.ndarray], np.ndarray] | None = None

    @classmethod
    def of(
        cls,
        schema: Schema,
        values: np.ndarray,
        expanded: np.ndarray,
        *,
        sampler: Callable[[int, int, bool], np.ndarray] | None = None,
        density: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> Self:
        """Return the imputation of `values` `(N, D)`, NaN where missing, from means and probabilities in one-hot form `(N, W)`."""
        return cls(
            missing=np.isnan(values),
            mean=schema.collapse(expanded),
            probabilities={place: expanded[:, schema.slices[place]] for place in schema.categorical},
            sampler=sampler,
            density=density,
        )

    def sample(self, count: int, seed: int = 0, *, noise: bool = True) -> np.ndarray:
        """Return `count` complete tables `(count, N, D)`; a method with a single answer repeats it.

        Args:
            noise: False for the mean, or the most probable category, of each draw of the latents or of the component; methods that have
                none of these ignore it.
        """
        if self.sampler is None:
            return np.repeat(self.mean[None], count, axis=0)
        return np.where(self.missing, self.sampler(count, seed, noise), self.mean)

    def log_prob(self, values: np.ndarray) -> np.ndarray | None:
        """Return the log-density of the missing cells of complete `values` `(N, D)` in nats `(N,)`, or None if there is none."""
        return None if self.density is None else self.density(values)


# The number of draws whose mean is the answer of a method that draws (VAEAC paper, section 5.1).
IMPUTATIONS = 10


class TableImputer(TransformerMixin, BaseEstimator):
    """A model that fills in missing cells of a table, as an estimator of scikit-learn.

    A table is a pandas DataFrame or an array `(N, D)`; NaN means missing. `transform` returns the same kind of table, complete.

    A subclass implements `learn` and `predict_missing` on values as `Schema` encodes them.
    """

    def __init__(self, *, categorical: Categorical = "auto", random_state: int = 0):
        self.categorical = categorical
        self.random_state = random_state

    @abstractmethod
    def learn(self, values: np.ndarray) -> None:
        """Learn from values `(N, D)`, NaN where missing; `self.schema_` is set."""

    @abstractmethod
    def predict_missing(self, values: np.ndarray) -> TableImputation:
        """Return the imputation of values `(N, D)`, NaN where missing; what it says of observed cells is ignored."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from a table with missing cells; `y` is ignored."""
        table = self._checked(X, reset=True)
        schema = Schema.of(table, self.categorical)
        values = schema.encode(table)
        empty = [schema.columns[place].name for place in np.flatnonzero(np.isnan(values).all(0))]
        if empty:
            raise ValueError(f"columns {empty} have no value; drop them")
        self.schema_ = schema
        self.learn(values)
        return self

    def transform(self, X: Any) -> Any:
        """Return the table with every missing cell replaced by its mean or most probable category."""
        return self.schema_of_fit.decode(self.impute(X).mean)

    def sample(self, X: Any, count: int = 1, seed: int = 0) -> list[Any]:
        """Return `count` complete tables, each a draw of the missing cells given the observed ones."""
        return [self.schema_of_fit.decode(values) for values in self.impute(X).sample(count, seed)]

    def impute(self, X: Any, missing: np.ndarray | None = None) -> TableImputation:
        """Return the imputation of a table.

        Args:
            missing: bool `(N, D)`, further cells to hide; their values are ignored.

        Raises:
            ValueError: If the table does not have the columns of the one in `fit`.
        """
        values = self.schema_of_fit.encode(self._checked(X, reset=False))
        if missing is not None:
            values = np.where(missing, np.nan, values)
        found = self.predict_missing(values)
        return replace(found, mean=np.where(found.missing, found.mean, values))

    @property
    def schema_of_fit(self) -> Schema:
        """The schema of the table in `fit`.

        Raises:
            NotFittedError: Before `fit`.
        """
        check_is_fitted(self, "schema_")
        return self.schema_

    def _checked(self, X: Any, *, reset: bool) -> Any:
        """Return a table whose shape and names were checked as scikit-learn checks them; a DataFrame stays one."""
        framed = hasattr(X, "iloc")
        array = validate_data(
            self, X, reset=reset, skip_check_array=framed, dtype=np.float64, ensure_all_finite="allow-nan", copy=False
        )
        if framed:  # cells of any type
            check_array(X, dtype="object", ensure_all_finite=False)
            numbers = X.select_dtypes("number").to_numpy(dtype=float)
            if np.isinf(numbers).any():
                raise ValueError("Input X contains infinity; replace it by NaN where a cell is missing")
        return array

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags


@dataclass(frozen=True, eq=False)
class Scaling:
    """The mean and deviation of each value of the one-hot form of a table; 0 and 1 for categories.

    Attributes:
        center, scale: `(W,)`.
    """

    center: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, schema: Schema, expanded: np.ndarray) -> Self:
        """Return the scaling by the observed cells of a numeric column; a constant column keeps its unit."""
        center = np.where(schema.is_numeric, np.nanmean(expanded, 0), 0.0)
        deviation = np.nanstd(expanded, 0)
        return cls(center, np.where(schema.is_numeric & (deviation > 0), deviation, 1.0))

    def apply(self, expanded: np.ndarray) -> np.ndarray:
        """Standardise `(..., W)`."""
        return (expanded - self.center) / self.scale

    def undo(self, scaled: np.ndarray) -> np.ndarray:
        """Return `(..., W)` in the units of the table."""
        return scaled * self.scale + self.center

    def log_unit(self, schema: Schema, missing: np.ndarray) -> np.ndarray:
        """Return log scale, summed over the missing cells `(N, D)` of each row, `(N,)`: subtract it from a log-density of standardised values."""
        starts = [part.start for part in schema.slices]
        return (np.log(self.scale[starts]) * missing).sum(1)
