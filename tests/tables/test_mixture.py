"""The Gaussian mixture of tables against dense conditioning, scikit-learn, and sums over categories."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.datasets import make_spd_matrix
from sklearn.mixture import GaussianMixture

from dmfa_demo.tables import mixture as module
from dmfa_demo.tables.mixture import Cells, Components, GaussianMixtureImputer, condition, fit_mixture


def components(random: np.random.Generator, count: int, n: int, categories: int) -> Components:
    return Components(
        torch.from_numpy(random.dirichlet(np.ones(count))).log(),
        torch.from_numpy(random.normal(size=(count, n))),
        torch.from_numpy(np.stack([make_spd_matrix(n, random_state=k) for k in range(count)])),
        torch.from_numpy(random.dirichlet(np.ones(categories), count)).log(),
    )


def test_conditional_is_that_of_dense_gaussians():
    random = np.random.default_rng(0)
    model, rows = components(random, 3, 4, 2), random.normal(size=(6, 4))
    seen = random.random((6, 4)) < 0.5
    seen[0], seen[1] = False, True
    codes = np.eye(2)[[0, 1, 0, 1, 0, 1]] * np.array([1, 1, 1, 0, 1, 0])[:, None]
    cells = Cells(torch.from_numpy(rows * seen), torch.from_numpy(seen), torch.from_numpy(codes))
    found = condition(model, cells)
    for n, k in itertools.product(range(6), range(3)):
        o, mean, covariance = seen[n], model.mean[k].numpy(), model.covariance[k].numpy()
        log_prob = model.log_weights[k].item() + (codes[n] * model.log_probabilities[k].numpy()).sum()
        expected = mean.copy()
        if o.any():
            log_prob += multivariate_normal(mean[o], covariance[o][:, o]).logpdf(rows[n, o])
            expected += covariance[:, o] @ np.linalg.solve(covariance[o][:, o], rows[n, o] - mean[o])
        assert found.log_prob[n, k].item() == pytest.approx(log_prob)
        np.testing.assert_allclose(found.mean[n, k], expected, atol=1e-9)
        np.testing.assert_allclose(found.mean[n, k][o], rows[n, o], atol=1e-12)


def test_fit_to_complete_rows_is_that_of_scikit_learn():
    """Without missing cells and with many rows the likelihood is close to that of scikit-learn's mixture."""
    random = np.random.default_rng(1)
    rows = np.concatenate([random.normal([-2, 0], [1, 0.5], (400, 2)), random.normal([2, 1], [0.5, 1], (400, 2))])
    ours = GaussianMixtureImputer(components=2, iterations=300).fit(rows)
    nothing = np.full_like(rows, np.nan)
    twin = GaussianMixture(2, random_state=0).fit(rows)
    # log p of all cells, given nothing.
    log_prob = ours.impute(nothing).log_prob(rows)
    assert log_prob is not None and abs(log_prob.mean() - twin.score(rows)) < 0.01


def test_incomplete_rows_reveal_the_covariance():
    """The correlation is learnt from pairs, although half of the cells are missing at random."""
    random = np.random.default_rng(2)
    covariance = np.array([[1, 0.9, 0], [0.9, 2, -0.5], [0, -0.5, 1]])
    rows = random.multivariate_normal([1, 2, 3], covariance, 4000)
    rows[random.random(rows.shape) < 0.5] = np.nan
    model = GaussianMixtureImputer(components=1, iterations=500).fit(rows)
    scale = model.scaling_.scale
    np.testing.assert_allclose(model.components_.covariance[0].numpy() * scale[:, None] * scale, covariance, atol=0.15)


def test_likelihood_never_falls():
    """Each iteration of EM increases the likelihood of the observed cells, up to the weak prior."""
    random = np.random.default_rng(3)
    rows = random.normal(size=(300, 3)) @ random.normal(size=(3, 3)) + (random.random((300, 1)) < 0.5) * 4
    rows[random.random(rows.shape) < 0.3] = np.nan
    scores = []
    for iterations in (1, 2, 4, 8, 16, 32):
        model = GaussianMixtureImputer(components=2, iterations=iterations).fit(rows)
        scores.append(condition(model.components_, model._cells(rows)).log_prob.logsumexp(1).sum().item())
    assert all(later > earlier - 0.5 for earlier, later in itertools.pairwise(scores)) and scores[-1] > scores[0] + 5


def table(rows: int = 200) -> pd.DataFrame:
    random = np.random.default_rng(4)
    kind = random.random(rows) < 0.4
    return pd.DataFrame(
        {
            "x": np.where(kind, 3.0, -3.0) + random.normal(size=rows),
            "y": random.normal(size=rows),
            "kind": np.where(kind, "a", "b"),
        }
    )


def test_fit_in_parts_is_that_of_all_rows_at_once(monkeypatch):
    random = np.random.default_rng(4)
    cells = Cells(
        torch.from_numpy(random.normal(size=(40, 3))),
        torch.from_numpy(random.random((40, 3)) < 0.7),
        torch.from_numpy(np.eye(2)[random.integers(2, size=40)]),
    )
    start = torch.from_numpy(random.dirichlet(np.ones(2), 40))
    whole = fit_mixture(cells, [slice(0, 2)], start, iterations=5)
    monkeypatch.setattr(module, "NUMBERS", 3 * 2 * 9)  # three rows at a time
    parts = fit_mixture(cells, [slice(0, 2)], start, iterations=5)
    for name, values in vars(whole).items():
        torch.testing.assert_close(getattr(parts, name), values)


def test_component_that_loses_all_rows_does_no_harm():
    random = np.random.default_rng(5)
    cells = Cells(
        torch.from_numpy(random.normal(size=(30, 2))),
        torch.from_numpy(random.random((30, 2)) < 0.7),
        torch.zeros(30, 0).double(),
    )
    start = torch.zeros(30, 2).double()
    start[:, 0] = 1
    found = fit_mixture(cells, [], start, iterations=20)
    assert all(values.isfinite().all() for values in vars(found).values())
    rows = condition(found, cells).log_prob.logsumexp(1)
    alone = condition(fit_mixture(cells, [], start[:, :1], iterations=20), cells).log_prob.logsumexp(1)
    assert rows.mean() > alone.mean() - 0.1


def test_density_of_a_category_sums_to_one_and_that_of_a_number_integrates_to_one():
    frame = table()
    imputer = GaussianMixtureImputer(components=2).fit(frame)
    row = pd.DataFrame({"x": [np.nan], "y": [0.5], "kind": [None]})
    found = imputer.impute(row)
    grid = np.linspace(-10, 10, 2001)
    total = 0.0
    for code in (0, 1):
        logs = [found.log_prob(np.array([[x, 0.5, code]])) for x in grid]
        total += np.trapezoid(np.exp(np.concatenate(logs)), grid)
    assert total == pytest.approx(1, abs=1e-6)


def test_moments_of_samples_are_those_of_the_conditional():
    frame = table()
    imputer = GaussianMixtureImputer(components=2).fit(frame)
    row = pd.DataFrame({"x": [np.nan], "y": [0.5], "kind": [None]})
    found = imputer.impute(row)
    drawn = found.sample(6000, seed=1)[:, 0]
    assert drawn[:, 2].mean() == pytest.approx(found.probabilities[2][0, 1], abs=0.03)
    assert drawn[:, 0].mean() == pytest.approx(found.mean[0, 0], abs=0.2)
    assert np.sign(drawn[:, 0]).mean() != 0 and np.mean((drawn[:, 0] > 0) == (drawn[:, 2] == 0)) > 0.97


def test_number_of_components_is_chosen():
    assert GaussianMixtureImputer().fit(table()).n_components_ >= 2
    random = np.random.default_rng(5)
    assert GaussianMixtureImputer().fit(random.normal(size=(300, 3))).n_components_ == 1
