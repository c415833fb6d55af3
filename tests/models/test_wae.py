"""WAE: every treatment's encoder, reconstruction and drawn images."""

import pytest
import torch

from dmfa_demo import load_imputer
from dmfa_demo.models.classifier import CLASSIFIERS
from dmfa_demo.models.wae import WAE, WAEConfig

TREATMENTS = [name for name in CLASSIFIERS if name != "misconv-mfa"]


def build(treatment: str, channels: int = 1, size: int = 28) -> WAE:
    torch.manual_seed(0)
    kind = CLASSIFIERS[treatment]
    source = load_imputer(kind.source_method, "mnist") if kind.source_method else None
    config = WAEConfig(channels, size, size, treatment=treatment, latents=5, widths=(8, 16, 24), hidden=12)
    wae = WAE(config, source)
    wae.network.eval()
    return wae


def scene() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(3, 1, 28, 28, generator=generator), torch.rand(3, 1, 28, 28, generator=generator) < 0.4


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_reconstruction_is_a_whole_image_that_ignores_hidden_pixels(treatment):
    wae, (images, missing) = build(treatment), scene()
    found = wae.reconstruct(images, missing)
    assert found.shape == images.shape and found.min() >= 0 and found.max() <= 1
    other = torch.where(missing, torch.rand_like(images), images)
    assert torch.equal(found, wae.reconstruct(other, missing)) != wae.treatment.takes_complete


@pytest.mark.parametrize("treatment", ["mask", "zero", "partial-conv"])
def test_sizes_and_colours(treatment):
    wae = build(treatment, channels=3, size=32)
    images, missing = torch.rand(2, 3, 32, 32), torch.rand(2, 1, 32, 32) < 0.5
    assert wae.reconstruct(images, missing).shape == images.shape
    assert wae.dream(4, torch.Generator().manual_seed(0)).shape == (4, 3, 32, 32)


def test_draws_have_the_moments_of_the_mixture():
    network = build("zero").network
    generator = torch.Generator().manual_seed(2)
    network.weights.copy_(torch.rand(10, generator=generator).softmax(0))
    network.means.normal_(generator=generator)
    network.scales.copy_(torch.randn(10, 5, 5, generator=generator).tril())
    z = network.draw(200_000, generator)
    mean = network.weights @ network.means
    second = network.scales @ network.scales.mT + torch.einsum("ki,kj->kij", network.means, network.means)
    covariance = torch.einsum("k,kij->ij", network.weights, second) - torch.outer(mean, mean)
    torch.testing.assert_close(z.mean(0), mean, atol=0.03, rtol=0)
    torch.testing.assert_close(z.T.cov(), covariance, atol=0.1, rtol=0.03)


def test_another_size_is_refused():
    with pytest.raises(ValueError, match=r"takes images of \(C, H, W\) = \(1, 28, 28\), got \(1, 8, 8\)"):
        build("zero").reconstruct(torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 8, dtype=torch.bool))
