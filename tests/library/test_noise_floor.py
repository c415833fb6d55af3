"""`with_noise_floor` of every density: observed values stay fixed, the mean does not change, no floor lowers another."""

import importlib
import inspect
import pkgutil

import pytest
import torch

import dmfa_demo
from dmfa_demo.densities.dense_gaussian import ConditionalGaussian
from dmfa_demo.densities.density import Density
from dmfa_demo.densities.factor_analyzer import FactorAnalyzer, MixtureDensity, MixtureOfFactorAnalyzers
from dmfa_demo.densities.rescaled import Rescaled
from dmfa_demo.densities.shared_mixture import SharedComponents, SharedMixture

B, K, FACTORS, SIZE, NOISE = 3, 2, 2, 6, 0.1


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


X = draw(B, SIZE)
MISSING = torch.tensor([[1, 1, 0, 0, 1, 0], [0, 0, 1, 1, 1, 1], [1, 0, 0, 0, 0, 0]], dtype=torch.bool)


def parts(*leading: int) -> tuple[torch.Tensor, ...]:
    noise = torch.full((*leading, SIZE), NOISE, dtype=torch.float64)
    return draw(*leading, SIZE), draw(*leading, FACTORS, SIZE), noise


def mixture() -> MixtureOfFactorAnalyzers:
    return MixtureOfFactorAnalyzers(draw(B, K), FactorAnalyzer(*parts(B, K)))


def dense() -> ConditionalGaussian:
    mean, factors, noise = parts(1)
    precision = torch.linalg.inv(factors[0].T @ factors[0] + noise[0].diag())
    return ConditionalGaussian(center=mean[0], precision=precision, observed=X, missing=MISSING, noise=NOISE)


def shared():
    return SharedMixture.prior(draw(K), SharedComponents(*parts(K))).condition(X, MISSING)


DENSITIES = {
    "restricted factor analyser": lambda: FactorAnalyzer(*parts(B)).restrict(X, MISSING),
    "conditioned factor analyser": lambda: FactorAnalyzer(*parts(B)).condition(X, MISSING),
    "restricted mixture": lambda: mixture().restrict(X, MISSING),
    "conditioned mixture": lambda: mixture().condition(X, MISSING),
    "shared mixture": shared,
    "leading components of a shared mixture": lambda: shared().leading(K),
    "dense Gaussian": dense,
    "rescaled mixture": lambda: Rescaled(shared(), torch.where(MISSING, draw(B, SIZE), X), torch.ones_like(X)),
}


def test_every_density_is_tested():
    packages = dmfa_demo, dmfa_demo.densities
    found = [f"{package.__name__}.{one.name}" for package in packages for one in pkgutil.iter_modules(package.__path__)]
    modules = [importlib.import_module(name) for name in found]
    kinds = {
        kind
        for module in modules
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if kind.__module__.startswith("dmfa_demo") and {"with_noise_floor", "log_prob"} <= set(dir(kind))
    }
    # The components of a shared mixture are densities of complete rows.
    assert kinds - {Density, MixtureDensity, SharedComponents} == {type(make()) for make in DENSITIES.values()}


@pytest.mark.parametrize("make", DENSITIES.values(), ids=DENSITIES)
def test_noise_floor_keeps_observed_values_fixed_and_raises_the_others(make):
    density = make()
    floored = density.with_noise_floor(NOISE + 0.4)
    assert torch.equal(torch.where(MISSING, 0, floored.variance), torch.zeros_like(X))
    torch.testing.assert_close(floored.mean, density.mean)
    torch.testing.assert_close(floored.variance, density.variance + torch.where(MISSING, 0.4, 0).double())
    draws = floored.sample(3, torch.Generator().manual_seed(0))
    assert torch.equal(torch.where(MISSING, 0, draws), torch.where(MISSING, 0, X).expand_as(draws))


@pytest.mark.parametrize("make", DENSITIES.values(), ids=DENSITIES)
@pytest.mark.parametrize("floors", [(0.5, 0.2), (0.2, 0.5), (0.5, 0.01), (0.01, 0.5)])
def test_higher_of_two_floors_applies(make, floors):
    first, second = floors
    once, twice = make().with_noise_floor(0.5), make().with_noise_floor(first).with_noise_floor(second)
    torch.testing.assert_close(twice.variance, once.variance)
    torch.testing.assert_close(twice.log_prob(X + 1, MISSING), once.log_prob(X + 1, MISSING))


@pytest.mark.parametrize("make", DENSITIES.values(), ids=DENSITIES)
def test_floor_below_the_noise_has_no_effect(make):
    density = make()
    floored = density.with_noise_floor(NOISE / 2)
    assert torch.equal(floored.variance, density.variance)
    torch.testing.assert_close(floored.log_prob(X + 1, MISSING), density.log_prob(X + 1, MISSING))
