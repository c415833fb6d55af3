"""EM against scikit-learn, and its monotone likelihood, with and without missing values."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA, FactorAnalysis
from sklearn.mixture import GaussianMixture

from dmfa_demo.densities.shared_mixture import SharedComponents, SharedMixture
from train.engine import em
from train.engine.em import (
    Rows,
    Statistics,
    expectation,
    initialise,
    maximization,
    principal,
    reseed,
    symmetric,
    triangle,
)

N, SIZE = 600, 8


def values(seed: int = 0, clusters: int = 1) -> torch.Tensor:
    """Draw rows from a mixture of factor analysers with two factors."""
    generator = torch.Generator().manual_seed(seed)
    like = dict(generator=generator, dtype=torch.float64)
    cluster = torch.randint(clusters, (N,), generator=generator)
    mean, factors = 3 * torch.randn(clusters, SIZE, **like), torch.randn(clusters, 2, SIZE, **like)
    noise = 0.1 + torch.rand(clusters, SIZE, **like)
    z = torch.randn(N, 1, 2, **like)
    return mean[cluster] + (z @ factors[cluster])[:, 0] + noise[cluster].sqrt() * torch.randn(N, SIZE, **like)


def complete(x: torch.Tensor) -> Rows:
    return Rows(x, torch.ones(1, x.shape[1], dtype=torch.bool))


def fit(rows: Rows, mixture: SharedMixture, steps: int, noise="diagonal", floor=1e-9) -> tuple[SharedMixture, list[float]]:  # fmt: skip
    path = []
    for _ in range(steps):
        statistics = expectation(mixture, rows)
        path.append(statistics.log_likelihood / len(rows))
        mixture = maximization(statistics, noise, floor)
    return mixture, path


def score(mixture: SharedMixture, rows: Rows) -> float:
    return expectation(mixture, rows).log_likelihood / len(rows)


def test_one_component_equals_scikit_learns_factor_analysis():
    rows = complete(values())
    mixture, _ = fit(rows, initialise(rows, components=1, factors=2, noise="diagonal", noise_floor=1e-9, seed=0), 600)
    twin = FactorAnalysis(2, tol=1e-10, max_iter=10_000, svd_method="lapack").fit(rows.values.numpy())
    assert score(mixture, rows) == pytest.approx(twin.score(rows.values.numpy()), abs=0.01)
    torch.testing.assert_close(mixture.components.noise[0], torch.from_numpy(twin.noise_variance_), rtol=0.02, atol=0.01)  # fmt: skip


def test_isotropic_noise_equals_probabilistic_pca():
    rows = complete(values())
    mixture, _ = fit(
        rows,
        initialise(rows, components=1, factors=2, noise="isotropic", noise_floor=1e-9, seed=0),
        300,
        noise="isotropic",
    )
    twin = PCA(2).fit(rows.values.numpy())
    assert score(mixture, rows) == pytest.approx(twin.score(rows.values.numpy()), abs=0.01)
    noise = mixture.components.noise
    assert torch.equal(noise, noise[:, :1].expand_as(noise))
    assert noise[0, 0] == pytest.approx(twin.noise_variance_, rel=0.01)


def test_no_factors_equals_scikit_learns_diagonal_mixture():
    rows = complete(values(clusters=3))
    start = initialise(rows, components=3, factors=0, noise="diagonal", noise_floor=1e-9, seed=0)
    mixture, _ = fit(rows, start, 25)
    twin = GaussianMixture(
        3, covariance_type="diag", tol=0, max_iter=25, reg_covar=0,
        weights_init=start.weights[0].numpy(), means_init=start.components.mean.numpy(),
        precisions_init=(1 / start.components.noise).numpy(),
    )  # fmt: skip
    with pytest.warns(UserWarning, match="converge"):
        twin.fit(rows.values.numpy())
    assert score(mixture, rows) == pytest.approx(twin.score(rows.values.numpy()), abs=1e-4)
    torch.testing.assert_close(mixture.components.mean, torch.from_numpy(twin.means_), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("noise", ["diagonal", "isotropic"])
@pytest.mark.parametrize("share", [0.0, 0.4])
def test_likelihood_never_decreases(noise, share, monkeypatch):
    monkeypatch.setattr(em, "CHUNK", 100)
    observed = torch.rand(N, SIZE, generator=torch.Generator().manual_seed(1)) >= share
    rows = Rows(values(clusters=3), observed if share else torch.ones(1, SIZE, dtype=torch.bool))
    _, path = fit(rows, initialise(rows, components=4, factors=2, noise=noise, noise_floor=1e-9, seed=0), 60, noise)
    assert np.diff(path).min() > -1e-7 and path[-1] > path[0] + 0.1


def test_unobserved_values_are_ignored():
    observed = torch.rand(N, SIZE, generator=torch.Generator().manual_seed(1)) >= 0.3
    x = values()
    fitted = []
    for other in (x, torch.where(observed, x, torch.nan)):
        rows = Rows(other, observed)
        fitted.append(
            fit(rows, initialise(rows, components=2, factors=2, noise="diagonal", noise_floor=1e-9, seed=0), 5)[0]
        )
    assert torch.equal(fitted[0].components.mean, fitted[1].components.mean)
    assert torch.equal(fitted[0].components.noise, fitted[1].components.noise)


def test_full_mask_equals_complete_data():
    x = values(clusters=2)
    start = initialise(complete(x), components=2, factors=2, noise="diagonal", noise_floor=1e-9, seed=0)
    ours, _ = fit(Rows(x, torch.ones(N, SIZE, dtype=torch.bool)), start, 5)
    theirs, _ = fit(complete(x), start, 5)
    torch.testing.assert_close(ours.components.factors, theirs.components.factors)
    torch.testing.assert_close(ours.components.noise, theirs.components.noise)


def test_fit_is_robust_to_values_missing_at_random():
    """With a third of the values missing, EM over the observed ones is close to the fit to all; filling with means is not."""
    x, observed = values(), torch.rand(N, SIZE, generator=torch.Generator().manual_seed(1)) >= 0.33
    whole, _ = fit(
        complete(x), initialise(complete(x), components=1, factors=2, noise="diagonal", noise_floor=1e-9, seed=0), 200
    )
    rows = Rows(x, observed)
    ours, _ = fit(rows, initialise(rows, components=1, factors=2, noise="diagonal", noise_floor=1e-9, seed=0), 200)
    average = torch.where(observed, x, 0).sum(0) / observed.sum(0)
    filled = complete(torch.where(observed, x, average))
    naive, _ = fit(filled, initialise(filled, components=1, factors=2, noise="diagonal", noise_floor=1e-9, seed=0), 200)
    best, near, far = (score(mixture, complete(x)) for mixture in (whole, ours, naive))
    assert best - near < 0.1 and best - far > 3 * (best - near)


def test_8_bit_images_are_divided_by_255():
    x = torch.randint(0, 256, (50, SIZE), dtype=torch.uint8)
    got, _ = complete(x).take(slice(0, 10))
    assert got.dtype == torch.float64 and torch.equal(got, x[:10].double() / 255)


def test_component_without_rows_is_moved_next_to_the_largest():
    rows = complete(values(clusters=2))
    start = initialise(rows, components=2, factors=2, noise="diagonal", noise_floor=1e-9, seed=0)
    parts = start.components
    lost = SharedComponents(
        torch.cat([parts.mean, torch.full((1, SIZE), 1e3)]),
        torch.cat([parts.factors, parts.factors[:1]]),
        torch.cat([parts.noise, parts.noise[:1]]),
    )
    mixture = SharedMixture.prior(torch.zeros(3, dtype=torch.float64), lost)
    statistics = expectation(mixture, rows)
    assert statistics.responsible[2] == pytest.approx(0, abs=1e-6)
    moved = reseed(mixture, statistics.responsible, torch.Generator().manual_seed(0))
    again = expectation(moved, rows)
    assert (again.responsible > 20).all() and again.log_likelihood >= statistics.log_likelihood - 1
    assert reseed(moved, again.responsible, torch.Generator().manual_seed(0)) is moved


@pytest.mark.parametrize("chunk", [1, 7, N - 1])
@pytest.mark.parametrize("share", [0.0, 0.4])
def test_sums_do_not_depend_on_the_chunks(chunk, share, monkeypatch):
    observed = torch.rand(N, SIZE, generator=torch.Generator().manual_seed(1)) >= share
    rows = Rows(values(clusters=2), observed if share else torch.ones(1, SIZE, dtype=torch.bool))
    start = initialise(rows, components=3, factors=2, noise="diagonal", noise_floor=1e-9, seed=0)
    whole = expectation(start, rows)
    monkeypatch.setattr(em, "CHUNK", chunk)
    parts = expectation(start, rows)
    assert parts.log_likelihood == pytest.approx(whole.log_likelihood)
    for name in ("responsible", "moment", "cross", "square"):
        torch.testing.assert_close(getattr(parts, name), getattr(whole, name))


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")  # from scikit-learn, since all rows are equal
def test_degenerate_data_give_finite_numbers():
    for x in (values()[:10], values()[:1].expand(30, -1)):
        rows = complete(x)
        mixture, path = fit(
            rows, initialise(rows, components=10, factors=3, noise="diagonal", noise_floor=1e-3, seed=0), 5, floor=1e-3
        )
        assert np.isfinite(path).all() and mixture.components.noise.min() >= 1e-3


def test_value_unobserved_in_a_component_comes_from_all_components():
    x = torch.cat([values()[:300] - 20, values()[300:] + 20])
    observed = torch.ones(N, SIZE, dtype=torch.bool)
    observed[:300, 0] = False  # the first cluster never shows its first value
    rows = Rows(x, observed)
    mixture, _ = fit(rows, initialise(rows, components=2, factors=1, noise="diagonal", noise_floor=1e-9, seed=0), 5)
    blind = mixture.components.mean[:, 1:].mean(1).argmin()
    assert mixture.components.mean[blind, 0] == pytest.approx(x[300:, 0].mean().item(), rel=1e-3)
    assert mixture.components.noise[blind, 0] == pytest.approx(x[300:, 0].var(correction=0).item(), rel=1e-2)
    assert not mixture.components.factors[blind, :, 0].any()


def test_isotropic_noise_is_estimated_from_observed_values():
    x = torch.cat([values()[:300] - 20, values()[300:] + 20])
    observed = torch.ones(N, SIZE, dtype=torch.bool)
    observed[:300, 0] = False  # the first cluster never shows its first value
    rows = Rows(x, observed)
    mixture, _ = fit(
        rows, initialise(rows, components=2, factors=1, noise="isotropic", noise_floor=1e-9, seed=0), 100, "isotropic"
    )
    noise, blind = mixture.components.noise, mixture.components.mean[:, 1:].mean(1).argmin()
    assert torch.equal(noise, noise[:, :1].expand_as(noise))
    twins = PCA(1).fit(x[:300, 1:].numpy()), PCA(1).fit(x[300:].numpy())
    assert noise[blind, 0] == pytest.approx(twins[0].noise_variance_, rel=0.01)
    assert noise[1 - blind, 0] == pytest.approx(twins[1].noise_variance_, rel=0.01)
    assert mixture.components.mean[blind, 0] == pytest.approx(x[300:, 0].mean().item(), rel=1e-3)


def test_component_without_observations_is_as_wide_as_all_rows():
    x, zeros = values(), torch.zeros(SIZE, 2, 3, dtype=torch.float64)
    moment, cross, square = zeros.clone(), zeros[..., :2].clone(), zeros[..., 0].clone()
    moment[:, 0, -1], cross[:, 0, -1], square[:, 0] = N, x.sum(0), x.square().sum(0)
    statistics = Statistics(
        log_likelihood=0.0,
        responsible=torch.tensor([N, 0.0], dtype=torch.float64),
        moment=moment,
        cross=cross,
        square=square,
    )
    parts = maximization(statistics, "isotropic", 1e-9).components
    torch.testing.assert_close(parts.mean[1], x.mean(0))
    expected = x.var(0, correction=0).mean()
    torch.testing.assert_close(parts.noise[1], expected.expand(SIZE))


def test_data_that_cannot_be_fitted_are_refused():
    with pytest.raises(ValueError, match="got 5 rows"):
        initialise(complete(values()[:5]), components=10, factors=2, noise="diagonal", noise_floor=1e-3, seed=0)
    observed = torch.ones(N, SIZE, dtype=torch.bool)
    observed[:, 3] = False
    with pytest.raises(ValueError, match="1 values that no row shows"):
        initialise(Rows(values(), observed), components=2, factors=2, noise="diagonal", noise_floor=1e-3, seed=0)


def test_triangles_unpack_to_symmetric_matrices():
    values = torch.rand(2, 4, 4)
    values = values + values.mT
    rows, columns = triangle(4)
    assert torch.equal(symmetric(values[..., rows, columns], 4), values)


@pytest.mark.parametrize("shown", [1.0, 0.9])
def test_randomised_principal_axes_equal_the_exact_ones(shown, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    scale = 0.8 ** torch.arange(30.0)
    x = (torch.randn(400, 30, generator=generator) * scale + 0.5).double()
    observed = torch.rand(400, 30, generator=generator) < shown if shown < 1 else torch.ones(1, 30, dtype=torch.bool)
    monkeypatch.setattr("train.engine.em.CHUNK", 150)
    average = torch.full((30,), 0.5).double()
    filled, mine = torch.where(observed, x, average), torch.arange(400) % 4 > 0
    mean, variance, loadings = principal(Rows(x, observed), mine=mine, average=average, count=8, generator=generator)
    covariance = filled[mine].T.cov(correction=0)
    values, vectors = torch.linalg.eigh(covariance)
    best = (vectors[:, -8:] * values[-8:]) @ vectors[:, -8:].T
    torch.testing.assert_close(mean, filled[mine].mean(0))
    torch.testing.assert_close(variance, covariance.diagonal())
    torch.testing.assert_close(loadings.T @ loadings, best, atol=2e-3, rtol=0)


def test_many_factors_start_from_all_rows_of_each_cluster(monkeypatch):
    monkeypatch.setattr("train.engine.em.MANY", 2)
    generator = torch.Generator().manual_seed(0)
    place = torch.randint(2, (300, 1), generator=generator) * 10.0
    x = place + torch.randn(300, 5, generator=generator)
    mixture = initialise(
        Rows(x, torch.ones(1, 5, dtype=torch.bool)), components=2, factors=2, noise="diagonal", noise_floor=1e-6, seed=0
    )
    for mean, factors, noise in zip(mixture.components.mean, mixture.components.factors, mixture.components.noise):
        mine = x[(place[:, 0] > 5) == (mean.mean() > 5)].double()
        torch.testing.assert_close(mean, mine.mean(0))
        torch.testing.assert_close(factors.square().sum(0) + noise, mine.var(0, correction=0))
