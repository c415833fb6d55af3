"""Guided VAEAC: the guide's shapes against dense matrices, the networks' use of them, and its checkpoint."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from dmfa_demo.densities.guide import Guidance, Guide
from dmfa_demo.imputation import flatten, flatten_missing
from dmfa_demo.models.guided import GuidedConfig, GuidedDMFA
from dmfa_demo.models.mfa import MFAConfig, mixture_from
from dmfa_demo.models.vaeac import GuidedVAEAC, VAEACConfig, VAEACImputer, image_vaeac
from dmfa_demo.storage.checkpoints import save_checkpoint
from tests.models.test_guided import FACTORS, SHAPE, T, scene, tensors

LATENTS = 4


def guide() -> Guide:
    return Guide(mixture_from(tensors()), T)


def guided() -> GuidedVAEAC:
    """Return a small guided VAEAC without zero weights."""
    torch.manual_seed(0)
    model = image_vaeac(VAEACConfig(latents=LATENTS, widths=(8, 16), blocks=1, guide="mfa", **SHAPE))
    assert isinstance(model, GuidedVAEAC)
    for parameter in (*model.generator.add.parameters(), *model.prior.spread.parameters()):
        torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


def advised(count: int = 4) -> tuple[Tensor, Tensor, Guidance]:
    images, missing = scene(count)
    return images, missing, guide().advise(images, missing, LATENTS)


@pytest.mark.parametrize("row", [0, 1, 2])
def test_coordinates_are_independent_before_and_after_observing_all_pixels(row: int):
    _, missing, guidance = advised()
    parts, seen = guide().mixture.components, ~flatten_missing(missing, 3)[row]
    ways, gain = guidance.shapes.ways[row].double(), guidance.shapes.gain[row].double()
    factors, noise, one = parts.factors[0], T * parts.noise[0], torch.eye(FACTORS).double()
    before = one + (factors[:, seen] / noise[seen]) @ factors[:, seen].T
    after = one + (factors / noise) @ factors.T
    torch.testing.assert_close(ways.T @ before @ ways, torch.eye(LATENTS).double(), atol=1e-5, rtol=0)
    torch.testing.assert_close(ways.T @ after @ ways, gain.diag(), atol=1e-5, rtol=1e-5)
    # The strongest shapes come first.
    root = torch.linalg.inv(torch.linalg.cholesky(before))
    strongest = torch.linalg.eigvalsh(root @ after @ root.T).flip(0)
    torch.testing.assert_close(gain, strongest[:LATENTS], atol=1e-5, rtol=1e-5)
    assert ((ways.T @ factors).sum(1) > -1e-5).all(), "each makes pixels lighter"


def test_recognise_returns_the_posterior_of_the_linear_model():
    """With all coordinates and a scale of 1, they express the posterior given the complete image."""
    images, missing = scene()
    guidance = guide().advise(images, missing, FACTORS)
    shapes = replace(guidance.shapes, scale=torch.ones(4, 1))
    found = replace(guidance, shapes=shapes).recognise(flatten(images), missing)
    hidden, parts, x = flatten_missing(missing, 3), guide().mixture.components, flatten(images).double()
    factors, noise, one = parts.factors[0], T * parts.noise[0], torch.eye(FACTORS).double()
    for row in range(3):
        seen, ways = ~hidden[row], shapes.ways[row].double()
        weighed = factors / noise
        before = one + weighed[:, seen] @ factors[:, seen].T
        start = torch.linalg.solve(before, weighed[:, seen] @ (x[row] - parts.mean[0])[seen])
        after = one + weighed @ factors.T
        whole = torch.linalg.solve(after, weighed @ (x[row] - parts.mean[0]))
        torch.testing.assert_close(start + ways @ found.mean[row].double(), whole, atol=1e-5, rtol=1e-4)
        covariance = (ways * found.deviation[row].double().square()) @ ways.T
        torch.testing.assert_close(covariance, torch.linalg.inv(after), atol=1e-5, rtol=1e-4)


def test_paint_returns_the_expectation_given_the_coordinates():
    """E[t | z] = cov(t, z) / var(z) of a true coordinate t and of z, drawn given a noisy image."""
    _, _, guidance = advised()
    shapes, z = guidance.shapes, torch.randn(3, 4, LATENTS)
    expected = z * (shapes.gain - 1) / shapes.gain
    twin = torch.stack(
        [shapes.scale[row] * (expected[:, row] @ shapes.ways[row].T @ shapes.factors) for row in range(4)], 1
    )
    torch.testing.assert_close(shapes.paint(z), twin, atol=1e-5, rtol=1e-4)
    assert not shapes.paint(z)[:, 3].any(), "nothing is hidden there"


def test_advise_each_equals_advise():
    images, missing, guidance = advised()
    each = guide().advise_each(images, missing, LATENTS)
    for ours, twin in zip(each[torch.tensor([2, 0])].tensors, guidance.tensors):
        torch.testing.assert_close(ours, twin[[2, 0]], atol=1e-4, rtol=1e-4)


def test_mean_is_between_the_generators_and_the_guides():
    model, (images, missing, guidance) = guided(), advised()
    z = torch.randn(3, 4, LATENTS)
    with torch.inference_mode():
        conditional = model(images, missing, guidance)
        ours, painted = conditional.decode(z), guidance.shapes.paint(z)
        own, deviation, trust = model.generator(painted, *conditional.passed).flatten(0, 1).unbind(1)
    linear = (guidance.mean + painted).view(12, *images.shape[1:])
    twin = trust.sigmoid() * own.sigmoid() + (1 - trust.sigmoid()) * linear
    torch.testing.assert_close(ours.mean.flatten(0, 1), twin)
    torch.testing.assert_close(ours.deviation.flatten(0, 1), torch.nn.functional.softplus(deviation - 2) + 0.05)


def test_samples_decoded_together_equal_those_decoded_one_by_one():
    model, (images, missing, guidance) = guided(), advised()
    z = torch.randn(3, 4, LATENTS)
    with torch.inference_mode():
        conditional = model(images, missing, guidance)
        one_by_one = torch.cat([conditional.decode(one[None]).mean for one in z])
        torch.testing.assert_close(conditional.decode(z).mean, one_by_one, atol=1e-5, rtol=1e-4)


def test_prior_mean_is_recognised_from_the_guided_dmfas_mean():
    model, (images, missing, guidance) = guided(), advised()
    with torch.inference_mode():
        prior = model(images, missing, guidance).prior
        mean = model.prior.network(images, missing, guidance).mean
    torch.testing.assert_close(prior.mean, guidance.recognise(mean, missing).mean)
    assert (prior.deviation > 0).all() and not prior.mean[3].any()


def test_initial_mean_mixes_the_guided_dmfas_with_the_guides_draws():
    images, missing, guidance = advised()
    model = image_vaeac(VAEACConfig(latents=LATENTS, widths=(8, 16), blocks=1, guide="mfa", **SHAPE)).eval()
    start = GuidedDMFA(GuidedConfig(widths=(8, 16), blocks=1, **SHAPE)).eval()
    torch.nn.init.normal_(start.head.weight, std=0.3)
    model.begin_from(start.state_dict())
    z = torch.randn(2, 4, LATENTS)
    with torch.inference_mode():
        mean = start(images, missing, guidance).mean
        ours, painted = flatten(model(images, missing, guidance).decode(z).mean), guidance.shapes.paint(z)
        still = flatten(model(images, missing, guidance).decode(torch.zeros(1, 4, LATENTS)).mean)[0]
    torch.testing.assert_close(still, mean, atol=1e-5, rtol=1e-4)
    hidden = flatten_missing(missing, 3)
    share = ((ours - mean) / painted)[:, hidden]  # 1 - g, the same for both draws
    known = painted[:, hidden].abs().amin(0) > 1e-3
    torch.testing.assert_close(share[0, known], share[1, known], atol=1e-2, rtol=1e-2)


@pytest.mark.parametrize("shape", [dict(widths=(16, 16)), dict(widths=(8, 16), blocks=2), dict(channels=1)])
def test_starting_from_a_guided_dmfa_of_another_shape_is_refused(shape: dict):
    start = GuidedDMFA(GuidedConfig(**{**dict(widths=(8, 16), blocks=1), **SHAPE, **shape}))
    with pytest.raises(ValueError, match="cannot start from that guided DMFA"):
        guided().begin_from(start.state_dict())


@pytest.mark.parametrize("latents", [0, 601])
def test_more_latents_than_guide_factors_are_refused(latents: int):
    with pytest.raises(ValueError, match="--latents must be from 1 to --factors, 600"):
        image_vaeac(VAEACConfig(latents=latents, guide="mfa"))


def test_a_guide_and_binarised_images_are_refused():
    with pytest.raises(ValueError, match="omit --likelihood bernoulli or --guide"):
        image_vaeac(VAEACConfig(guide="mfa", likelihood="bernoulli"))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Write a guided VAEAC and its guide as checkpoints."""
    mfa = MFAConfig(components=1, factors=FACTORS, temperature=T, **SHAPE)
    save_checkpoint(tmp_path / "mfa", tensors(), {"network": asdict(mfa)})
    save_checkpoint(tmp_path / "vaeac", guided().state_dict(), {"network": asdict(guided().config)})
    return tmp_path


def test_imputer_ignores_hidden_values_and_keeps_visible_ones(checkpoint: Path):
    imputer, (images, missing) = VAEACImputer.load(checkpoint / "vaeac"), scene()
    imputation = imputer.impute(images, missing, seed=1)
    other = imputer.impute(torch.where(missing, torch.nan, images), missing, seed=1)
    assert torch.equal(imputation.mean, other.mean) and torch.equal(imputation.sample(3), other.sample(3))
    seen = ~missing.expand_as(images)
    assert torch.equal(imputation.mean[seen], images[seen])
    assert torch.equal(imputation.sample(2)[:, seen], images[seen].expand(2, -1))
    torch.testing.assert_close(imputation.sample(10, noise=False).mean(0), imputation.mean, atol=1e-5, rtol=1e-4)
    assert (imputation.variance[~seen] > 0).all() and not imputation.variance[seen].any()


def test_latent_origin_decodes_to_the_prior_mean(checkpoint: Path):
    imputer, (images, missing) = VAEACImputer.load(checkpoint / "vaeac"), scene()
    latents = imputer.impute(images, missing, seed=1).latents
    with torch.inference_mode():
        conditional = imputer.model(images, missing, imputer.guide.advise(images, missing, LATENTS))
        twin = conditional.decode(conditional.prior.mean[None]).mean[0]
    assert latents.count == LATENTS
    middle, hidden = latents.decode(torch.zeros(1, LATENTS))[0], missing.expand_as(images)
    torch.testing.assert_close(middle[hidden], twin.clamp(0, 1)[hidden])
    assert latents.directions(2).shape == (2, LATENTS)


def test_rows_are_independent(checkpoint: Path):
    imputer, (images, missing) = VAEACImputer.load(checkpoint / "vaeac"), scene()
    together, alone = imputer.impute(images, missing, seed=1), imputer.impute(images[1:2], missing[1:2], seed=1)
    torch.testing.assert_close(together.mean[1:2], alone.mean, atol=1e-4, rtol=1e-3)
