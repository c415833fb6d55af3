"""Distributions of single pixels against torch's."""

import pytest
import torch
from torch.distributions import Bernoulli, Normal

from dmfa_demo.densities.pixels import Pixels, as_seen

B = 5


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_density_over_the_hole_equals_torchs(likelihood):
    raw = torch.randn(7, B, 2 if likelihood == "gaussian" else 1, 1, 3, 4, dtype=torch.float64)
    pixels = Pixels.from_raw(raw, likelihood, floor=0.01)
    x = torch.rand(B, 1, 3, 4, dtype=torch.float64)
    x = x.round() if likelihood == "bernoulli" else x
    missing = torch.rand(B, 1, 3, 4) < 0.5
    twin = Bernoulli(pixels.mean) if likelihood == "bernoulli" else Normal(pixels.mean, pixels.deviation)
    expected = torch.where(missing, twin.log_prob(x.expand(7, -1, -1, -1, -1)), 0).sum((-3, -2, -1))
    torch.testing.assert_close(pixels.log_prob(x, missing), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(pixels.variance, twin.variance)


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_samples_have_the_mean_and_variance(likelihood):
    raw = torch.randn(2 if likelihood == "gaussian" else 1, 1, 2, 2, dtype=torch.float64)
    pixels = Pixels.from_raw(raw.expand(40_000, *raw.shape), likelihood, floor=0.01)
    drawn = pixels.sample(torch.Generator().manual_seed(0))
    variance = pixels.variance[0]
    assert ((drawn.mean(0) - pixels.mean[0]).abs() < 5 * (variance / 40_000).sqrt()).all()
    torch.testing.assert_close(drawn.var(0), variance, rtol=0.05, atol=0.01)
    assert likelihood == "gaussian" or set(drawn.unique().tolist()) <= {0.0, 1.0}


def test_bernoulli_inputs_are_binarised_and_gaussian_ones_are_not():
    images = torch.tensor([0.0, 0.49, 0.5, 1.0])
    assert as_seen(images, "bernoulli").tolist() == [0, 0, 1, 1]
    assert torch.equal(as_seen(images, "gaussian"), images)
