"""ACFlow: its Jacobian by automatic differentiation, its integral, and its inverse."""

import math

import pytest
import torch
from torch import nn

from dmfa_demo.imputation import flatten, flatten_missing
from dmfa_demo.models.acflow import ACFlow, ACFlowConfig, ACFlowImputer, FlowDensity, dequantise


def build(height: int = 4, width: int = 4, channels: int = 1, couplings: int = 3) -> ACFlow:
    torch.manual_seed(0)
    model = ACFlow(ACFlowConfig(channels, height, width, couplings=couplings, widths=(8,))).double().eval()
    for part in model.modules():  # the last layers start at zero, which would make every map the identity
        if isinstance(part, nn.Conv2d):
            nn.init.normal_(part.weight, std=0.3)
    return model


def scene(model: ACFlow, rows: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(rows, *model.config.shape, generator=generator, dtype=torch.float64)
    return images, torch.rand(images[:, :1].shape, generator=generator) < 0.5


@pytest.mark.parametrize("channels", [1, 3])
def test_log_determinant_is_that_of_the_jacobian(channels):
    model = build(channels=channels)
    images, missing = scene(model, rows=1)
    flow, where = model(images, missing), missing.expand_as(images)
    levels = torch.rand_like(images)

    def of_missing(values: torch.Tensor) -> torch.Tensor:
        return model.transform(levels.masked_scatter(where, values), flow.seen, missing)[0][where]

    jacobian = torch.autograd.functional.jacobian(of_missing, levels[where])
    _, slopes = model.transform(levels, flow.seen, missing)
    torch.testing.assert_close(slopes[0], jacobian.slogdet().logabsdet)


@torch.no_grad()
def test_density_integrates_to_one_over_two_pixels():
    model = build()
    images, _ = scene(model, rows=1)
    missing = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    missing[0, 0, 1, 1:3] = True
    steps = 400
    axis = (torch.arange(steps, dtype=torch.float64) + 0.5) / steps
    grid = torch.cartesian_prod(axis, axis)
    # The logit stretches only the middle of [0, 1] over the real line, so some mass lies outside; count it by draws.
    images, holes = images.expand(len(grid), -1, -1, -1), missing.expand(len(grid), -1, -1, -1)
    levels = images.masked_scatter(holes, grid)
    inside = model(images, holes).log_prob_of(levels).exp().mean()
    one = model(images[:1], missing)
    z = one.base.at(
        torch.randn(40_000, 1, 4, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)[:, None]
    )
    count = len(z)
    seen, wide = one.seen.expand(count, -1, -1, -1), missing.expand(count, -1, -1, -1)
    drawn = model.draw(z[:, 0], seen, wide)[wide].view(count, 2)
    kept = ((drawn > 0) & (drawn < 1)).all(1).double().mean()
    assert kept > 0.2  # otherwise the test would say little
    torch.testing.assert_close(inside, kept, atol=0.01, rtol=0)


@torch.no_grad()
def test_sampling_inverts_the_likelihoods_pass():
    model = build()
    images, missing = scene(model)
    flow, levels = model(images, missing), torch.rand(2, 1, 4, 4, dtype=torch.float64)
    z, _ = model.transform(levels, flow.seen, missing)
    torch.testing.assert_close(model.draw(z, flow.seen, missing)[missing], levels[missing])


@torch.no_grad()
def test_values_under_the_mask_have_no_effect():
    model = build()
    images, missing = scene(model)
    levels = torch.rand_like(images)
    other = torch.where(missing, 1 - images, images)
    first, second = (model(one, missing).log_prob_of(levels) for one in (images, other))
    assert torch.equal(first, second)


@torch.no_grad()
def test_an_untrained_flow_is_a_logistic_of_a_gaussian():
    """With all maps zero the base is a Gaussian of deviation about one, so the density of one pixel is known."""
    model = ACFlow(ACFlowConfig(1, 4, 4, couplings=2, widths=(8,))).double()
    missing = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    missing[0, 0, 0, 0] = True
    levels = torch.full((1, 1, 4, 4), 0.3, dtype=torch.float64)
    share = 0.05 + 0.9 * 0.3
    deviation = math.log1p(math.exp(0.54)) + 1e-3
    z = math.log(share / (1 - share))
    expected = -0.5 * (z / deviation) ** 2 - math.log(deviation) - 0.5 * math.log(2 * math.pi)
    expected += math.log(0.9 / (share * (1 - share)))
    assert deviation == pytest.approx(1, abs=0.01)
    assert model(levels, missing).log_prob_of(levels).item() == pytest.approx(expected)


@torch.no_grad()
def test_density_over_flattened_values():
    model = build().float()
    images, missing = (one.float() if one.is_floating_point() else one for one in scene(model))
    ours = ACFlowImputer(model).impute(images, missing, seed=3)
    density, mask = ours.density, flatten_missing(missing, 1)
    assert isinstance(density, FlowDensity) and density.with_noise_floor(0.1) is None
    assert torch.equal(density.mean[~mask], flatten(images)[~mask])
    assert (density.variance[~mask] == 0).all() and (density.variance[mask] > 0).any()
    samples = density.sample(50, torch.Generator().manual_seed(3))
    ranks = density.cdf(flatten(images))
    levels, truth = (256 * samples).floor().clamp(max=255), (255 * flatten(images)).round()
    brute = ((levels < truth).float() + (levels <= truth).float()).mean(0) / 2
    torch.testing.assert_close(ranks[mask], brute[mask])
    levels = dequantise(images, torch.rand(1, 4, 4, generator=torch.Generator().manual_seed(3)))
    torch.testing.assert_close(density.log_prob(flatten(images), mask), model(images, missing).log_prob_of(levels))


def test_grey_levels_become_continuous_within_their_level():
    images = torch.arange(256).float().view(1, 1, 16, 16) / 255
    levels = dequantise(images, torch.rand(1, 16, 16))
    assert torch.equal((256 * levels).floor().clamp(max=255), (255 * images).round())
