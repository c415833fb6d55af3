"""Classical imputations of tables, through scikit-learn: the mean, k nearest neighbours, MICE and MissForest."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from copy import deepcopy
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401, makes IterativeImputer importable
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import BayesianRidge, LogisticRegression

from dmfa_demo.tables.imputer import IMPUTATIONS, Scaling, TableImputation, TableImputer
from dmfa_demo.tables.schema import Categorical, Column, Schema

# What is added to the codes of categories, so that a model of any column can distinguish them from standardised numbers.
CODES = 1e6


class MeanImputer(TableImputer):
    """The mean of each numeric column, and the shares of the categories of each categorical one: what is known without looking at a row."""

    def learn(self, values: np.ndarray) -> None:
        expanded = self.schema_.expand(values)
        self.values_ = values
        self.imputer_ = SimpleImputer(keep_empty_features=True).fit(expanded)

    def predict_missing(self, values: np.ndarray) -> TableImputation:
        schema = self.schema_
        filled = np.repeat(np.asarray(self.imputer_.statistics_)[None], len(values), axis=0)

        def draw(count: int, seed: int, noise: bool) -> np.ndarray:
            """Return observed cells of each column, drawn at random."""
            generator = np.random.default_rng(seed)
            known = [column[~np.isnan(column)] for column in self.values_.T]
            drawn = [generator.choice(column, (count, 1)) for column in known]
            return np.repeat(np.stack(drawn, -1), len(values), axis=1)

        return TableImputation.of(schema, values, filled, sampler=draw)


class KNNTableImputer(TableImputer):
    """The mean of the k rows that are nearest in the cells that both have, with numeric columns standardised (Troyanskaya et al., 2001).

    Args:
        neighbours: k.
    """

    def __init__(self, *, neighbours: int = 10, categorical: Categorical = "auto", random_state: int = 0):
        super().__init__(categorical=categorical, random_state=random_state)
        self.neighbours = neighbours

    def learn(self, values: np.ndarray) -> None:
        expanded = self.schema_.expand(values)
        self.scaling_ = Scaling.of(self.schema_, expanded)
        self.imputer_ = KNNImputer(n_neighbors=self.neighbours).fit(self.scaling_.apply(expanded))

    def predict_missing(self, values: np.ndarray) -> TableImputation:
        schema = self.schema_
        filled = self.scaling_.undo(np.asarray(self.imputer_.transform(self.scaling_.apply(schema.expand(values)))))
        return TableImputation.of(schema, values, filled)


class MICEImputer(TableImputer):
    """Multiple imputation by chained equations: each column in turn is drawn from a model of it given all others.

    Source: van Buuren and Groothuis-Oudshoorn, *mice: Multivariate imputation by chained equations in R* (2011).
    Numbers are drawn from a Bayesian linear regression, categories from a logistic one.

    Args:
        rounds: the number of times that each column is visited.
    """

    def __init__(self, *, rounds: int = 5, categorical: Categorical = "auto", random_state: int = 0):
        super().__init__(categorical=categorical, random_state=random_state)
        self.rounds = rounds

    def learn(self, values: np.ndarray) -> None:
        self.scaling_ = _coded(self.schema_, values)
        model = _Drawn(number=BayesianRidge(), category=LogisticRegression(tol=1e-2, max_iter=50))
        self.chains_ = _chains(model, self.rounds, self.random_state, sample_posterior=True)
        _without_warning(self.chains_.fit, self.scaling_.apply(values))

    def predict_missing(self, values: np.ndarray) -> TableImputation:
        scaled = self.scaling_.apply(values)

        def draw(count: int, seed: int, noise: bool = True) -> np.ndarray:
            """Return imputations `(count, N, D)`."""
            chains = deepcopy(self.chains_)
            chains.random_state_ = random = np.random.RandomState(seed)
            for visit in chains.imputation_sequence_:
                visit.estimator.random_ = random
            return self.scaling_.undo(np.stack([np.asarray(chains.transform(scaled)) for _ in range(count)]))

        drawn = draw(IMPUTATIONS, self.random_state)
        mean = drawn.mean(0)
        for place in self.schema_.categorical:
            codes = np.arange(self.schema_.columns[place].width)
            mean[:, place] = (drawn[..., place, None] == codes).sum(0).argmax(-1)
        return TableImputation(missing=np.isnan(values), mean=mean, sampler=draw)


class MissForestImputer(TableImputer):
    """Each column in turn is predicted from all others by a random forest (Stekhoven and Bühlmann, 2011).

    Args:
        trees: the number of trees of each forest.
        rounds: the largest number of times that each column is visited.
    """

    def __init__(self, *, trees: int = 100, rounds: int = 5, categorical: Categorical = "auto", random_state: int = 0):
        super().__init__(categorical=categorical, random_state=random_state)
        self.trees = trees
        self.rounds = rounds

    def learn(self, values: np.ndarray) -> None:
        self.scaling_ = _coded(self.schema_, values)
        forest = {"n_estimators": self.trees, "max_features": "sqrt", "random_state": self.random_state}
        model = _Predicted(number=RandomForestRegressor(**forest), category=RandomForestClassifier(**forest))
        self.chains_ = _chains(model, self.rounds, self.random_state)
        _without_warning(self.chains_.fit, self.scaling_.apply(values))

    def predict_missing(self, values: np.ndarray) -> TableImputation:
        filled = self.scaling_.undo(np.asarray(self.chains_.transform(self.scaling_.apply(values))))
        return TableImputation(missing=np.isnan(values), mean=filled)


class _Predicted(RegressorMixin, BaseEstimator):
    """A regression if the target is numbers, and a classification if it is codes of categories."""

    def __init__(self, *, number: BaseEstimator, category: BaseEstimator):
        self.number = number
        self.category = category

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        self.classifies_ = y.min() >= CODES / 2
        model: Any = clone(self.category if self.classifies_ and len(np.unique(y)) > 1 else self.number)
        self.model_ = model.fit(X, y)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.model_.predict(X)


class _Drawn(_Predicted):
    """The same for linear models, with predictors in one-hot form; predictions of categories are drawn."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        self.codes_ = {place: np.unique(np.floor(cells)) for place, cells in enumerate(X.T) if cells.min() >= CODES / 2}
        self.random_ = np.random.RandomState(0)
        return super().fit(self._expanded(X), y)

    def predict(self, X: np.ndarray, return_std: bool = False) -> Any:
        """Return predictions `(N,)`, with deviations: 0 for a category, which is a draw."""
        expanded = self._expanded(X)
        if not self.classifies_:
            return self.model_.predict(expanded, return_std=return_std)
        if hasattr(self.model_, "predict_proba"):
            cumulative = self.model_.predict_proba(expanded).cumsum(1)
            chosen = (cumulative < self.random_.uniform(size=(len(X), 1))).sum(1)
            drawn = self.model_.classes_[chosen.clip(max=cumulative.shape[1] - 1)]
        else:  # the only category
            drawn = self.model_.predict(expanded)
        return (drawn, np.zeros(len(X))) if return_std else drawn

    def _expanded(self, X: np.ndarray) -> np.ndarray:
        parts = [
            (np.floor(cells)[:, None] == self.codes_[place]).astype(float) if place in self.codes_ else cells[:, None]
            for place, cells in enumerate(X.T)
        ]
        return np.concatenate(parts, 1)


def _coded(schema: Schema, values: np.ndarray) -> Scaling:
    """Return the scaling of values `(N, D)` that standardises numbers and adds `CODES` to codes of categories."""
    scaling = Scaling.of(Schema(tuple(Column(column.name) for column in schema.columns)), values)
    categorical = np.isin(np.arange(len(schema.columns)), schema.categorical)
    return Scaling(np.where(categorical, -CODES, scaling.center), np.where(categorical, 1.0, scaling.scale))


def _chains(model: BaseEstimator, rounds: int, random_state: int, **settings: Any) -> IterativeImputer:
    return IterativeImputer(
        model,
        initial_strategy="median",
        max_iter=rounds,
        random_state=random_state,
        keep_empty_features=True,
        **settings,
    )


def _without_warning(fit: Callable[[np.ndarray], Any], values: np.ndarray) -> None:
    """Fit an imputer; that it stops at its largest number of rounds is expected."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit(values)
