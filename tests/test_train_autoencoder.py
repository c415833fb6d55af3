"""Training auto-encoders: each kind's loss against its twin, the adversary, and a run from data to checkpoint."""

import math

import pytest
import torch
from torch.nn import functional as F

from dmfa_demo.models.autoencoder import Autoencoder, AutoencoderConfig
from train.autoencoder import AutoencoderTraining, Critic, Objective, mmd, train

SMALL = AutoencoderConfig(latents=3, widths=(8, 16))


def objective(kind: str, noise: float = 0.3) -> tuple[Objective, tuple[torch.Tensor, ...]]:
    torch.manual_seed(0)
    config = AutoencoderConfig(latents=3, widths=(8, 16), posterior="gaussian" if kind == "vae" else "point")
    batch = torch.rand(6, 1, 28, 28), torch.randn(6, 1, 28, 28), torch.randn(6, 3)
    return Objective(Autoencoder(config), kind, noise, match=2.0), batch


def test_the_plain_loss_is_the_squared_error_and_the_denoising_one_that_of_noisy_images():
    plain, (images, noise, z) = objective("ae")
    twin = (plain.model.reconstruct(images) - images).square().sum() / 6
    torch.testing.assert_close(plain(images, noise, z), twin)
    denoising, _ = objective("dae")
    twin = (denoising.model.reconstruct(images + 0.3 * noise) - images).square().sum() / 6
    torch.testing.assert_close(denoising(images, noise, z), twin)


def test_the_variational_loss_is_a_bound_written_out():
    vae, (images, noise, z) = objective("vae")
    posterior = vae.model.posterior(images)
    mean = vae.model.decode(posterior.mean + posterior.deviation * z)
    fit = -0.5 * ((images - mean) / 0.1).square() - math.log(0.1) - 0.5 * math.log(2 * math.pi)
    kl = 0.5 * (posterior.mean.square() + posterior.deviation.square() - 1 - posterior.deviation.square().log())
    torch.testing.assert_close(vae(images, noise, z), (kl.sum(1) - fit.sum((1, 2, 3))).mean())


def test_the_discrepancy_is_the_double_sum_and_vanishes_for_one_distribution():
    x, y = torch.randn(5, 2), torch.randn(5, 2) + 1

    def kernel(a, b):
        distance = (a - b).square().sum()
        return sum(4 * s / (4 * s + distance) for s in (0.1, 0.2, 0.5, 1, 2, 5, 10))

    pairs = [(i, j) for i in range(5) for j in range(5)]
    within = sum(kernel(a[i], a[j]) for a in (x, y) for i, j in pairs if i != j) / 20
    between = sum(kernel(x[i], y[j]) for i, j in pairs) / 25
    torch.testing.assert_close(mmd(x, y), within - 2 * between, atol=1e-5, rtol=1e-5)
    generator = torch.Generator().manual_seed(0)
    draws = torch.tensor([mmd(*torch.randn(2, 50, 2, generator=generator)) for _ in range(200)])
    assert abs(draws.mean()) < 5 * draws.std() / 200**0.5


def test_the_critic_learns_to_tell_and_the_encoder_to_deceive():
    torch.manual_seed(0)
    critic, encoded, normal = Critic(3), torch.randn(6, 3, requires_grad=True), torch.randn(6, 3)
    critic.loss(encoded, normal).backward()
    ours, of_critic = encoded.grad.clone(), critic.layers[0].weight.grad.clone()
    encoded.grad, critic.layers[0].weight.grad = None, None
    guess = critic.layers(torch.cat([encoded, normal]))[:, 0]
    F.binary_cross_entropy_with_logits(guess, torch.tensor([0.0] * 6 + [1.0] * 6)).backward()
    torch.testing.assert_close(ours, -encoded.grad)
    torch.testing.assert_close(of_critic, critic.layers[0].weight.grad)


@pytest.mark.parametrize("kind", ["ae", "dae", "vae", "wae-mmd", "wae-gan"])
def test_every_kind_trains(kind):
    ours, batch = objective(kind)
    optimizer = torch.optim.Adam(ours.parameters(), 3e-3)
    errors = []
    for _ in range(60):
        optimizer.zero_grad()
        ours(*batch).backward()
        optimizer.step()
        errors.append((ours.model.reconstruct(batch[0]) - batch[0]).square().sum().item())
    assert all(map(math.isfinite, errors)) and errors[-1] < 0.9 * errors[0]


def test_a_vae_needs_its_encoder():
    with pytest.raises(ValueError, match="--kind vae --posterior gaussian"):
        train(AutoencoderTraining(kind="vae"))
