"""The Universal Marginalizer's chain against one pixel at a time and against the joint distribution."""

import itertools

import pytest
import torch
from torch import nn

from dmfa_demo.densities.pixels import Pixels
from dmfa_demo.models import universal_marginalizer
from dmfa_demo.models.universal_marginalizer import (
    UniversalMarginalizer,
    UniversalMarginalizerConfig,
    UniversalMarginalizerImputer,
    fill,
    log_prob,
    random_order,
)

CONFIG = UniversalMarginalizerConfig(height=4, width=4, widths=(8,), blocks=1)


def scene(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(5, 1, 4, 4, generator=generator).round()
    missing = torch.rand(5, 1, 4, 4, generator=generator) < 0.5
    missing[0], missing[1] = False, True
    return images, missing, random_order(missing, generator)


def sample(*arguments) -> torch.Tensor:
    """Return the last step of filling."""
    return list(fill(*arguments))[-1][0]


class Exact(nn.Module):
    """The true marginals of pixels in one row, a Markov chain: each equals its left neighbour with probability 0.8."""

    WIDTH, STAY = 4, 0.8

    def joint(self, x: torch.Tensor) -> torch.Tensor:
        """Return the probability of `(..., WIDTH)` pixels."""
        return 0.5 * torch.where(x[..., 1:] == x[..., :-1], self.STAY, 1 - self.STAY).prod(-1)

    def forward(self, images: torch.Tensor, missing: torch.Tensor) -> Pixels:
        states = torch.tensor(list(itertools.product([0.0, 1.0], repeat=self.WIDTH)))
        x, hidden = images.flatten(1)[:, None], missing.flatten(1)[:, None]
        weights = self.joint(states) * ((states == x) | hidden).all(-1)  # (B, states)
        mean = (weights @ states) / weights.sum(1, keepdim=True)
        return Pixels(mean.view_as(images), None)


def test_chain_of_exact_marginals_equals_the_joint_in_any_order():
    model, generator = Exact(), torch.Generator().manual_seed(0)
    images = torch.rand(20, 1, 1, 4, generator=generator).round()
    missing = torch.ones_like(images, dtype=torch.bool)
    missing[10:, ..., 1] = False
    ours = log_prob(model, images, missing, random_order(missing, generator))
    x = images.flatten(1)
    torch.testing.assert_close(ours[:10], model.joint(x[:10]).log(), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(ours[10:], (model.joint(x[10:]) / 0.5).log(), atol=1e-4, rtol=1e-4)


def test_samples_from_exact_marginals_follow_the_joint_distribution():
    model, generator, count = Exact(), torch.Generator().manual_seed(0), 20_000
    images, missing = torch.zeros(count, 1, 1, 4), torch.ones(count, 1, 1, 4, dtype=torch.bool)
    drawn = sample(model, images, missing, random_order(missing, generator), generator).flatten(1)
    found = (drawn @ torch.tensor([8.0, 4.0, 2.0, 1.0])).long().bincount(minlength=16) / count
    expected = model.joint(torch.tensor(list(itertools.product([0.0, 1.0], repeat=4))))
    assert ((found - expected).abs() < 5 * (expected * (1 - expected) / count).sqrt()).all()


@pytest.mark.parametrize("chunk", [3, 1_000])
def test_batched_chain_equals_the_chain_one_pixel_at_a_time(chunk, monkeypatch):
    monkeypatch.setattr(universal_marginalizer, "CHUNK", chunk)
    torch.manual_seed(0)
    model, (images, missing, order) = UniversalMarginalizer(CONFIG).eval(), scene()
    twin = torch.zeros(5)
    with torch.inference_mode():
        for row in range(5):
            for turn in range(int(order[row].max()) + 1):
                left, now = order[row : row + 1] >= turn, order[row : row + 1] == turn
                twin[row] += model(images[row : row + 1], left).log_prob(images[row : row + 1], now)[0]
    torch.testing.assert_close(log_prob(model, images, missing, order), twin, atol=1e-4, rtol=1e-4)
    assert twin[0] == 0


def test_orders_are_uniformly_random_permutations_of_the_missing_pixels():
    _, missing, order = scene()
    for hidden, turns in zip(missing.flatten(1), order.flatten(1)):
        assert sorted(turns[hidden].tolist()) == list(range(int(hidden.sum()))) and (turns[~hidden] == -1).all()
    three = torch.zeros(6_000, 1, 2, 2, dtype=torch.bool)
    three[:, 0, 0, :], three[:, 0, 1, 0] = True, True
    orders = random_order(three, torch.Generator().manual_seed(0)).flatten(1)[:, :3]
    share = (orders @ torch.tensor([9, 3, 1])).unique(return_counts=True)[1] / 6_000
    assert len(share) == 6 and ((share - 1 / 6).abs() < 5 * (5 / 36 / 6_000) ** 0.5).all()


def test_visible_pixels_are_kept_and_hidden_ones_ignored():
    model, (images, missing, order) = UniversalMarginalizer(CONFIG).eval(), scene()
    first, again = (
        sample(model, shown, missing, order, torch.Generator().manual_seed(0))
        for shown in (images, torch.where(missing, torch.nan, images))
    )
    assert torch.equal(first, again) and torch.equal(first[~missing], images[~missing])


def test_filling_fills_one_pixel_per_row_and_step():
    model, (images, missing, order) = UniversalMarginalizer(CONFIG).eval(), scene()
    steps = list(fill(model, images=images, missing=missing, order=order, generator=torch.Generator().manual_seed(0)))
    assert len(steps) == 1 + 16  # all pixels of the second row are missing
    for (filled, left), (then, fewer) in zip(steps, steps[1:]):
        assert (left.sum((1, 2, 3)) - fewer.sum((1, 2, 3)) == (left.sum((1, 2, 3)) > 0)).all() and not (
            fewer & ~left
        ).any()
        assert torch.equal(filled[~left], then[~left])
    assert torch.equal(steps[0][1], missing) and not steps[-1][1].any()


def test_imputer_binarises_the_image():
    imputer, (_, missing, _) = UniversalMarginalizerImputer(UniversalMarginalizer(CONFIG)), scene()
    grey = torch.rand(5, 1, 4, 4)
    ours, twin = imputer.impute(grey, missing, seed=0), imputer.impute(grey.round(), missing, seed=0)
    assert torch.equal(ours.mean[missing], twin.mean[missing]) and torch.equal(ours.mean[~missing], grey[~missing])
    torch.testing.assert_close(ours.variance[missing], (twin.mean * (1 - twin.mean))[missing])
    assert ours.variance[~missing].eq(0).all()
    *_, (last, _) = imputer.filling(grey, missing, 3, seed=0)
    assert torch.equal(last, ours.sample(3)) and set(last[:, missing].unique().tolist()) <= {0.0, 1.0}


def test_grey_levels_have_gaussian_marginals():
    config = UniversalMarginalizerConfig(height=4, width=4, widths=(8,), blocks=1, likelihood="gaussian")
    model, (_, missing, order) = UniversalMarginalizer(config).eval(), scene()
    images = torch.rand(5, 1, 4, 4)
    assert log_prob(model, images, missing, order).isfinite().all()
    assert sample(model, images, missing, order, torch.Generator().manual_seed(0)).isfinite().all()
