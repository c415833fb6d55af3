"""Gaussians over latents against torch's."""

import torch
from torch.distributions import Independent, Normal, kl_divergence

from dmfa_demo.densities.diagonal_gaussian import DiagonalGaussian

B, D = 5, 3


def gaussians() -> tuple[DiagonalGaussian, DiagonalGaussian]:
    like = dict(generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return tuple(DiagonalGaussian(torch.randn(B, D, **like), torch.rand(B, D, **like) + 0.2) for _ in range(2))


def test_kl_and_density_equal_torchs():
    ours, other = gaussians()
    twin, twins_other = (Independent(Normal(one.mean, one.deviation), 1) for one in (ours, other))
    torch.testing.assert_close(ours.kl(other), kl_divergence(twin, twins_other))
    z = ours.sample(4, torch.Generator().manual_seed(1))
    torch.testing.assert_close(ours.log_prob(z), twin.log_prob(z))
    assert not ours.kl(ours).any()
