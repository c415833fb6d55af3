"""The shared mixture against an explicit mixture, and that one against the dense formula, in float64."""

import math
import weakref

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import MultivariateNormal

from dmfa_demo.densities.factor_analyzer import FactorAnalyzer, MixtureOfFactorAnalyzers
from dmfa_demo.densities.shared_mixture import FEW, SharedComponents, SharedMixture

B, K, N = 6, 4, 10


def both(latents: int, seed: int = 0) -> tuple[SharedMixture, MixtureOfFactorAnalyzers]:
    like = dict(generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    parts = (torch.randn(K, N, **like), torch.randn(K, latents, N, **like), torch.rand(K, N, **like) + 0.05)
    log_weights = torch.randn(K, **like)
    written_out = MixtureOfFactorAnalyzers(log_weights[None], FactorAnalyzer(*(part[None] for part in parts)))
    return SharedMixture.prior(log_weights, SharedComponents(*parts)), written_out


def data(seed: int = 1, share: float = 0.5) -> tuple[Tensor, Tensor]:
    """Return values and masks; the first row is complete, and everything of the second is missing."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(B, N, generator=generator, dtype=torch.float64)
    missing = torch.rand(B, N, generator=generator) < share
    missing[0], missing[1] = False, True
    return x, missing


@pytest.mark.parametrize("latents", [0, 1, 3])
@given(seed=st.integers(0, 10_000), share=st.floats(0, 1))
@settings(max_examples=20)
def test_shared_mixture_equals_the_explicit_one_for_any_mask(latents, seed, share):
    (shared, twin), (x, missing) = both(latents, seed), data(seed, share)
    torch.testing.assert_close(shared.log_prob(x, missing), twin.log_prob(x, missing))
    ours, theirs = shared.condition(x, missing), twin.condition(x, missing)
    for name in ("mean", "weights"):
        torch.testing.assert_close(getattr(ours, name), getattr(theirs, name))
    # Variances ignore weights below 1e-8.
    torch.testing.assert_close(ours.variance, theirs.variance, rtol=1e-7, atol=1e-5)
    torch.testing.assert_close(ours.log_prob(x, missing), theirs.log_prob(x, missing))
    floored, twins_floored = ours.with_noise_floor(0.5), theirs.with_noise_floor(0.5)
    torch.testing.assert_close(floored.log_prob(x, missing), twins_floored.log_prob(x, missing))


@pytest.mark.parametrize("share", [0.2, 0.8])
@pytest.mark.parametrize("block", [1, 2 * 3 * N, 100_000])
def test_batch_equals_separate_rows(block, share, monkeypatch):
    (shared, _), (x, missing) = both(3), data(share=share)
    monkeypatch.setattr("dmfa_demo.densities.shared_mixture.BLOCK", block)
    assert FEW * B > 3 >= FEW  # so that both code paths run
    parts, seen = shared.components, missing.double()
    together = parts.given(torch.where(missing, x, 0), seen)
    each = [parts.given(torch.where(known, row, 0)[None], known.double()[None]) for row, known in zip(x, missing)]
    for ours, alone in zip(together, zip(*each)):
        torch.testing.assert_close(ours, torch.cat(alone))
    error = x[:, None] - parts.mean
    precision = seen[:, None] / parts.noise
    twins = (
        torch.einsum("kin,kjn,rkn->rkij", parts.factors, parts.factors, precision),
        torch.einsum("kin,rkn,rkn->rki", parts.factors, precision, error),
        (precision * error.square() + seen[:, None] * parts.noise.log()).sum(-1),
    )
    for ours, twin in zip(together, twins):
        torch.testing.assert_close(ours, twin)


def test_condition_equals_the_dense_formula():
    (shared, _), (x, missing) = both(3), data()
    parts, conditional = shared.components, shared.condition(x, missing)
    covariance = parts.factors.mT @ parts.factors + torch.diag_embed(parts.noise)
    for row in range(2, B):
        m, o = missing[row], ~missing[row]
        weights, means, scores = [], [], []
        for k in range(K):
            gain = covariance[k][m][:, o] @ torch.linalg.inv(covariance[k][o][:, o])
            mean = parts.mean[k, m] + gain @ (x[row, o] - parts.mean[k, o])
            spread = covariance[k][m][:, m] - gain @ covariance[k][o][:, m]
            visible = MultivariateNormal(parts.mean[k, o], covariance[k][o][:, o]).log_prob(x[row, o])
            weights.append(shared.log_weights[0, k] + visible)
            means.append(mean)
            scores.append(MultivariateNormal(mean, (spread + spread.T) / 2).log_prob(x[row, m]))
        weights = torch.stack(weights).softmax(0)
        torch.testing.assert_close(conditional.weights[row], weights)
        torch.testing.assert_close(conditional.mean[row, m], weights @ torch.stack(means))
        torch.testing.assert_close(conditional.log_prob(x, missing)[row], (weights.log() + torch.stack(scores)).logsumexp(0))  # fmt: skip


@pytest.mark.parametrize("temperature", [1.0, 2.5, 30.0])
def test_tempered_condition_equals_the_dense_formula_with_more_noise(temperature):
    """Latents by the noise t D of visible values, responsibilities by p^(1 / t), predictions with the noise D."""
    (shared, _), (x, missing) = both(3), data()
    parts, conditional = shared.components, shared.condition(x, missing, temperature)
    for row in range(B):
        m, o = missing[row], ~missing[row]
        weights, means, spreads, scores = [], [], [], []
        for k in range(K):
            factors, noise = parts.factors[k], parts.noise[k]
            seen = factors[:, o].T @ factors[:, o] + temperature * torch.diag(noise[o])
            gain = factors[:, m].T @ factors[:, o] @ torch.linalg.inv(seen)
            mean = parts.mean[k, m] + gain @ (x[row, o] - parts.mean[k, o])
            spread = factors[:, m].T @ factors[:, m] + torch.diag(noise[m]) - gain @ factors[:, o].T @ factors[:, m]
            visible = MultivariateNormal(parts.mean[k, o], seen).log_prob(x[row, o]) if o.any() else torch.tensor(0.0)
            # N(x; y, D)^(1 / t) is N(x; y, t D) times this:
            power = 0.5 * (
                (1 - 1 / temperature) * (2 * torch.pi * noise[o]).log().sum() + o.sum() * math.log(temperature)
            )
            weights.append(shared.log_weights[0, k] + visible + power)
            means.append(mean)
            spreads.append(spread.diagonal())
            scores.append(MultivariateNormal(mean, (spread + spread.T) / 2).log_prob(x[row, m]) if m.any() else torch.tensor(0.0))  # fmt: skip
        weights, means, spreads = torch.stack(weights).softmax(0), torch.stack(means), torch.stack(spreads)
        torch.testing.assert_close(conditional.weights[row], weights)
        torch.testing.assert_close(conditional.mean[row, m], weights @ means)
        between = (means - weights @ means).square()
        torch.testing.assert_close(conditional.variance[row, m], weights @ (spreads + between), rtol=1e-7, atol=1e-5)
        found, twin = conditional.log_prob(x, missing)[row], (weights.log() + torch.stack(scores)).logsumexp(0)
        torch.testing.assert_close(found, twin, check_dtype=False)


@pytest.mark.parametrize("temperature", [1.0, 5.0])
def test_code_path_for_many_factors_gives_the_same_results(temperature, monkeypatch):
    (shared, _), (x, missing) = both(3), data()
    few = shared.condition(x, missing, temperature)
    answers = [few.mean, few.variance, few.log_prob(x, missing), few.leading(2).variance, few.leading(2).mean]
    draws = few.sample(5, torch.Generator().manual_seed(0))
    monkeypatch.setattr("dmfa_demo.densities.shared_mixture.MANY", 1)
    monkeypatch.setattr("dmfa_demo.densities.shared_mixture.CHUNK_NUMBERS", 1)
    (shared, _) = both(3)
    many = shared.condition(x, missing, temperature)
    twins = [many.mean, many.variance, many.log_prob(x, missing), many.leading(2).variance, many.leading(2).mean]
    for ours, twin in zip(answers, twins):
        torch.testing.assert_close(ours, twin, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(draws, many.sample(5, torch.Generator().manual_seed(0)), atol=1e-4, rtol=1e-4)


def test_hidden_values_are_ignored_and_observed_ones_fixed():
    (shared, _), (x, missing) = both(2), data()
    ours = shared.condition(x, missing)
    theirs = shared.condition(torch.where(missing, torch.nan, x), missing)
    assert torch.equal(ours.mean, theirs.mean) and torch.equal(ours.variance, theirs.variance)
    assert torch.equal(ours.mean[~missing], x[~missing]) and not ours.variance[~missing].any()
    assert ours.log_prob(x, missing)[0] == 0
    with pytest.raises(ValueError, match="pass the same mask"):
        ours.log_prob(x, ~missing)


@pytest.mark.parametrize("step", [3, N + 1])  # some of the values, or all
@pytest.mark.parametrize("latents", [2, FEW * B])  # both code paths: many rows and few
def test_rows_may_share_one_mask(latents, step):
    (shared, _), (x, _) = both(latents), data()
    known = torch.arange(N) % step < step - 1
    one, evidence = shared.observe(x, known[None])
    each, twin = shared.observe(x, known.expand(B, -1))
    torch.testing.assert_close(evidence, twin)
    torch.testing.assert_close(one.weights, each.weights)
    torch.testing.assert_close(one.latents.mean, each.latents.mean)
    torch.testing.assert_close(one.latents.covariance.expand_as(each.latents.covariance), each.latents.covariance)


def test_observing_in_two_steps_equals_observing_at_once():
    (shared, _), (x, _) = both(2), data()
    first, second = torch.arange(N) < 4, torch.arange(N) >= 7
    twice = shared.observe(x, first.expand(B, -1))[0].observe(x, second.expand(B, -1))[0]
    once = shared.observe(x, (first | second).expand(B, -1))[0]
    torch.testing.assert_close(twice.weights, once.weights)
    torch.testing.assert_close(twice.latents.mean, once.latents.mean)


def test_leading_components_and_cdf_equal_the_explicit_mixtures():
    (shared, twin), (x, missing) = both(3), data()
    ours, theirs = shared.condition(x, missing), twin.condition(x, missing)
    assert (ours.leading(K).weights.diff(dim=1) <= 0).all()
    torch.testing.assert_close(ours.leading(K).mean, theirs.mean)
    torch.testing.assert_close(ours.leading(K).variance, theirs.variance)
    torch.testing.assert_close(ours.leading(2).component(0).factors, theirs.leading(2).component(0).factors)
    torch.testing.assert_close(ours.cdf(x)[missing], theirs.cdf(x)[missing], atol=1e-7, rtol=0)


def test_samples_have_the_mean_and_covariance_of_the_density():
    (shared, twin), (x, missing) = both(2), data()
    count = 40_000
    draws = shared.condition(x, missing).sample(count, torch.Generator().manual_seed(0))
    theirs = twin.condition(x, missing).sample(count, torch.Generator().manual_seed(1))
    assert torch.equal(draws[:, ~missing], x[~missing].expand(count, -1))
    for row in range(1, B):
        spread = draws[:, row].std(0) + 1e-12
        assert ((draws[:, row].mean(0) - theirs[:, row].mean(0)).abs() / spread).max() < 6 * (2 / count) ** 0.5
        scale = spread[:, None] * spread[None]
        assert ((draws[:, row].T.cov() - theirs[:, row].T.cov()).abs() / scale).max() < 0.08


def test_samples_without_noise_vary_only_with_the_latents():
    (shared, _), (x, missing) = both(2), data()
    one = SharedMixture.prior(torch.zeros(1).double(), SharedComponents(*(part[:1] for part in (shared.components.mean, shared.components.factors, shared.components.noise))))  # fmt: skip
    conditional = one.condition(x, missing)
    draws = conditional.sample(50, torch.Generator().manual_seed(0), noise=False)
    steps = draws - conditional.mean
    assert all(torch.linalg.matrix_rank(steps[:, row]) == 2 for row in range(2, B) if missing[row].sum() >= 2)
    assert torch.equal(draws[:, ~missing], x[~missing].expand(50, -1))


def test_last_conditional_of_a_single_row_is_shared_while_it_is_in_use():
    mixture, _ = both(latents=2)
    x, missing = data()
    row, hole = x[:1], missing[:1]
    first = mixture.condition(row, hole, temperature=2.0)
    under_the_hole = torch.where(hole, 7.0, row)
    assert mixture.condition(under_the_hole, hole, temperature=2.0) is first
    others = ((row, hole, 3.0), (row + 0.1, hole, 2.0), (row, ~hole, 2.0), (x, missing, 2.0))
    for values, places, temperature in others:
        found = mixture.condition(values, places, temperature)
        assert found is not first
        fresh = both(latents=2)[0].condition(values, places, temperature)
        assert torch.equal(found.mean, fresh.mean) and torch.equal(found.variance, fresh.variance)


def test_mixture_keeps_no_values_of_a_row_after_its_conditional():
    """A visitor's own face must not stay in a model that all visitors share."""
    mixture, _ = both(latents=2)
    x, missing = data()
    conditional = mixture.condition(x[:1], missing[:1], temperature=2.0)
    conditional.mean, conditional.variance, conditional.log_prob(x[:1], missing[:1])  # computes all that is cached
    ended = weakref.ref(conditional), weakref.ref(conditional.observed), weakref.ref(conditional.posterior)
    del conditional
    assert [reference() for reference in ended] == [None, None, None]


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_likelihood_after_conditioning_reuses_its_product(share):
    """For a single row the product is over the hidden or the visible values, whichever are fewer."""
    (mixture, _), (x, missing) = both(latents=3), data(share=share)
    row, hole = x[2:3], missing[2:3]
    expected = both(latents=3)[0].condition(row, hole, temperature=2.0).log_prob(row, hole)
    conditional = mixture.condition(row, hole, temperature=2.0)
    kept = mixture.components._last_products._result
    assert torch.equal(conditional.log_prob(row, hole), expected)
    assert mixture.components._last_products._result is kept
    both_ways = mixture.condition(row, ~hole, temperature=2.0)
    fresh = both(latents=3)[0].condition(row, ~hole, temperature=2.0)
    assert torch.equal(both_ways.mean, fresh.mean)
    mixture.condition(row, hole.logical_xor(torch.arange(N) == 0), temperature=2.0)
    assert mixture.components._last_products._result is not kept
