"""Walks along vector fields in closed form."""

import math

import pytest
import torch

from dmfa_demo.models.dynamics import flow, impute_along, latent_field, spectral_radius


def last(states):
    *_, state = states
    return state


def test_linear_field_converges_and_rows_stop_separately():
    centre = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
    start = torch.tensor([[1.0, -2.0], [2.0, -2.0], [9.0, 6.0]], dtype=torch.float64)
    calls = []

    def field(points, rows):
        calls.append(rows.tolist())
        return 0.5 * (centre - points)

    states = list(flow(field, start, step_size=1.0, steps=100, tolerance=1e-3))
    assert calls[0] == [0, 1, 2] and calls[1] == [1, 2] and calls[-1] == [2]
    for step, state in enumerate(states[:5]):  # y_t - c = 2^-t (y_0 - c)
        torch.testing.assert_close(state.points, centre + 0.5**step * (start - centre))
    assert not states[-1].moving.any() and (states[-1].residual <= 1e-3).all()
    # |v| = |y_0 - c| / 2^(t + 1) comes to 0.001 for row 1 at t = 9, for row 2 (distance 8 sqrt 2) at t = 13.
    assert len(states) == 1 + math.ceil(math.log2(8 * 2**0.5 / 2e-3))


def test_walk_that_does_not_arrive_ends_after_the_maximum_of_steps():
    states = list(flow(lambda y, rows: torch.ones_like(y), torch.zeros(2, 3), 0.25, steps=8, tolerance=1e-6))
    assert len(states) == 9 and states[-1].moving.all()
    torch.testing.assert_close(states[-1].points, torch.full((2, 3), 2.0))


def test_observed_pixels_stay_and_missing_ones_reach_the_conditional_maximum():
    """With v = S grad log N(m, C), the fixed point in the missing pixels is the conditional mean for every S > 0."""
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(6, 6, generator=generator, dtype=torch.float64)
    covariance, mean = root @ root.mT + torch.eye(6, dtype=torch.float64), torch.rand(6, generator=generator, dtype=torch.float64)  # fmt: skip
    precision = torch.linalg.inv(covariance)
    x = torch.rand(2, 1, 2, 3, generator=generator, dtype=torch.float64)
    missing = torch.tensor([1, 0, 1, 0, 0, 1], dtype=torch.bool).view(1, 1, 2, 3).expand(2, 1, 2, 3)

    def reconstruct(points):
        return points - 0.5 * ((points.flatten(1) - mean) @ precision).view_as(points)

    state = last(impute_along(reconstruct, x, missing, 1.0, steps=20_000, tolerance=1e-12))
    m, o = missing[0].flatten(), ~missing[0].flatten()
    expected = mean[m] + (x.flatten(1)[:, o] - mean[o]) @ torch.linalg.solve(covariance[o][:, o], covariance[o][:, m])
    torch.testing.assert_close(state.points.flatten(1)[:, m], expected, atol=1e-8, rtol=1e-6)
    assert torch.equal(state.points[~missing], x[~missing]) and not state.moving.any()


def test_step_size_one_is_pseudo_gibbs():
    x, missing = torch.rand(3, 1, 4, 4), torch.rand(3, 1, 4, 4) < 0.5

    def reconstruct(points):
        return points.flip(-1).square()

    states = list(impute_along(reconstruct, x, missing, 1.0, steps=3, tolerance=0.0))
    twin = x
    for state in states:
        torch.testing.assert_close(state.points, twin)
        twin = torch.where(missing, reconstruct(twin), twin)


def test_denoisers_field_is_the_score_of_a_mixture(eps: float = 0.05):
    """Equation (1) on two Gaussians in one dimension: the best denoiser is E[x | noisy x], known in closed form."""
    centres, spread = torch.tensor([-1.0, 1.5], dtype=torch.float64), 0.4
    weights = torch.tensor([0.3, 0.7], dtype=torch.float64)

    def log_density(x, variance):
        each = -0.5 * ((x[:, None] - centres).square() / variance) - 0.5 * math.log(2 * math.pi * variance)
        return (each + weights.log()).logsumexp(1)

    def denoise(y):  # E[x | y = x + eps noise]
        variance = spread**2 + eps**2
        responsibilities = (-0.5 * (y[:, None] - centres).square() / variance + weights.log()).softmax(1)
        shrunk = centres + spread**2 / variance * (y[:, None] - centres)
        return (responsibilities * shrunk).sum(1)

    x = torch.linspace(-3, 3, 61, dtype=torch.float64, requires_grad=True)
    (score,) = torch.autograd.grad(log_density(x, spread**2).sum(), x)
    ours = (denoise(x) - x) / eps**2
    torch.testing.assert_close(ours, score, atol=0.05 * score.abs().max().item(), rtol=0)
    # Its attractors are the density's local maxima.
    found = last(
        flow(
            lambda y, rows: denoise(y[:, 0])[:, None] - y,
            start=x.detach()[:, None],
            step_size=1.0,
            steps=100_000,
            tolerance=1e-10,
        )
    ).points
    maxima = found.flatten().unique(return_counts=False)
    groups = torch.unique((found.flatten() * 20).round() / 20)
    assert len(groups) == 2 and maxima.min() < -0.8 and maxima.max() > 1.3


def test_latent_field_is_zero_at_fixed_points():
    encode, decode = lambda x: x.flatten(1)[:, :2], lambda z: torch.cat([z, z], 1).view(-1, 1, 2, 2)
    z = torch.randn(5, 2)
    torch.testing.assert_close(latent_field(encode, decode)(z), torch.zeros(5, 2))


def test_spectral_radius_equals_that_of_finite_differences():
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3)).double()
    points, step = torch.randn(4, 3, dtype=torch.float64), 1e-5
    ours = spectral_radius(network, points)
    for point, value in zip(points, ours):
        columns = [(network(point + step * e) - network(point - step * e)) / (2 * step) for e in torch.eye(3).double()]
        twin = torch.linalg.eigvals(torch.stack(columns, 1)).abs().max()
        assert value.item() == pytest.approx(twin.item(), rel=1e-6)
