"""Posterior matching: its loss by Monte Carlo, its samples, and the auto-encoder it must not change."""

import pytest
import torch

from dmfa_demo.imputation import flatten_missing
from dmfa_demo.models.autoencoder import Autoencoder, AutoencoderConfig
from dmfa_demo.models.posterior_matching import PosteriorMatching, PosteriorMatchingConfig, PosteriorMatchingImputer
from dmfa_demo.storage.checkpoints import load_network
from train.commands import parse
from train.methods import autoencoder, posterior_matching
from train.methods.posterior_matching import MatchingObjective

CONFIG = PosteriorMatchingConfig(height=8, width=8, latents=2, widths=(8,), visible_widths=(8,), components=2)


def build() -> PosteriorMatching:
    torch.manual_seed(0)
    return PosteriorMatching(CONFIG).eval()


def scene() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(3, 1, 8, 8, generator=generator), torch.rand(3, 1, 8, 8, generator=generator) < 0.4


@torch.no_grad()
def test_loss_is_smallest_for_the_posterior_itself():
    """The cross-entropy of q and r, by Monte Carlo, is the entropy of q plus KL(q || r), which is zero for r = q."""
    model, (images, missing) = build(), scene()
    vae = Autoencoder(CONFIG)
    objective, posterior = MatchingObjective(model, vae), vae.posterior(images)
    noise = torch.randn(20_000, 1, 2)

    def cross_entropy() -> torch.Tensor:
        return torch.stack(
            [objective(images, missing, part) for part in noise.expand(-1, 3, -1).split(1)[:1_000:10]]
        ).mean()

    apart = cross_entropy()
    raw = torch.cat(
        [torch.zeros(3, 2), *[torch.cat([posterior.mean, posterior.deviation.sub(1e-4).expm1().log()], 1)] * 2], 1
    )
    model.encode = lambda seen: raw
    assert cross_entropy() < apart
    entropy = posterior.deviation.log().sum(1) + 1 + torch.log(torch.tensor(2 * torch.pi))
    many = -model(images, missing).log_prob(posterior.at(noise.expand(-1, 3, -1)))
    torch.testing.assert_close(many.mean(0), entropy, atol=0.05, rtol=0)


def test_only_the_encoder_of_visible_pixels_learns():
    model, (images, missing) = build(), scene()
    vae = Autoencoder(CONFIG)
    MatchingObjective(model, vae)(images, missing, torch.randn(3, 2)).sum().backward()
    assert all(weight.grad is None for part in (vae, model.decoder) for weight in part.parameters())
    assert any(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in model.encoder.parameters())


def test_samples_are_decoded_draws_of_the_mixture():
    model, (images, missing) = build(), scene()
    ours = PosteriorMatchingImputer(model).impute(images, missing, seed=2)
    generator = torch.Generator().manual_seed(2)
    points, noise = torch.rand(10, generator=generator), torch.randn(10, 2, generator=generator)
    with torch.no_grad():
        z = model(images, missing).at(points, noise)
        expected = torch.stack([model.decode(one) for one in z]).mean(0)
    torch.testing.assert_close(ours.mean, torch.where(missing, expected, images))
    samples = ours.sample(3_000)
    inside = missing & (ours.mean > 0.35) & (ours.mean < 0.65)  # not clipped
    torch.testing.assert_close(samples.var(0)[inside], ours.variance[inside], atol=2e-3, rtol=0.15)


def test_values_under_the_mask_have_no_effect():
    model, (images, missing) = build(), scene()
    other = torch.where(missing, 1 - images, images)
    first, second = (PosteriorMatchingImputer(model).impute(one, missing, seed=0).mean for one in (images, other))
    hidden = flatten_missing(missing, 1)
    assert torch.equal(first.flatten(1)[hidden], second.flatten(1)[hidden])


def test_trains_for_a_trained_auto_encoder(small_mnist, tmp_path):
    small = f"--latents 3 --widths 8 8 --steps 4 --batch-size 16 --validate-every 2 --data-root {small_mnist}".split()
    for kind in ("vae", "ae"):
        words = f"--kind {kind} --run-folder {tmp_path}/{kind}-run --output {tmp_path}/{kind}".split()
        words += ["--posterior", "gaussian"] if kind == "vae" else []
        autoencoder.train(parse(["autoencoder", *words, *small]))
    words = ["posterior-matching", "--visible-widths", "8", "8", *small, "--run-folder", f"{tmp_path}/run"]
    config = parse([*words, "--output", f"{tmp_path}/posterior-matching"])
    posterior_matching.train(config)
    decoder = PosteriorMatchingImputer.load(tmp_path / "posterior-matching").model.decoder.state_dict()
    kept = load_network(tmp_path / "vae", Autoencoder, AutoencoderConfig).decoder.state_dict()
    assert all(torch.equal(decoder[name], kept[name]) for name in kept)
    for change, message in (
        (["--vae", "ae"], "has posterior point, not gaussian"),
        (["--latents", "4"], "has latents 3, not 4"),
    ):
        with pytest.raises(ValueError, match=message):
            posterior_matching.train(parse([*words, *change, "--output", f"{tmp_path}/other"]))
