"""Mixtures of independent Gaussians against PyTorch's distributions."""

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from dmfa_demo.densities.diagonal_mixture import DiagonalMixture


def build(components: int = 3, latents: int = 2) -> DiagonalMixture:
    generator = torch.Generator().manual_seed(0)
    raw = torch.randn(4, components * (1 + 2 * latents), generator=generator, dtype=torch.float64)
    return DiagonalMixture.from_raw(raw, components)


def test_log_prob_is_that_of_torchs_mixture():
    mixture = build()
    same = MixtureSameFamily(
        Categorical(logits=mixture.log_weights), Independent(Normal(mixture.parts.mean, mixture.parts.deviation), 1)
    )
    z = torch.randn(5, 4, 2, dtype=torch.float64)
    torch.testing.assert_close(mixture.log_prob(z), same.log_prob(z))


@pytest.mark.parametrize("components", [1, 3])
def test_samples_have_the_moments_of_the_mixture(components):
    mixture, generator = build(components), torch.Generator().manual_seed(1)
    points = torch.rand(40_000, generator=generator, dtype=torch.float64)
    z = mixture.at(points, torch.randn(40_000, 2, generator=generator, dtype=torch.float64))
    weights = mixture.log_weights.exp()[..., None]
    mean = (weights * mixture.parts.mean).sum(1)
    variance = (weights * (mixture.parts.deviation**2 + mixture.parts.mean**2)).sum(1) - mean**2
    torch.testing.assert_close(z.mean(0), mean, atol=0.03, rtol=0.02)
    torch.testing.assert_close(z.var(0), variance, atol=0.03, rtol=0.05)


def test_a_row_does_not_depend_on_the_others():
    mixture, points, noise = build(), torch.rand(6, dtype=torch.float64), torch.randn(6, 2, dtype=torch.float64)
    raw = torch.randn(4, 15, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    alone = DiagonalMixture.from_raw(raw[2:3], 3)
    torch.testing.assert_close(alone.at(points, noise)[:, 0], mixture.at(points, noise)[:, 2])
