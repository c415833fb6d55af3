"""Probabilistic circuits against a brute-force twin: the mixture of all choices of Gaussians, one by one."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from dmfa_demo.imputation import flatten, flatten_missing
from dmfa_demo.models.circuit import Circuit, CircuitConfig, CircuitDensity, CircuitImputer

K = 2
CONFIG = CircuitConfig(height=4, width=4, components=K, widths=(K,))
# The places of the pixels of each 2 x 2 region.
REGIONS = [[4 * y + x for y in rows for x in columns] for rows in ((0, 1), (2, 3)) for columns in ((0, 1), (2, 3))]


def build() -> Circuit:
    generator = torch.Generator().manual_seed(0)
    circuit = Circuit(CONFIG)
    for parameter in circuit.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    circuit._pixels[0].log_scale.data -= 1
    return circuit.eval()


def scene(rows: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(rows, 16, generator=generator), torch.rand(rows, 16, generator=generator) < 0.5


class Twin:
    """The same density as an explicit mixture: one component for each choice at the root and in each region."""

    def __init__(self, circuit: Circuit):
        root: Any = circuit.root
        at_root, in_regions = root.weights[0, :, 0, 0], root.inputs.inputs.weights[..., 0]  # (K,), (4, K, K)
        loc, scale = circuit.loc, circuit.scale
        weights, means, deviations = [], [], []
        for top, *below in product(range(K), repeat=5):
            weight, mean, deviation = at_root[top], torch.zeros(16), torch.zeros(16)
            for region, (places, chosen) in enumerate(zip(REGIONS, below)):
                weight = weight * in_regions[region, chosen, top]
                mean[places], deviation[places] = loc[places, chosen], scale[places, chosen]
            weights.append(weight)
            means.append(mean)
            deviations.append(deviation)
        self.weights, self.mean, self.deviation = torch.stack(weights), torch.stack(means), torch.stack(deviations)

    def log_prob(self, x: Tensor, where: Tensor) -> Tensor:
        """Return the log-density of one row's values at some places."""
        terms = Normal(self.mean, self.deviation).log_prob(x)[:, where].sum(1)
        return (self.weights.log() + terms).logsumexp(0)

    def posterior(self, x: Tensor, missing: Tensor) -> Tensor:
        """Return the weight of each component given one row's visible values."""
        terms = Normal(self.mean, self.deviation).log_prob(x)[:, ~missing].sum(1)
        return (self.weights.log() + terms).softmax(0)


@torch.inference_mode()
def test_marginals_and_conditionals_are_those_of_the_explicit_mixture():
    circuit, (x, missing) = build(), scene()
    twin, density = Twin(circuit), CircuitDensity(circuit, x, missing)
    for row in range(len(x)):
        whole, part = (twin.log_prob(x[row], where) for where in (torch.ones(16, dtype=torch.bool), ~missing[row]))
        torch.testing.assert_close(circuit(x)[row], whole)
        torch.testing.assert_close(circuit(x, missing)[row], part)
        torch.testing.assert_close(density.log_prob(x, missing)[row], whole - part)
        weights, hidden = twin.posterior(x[row], missing[row])[:, None], missing[row]
        mean = (weights * twin.mean).sum(0)
        variance = (weights * (twin.deviation**2 + (twin.mean - mean) ** 2)).sum(0)
        below = (weights * Normal(twin.mean, twin.deviation).cdf(x[row])).sum(0)
        for found, expected in ((density.mean, mean), (density.variance, variance), (density.cdf(x), below)):
            torch.testing.assert_close(found[row, hidden], expected[hidden], atol=1e-5, rtol=1e-4)
        assert torch.equal(density.mean[row, ~hidden], x[row, ~hidden]) and not density.variance[row, ~hidden].any()


@torch.inference_mode()
def test_samples_have_the_conditional_mean_and_covariance():
    circuit, (x, missing) = build(), scene(1)
    density, twin = CircuitDensity(circuit, x, missing), Twin(circuit)
    weights, hidden = twin.posterior(x[0], missing[0])[:, None], missing[0]
    centred = (twin.mean - density.mean[0])[:, hidden]
    between = (weights * centred).T @ centred
    covariance = between + ((weights * twin.deviation**2).sum(0)[hidden]).diag()
    drawn, quiet = (
        density.sample(6_000, torch.Generator().manual_seed(0), noise)[:, 0, hidden] for noise in (True, False)
    )
    for samples, expected in ((drawn, covariance), (quiet, between)):
        torch.testing.assert_close(samples.mean(0), density.mean[0, hidden], atol=0.1, rtol=0)
        torch.testing.assert_close(samples.T.cov(), expected, atol=0.2, rtol=0.1)
    assert torch.equal(density.sample(3, torch.Generator().manual_seed(0))[:, 0, ~hidden], x[:, ~hidden].expand(3, -1))


@torch.inference_mode()
def test_same_seed_gives_the_same_samples_whatever_other_threads_draw():
    imputer, (x, missing) = CircuitImputer(build()), scene()
    images, holes = x.view(-1, 1, 4, 4), missing.view(-1, 1, 4, 4)
    first = imputer.impute(images, holes, seed=3)
    found = first.sample(20)
    torch.rand(5)  # the global generator
    assert torch.equal(found, first.sample(20)) and torch.equal(found, imputer.impute(images, holes, seed=3).sample(20))
    assert not torch.equal(found, imputer.impute(images, holes, seed=4).sample(20))


@torch.inference_mode()
def test_everything_or_nothing_may_be_hidden():
    circuit, (x, _) = build(), scene()
    nothing = torch.zeros(3, 16, dtype=torch.bool)
    none, every = (CircuitDensity(circuit, x, missing) for missing in (nothing, ~nothing))
    assert torch.equal(none.mean, x) and not none.variance.any()
    torch.testing.assert_close(none.log_prob(x, nothing), torch.zeros(3))
    torch.testing.assert_close(every.log_prob(x, ~nothing), circuit(x))
    assert torch.equal(none.sample(2), x.expand(2, -1, -1)) and every.sample(2).isfinite().all()


def test_another_hole_and_colours_are_refused():
    circuit, (x, missing) = build(), scene()
    with pytest.raises(ValueError, match="pass the same mask"):
        CircuitDensity(circuit, x, missing).log_prob(x, ~missing)
    for config in (CircuitConfig(channels=3), CircuitConfig(height=32)):
        with pytest.raises(ValueError, match="square images of one channel"):
            Circuit(config)


SHAPES = [(28, (3, 2, 3, 2)), (6, (2, 3)), (12, (3,)), (7, (2, 2)), (8, (2, 2, 2))]


def wider(side: int, widths: tuple[int, ...]) -> Circuit:
    """Return a circuit with random weights, most of which have a margin around the image."""
    generator = torch.Generator().manual_seed(0)
    circuit = Circuit(CircuitConfig(height=side, width=side, components=2, widths=widths))
    for parameter in circuit.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    circuit._pixels[0].log_scale.data -= 2
    return circuit.eval()


@pytest.mark.parametrize(("side", "widths"), SHAPES)
@torch.inference_mode()
def test_density_integrates_to_one_with_a_margin(side: int, widths: tuple[int, ...]):
    circuit, levels = wider(side, widths), torch.linspace(-9, 9, 4_001)
    alone = torch.ones(1, side * side, dtype=torch.bool)
    assert circuit(torch.rand(1, side * side), alone).item() == pytest.approx(0, abs=1e-4)
    alone[:, 5] = False
    values = torch.zeros(len(levels), side * side)
    values[:, 5] = levels
    density = circuit(values, alone.expand(len(levels), -1)).exp()
    assert torch.trapezoid(density, levels).item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(("side", "widths"), SHAPES)
@torch.inference_mode()
def test_samples_have_the_exact_mean_and_deviation_in_every_pixel(side: int, widths: tuple[int, ...]):
    """A sampler that confuses the places of regions would still draw from each pixel's Gaussians."""
    circuit = wider(side, widths)
    x, missing = torch.rand(1, side * side), torch.ones(1, side * side, dtype=torch.bool)
    missing[:, ::9] = False
    density = CircuitDensity(circuit, x, missing)
    samples = density.sample(1_000, torch.Generator().manual_seed(0))[:, 0]
    torch.testing.assert_close(samples.mean(0), density.mean[0], atol=0.3, rtol=0)
    torch.testing.assert_close(samples.std(0), density.variance[0].sqrt(), atol=0.25, rtol=0.1)


@pytest.mark.parametrize("fixed", [False, True])
def test_answers_carry_no_gradients_outside_inference_mode(fixed: bool):
    circuit, (x, missing) = build(), scene()
    circuit.requires_grad_(not fixed)
    answer = CircuitImputer(circuit).impute(x.view(-1, 1, 4, 4), missing.view(-1, 1, 4, 4), seed=0)
    assert answer.density is not None and answer.variance is not None
    found = (answer.mean, answer.variance, answer.density.log_prob(x, missing), answer.density.cdf(x), answer.sample(2))
    assert not any(one.requires_grad for one in found) and all(one.isfinite().all() for one in found)


def test_begins_at_images_and_keeps_a_floor():
    circuit = Circuit(CircuitConfig(height=6, width=6, components=K, widths=(K, K)))
    images = torch.rand(K, 1, 6, 6)
    circuit.begin_at(images)
    assert torch.equal(circuit.loc.T, flatten(images))
    circuit._pixels[0].log_scale.data.fill_(-50)
    assert circuit.scale.min() >= CONFIG.deviation_floor
    assert circuit(flatten(images), flatten_missing(images > 2, 1)).isfinite().all()
