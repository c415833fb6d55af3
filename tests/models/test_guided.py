"""Guided DMFA: its guide, its initial state and its checkpoint."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from dmfa_demo.densities.guide import FREEDOM, Guide
from dmfa_demo.models.dmfa import DMFA, DMFAConfig, DMFAImputer, GuidedDMFAImputer
from dmfa_demo.models.guided import GuidedConfig, GuidedDMFA, load_guide
from dmfa_demo.models.mfa import MFAConfig, MFAImputer, mixture_from
from dmfa_demo.storage.checkpoints import load_once, save_checkpoint

SHAPE = dict(channels=3, height=8, width=12)
N, FACTORS, T = 3 * 8 * 12, 6, 4.0


def tensors(components: int = 1) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    mean = 0.5 + 0.1 * torch.randn(components, N, generator=generator)
    factors = 0.1 * torch.randn(components, FACTORS, N, generator=generator)
    noise = 0.01 + 0.01 * torch.rand(components, N, generator=generator)
    return {"log_weights": torch.zeros(components), "mean": mean, "factors": factors, "noise": noise}


def scene(count: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    images, missing = torch.rand(count, 3, 8, 12, generator=generator), torch.zeros(count, 1, 8, 12, dtype=torch.bool)
    missing[0, :, 2:6, 3:9] = missing[1, :, :5] = missing[2] = True
    return images, missing


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    network = GuidedDMFA(GuidedConfig(factors=4, widths=(8, 16), blocks=1, **SHAPE))
    torch.nn.init.normal_(network.head.weight, std=0.1)
    mfa = MFAConfig(components=1, factors=FACTORS, temperature=T, **SHAPE)
    save_checkpoint(tmp_path / "mfa", tensors(), {"network": asdict(mfa)})
    save_checkpoint(tmp_path / "dmfa", network.state_dict(), {"network": asdict(network.config)})
    return tmp_path


def test_guidance_computed_per_hole_equals_conditioning():
    guide, (images, missing) = Guide(mixture_from(tensors()), T), scene()
    x, hidden = images.flatten(1), missing.expand(-1, 3, -1, -1).flatten(1)
    density = guide.condition(x, hidden)
    covariance, deviation = guide.look(hidden)
    torch.testing.assert_close(deviation, density.variance.sqrt())
    guidance = guide.explain(x, hidden, guide.infer(x, hidden, covariance), deviation)
    torch.testing.assert_close(guidance.mean[hidden], density.mean[hidden])
    # Values under the mask are ignored.
    other = torch.where(hidden, torch.nan, x)
    again = guide.explain(other, hidden, guide.infer(other, hidden, covariance), deviation)
    assert torch.equal(again.mean, guidance.mean) and torch.equal(again.deviation, guidance.deviation)


def test_deviations_grow_with_the_misfit():
    """The scale of a multivariate Student distribution: its quadratic form is that of the dense covariance."""
    guide, (images, missing) = Guide(mixture_from(tensors()), T), scene()
    x, hidden = images.flatten(1), missing.expand(-1, 3, -1, -1).flatten(1)
    covariance, deviation = guide.look(hidden)
    guidance, parts = guide.explain(x, hidden, guide.infer(x, hidden, covariance), deviation), guide.mixture.components
    for row in (0, 1, 3):
        o = ~hidden[row]
        dense = parts.factors[0][:, o].T @ parts.factors[0][:, o] + T * parts.noise[0, o].diag()
        residual = x[row, o].double() - parts.mean[0, o]
        surprise = (FREEDOM + residual @ torch.linalg.solve(dense, residual)) / (FREEDOM + o.sum() / T)
        grown = (guidance.deviation[row] / deviation[row])[hidden[row]].double()
        torch.testing.assert_close(grown, surprise.sqrt().expand_as(grown), rtol=1e-4, atol=0)


def test_guide_with_fewer_factors_has_the_same_variances():
    guide = Guide(mixture_from(tensors()), T)
    first, whole = guide.first(2).mixture.components, guide.mixture.components
    assert first.factors.shape[1] == 2
    torch.testing.assert_close(first.variance, whole.variance)


def test_initial_mean_is_half_way_between_the_dmfas_and_the_guides():
    guide, (images, missing) = Guide(mixture_from(tensors()), T), scene()
    network = GuidedDMFA(GuidedConfig(widths=(8, 16), blocks=1, **SHAPE))
    start = DMFA(DMFAConfig(components=1, factors=3, widths=(8, 16), blocks=1, **SHAPE))
    torch.nn.init.normal_(start.head.weight, std=0.3)
    network.begin_from(start.state_dict())
    ours, x, hidden = GuidedDMFAImputer(network, guide).impute(images, missing), images.flatten(1), missing.expand(-1, 3, -1, -1).flatten(1)  # fmt: skip
    linear = guide.condition(x, hidden)
    with torch.inference_mode():
        theirs = start(images, missing).mean
    torch.testing.assert_close(ours.density.mean[hidden], ((linear.mean + theirs) / 2)[hidden])
    ratio = torch.where(hidden, ours.density.variance / linear.variance, torch.nan)[:3]
    torch.testing.assert_close(ratio.nanmean(1).unsqueeze(1).expand_as(ratio)[hidden[:3]], ratio[hidden[:3]])


def test_starting_from_a_dmfa_of_another_shape_is_refused():
    network = GuidedDMFA(GuidedConfig(widths=(8, 16), blocks=1, **SHAPE))
    for config in (DMFAConfig(components=1, widths=(16, 16), blocks=1, **SHAPE), DMFAConfig(head="dense", widths=(8, 16), blocks=1, **SHAPE)):  # fmt: skip
        with pytest.raises(ValueError, match="cannot start from that DMFA"):
            network.begin_from(DMFA(config).state_dict())


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_deviations_come_from_the_network_and_correlations_from_the_guide(checkpoint: Path, share: float):
    imputer, (images, missing) = DMFAImputer.load(checkpoint / "dmfa"), scene()
    assert isinstance(imputer, GuidedDMFAImputer) and imputer.guide.mixture.components.factors.shape[1] == 4
    parts = imputer.guide.mixture.components
    imputer.predicting = type(parts)(parts.mean, parts.factors, parts.noise * share)
    before = imputer.impute(images, missing, seed=0).variance
    imputer.network.config = replace(imputer.network.config, deviation_scale=2.0)
    torch.testing.assert_close(imputer.impute(images, missing, seed=0).variance, 4 * before)
    imputation, hidden = imputer.impute(images, missing, seed=0), missing.expand(-1, 3, -1, -1).flatten(1)
    linear = imputer.guide.condition(images.flatten(1), hidden).leading(1)
    for row in range(3):
        m = hidden[row]
        factors = linear.components.factors[row, 0][:, m]
        spread = factors.T @ factors + share * linear.components.noise[row, 0, m].diag()
        ours = imputation.mixture.leading(1).components
        ours = ours.factors[row, 0][:, m].T @ ours.factors[row, 0][:, m] + ours.noise[row, 0, m].diag()
        torch.testing.assert_close(_correlations(ours), _correlations(spread), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(ours.diagonal(), imputation.density.variance[row, m], atol=1e-6, rtol=1e-4)
    assert imputation.sample(2).isfinite().all()


def _correlations(covariance: torch.Tensor) -> torch.Tensor:
    deviation = covariance.diagonal().sqrt()
    return covariance / deviation / deviation[:, None]


def test_guide_with_several_components_is_refused(tmp_path: Path):
    config = MFAConfig(components=2, factors=FACTORS, **SHAPE)
    save_checkpoint(tmp_path, tensors(2), {"network": asdict(config)})
    with pytest.raises(ValueError, match="a guide has one"):
        load_guide(tmp_path, 3)


def test_guide_with_all_factors_shares_the_mixture_of_mfa(checkpoint):
    imputer = load_once(MFAImputer, checkpoint / "mfa")
    assert isinstance(imputer, MFAImputer)
    assert load_guide(checkpoint / "mfa", FACTORS).mixture is imputer.mixture
    assert load_guide(checkpoint / "mfa", FACTORS - 1).mixture is not imputer.mixture
