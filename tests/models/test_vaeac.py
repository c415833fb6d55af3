"""VAEAC against closed forms: its Gaussians, and a linear model whose likelihood is one Gaussian."""

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal, Normal

from dmfa_demo.models.vaeac import (
    VAEAC,
    ConditionalVAEAC,
    VAEACConfig,
    VAEACImputer,
    image_vaeac,
)

B, D, N = 5, 3, 6


class LinearPrior(nn.Module):
    """A prior N(0.3 sum of visible pixels, 0.7^2) over one latent, which passes on the visible pixels."""

    def forward(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        mean = 0.3 * seen[:, 0].flatten(1).sum(1, keepdim=True)
        return torch.cat([mean, torch.full_like(mean, 0.7 - 1e-4).expm1().log()], 1), seen[:, :1]


class LinearGenerator(nn.Module):
    """A generator of pixels N(0.5 + w_i z + 0.05 * sum of visible ones, 0.2^2), as raw output."""

    WEIGHTS = 0.008 * torch.arange(1, N + 1, dtype=torch.float64)

    def forward(self, z: Tensor, seen: Tensor) -> Tensor:
        mean = 0.5 + z * self.WEIGHTS + 0.05 * seen.flatten(1).sum(1, keepdim=True)
        deviation = torch.full_like(mean, 0.2 - 1e-3).expm1().log() + 2
        return torch.stack([mean.logit(), deviation], 2)[..., None, None, :]  # (S, B, 2, 1, 1, N)


class ExactProposal(nn.Module):
    """p(z | x), which is known because everything is linear: one latent, Gaussian pixels; `widen` spoils it."""

    def __init__(self, widen: float = 1.0):
        super().__init__()
        self.widen = widen

    def forward(self, whole: Tensor) -> Tensor:
        x, missing, absent = (part.flatten(1) for part in whole.unbind(1))
        scored, weights = missing * (1 - absent), LinearGenerator.WEIGHTS
        visible = (x * (1 - missing)).sum(1, keepdim=True)
        precision = 1 / 0.7**2 + (scored * weights**2).sum(1, keepdim=True) / 0.2**2
        residual = scored * (x - 0.5 - 0.05 * visible)
        mean = (0.3 * visible / 0.7**2 + (residual * weights).sum(1, keepdim=True) / 0.2**2) / precision
        deviation = self.widen * precision.rsqrt()
        return torch.cat([mean, (deviation - 1e-4).expm1().log()], 1)


def linear(widen: float = 1.0) -> VAEAC:
    return VAEAC(LinearPrior(), ExactProposal(widen), LinearGenerator(), "gaussian").double()


def scene() -> tuple[Tensor, Tensor, Tensor]:
    """Return images of one row of N pixels, their missing pixels, and their absent pixels."""
    generator = torch.Generator().manual_seed(3)
    images = 0.5 + 0.2 * torch.randn(B, 1, 1, N, generator=generator, dtype=torch.float64)
    missing = torch.rand(B, 1, 1, N, generator=generator) < 0.6
    missing[0] = True
    absent = missing & (torch.rand(B, 1, 1, N, generator=generator) < 0.3)
    return images, missing, absent


def closed_form(images: Tensor, missing: Tensor, absent: Tensor) -> Tensor:
    values = []
    for x, hidden, unknown in zip(images.flatten(1), missing.flatten(1), absent.flatten(1)):
        scored, visible = hidden & ~unknown, (x * ~hidden).sum()
        weights = LinearGenerator.WEIGHTS[scored]
        mean = 0.5 + 0.05 * visible + weights * 0.3 * visible
        covariance = 0.2**2 * torch.eye(len(weights)) + 0.7**2 * weights[:, None] * weights
        values.append(MultivariateNormal(mean, covariance).log_prob(x[scored]))
    return torch.stack(values)


def test_importance_sampling_from_the_exact_posterior_needs_one_sample():
    images, missing, absent = scene()
    conditional = linear()(images, missing)
    for unknown in (torch.zeros_like(missing), absent):
        ours = conditional.log_prob(images, missing, 1, unknown, torch.Generator().manual_seed(0))
        torch.testing.assert_close(ours, closed_form(images, missing, unknown), atol=1e-4, rtol=1e-5)


def test_estimators_increase_towards_the_likelihood_with_the_samples():
    images, missing, _ = scene()
    exact = closed_form(images, missing, torch.zeros_like(missing)).sum().item()
    conditional, generator = linear(widen=2.0)(images, missing), torch.Generator().manual_seed(0)
    for estimate in (
        lambda count: conditional.log_prob(images, missing, count, generator=generator),
        lambda count: conditional.monte_carlo(images, missing, count, generator),
    ):
        few, some, many = (
            torch.stack([estimate(count) for _ in range(repeats)]).mean(0).sum().item()
            for count, repeats in ((1, 4_000), (5, 800), (5_000, 1))
        )
        assert few < some < exact + 0.02 and many == pytest.approx(exact, abs=0.05)


def test_mean_equals_the_closed_form():
    images, missing, _ = scene()
    mean = linear()(images, missing).mean(40_000, torch.Generator().manual_seed(0))
    visible = (images * ~missing).flatten(1).sum(1, keepdim=True)
    expected = 0.5 + 0.05 * visible + LinearGenerator.WEIGHTS * 0.3 * visible
    torch.testing.assert_close(mean.flatten(1), expected, atol=5 * 0.7 * 0.06 / 200, rtol=0)


SMALL = VAEACConfig(latents=4, widths=(8, 16), blocks=1)


@pytest.mark.parametrize("size", [(28, 28), (13, 9)])
@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_images_of_any_size_are_accepted(size, likelihood):
    config = VAEACConfig(3, *size, latents=4, widths=(8, 16), blocks=1, likelihood=likelihood)
    images, missing = torch.rand(2, 3, *size).round(), torch.rand(2, 1, *size) < 0.5
    conditional = image_vaeac(config)(images, missing)
    assert conditional.sample(5).shape == (5, 2, 3, *size) and conditional.mean(2).shape == images.shape
    assert conditional.log_prob(images, missing, 3).isfinite().all()


def test_prior_ignores_hidden_and_proposal_absent_pixels():
    model = image_vaeac(SMALL).eval()
    images, missing = torch.rand(2, 1, 28, 28), torch.rand(2, 1, 28, 28) < 0.5
    absent = missing & (torch.rand(2, 1, 28, 28) < 0.5)
    prior = model(images, missing).prior
    assert torch.equal(prior.mean, model(torch.where(missing, torch.nan, images), missing).prior.mean)
    proposal = model.propose(images, missing, absent)
    assert torch.equal(proposal.mean, model.propose(torch.where(absent, torch.nan, images), missing, absent).mean)
    assert not torch.equal(proposal.mean, model.propose(images, missing, torch.zeros_like(absent)).mean)


def test_concurrent_visitors_do_not_see_each_others_image():
    """The answer carries the skip connections: a second image does not change the first answer."""
    model = image_vaeac(SMALL).eval()
    first, second = torch.rand(2, 1, 1, 28, 28)
    missing = torch.rand(1, 1, 28, 28) < 0.5
    mine: ConditionalVAEAC = model(first, missing)
    before = mine.sample(2, torch.Generator().manual_seed(0))
    model(second, ~missing).sample(2)
    assert torch.equal(mine.sample(2, torch.Generator().manual_seed(0)), before)


def test_imputer_returns_the_mean_of_its_samples_and_reproduces_them():
    imputer = VAEACImputer(image_vaeac(SMALL))
    images, missing = torch.rand(2, 1, 28, 28), torch.rand(2, 1, 28, 28) < 0.5
    imputation = imputer.impute(images, missing, seed=3)
    torch.testing.assert_close(imputation.mean, imputation.sample(VAEACImputer.SAMPLES, noise=False).mean(0))
    assert torch.equal(imputation.sample(3), imputer.impute(images, missing, seed=3).sample(3))
    assert torch.equal(imputation.mean[~missing], images[~missing])


def test_variance_equals_that_of_the_samples():
    torch.manual_seed(0)
    imputer, generator = VAEACImputer(image_vaeac(SMALL)), torch.Generator().manual_seed(0)
    imputer.SAMPLES = 2_000
    images, missing = torch.rand(2, 1, 28, 28, generator=generator), torch.rand(2, 1, 28, 28, generator=generator) < 0.5
    conditional = imputer.model(images, missing)
    with torch.inference_mode():
        twin = conditional.sample(2_000, generator, noise=True).var(0)  # not clipped to [0, 1]
    ours = imputer.impute(images, missing, seed=0).variance
    torch.testing.assert_close(ours[missing], twin[missing], rtol=0.2, atol=0)


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_vaeac_without_latents_is_a_plain_network():
    torch.manual_seed(0)
    config = VAEACConfig(latents=0, widths=(8, 16), blocks=1)
    model, generator = image_vaeac(config).eval(), torch.Generator().manual_seed(0)
    images, missing = torch.rand(2, 1, 28, 28, generator=generator), torch.rand(2, 1, 28, 28, generator=generator) < 0.5
    with torch.inference_mode():
        conditional = model(images, missing)
        samples = conditional.sample(3, generator)
        assert torch.equal(samples[0], samples[2])
        pixels = conditional.decode(torch.zeros(1, 2, 0))
        exact = Normal(pixels.mean[0], pixels.deviation[0]).log_prob(images)
        exact = torch.where(missing, exact, 0).sum((1, 2, 3))
        for estimate in (conditional.log_prob, conditional.monte_carlo):
            torch.testing.assert_close(estimate(images, missing, 3), exact)


def test_names_of_unguided_weights_do_not_change():
    names = {name.partition(".")[2].split(".")[0] for name in image_vaeac(SMALL).state_dict()}
    assert names == {"stem", "down", "shrink", "latents", "spread", "mix", "decoder", "norm", "head"}
