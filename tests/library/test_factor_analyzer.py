"""Densities against dense brute-force versions, in float64."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import LowRankMultivariateNormal, MultivariateNormal

from dmfa_demo.densities.factor_analyzer import FactorAnalyzer, MixtureOfFactorAnalyzers

B, K, L, N = 5, 3, 2, 9


def factor_analyzer(*leading: int, n: int = N, seed: int = 0) -> FactorAnalyzer:
    generator = torch.Generator().manual_seed(seed)
    like = dict(generator=generator, dtype=torch.float64)
    return FactorAnalyzer(
        torch.randn(*leading, n, **like), torch.randn(*leading, L, n, **like), torch.rand(*leading, n, **like) + 0.1
    )


def mixture(*leading: int, seed: int = 0) -> MixtureOfFactorAnalyzers:
    generator = torch.Generator().manual_seed(seed + 100)
    weights = torch.randn(*leading, K, generator=generator, dtype=torch.float64)
    return MixtureOfFactorAnalyzers(weights, factor_analyzer(*leading, K, seed=seed))


def data(seed: int = 1) -> tuple[Tensor, Tensor]:
    """Return values and a different mask for each row, including none, all and exactly one missing."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(B, N, generator=generator, dtype=torch.float64)
    missing = torch.rand(B, N, generator=generator) < 0.5
    missing[0], missing[1], missing[2] = False, True, torch.arange(N) == 4
    return x, missing


def covariance(density: FactorAnalyzer) -> Tensor:
    return density.factors.transpose(-1, -2) @ density.factors + torch.diag_embed(density.noise)


def dense_log_prob(density: FactorAnalyzer, x: Tensor, missing: Tensor) -> Tensor:
    """Compute one row at a time, with the full covariance."""
    sigma, values = covariance(density), []
    for row in range(len(x)):
        at = missing[row]
        if not at.any():
            values.append(torch.zeros((), dtype=x.dtype))
            continue
        values.append(MultivariateNormal(density.mean[row, at], sigma[row][at][:, at]).log_prob(x[row, at]))
    return torch.stack(values)


def test_log_prob_equals_the_dense_gaussian_for_each_rows_mask():
    density, (x, missing) = factor_analyzer(B), data()
    torch.testing.assert_close(density.log_prob(x, missing), dense_log_prob(density, x, missing))


@given(seed=st.integers(0, 10_000), share=st.floats(0, 1))
@settings(max_examples=30)
def test_log_prob_equals_the_dense_gaussian_for_any_mask(seed, share):
    density, (x, _) = factor_analyzer(B, seed=seed), data(seed)
    missing = torch.rand(B, N, generator=torch.Generator().manual_seed(seed)) < share
    torch.testing.assert_close(density.log_prob(x, missing), dense_log_prob(density, x, missing))


def test_log_prob_of_all_values_equals_torchs_low_rank_normal():
    density, (x, missing) = factor_analyzer(B), data()
    twin = LowRankMultivariateNormal(density.mean, density.factors.transpose(-1, -2), density.noise)
    torch.testing.assert_close(density.log_prob(x, torch.ones_like(missing)), twin.log_prob(x))


def test_mixture_log_prob_is_the_logsumexp_of_weighted_components():
    density, (x, missing) = mixture(B), data()
    parts = torch.stack([dense_log_prob(density.component(k), x, missing) for k in range(K)], -1)
    twin = (density.weights * parts.exp()).sum(-1).log()
    torch.testing.assert_close(density.log_prob(x, missing), twin)


def test_weights_are_normalised():
    components = factor_analyzer(1, K)
    density = MixtureOfFactorAnalyzers(torch.tensor([[3.0, 1.0, -2.0]], dtype=torch.float64), components)
    torch.testing.assert_close(density.weights, torch.tensor([[3.0, 1.0, -2.0]], dtype=torch.float64).softmax(-1))


def test_values_outside_the_mask_are_ignored_even_nan():
    density, (x, missing) = mixture(B), data()
    other = torch.where(missing, x, torch.nan)
    assert torch.equal(density.log_prob(x, missing), density.log_prob(other, missing))


def test_complete_image_has_log_prob_zero_and_is_returned_exactly():
    x = torch.rand(4, N)
    nothing = torch.zeros(4, N, dtype=torch.bool)
    density = FactorAnalyzer(torch.rand(4, N), torch.rand(4, L, N), torch.rand(4, N) + 0.1)
    assert torch.equal(density.log_prob(x, nothing), torch.zeros(4))
    for pinned in (density.restrict(x, nothing), density.condition(x, nothing)):
        assert torch.equal(pinned.mean, x) and not pinned.variance.any()
        assert torch.equal(pinned.sample(3), x.expand(3, 4, N))
    parts = FactorAnalyzer(torch.rand(4, K, N), torch.rand(4, K, L, N), torch.rand(4, K, N) + 0.1)
    mixed = MixtureOfFactorAnalyzers(torch.randn(4, K), parts)
    assert mixed.log_prob(x, nothing).abs().max() < 1e-6
    for pinned in (mixed.restrict(x, nothing), mixed.condition(x, nothing)):
        assert torch.equal(pinned.mean, x) and not pinned.variance.any()
        assert torch.equal(pinned.sample(3), x.expand(3, 4, N))


@pytest.mark.parametrize("make", [factor_analyzer, mixture])
def test_condition_times_marginal_is_the_joint(make):
    """p(x_m | x_o) p(x_o) = p(x): the definition, in log space, for each row's mask."""
    density, (x, missing) = make(B), data()
    conditional = density.condition(x, missing).log_prob(x, missing)
    torch.testing.assert_close(
        conditional + density.log_prob(x, ~missing), density.log_prob(x, torch.ones_like(missing))
    )


def test_condition_has_the_mean_and_covariance_of_equation_1():
    density, (x, missing) = factor_analyzer(B), data()
    conditional, sigma = density.condition(x, missing), covariance(density)
    for row in range(B):
        m, o = missing[row], ~missing[row]
        gain = sigma[row][m][:, o] @ torch.linalg.inv(sigma[row][o][:, o])
        mean = density.mean[row, m] + gain @ (x[row, o] - density.mean[row, o])
        torch.testing.assert_close(conditional.mean[row, m], mean)
        torch.testing.assert_close(
            covariance(conditional)[row][m][:, m], sigma[row][m][:, m] - gain @ sigma[row][o][:, m]
        )
        assert torch.equal(conditional.mean[row, o], x[row, o])


def test_one_density_over_images_conditions_a_batch():
    density, (x, missing) = mixture(1), data()
    batch = MixtureOfFactorAnalyzers(
        density.log_weights.expand(B, -1),
        FactorAnalyzer(
            *(
                t.expand(B, *t.shape[1:])
                for t in (density.components.mean, density.components.factors, density.components.noise)
            )
        ),
    )
    one, each = density.condition(x, missing), batch.condition(x, missing)
    torch.testing.assert_close(one.mean, each.mean)
    torch.testing.assert_close(one.log_weights, each.log_weights)
    torch.testing.assert_close(density.log_prob(x, missing), batch.log_prob(x, missing))


def test_mean_variance_and_cdf_match_a_million_samples():
    density = mixture(1)
    draws = density.sample(1_000_000, torch.Generator().manual_seed(0))[:, 0]
    error = draws.std(0) / 1_000
    assert ((draws.mean(0) - density.mean[0]).abs() < 5 * error).all()
    kurtosis = ((draws - draws.mean(0)) ** 4).mean(0)
    assert ((draws.var(0) - density.variance[0]).abs() < 5 * kurtosis.sqrt() / 1_000).all()
    x = torch.zeros(1, N, dtype=torch.float64)
    assert ((draws < 0).double().mean(0) - density.cdf(x)[0]).abs().max() < 5 * 0.5 / 1_000


def test_leading_components_are_the_heaviest_in_order():
    density = mixture(B)
    leading = density.leading(2)
    for row in range(B):
        order = density.weights[row].argsort(descending=True)[:2]
        kept = density.weights[row, order]
        torch.testing.assert_close(leading.weights[row], kept / kept.sum())
        torch.testing.assert_close(leading.components.factors[row], density.components.factors[row, order])
        torch.testing.assert_close(leading.components.noise[row], density.components.noise[row, order])
    torch.testing.assert_close(density.leading(K + 5).mean, density.mean)


def test_samples_of_a_factor_analyzer_have_its_covariance():
    density = factor_analyzer(1)
    draws = density.sample(400_000, torch.Generator().manual_seed(0))[:, 0]
    torch.testing.assert_close(draws.T.cov(), covariance(density)[0], atol=0.05, rtol=0.02)


def test_samples_without_noise_vary_only_along_the_factors():
    density = factor_analyzer(1)
    draws = density.sample(50, torch.Generator().manual_seed(0), noise=False)[:, 0]
    assert torch.linalg.matrix_rank(draws - density.mean[0]) == L
    bare = FactorAnalyzer(density.mean, density.factors, torch.zeros_like(density.noise))
    assert torch.equal(bare.sample(50, torch.Generator().manual_seed(0))[:, 0], draws)


def test_samples_depend_on_the_seed_only():
    density = mixture(B)
    first, again, other = (density.sample(2, torch.Generator().manual_seed(s)) for s in (7, 7, 8))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert first.shape == (2, B, N)


def test_principal_factors_are_orthogonal_sorted_and_span_the_same_covariance():
    density = factor_analyzer(B)
    principal = density.principal()
    torch.testing.assert_close(covariance(principal), covariance(density))
    gram = principal.factors @ principal.factors.transpose(-1, -2)
    torch.testing.assert_close(gram, torch.diag_embed(gram.diagonal(dim1=-2, dim2=-1)), atol=1e-9, rtol=0)
    strength = gram.diagonal(dim1=-2, dim2=-1)
    assert (strength[:, :-1] >= strength[:, 1:]).all() and (principal.factors.sum(-1) >= 0).all()


def test_gradients_equal_finite_differences():
    (x, missing), parts = data(), factor_analyzer(B, K)
    weights = torch.randn(B, K, dtype=torch.float64)

    def log_prob(weights, mean, factors, noise):
        return MixtureOfFactorAnalyzers(weights, FactorAnalyzer(mean, factors, noise)).log_prob(x, missing)

    def conditional_mean(weights, mean, factors, noise):
        return MixtureOfFactorAnalyzers(weights, FactorAnalyzer(mean, factors, noise)).condition(x, missing).mean

    inputs = [t.requires_grad_() for t in (weights, parts.mean, parts.factors, parts.noise)]
    assert torch.autograd.gradcheck(log_prob, inputs)
    assert torch.autograd.gradcheck(conditional_mean, inputs)


def test_float32_at_the_noise_floor_agrees_with_float64():
    """A residual of 0.5 against a noise of 1e-6: the textbook form loses tens of nats here."""
    generator = torch.Generator().manual_seed(0)
    n = 196
    factors = torch.randn(8, 4, n, generator=generator, dtype=torch.float64) * 0.2
    noise = torch.full((8, n), 1.3e-6, dtype=torch.float64)
    latent = torch.randn(8, 1, 4, generator=generator, dtype=torch.float64) * 2
    x = (latent @ factors)[:, 0] + 1e-3 * torch.randn(8, n, generator=generator, dtype=torch.float64)
    x, factors, noise = x.float(), factors.float(), noise.float()
    everything = torch.ones(8, n, dtype=torch.bool)
    single = FactorAnalyzer(torch.zeros(8, n), factors, noise).log_prob(x, everything)
    double = FactorAnalyzer(torch.zeros(8, n).double(), factors.double(), noise.double()).log_prob(
        x.double(), everything
    )
    torch.testing.assert_close(single.double(), double, atol=0.05, rtol=1e-4)


def test_noise_floor_raises_only_the_noise():
    density = factor_analyzer(B)
    raised = density.with_noise_floor(0.5)
    assert raised.noise.min() == 0.5 and torch.equal(raised.factors, density.factors)
    assert mixture(B).with_noise_floor(0.5).components.noise.min() == 0.5


def test_log_prob_of_one_standard_normal_value():
    density = FactorAnalyzer(torch.zeros(1, 1), torch.zeros(1, 1, 1), torch.ones(1, 1))
    value = density.log_prob(torch.zeros(1, 1), torch.ones(1, 1, dtype=torch.bool)).item()
    assert value == pytest.approx(-0.5 * math.log(2 * math.pi))


def test_mismatched_shapes_are_refused():
    with pytest.raises(ValueError, match=r"mean \(2, 3\), factors \(2, 1, 4\)"):
        FactorAnalyzer(torch.zeros(2, 3), torch.zeros(2, 1, 4), torch.ones(2, 3))
    with pytest.raises(ValueError, match="log_weights"):
        MixtureOfFactorAnalyzers(
            torch.zeros(2, 4), FactorAnalyzer(torch.zeros(2, 3, 5), torch.zeros(2, 3, 1, 5), torch.ones(2, 3, 5))
        )
