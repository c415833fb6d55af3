"""The dense Gaussian against the textbook formula with covariances, row by row, in float64."""

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal

from dmfa_demo.densities.dense_gaussian import ConditionalGaussian

B, N = 6, 12


@pytest.fixture
def parts():
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(N, N, generator=generator, dtype=torch.float64)
    covariance = root @ root.T / N + 0.1 * torch.eye(N)
    center, x = (torch.randn(*size, generator=generator, dtype=torch.float64) for size in ((N,), (B, N)))
    missing = torch.rand(B, N, generator=generator) < 0.5
    missing[0], missing[1], missing[2] = False, True, torch.arange(N) == 5
    return center, covariance, x, missing


@pytest.fixture
def density(parts):
    center, covariance, x, missing = parts
    return ConditionalGaussian(
        center=center,
        precision=torch.linalg.inv(covariance),
        observed=torch.where(missing, 0, x),
        missing=missing,
        noise=0.1,
    )


def test_conditional_equals_the_textbook_formula(parts, density):
    center, covariance, x, missing = parts
    for row in range(1, B):
        m, o = missing[row], ~missing[row]
        gain = covariance[m][:, o] @ torch.linalg.inv(covariance[o][:, o])
        mean = center[m] + gain @ (x[row, o] - center[o])
        spread = covariance[m][:, m] - gain @ covariance[o][:, m]
        torch.testing.assert_close(density.mean[row, m], mean)
        torch.testing.assert_close(density.variance[row, m], spread.diagonal())
        torch.testing.assert_close(density.covariance(row), spread)
        twin = MultivariateNormal(mean, (spread + spread.T) / 2).log_prob(x[row, m])
        torch.testing.assert_close(density.log_prob(x, missing)[row], twin)
        torch.testing.assert_close(density.cdf(x)[row, m], Normal(mean, spread.diagonal().sqrt()).cdf(x[row, m]))


def test_rows_with_the_same_hole_equal_separate_rows(parts):
    center, covariance, x, missing = parts
    holes = missing[torch.tensor([3, 4, 3, 3, 4, 0])]
    precision = torch.linalg.inv(covariance)
    together = ConditionalGaussian(center=center, precision=precision, observed=x, missing=holes, noise=0.1)
    for row in range(B):
        alone = ConditionalGaussian(
            center=center, precision=precision, observed=x[row : row + 1], missing=holes[row : row + 1], noise=0.1
        )
        torch.testing.assert_close(together.mean[row], alone.mean[0])
        torch.testing.assert_close(together.variance[row], alone.variance[0])
        torch.testing.assert_close(together.log_prob(x, holes)[row], alone.log_prob(x[row : row + 1], holes[row : row + 1])[0])  # fmt: skip


def test_observed_values_are_fixed_and_complete_rows_have_log_prob_zero(parts, density):
    _, _, x, missing = parts
    assert torch.equal(density.mean[~missing], x[~missing]) and not density.variance[~missing].any()
    assert density.log_prob(x, missing)[0] == 0


def test_batch_without_holes_is_accepted(parts):
    center, covariance, x, _ = parts
    none = torch.zeros(B, N, dtype=torch.bool)
    density = ConditionalGaussian(
        center=center, precision=torch.linalg.inv(covariance), observed=x, missing=none, noise=0.1
    )
    assert density.covariance(0).shape == (0, 0)
    assert torch.equal(density.mean, x) and not density.log_prob(x, none).any()
    assert torch.equal(density.sample(2), x.expand(2, -1, -1))


def test_samples_have_the_mean_and_variance(density):
    count = 40_000
    draws = density.sample(count, torch.Generator().manual_seed(0))
    error = density.variance.sqrt() / count**0.5
    assert ((draws.mean(0) - density.mean).abs() <= 5 * error + 1e-12).all()
    torch.testing.assert_close(draws.var(0), density.variance, rtol=0.06, atol=1e-9)


def test_noise_floor_is_added_to_the_conditional_covariance(parts, density):
    """The lower bound of the variance rises from `noise` to the floor: the difference is added to every missing value."""
    _, covariance, x, missing = parts
    floored = density.with_noise_floor(0.25)
    torch.testing.assert_close(floored.mean, density.mean)
    for row in range(1, B):
        m, o = missing[row], ~missing[row]
        gain = covariance[m][:, o] @ torch.linalg.inv(covariance[o][:, o])
        spread = covariance[m][:, m] - gain @ covariance[o][:, m] + 0.15 * torch.eye(int(m.sum()))
        torch.testing.assert_close(floored.variance[row, m], spread.diagonal())
        twin = MultivariateNormal(density.mean[row, m], (spread + spread.T) / 2).log_prob(x[row, m])
        torch.testing.assert_close(floored.log_prob(x, missing)[row], twin)
    torch.testing.assert_close(density.with_noise_floor(0.05).log_prob(x, missing), density.log_prob(x, missing))


def test_log_prob_of_another_mask_is_refused(parts, density):
    _, _, x, missing = parts
    with pytest.raises(ValueError, match="pass the same mask"):
        density.log_prob(x, ~missing)
