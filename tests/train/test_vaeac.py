"""`python -m train vaeac`: the objective against its parts, and the command as a user runs it, on a stand-in for MNIST."""

import json
from pathlib import Path

import pytest
import torch

from dmfa_demo.models.vaeac import VAEACConfig, VAEACImputer, image_vaeac
from tests.command import train
from train.methods.vaeac import VAEACObjective, score

SMALL = VAEACConfig(latents=4, widths=(8, 16), blocks=1)


def batch() -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    images, noise = torch.rand(3, 1, 28, 28, generator=generator), torch.randn(2, 3, 4, generator=generator)
    missing = torch.rand(3, 1, 28, 28, generator=generator) < 0.5
    return images, missing, missing & (torch.rand(3, 1, 28, 28, generator=generator) < 0.3), noise


def parts(model, images, missing, absent, noise) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return VAEAC's bound (6), GSNN's (15), and the regularisers of section 4.3.2 with scales 2 and 0.5."""
    conditional, scored = model(images, missing), missing & ~absent
    prior, proposal = conditional.prior, model.propose(images, missing, absent)
    reconstruction = conditional.decode(proposal.at(noise[:1])).log_prob(images, scored)[0]
    gsnn = conditional.decode(prior.at(noise[1:])).log_prob(images, scored)[0]
    regular = -(prior.mean**2).sum(1) / (2 * 2**2) + 0.5 * (prior.deviation.log() - prior.deviation).sum(1)
    return reconstruction - proposal.kl(prior), gsnn, regular


@pytest.mark.parametrize("alpha", [1.0, 0.9, 0.0])
def test_objective_is_the_hybrid_bound_with_its_regularisers(alpha):
    torch.manual_seed(0)
    model, inputs = image_vaeac(SMALL).eval(), batch()
    bound, gsnn, regular = parts(model, *inputs)
    twin = -(alpha * bound + (1 - alpha) * gsnn + regular)
    torch.testing.assert_close(VAEACObjective(model, alpha, 2, 0.5)(*inputs), twin)


def test_bound_is_below_the_likelihood():
    """On average over draws the bound (6) is below the importance-sampled likelihood, which is itself below the true one."""
    torch.manual_seed(0)
    model, (images, missing, absent, _) = image_vaeac(SMALL).eval(), batch()
    with torch.inference_mode():
        objective = VAEACObjective(model, 1.0, 1e9, 0)
        bound = -torch.stack([objective(images, missing, absent, torch.randn(2, 3, 4)) for _ in range(300)]).mean(0)
        assert (bound < model(images, missing).log_prob(images, missing, 500, absent) + 1e-3).all()


def test_absent_pixels_are_ignored():
    model, (images, missing, absent, noise) = image_vaeac(SMALL).eval(), batch()
    changed = torch.where(absent, 1 - images, images)
    objective = VAEACObjective(model, 0.5)
    assert torch.equal(objective(images, missing, absent, noise), objective(changed, missing, absent, noise))


def test_every_parameter_gets_a_gradient():
    torch.manual_seed(0)
    objective = VAEACObjective(image_vaeac(SMALL), 0.5)
    objective(*batch()).mean().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in objective.parameters())


def test_scores_are_the_same_in_every_call():
    model, (images, missing, _, _) = image_vaeac(SMALL).eval(), batch()
    for alpha in (0.0, 1.0):
        assert score(model, images=images, missing=missing, samples=5, alpha=alpha) == score(
            model, images=images, missing=missing, samples=5, alpha=alpha
        )


def test_gsnn_is_scored_by_its_prior():
    """Its proposal network is untrained, so importance sampling from it is meaningless."""
    torch.manual_seed(0)
    objective, (images, missing, _, _) = VAEACObjective(image_vaeac(SMALL), alpha=0.0).eval(), batch()
    assert not any(parameter.requires_grad for parameter in objective.model.proposal.parameters())
    before = score(objective.model, images, missing, 5, alpha=0.0)
    with torch.no_grad():
        for parameter in objective.model.proposal.parameters():
            parameter.add_(1)
    assert score(objective.model, images, missing, 5, alpha=0.0) == before
    assert score(objective.model, images, missing, 5, alpha=1.0) != before


@pytest.mark.parametrize(
    "options", [(), ("--likelihood", "bernoulli", "--masks", "line3", "--latents", "16"), ("--incomplete", "square14", "--alpha", "0.9"), ("--alpha", "0"), ("--alpha", "0", "--latents", "0")]
)  # fmt: skip
def test_command_writes_a_complete_checkpoint(small_mnist: Path, tmp_path: Path, options: tuple[str, ...]):
    small = "--widths 8 16 --blocks 1 --steps 4 --batch-size 32 --validate-every 2 --precision no".split()
    folders = ["--run-folder", str(tmp_path / "run"), "--output", str(tmp_path / "out")]
    words = ["vaeac", "--data-root", str(small_mnist), *small, *folders, *options]
    done = train(*words)
    assert done.returncode == 0, done.stderr
    assert "VAEAC" in (tmp_path / "out" / "README.md").read_text()
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert {"validation", "nll", "psnr_image"} <= set(rows[-1])
    images, missing = torch.rand(2, 1, 28, 28), torch.rand(2, 1, 28, 28) < 0.5
    assert VAEACImputer.load(tmp_path / "out").impute(images, missing, seed=0).sample(2).isfinite().all()


def test_warm_up_reduces_the_weight_of_the_kl():
    torch.manual_seed(0)
    model, inputs = image_vaeac(SMALL).eval(), batch()
    kl = model.propose(*inputs[:3]).kl(model(*inputs[:2]).prior)
    objective = VAEACObjective(model)
    torch.testing.assert_close(objective(*inputs) - objective(*inputs, kl_weight=0.25), 0.75 * kl, atol=1e-3, rtol=1e-3)
