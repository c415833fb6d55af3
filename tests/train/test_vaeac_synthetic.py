"""The synthetic experiment: its true density against torch's, and the command as a user runs it."""

import json
import math
from pathlib import Path

import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from tests.command import train
from train.methods.vaeac_synthetic import (
    SPAN,
    VARIANCE,
    centres,
    draw_masks,
    draw_rows,
    score,
    synthetic_vaeac,
    true_log_prob,
)


def test_true_conditional_density_equals_torchs():
    """log p(x1 | x2) = log p(x1, x2) - log p(x2), each a mixture of Gaussians."""
    modes = centres(0)
    images = draw_rows(modes, 20, torch.Generator().manual_seed(0))
    x, even = (images.flatten(1) - 0.5) * SPAN, Categorical(torch.ones(8))
    whole = MixtureSameFamily(even, Independent(Normal(modes, VARIANCE**0.5), 1)).log_prob(x)
    second = MixtureSameFamily(even, Normal(modes[:, 1], VARIANCE**0.5)).log_prob(x[:, 1])
    for hidden, expected in [((True, True), whole), ((True, False), whole - second), ((False, False), 0 * whole)]:
        missing = torch.tensor(hidden).expand(20, 1, 1, 2)
        torch.testing.assert_close(true_log_prob(images, missing, modes), expected, atol=1e-4, rtol=1e-4)


def test_rows_have_the_mixtures_mean_and_variance():
    modes = centres(0)
    x = (draw_rows(modes, 100_000, torch.Generator().manual_seed(0)).flatten(1) - 0.5) * SPAN
    torch.testing.assert_close(x.mean(0), modes.mean(0), atol=0.02, rtol=0)
    torch.testing.assert_close(x.var(0), modes.var(0, correction=0) + VARIANCE, atol=0.03, rtol=0)


def test_likelihoods_are_in_the_units_of_the_data():
    """Halving the unit of a number adds log 2 to its density: scores are converted from SPANs to ones."""
    torch.manual_seed(0)
    model, images = synthetic_vaeac(), draw_rows(centres(0), 50, torch.Generator().manual_seed(0))
    missing = draw_masks(50, torch.Generator().manual_seed(1))
    with torch.inference_mode():
        in_spans = -model(images, missing).log_prob(images, missing, 10, generator=torch.Generator().manual_seed(0))
    found = score(model, images, missing)
    expected = in_spans.mean().item() + math.log(SPAN) * missing.sum().item() / 50
    assert abs(found["is10"] - expected) < 1e-4 and found["is10_stderr"] > 0


def test_command_prints_the_table_and_draws_the_figures(tmp_path: Path):
    words = ["vaeac-synthetic", "--steps", "3", "--test-rows", "100", "--run-folder", str(tmp_path)]
    done = train(*words)
    assert done.returncode == 0, done.stderr
    assert "0.22" in done.stdout and "the mixture itself" in done.stdout
    results = json.loads((tmp_path / "results.json").read_text())
    assert [row["alpha"] for row in results["rows"]] == [1.0, 0.99, 0.9]
    for number in (6, 7):
        assert (tmp_path / f"figure-{number}.png").read_bytes().startswith(b"\x89PNG")
