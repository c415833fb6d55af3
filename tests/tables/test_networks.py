"""VAEAC and GAIN for tables: their losses against loops, and what they learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from dmfa_demo.tables.gain import GAINImputer, reconstruction
from dmfa_demo.tables.network import hide, log_prob_of_cells
from dmfa_demo.tables.schema import Column, Schema
from dmfa_demo.tables.vaeac import GSNNTableImputer, VAEACTableImputer

SCHEMA = Schema((Column("x"), Column("kind", ("a", "b", "c")), Column("y")))


def rows(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(0, 3, (count,), generator=generator)
    numbers = torch.randn(count, 2, generator=generator)
    values = torch.cat([numbers[:, :1], torch.nn.functional.one_hot(codes, 3), numbers[:, 1:]], 1)
    return values, torch.randn(count, 5, generator=generator)


def test_log_prob_of_cells_is_that_of_each_distribution():
    values, output = rows(6, seed=0)
    deviation = torch.tensor([0.5, 1, 1, 1, 2.0])
    found = log_prob_of_cells(SCHEMA, output, values, deviation)
    for n in range(6):
        first = torch.distributions.Normal(output[n, 0], 0.5).log_prob(values[n, 0])
        kind = torch.distributions.Categorical(logits=output[n, 1:4]).log_prob(values[n, 1:4].argmax())
        last = torch.distributions.Normal(output[n, 4], 2.0).log_prob(values[n, 4])
        torch.testing.assert_close(found[n], torch.stack([first, kind, last]))


def test_reconstruction_of_gain_is_equation_12():
    values, output = rows(5, seed=1)
    found = reconstruction(SCHEMA, output, values)
    for n in range(5):
        shares = output[n, 1:4].exp() / output[n, 1:4].exp().sum()
        entropy = -sum(values[n, 1 + j] * shares[j].log() for j in range(3)) / 3
        squares = sum((values[n, 1 + j] - shares[j]) ** 2 for j in range(3)) / 3
        expected = [
            (values[n, 0] - output[n, 0]) ** 2,
            0.2 * entropy + 0.8 * squares,
            (values[n, 4] - output[n, 4]) ** 2,
        ]
        torch.testing.assert_close(found[n], torch.stack(expected))


def test_hidden_cells_are_a_share_of_the_observed_ones():
    seen = (torch.rand(2000, 4) < 0.5).float()
    visible = hide(seen, 0.2, torch.Generator().manual_seed(0))
    assert ((visible == 0) | (seen == 1)).all() and abs(visible.sum() / seen.sum() - 0.8) < 0.03


def two_moods(count: int, seed: int = 0) -> pd.DataFrame:
    """Return a table in which y is near 2 or near -2 whatever x is, and the category follows x."""
    random = np.random.default_rng(seed)
    x = random.normal(size=count)
    y = np.where(random.random(count) < 0.5, 2.0, -2.0) + 0.1 * random.normal(size=count)
    return pd.DataFrame({"x": x, "y": y, "kind": np.where(x > 0, "up", "down")})


@pytest.fixture(scope="module")
def fitted() -> VAEACTableImputer:
    return VAEACTableImputer(width=48, depth=2, latents=4, steps=1200, learn_deviation=True).fit(two_moods(600))


def test_draws_of_vaeac_have_both_modes_and_its_mean_neither(fitted):
    frame, missing = two_moods(50, seed=1), np.zeros((50, 3), dtype=bool)
    missing[:, 1] = True
    found = fitted.impute(frame, missing)
    assert np.abs(found.mean[:, 1]).mean() < 1.2
    drawn = found.sample(40)[..., 1]
    assert (np.abs(np.abs(drawn) - 2) < 1).mean() > 0.7 and 0.2 < (drawn > 0).mean() < 0.8


def test_vaeac_follows_what_is_visible(fitted):
    frame, missing = two_moods(200, seed=2), np.zeros((200, 3), dtype=bool)
    missing[:, 2] = True
    assert (fitted.impute(frame, missing).mean[:, 2] == (frame["kind"] == "up")).mean() > 0.9


def test_density_of_vaeac_integrates_to_one(fitted):
    row = pd.DataFrame({"x": [0.3], "y": [np.nan], "kind": ["up"]})
    found, grid = fitted.impute(row), np.linspace(-8, 8, 801)
    logs = np.concatenate([found.log_prob(np.array([[0.3, y, 1.0]])) for y in grid])
    assert np.trapezoid(np.exp(logs), grid) == pytest.approx(1, abs=0.15)


def test_density_of_a_network_without_latents_is_a_gaussian():
    model = GSNNTableImputer(width=16, depth=1, latents=0, steps=200).fit(two_moods(200))
    row = pd.DataFrame({"x": [0.3], "y": [np.nan], "kind": ["up"]})
    found = model.impute(row)
    assert found.sampler is None
    deviation = model.network_.deviation[1].item() * model.scaling_.scale[1]
    expected = -0.5 * ((1 - found.mean[0, 1]) / deviation) ** 2 - np.log(deviation) - 0.5 * np.log(2 * np.pi)
    log_prob = found.log_prob(np.array([[0.3, 1.0, 1.0]]))
    assert log_prob is not None and log_prob[0] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("make", [VAEACTableImputer, GAINImputer])
def test_training_is_repeatable_and_leaves_the_global_generator(make):
    before = torch.get_rng_state()
    first, second = (make(steps=20).fit(two_moods(80)).transform(two_moods(20).assign(y=np.nan)) for _ in range(2))
    assert first.equals(second) and torch.equal(torch.get_rng_state(), before)


def test_gain_learns_dependent_columns():
    random = np.random.default_rng(0)
    x = random.uniform(size=800)
    frame = pd.DataFrame({"x": x, "y": 1 - x + 0.02 * random.normal(size=800), "kind": np.where(x > 0.5, "up", "down")})
    erased = frame.mask(random.random(frame.shape) < 0.3)
    model = GAINImputer(steps=1500).fit(erased)
    missing = np.zeros(frame.shape, dtype=bool)
    missing[:, 1] = True
    off = model.impute(frame, missing).mean[:, 1] - frame["y"]
    assert np.sqrt(np.mean(off**2)) < 0.7 * frame["y"].std()
