"""The DMFA network: its output, its variants, and the shipped weights against dense covariances."""

import math
from dataclasses import replace

import pytest
import torch
from torch.distributions import MultivariateNormal

from dmfa_demo import load_imputer
from dmfa_demo.data.datasets import load_samples, to_float
from dmfa_demo.data.masks import mask_family
from dmfa_demo.models.dmfa import DMFA, DMFAConfig, DMFAImputer


@pytest.mark.parametrize("head", ["convolutional", "dense"])
@pytest.mark.parametrize("components", [1, 3])
def test_forward_returns_a_mixture_within_bounds(head, components):
    config = DMFAConfig(components=components, head=head, widths=(8, 16), blocks=1, noise_floor=1e-4)
    images, missing = torch.rand(2, 1, 28, 28), torch.rand(2, 1, 28, 28) < 0.5
    density = DMFA(config)(images, missing)
    assert density.components.factors.shape == (2, components, 4, 784)
    assert density.components.mean.min() >= 0 and density.components.mean.max() <= 1
    assert density.components.noise.min() >= 1e-4
    torch.testing.assert_close(density.weights.sum(-1), torch.ones(2))


def test_colour_images_of_another_size_are_accepted():
    network = DMFA(DMFAConfig(channels=3, height=32, width=32, widths=(8, 16, 16), blocks=1))
    density = network(torch.rand(2, 3, 32, 32), torch.rand(2, 1, 32, 32) < 0.5)
    assert density.mean.shape == (2, 3 * 32 * 32)


@pytest.mark.parametrize("components", [1, 2])
def test_mirrored_network_gives_mirror_images_for_mirror_images(components):
    shape = dict(channels=3, height=8, width=12)
    config = DMFAConfig(components=components, factors=3, widths=(8, 16), blocks=1, **shape)
    network = DMFA(config)
    torch.nn.init.normal_(network.head.weight, std=0.3)
    images, missing = torch.rand(4, 3, 8, 12), torch.rand(4, 1, 8, 12) < 0.5
    network.config = replace(config, mirrored=True)
    imputer = DMFAImputer(network)
    found, mirrored = imputer.impute(images, missing), imputer.impute(images.flip(-1), missing.flip(-1))
    torch.testing.assert_close(found.mean.flip(-1), mirrored.mean)
    torch.testing.assert_close(found.variance.flip(-1), mirrored.variance)
    hidden = missing.expand_as(images)
    ours = found.density.log_prob(images.flatten(1), hidden.flatten(1))
    theirs = mirrored.density.log_prob(images.flip(-1).flatten(1), hidden.flip(-1).flatten(1))
    torch.testing.assert_close(ours, theirs, atol=1e-2, rtol=1e-4)
    # Half of the weight for each answer: the mean of both likelihoods.
    with torch.inference_mode():
        once = network(images, missing).log_prob(images.flatten(1), hidden.flatten(1))
        other = network(images.flip(-1), missing.flip(-1)).log_prob(
            images.flip(-1).flatten(1), hidden.flip(-1).flatten(1)
        )
    torch.testing.assert_close(ours, torch.logaddexp(once, other) - math.log(2), atol=1e-2, rtol=1e-4)


def test_density_is_float32_under_bfloat16():
    network = DMFA(DMFAConfig(widths=(8, 16), blocks=1))
    with torch.autocast("cpu", torch.bfloat16):
        density = network(torch.rand(1, 1, 28, 28), torch.rand(1, 1, 28, 28) < 0.5)
    assert density.log_weights.dtype == density.mean.dtype == density.components.noise.dtype == torch.float32


@pytest.mark.parametrize("head", ["convolutional", "dense"])
def test_every_parameter_gets_a_gradient_from_the_likelihood(head):
    network = DMFA(DMFAConfig(components=2, head=head, widths=(8, 16), blocks=1))
    images, missing = torch.rand(4, 1, 28, 28), torch.rand(4, 1, 28, 28) < 0.5
    network(images, missing).log_prob(images.flatten(1), missing.flatten(1)).sum().backward()
    still = [
        name for name, parameter in network.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ]
    assert not still


def test_shipped_likelihood_equals_that_of_dense_covariances():
    images = to_float(load_samples("mnist").images[::10])
    missing = mask_family("square14")(len(images), 28, 28, torch.Generator().manual_seed(0))
    network = load_imputer("dmfa", "mnist").network
    truth, hidden = images.flatten(1), missing.flatten(1)
    with torch.inference_mode():
        density = network(images, missing)
    parts = density.components
    for row in range(len(images)):
        at, terms = hidden[row], []
        for k in range(parts.mean.shape[1]):
            factors = parts.factors[row, k][:, at].double()
            covariance = factors.T @ factors + torch.diag(parts.noise[row, k, at].double())
            terms.append(
                MultivariateNormal(parts.mean[row, k, at].double(), covariance).log_prob(truth[row, at].double())
            )
        dense = (density.log_weights[row].double() + torch.stack(terms)).logsumexp(0)
        ours = density.log_prob(truth, hidden)[row].double()
        assert abs(ours - dense) < 0.05 + 1e-4 * abs(dense)


def test_shipped_model_is_far_better_than_a_constant_guess():
    images = to_float(load_samples("mnist").images)
    missing = mask_family("square14")(100, 28, 28, torch.Generator().manual_seed(0))
    mean = load_imputer("dmfa", "mnist").impute(images, missing, seed=0).mean
    ours = (mean - images).square().sum((1, 2, 3)).mean()
    black = images[missing].square().sum() / 100
    assert ours < 0.3 * black
