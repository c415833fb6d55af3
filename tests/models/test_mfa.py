"""MFA as an imputer: the mixture in its checkpoint, conditioned."""

import torch

from dmfa_demo import load_imputer
from dmfa_demo.data.datasets import load_samples, to_float
from dmfa_demo.data.masks import mask_family
from dmfa_demo.densities.factor_analyzer import FactorAnalyzer, MixtureOfFactorAnalyzers
from dmfa_demo.models.mfa import mixture_from, tensors_of


def scene() -> tuple[torch.Tensor, torch.Tensor]:
    images = to_float(load_samples("mnist").images[::25])
    return images, mask_family("square14+half+noise75")(len(images), 28, 28, torch.Generator().manual_seed(0))


def test_shipped_model_conditions_like_its_explicit_mixture():
    imputer, (images, missing) = load_imputer("mfa", "mnist"), scene()
    prior = imputer.mixture
    parts = (part[None] for part in (prior.components.mean, prior.components.factors, prior.components.noise))
    twin = MixtureOfFactorAnalyzers(prior.log_weights, FactorAnalyzer(*parts))
    x, hidden = images.flatten(1).double(), missing.flatten(1)
    imputation = imputer.impute(images, missing)
    conditional = twin.condition(x, hidden)
    torch.testing.assert_close(imputation.mean.flatten(1).double(), conditional.mean.clamp(0, 1), atol=1e-5, rtol=0)
    torch.testing.assert_close(imputation.density.variance.double(), conditional.variance, atol=1e-5, rtol=1e-3)
    torch.testing.assert_close(
        imputation.density.log_prob(x.float(), hidden).double(), conditional.log_prob(x, hidden), atol=0.05, rtol=1e-4
    )


def test_conditional_times_marginal_is_the_joint():
    """log p(x) = log p(x_o) + log p(x_m | x_o)."""
    prior, (images, missing) = load_imputer("mfa", "mnist").mixture, scene()
    x, hidden = images.flatten(1).double(), missing.flatten(1)
    whole = prior.log_prob(x, torch.ones(1, 784, dtype=torch.bool))
    torch.testing.assert_close(whole, prior.log_prob(x, ~hidden) + prior.condition(x, hidden).log_prob(x, hidden))


def test_mixture_round_trips_through_its_tensors():
    prior = load_imputer("mfa", "mnist").mixture
    again = mixture_from(tensors_of(prior))
    torch.testing.assert_close(again.log_weights, prior.log_weights)
    assert torch.equal(again.components.factors, prior.components.factors)
