"""Diffusion: its walks against an exact Gaussian posterior, and the contract."""

from dataclasses import replace

import pytest
import torch
from azula.noise import CosineSchedule
from torch import nn

from dmfa_demo.models.diffusion import DiffusionConfig, DiffusionImputer, DiffusionNetwork, denoiser_of, to_signal, walk

CONFIG = DiffusionConfig(height=6, width=6, widths=(8, 16), blocks=1, levels=3, repeats=2)


def build(config: DiffusionConfig = CONFIG) -> DiffusionNetwork:
    torch.manual_seed(0)
    return DiffusionNetwork(config).eval()


class ExactNetwork(nn.Module):
    """The network whose denoiser is exact for images with a Gaussian distribution, by the formula of its preconditioning."""

    def __init__(self, config: DiffusionConfig, mean: torch.Tensor, covariance: torch.Tensor):
        super().__init__()
        self.config, self.mean, self.covariance = config, mean, covariance

    def forward(self, x: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        ratio = level.exp()  # sigma / alpha
        alpha, sigma = (1 + ratio.square()).rsqrt(), ratio * (1 + ratio.square()).rsqrt()
        noisy = alpha.square() * self.covariance + sigma.square() * torch.eye(len(self.covariance))
        gain = torch.linalg.solve(noisy, alpha * self.covariance).mT
        clean = self.mean + (x.flatten(1) - alpha * self.mean) @ gain.mT
        return ((clean - alpha * x.flatten(1)) / sigma).view_as(x)


def gaussian(config: DiffusionConfig) -> tuple[ExactNetwork, torch.Tensor, torch.Tensor]:
    """Return an exact network for smooth grey images, and mean and covariance in the denoiser's range."""
    places = torch.cartesian_prod(torch.arange(6.0), torch.arange(6.0))
    covariance = 0.04 * (-0.5 * torch.cdist(places, places).square() / 4).exp() + 1e-3 * torch.eye(36)
    mean = torch.linspace(-0.3, 0.3, 36)
    return ExactNetwork(config, mean, covariance), mean, covariance


@pytest.mark.parametrize(("sampler", "levels", "repeats", "off"), [("repaint", 60, 20, 0.5), ("mmps", 120, 12, 0.2)])
def test_walks_end_near_the_exact_posterior(sampler, levels, repeats, off):
    """Both ways of conditioning approach the Gaussian posterior of the hidden pixels, given an exact denoiser; RePaint less closely."""
    torch.manual_seed(0)
    network, mean, covariance = gaussian(replace(CONFIG, sampler=sampler, levels=levels, repeats=repeats))
    image = (0.5 + 0.5 * torch.distributions.MultivariateNormal(mean, covariance).sample()).view(1, 6, 6)
    missing = torch.zeros(1, 6, 6, dtype=torch.bool)
    missing[:, 1:5, 2:6] = True
    *_, samples = walk(network, image, missing, count=400, seed=1)
    hidden = missing.flatten()
    seen = ~hidden
    gain = torch.linalg.solve(covariance[seen][:, seen], covariance[seen][:, hidden]).mT
    expected = mean[hidden] + gain @ (to_signal(image).flatten()[seen] - mean[seen])
    spread = (covariance[hidden][:, hidden] - gain @ covariance[seen][:, hidden]).diagonal().sqrt()
    found = to_signal(samples).flatten(1)[:, hidden]
    assert ((found.mean(0) - expected).abs() / spread).max() < off
    assert ((found.std(0) / spread - 0.9).abs() < 0.25).all()


@pytest.mark.parametrize("time", [0.2, 0.7])
def test_denoiser_of_an_exact_network_is_exact(time):
    """The preconditioned network returns E[x | x_t] of a Gaussian, as solved densely."""
    network, mean, covariance = gaussian(CONFIG)
    t, x = torch.tensor(time), torch.randn(2, 1, 6, 6)
    alpha, sigma = CosineSchedule()(t)
    noisy = alpha.square() * covariance + sigma.square() * torch.eye(36)
    twin = mean + (x.flatten(1) - alpha * mean) @ torch.linalg.solve(noisy, alpha * covariance)
    torch.testing.assert_close(denoiser_of(network)(x, t).mean.flatten(1), twin, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("sampler", ["repaint", "mmps"])
def test_visible_pixels_and_seeds(sampler):
    imputer = DiffusionImputer(build(replace(CONFIG, sampler=sampler)))
    images = torch.rand(2, 1, 6, 6)
    missing = torch.rand(2, 1, 6, 6) < 0.5
    before = torch.get_rng_state()
    ours = imputer.impute(images, missing, seed=3)
    assert torch.equal(torch.get_rng_state(), before), "the global generator is as before"
    assert torch.equal(ours.mean[~missing], images[~missing])
    assert torch.equal(ours.sample(4), imputer.impute(images, missing, seed=3).sample(4))
    assert not torch.equal(ours.sample(4), imputer.impute(images, missing, seed=4).sample(4))
    torch.testing.assert_close(ours.mean, ours.sample(DiffusionImputer.SAMPLES).mean(0))
    assert ours.trajectory.shape == (CONFIG.levels, 2, 1, 6, 6)


@pytest.mark.parametrize("hidden", [False, True])
def test_nothing_and_everything_hidden(hidden):
    images = torch.rand(1, 1, 6, 6)
    for sampler in ("repaint", "mmps"):
        imputer = DiffusionImputer(build(replace(CONFIG, sampler=sampler)))
        ours = imputer.impute(images, torch.full((1, 1, 6, 6), hidden), seed=0)
        assert ours.mean.isfinite().all() and torch.equal(ours.mean, images) != hidden


@pytest.mark.parametrize("size", [(28, 28), (6, 10), (7, 5)])
def test_network_keeps_the_size(size):
    network = build(replace(CONFIG, height=size[0], width=size[1]))
    assert network(torch.randn(2, 1, *size), torch.tensor([0.1, -3.0])).shape == (2, 1, *size)


def test_walks_do_not_depend_on_other_draws():
    """Another walk, or another thread that draws from PyTorch's global generator, changes no walk, although azula draws from it."""
    network, image = build(), torch.rand(1, 6, 6)
    missing = torch.ones(1, 6, 6, dtype=torch.bool)
    alone = [list(walk(network, image, missing, count=2, seed=seed)) for seed in (1, 2)]

    def draw(*_: object) -> None:
        torch.rand(3, generator=torch.default_generator)

    network.register_forward_pre_hook(draw)
    both = [walk(network, image, missing, count=2, seed=seed) for seed in (1, 2)]
    for step, pair in enumerate(zip(*both, strict=True)):
        for seed in range(2):
            assert torch.equal(pair[seed], alone[seed][step])
