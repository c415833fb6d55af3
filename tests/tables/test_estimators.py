"""Every imputer of tables: scikit-learn's contract, and the project's."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.utils.estimator_checks import parametrize_with_checks

from dmfa_demo.tables.classical import KNNTableImputer, MeanImputer, MICEImputer, MissForestImputer
from dmfa_demo.tables.gain import GAINImputer
from dmfa_demo.tables.mixture import GaussianMixtureImputer
from dmfa_demo.tables.schema import Schema
from dmfa_demo.tables.vaeac import GSNNTableImputer, VAEACTableImputer

SMALL = {"width": 8, "depth": 1, "latents": 2, "steps": 5}
IMPUTERS = {
    "mean": MeanImputer,
    "knn": KNNTableImputer,
    "mice": partial(MICEImputer, rounds=2),
    "missforest": partial(MissForestImputer, trees=5, rounds=2),
    "mixture": GaussianMixtureImputer,
    "vaeac": partial(VAEACTableImputer, **SMALL),
    "gsnn": partial(GSNNTableImputer, **SMALL),
    "nn": partial(GSNNTableImputer, **SMALL | {"latents": 0}),
    "gain": partial(GAINImputer, steps=5),
}
every = pytest.mark.parametrize("make", IMPUTERS.values(), ids=IMPUTERS)


@parametrize_with_checks([make() for make in IMPUTERS.values()])
def test_contract_of_scikit_learn(estimator, check):
    check(estimator)


def mixed(rows: int = 60, seed: int = 0) -> pd.DataFrame:
    """Return a table whose second number and category follow the first number."""
    random = np.random.default_rng(seed)
    first = random.normal(size=rows)
    frame = pd.DataFrame(
        {
            "first": first,
            "second": 3 - 2 * first + 0.1 * random.normal(size=rows),
            "sign": np.where(first > 0, "plus", "minus"),
        }
    )
    return frame.mask(random.random(frame.shape) < 0.2)


@every
def test_observed_cells_stay_and_missing_ones_are_filled(make):
    frame = mixed()
    imputer = make().fit(frame)
    filled = imputer.transform(frame)
    assert list(filled.columns) == list(frame.columns) and not filled.isna().any().any()
    assert filled.where(frame.notna()).equals(
        frame.where(frame.notna(), None).astype(filled.dtypes.to_dict()).where(frame.notna())
    )
    assert set(filled["sign"]) <= {"plus", "minus"}


@every
def test_hidden_values_do_not_reach_the_model(make):
    """What lies under the mask changes nothing."""
    frame = mixed()
    imputer = make().fit(frame)
    missing = np.random.default_rng(1).random(frame.shape) < 0.4
    ours = imputer.impute(frame, missing)
    other = frame.copy()
    other.loc[missing[:, 0], "first"] = 1e3
    other.loc[missing[:, 2], "sign"] = "plus"
    again = imputer.impute(other, missing)
    np.testing.assert_array_equal(ours.mean, again.mean)
    np.testing.assert_array_equal(ours.sample(2), again.sample(2))


@every
def test_samples_are_complete_tables_of_the_same_kind(make):
    frame = mixed()
    imputer = make().fit(frame)
    first, second = imputer.sample(frame, 2, seed=3)
    assert not first.isna().any().any() and set(first["sign"]) <= {"plus", "minus"}
    observed = frame["first"].notna()
    np.testing.assert_allclose(first["first"][observed], frame["first"][observed])
    assert first.equals(imputer.sample(frame, 2, seed=3)[0])
    if imputer.impute(frame).sampler is not None:
        assert not first.equals(second)
    drawn = imputer.impute(frame).sample(3, noise=False)
    assert drawn.shape == (3, *frame.shape) and np.isfinite(drawn).all()


@every
def test_probabilities_are_of_the_most_probable_category(make):
    frame = mixed()
    found = make().fit(frame).impute(frame)
    for place, shares in found.probabilities.items():
        np.testing.assert_allclose(shares.sum(1), 1, atol=1e-5)
        np.testing.assert_array_equal(
            shares.argmax(1)[found.missing[:, place]], found.mean[found.missing[:, place], place]
        )


@every
@pytest.mark.parametrize("rows", [2, 3])
def test_few_rows(make, rows):
    frame = pd.DataFrame({"a": [1.0, 2.0, 4.0][:rows], "b": [np.nan, 1.0, 3.0][:rows], "c": ["x", "y", "x"][:rows]})
    filled = make().fit(frame).transform(frame)
    assert np.isfinite(filled[["a", "b"]].to_numpy(dtype=float)).all()


@every
def test_constant_columns_and_rows_without_a_value(make):
    frame = mixed().assign(same=2.5, one="only")
    imputer = make().fit(frame)
    nothing = frame.iloc[:2].mask(np.ones((2, frame.shape[1]), dtype=bool))
    filled = imputer.transform(nothing.astype(frame.dtypes.to_dict()))
    np.testing.assert_allclose(filled["same"], 2.5, atol=0.6)
    assert (filled["one"] == "only").all()


@every
def test_category_that_training_rows_lack(make):
    """A schema fixes the categories, so that a rare one may be absent from the training rows."""
    frame = mixed()
    schema = Schema.of(pd.concat([frame, pd.DataFrame({"first": [0.0], "second": [3.0], "sign": ["zero"]})]))
    imputer = make(categorical=schema).fit(frame)
    filled = imputer.transform(pd.DataFrame({"first": [0.0], "second": [np.nan], "sign": ["zero"]}))
    assert np.isfinite(filled["second"][0]) and filled["sign"][0] == "zero"


def test_bad_tables_are_refused():
    imputer = MeanImputer()
    with pytest.raises(NotFittedError):
        imputer.transform(mixed())
    with pytest.raises(ValueError, match=r"columns \['second'\] have no value"):
        imputer.fit(mixed().assign(second=np.nan))
    with pytest.raises(ValueError, match="infinity"):
        imputer.fit(mixed().assign(second=np.inf))
    with pytest.raises(ValueError, match="feature names"):
        imputer.fit(mixed()).transform(mixed().rename(columns={"first": "other"}))


def test_mean_and_neighbours_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    table = random.normal(size=(50, 4))
    table[random.random(table.shape) < 0.3] = np.nan
    np.testing.assert_allclose(MeanImputer().fit_transform(table), SimpleImputer().fit_transform(table))
    center, scale = np.nanmean(table, 0), np.nanstd(table, 0)
    twin = KNNImputer(n_neighbors=5).fit_transform((table - center) / scale) * scale + center
    np.testing.assert_allclose(KNNTableImputer(neighbours=5).fit_transform(table), twin)


@pytest.mark.parametrize("make", [MICEImputer, partial(MissForestImputer, trees=50), GaussianMixtureImputer])
def test_dependent_columns_are_recovered(make):
    """A column that others determine is filled in well, a number as well as a category."""
    full = mixed(seed=5)
    frame, test = full, mixed(300, seed=6).dropna()
    imputer = make().fit(frame)
    missing = np.zeros(test.shape, dtype=bool)
    missing[:, 1] = True
    error = np.sqrt(np.mean((imputer.impute(test, missing).mean[:, 1] - test["second"]) ** 2))
    assert error < 0.5 * test["second"].std()
    missing[:] = [False, False, True]
    assert np.mean(imputer.impute(test, missing).mean[:, 2] == (test["sign"] == "plus")) > 0.9


def test_mice_draws_have_the_spread_of_the_data():
    """Draws of a column that nothing determines have its deviation, and draws of an unrelated category its shares."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"a": random.normal(2, 3, 400), "b": random.normal(size=400), "c": np.where(random.random(400) < 0.3, "x", "y")}
    )
    imputer = MICEImputer().fit(frame)
    missing = np.zeros(frame.shape, dtype=bool)
    missing[:, [0, 2]] = True
    drawn = imputer.impute(frame, missing).sample(5)
    assert abs(drawn[..., 0].std() - 3) < 0.3 and abs(drawn[..., 0].mean() - 2) < 0.4
    assert abs((drawn[..., 2] == 0).mean() - 0.3) < 0.08
