"""A rescaled conditional density against the dense Gaussian, in float64."""

import pytest
import torch
from torch.distributions import MultivariateNormal

from dmfa_demo.densities.factor_analyzer import MixtureDensity
from dmfa_demo.densities.rescaled import Rescaled
from tests.library.test_shared_mixture import B, N, both, data


def rescaled(latents: int = 3) -> tuple[Rescaled, torch.Tensor, torch.Tensor]:
    (shared, _), (x, missing) = both(latents), data()
    generator = torch.Generator().manual_seed(2)
    mean = torch.where(missing, torch.randn(B, N, generator=generator).double(), x)
    scale = torch.rand(B, N, generator=generator).double() + 0.5
    return Rescaled(shared.condition(x, missing, 3.0), mean, scale), x, missing


def test_rescaled_equals_the_gaussian_with_the_rescaled_covariance():
    density, x, missing = rescaled()
    assert isinstance(density, MixtureDensity)
    written, inner = density.leading(density.weights.shape[1]), density.inner.leading(density.weights.shape[1])
    for row in range(1, B):
        m, scores = missing[row], []
        for k in range(len(written.weights[row])):
            factors = inner.components.factors[row, k][:, m]
            spread = factors.T @ factors + inner.components.noise[row, k, m].diag()
            spread = density.scale[row, m, None] * spread * density.scale[row, m]
            mean = inner.components.mean[row, k, m] - density.inner.mean[row, m]
            mean = density.mean[row, m] + density.scale[row, m] * mean
            scores.append(inner.log_weights[row, k] + MultivariateNormal(mean, spread).log_prob(x[row, m]))
        torch.testing.assert_close(density.log_prob(x, missing)[row], torch.stack(scores).logsumexp(0))
    torch.testing.assert_close(written.log_prob(x, missing), density.log_prob(x, missing))
    torch.testing.assert_close(written.mean, density.mean)
    torch.testing.assert_close(written.variance, density.variance, rtol=1e-7, atol=1e-5)
    torch.testing.assert_close(written.cdf(x)[missing], density.cdf(x)[missing], atol=1e-7, rtol=0)


@pytest.mark.parametrize("floor", [1e-9, 0.3])
def test_noise_floor_equals_that_of_the_explicit_mixture(floor):
    density, x, missing = rescaled()
    twin = density.leading(density.weights.shape[1]).with_noise_floor(floor)
    torch.testing.assert_close(density.with_noise_floor(floor).log_prob(x, missing), twin.log_prob(x, missing))


def test_samples_keep_observed_values_and_have_the_densitys_moments():
    density, x, missing = rescaled(2)
    draws = density.sample(40_000, torch.Generator().manual_seed(0))
    assert torch.equal(draws[:, ~missing], x[~missing].expand(40_000, -1))
    error = (draws.mean(0) - density.mean).abs() / (density.variance.sqrt() + 1e-12)
    assert error[missing].max() < 6 * (1 / 40_000) ** 0.5
    torch.testing.assert_close(draws.var(0)[missing], density.variance[missing], rtol=0.1, atol=0)
