"""MIWAE: its bound and its weights against brute force."""

import math

import torch
from torch.distributions import Independent, MultivariateNormal, Normal

from dmfa_demo.models.miwae import MIWAE, MIWAEConfig, MIWAEImputer

CONFIG = MIWAEConfig(height=8, width=8, latents=2, widths=(8,))


def build() -> MIWAE:
    torch.manual_seed(0)
    return MIWAE(CONFIG).eval()


def scene() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(3, 1, 8, 8, generator=generator), torch.rand(3, 1, 8, 8, generator=generator) < 0.4


@torch.no_grad()
def test_bound_is_that_of_torchs_distributions():
    model, (images, missing) = build(), scene()
    noise = torch.randn(7, 3, 2)
    proposal = model(images, missing)
    z = proposal.mean + proposal.deviation * noise
    deviation = torch.nn.functional.softplus(model.raw_deviation) + CONFIG.deviation_floor
    terms = torch.zeros(7, 3)
    for draw in range(7):
        mean = model.decode(z[draw])
        for row in range(3):
            seen = ~missing[row]
            fit = Normal(mean[row][seen], deviation).log_prob(images[row][seen]).sum()
            prior = MultivariateNormal(torch.zeros(2), torch.eye(2)).log_prob(z[draw, row])
            own = Independent(Normal(proposal.mean[row], proposal.deviation[row]), 1).log_prob(z[draw, row])
            terms[draw, row] = fit + prior - own
    torch.testing.assert_close(model.bound(images, missing, noise), terms.logsumexp(0) - math.log(7))


@torch.no_grad()
def test_bound_approaches_the_likelihood_on_a_grid():
    """With many draws of a broad proposal the bound is log p(x_o), here integrated over a grid of both latents."""
    model, (images, missing) = build(), scene()
    model.encoder[-1].weight.zero_()
    model.encoder[-1].bias.copy_(torch.tensor([0.0, 0.0, 1.0, 1.0]))
    axis = torch.linspace(-6, 6, 121)
    grid = torch.cartesian_prod(axis, axis)
    pixels = model.pixels(grid[:, None].expand(-1, 3, -1))
    prior = MultivariateNormal(torch.zeros(2), torch.eye(2)).log_prob(grid)[:, None]
    exact = (pixels.log_prob(images, ~missing) + prior).logsumexp(0) + 2 * math.log(12 / 120)
    found = model.bound(images, missing, torch.randn(20_000, 3, 2))
    torch.testing.assert_close(found, exact, atol=0.06, rtol=0)


def test_mean_and_samples_agree_with_the_weights():
    model, (images, missing) = build(), scene()
    imputer = MIWAEImputer(model)
    ours = imputer.impute(images, missing, seed=2)
    samples = ours.sample(4_000, noise=False)
    torch.testing.assert_close(samples.mean(0), ours.mean, atol=0.02, rtol=0)
    noisy = ours.sample(4_000)
    inside = missing & (ours.mean > 0.4) & (ours.mean < 0.6)  # not clipped
    torch.testing.assert_close(noisy.var(0)[inside], ours.variance[inside], atol=2e-3, rtol=0.1)
