"""Imputation by walks: trajectories, starts, and the contract."""

import pytest
import torch

from dmfa_demo.models.autoencoder import Autoencoder
from dmfa_demo.models.baselines import KNNImputer
from dmfa_demo.models.walks import (
    DynamicsImputer,
    KNNDynamicsImputer,
    KNNPseudoGibbsImputer,
    PseudoGibbsImputer,
    WalkConfig,
)
from dmfa_demo.registry import METHODS

CLASSES = (DynamicsImputer, KNNDynamicsImputer, PseudoGibbsImputer, KNNPseudoGibbsImputer)
NEIGHBOURS = torch.randint(0, 256, (20, 1, 28, 28), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


class FirstNeighbour:
    """A stand-in for k-NN that always returns the same image."""

    def predict(self, images, missing, generator):
        return type("Found", (), {"mean": (NEIGHBOURS[:1].float() / 255).expand_as(images)})


def build(kind: type[DynamicsImputer], step_size: float = 0.5) -> DynamicsImputer:
    torch.manual_seed(0)
    config = WalkConfig(latents=3, widths=(8, 16), step_size=step_size, steps=5, tolerance=0.0)
    neighbours = (FirstNeighbour(),) if issubclass(kind, KNNDynamicsImputer) else ()
    return kind(Autoencoder(config), *neighbours)


def scene() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    missing = torch.rand(3, 1, 28, 28, generator=generator) < 0.5
    missing[0] = False
    return torch.rand(3, 1, 28, 28, generator=generator), missing


@pytest.mark.parametrize("kind", CLASSES)
def test_walk_follows_its_formula_from_its_start(kind):
    (images, missing), imputer = scene(), build(kind)
    imputation = imputer.impute(images, missing, seed=0)
    twin = imputation.trajectory[0]
    assert imputation.trajectory.shape == (6, 3, 1, 28, 28)
    with torch.inference_mode():
        for points in imputation.trajectory:
            torch.testing.assert_close(points, twin, atol=1e-5, rtol=1e-5)
            assert torch.equal(points[~missing], images[~missing])
            twin = torch.where(missing, twin + 0.5 * (imputer.model.reconstruct(twin) - twin), images)
    assert torch.equal(imputation.mean, imputation.trajectory[-1])


@pytest.mark.parametrize("kind", CLASSES)
def test_start_is_random_or_the_neighbours(kind):
    (images, missing), imputer = scene(), build(kind)
    first, again, other = (imputer.impute(images, missing, seed=seed).trajectory[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    if issubclass(kind, KNNDynamicsImputer):
        assert torch.equal(first, other) and torch.equal(first[missing], (NEIGHBOURS[:1].float() / 255).expand_as(images)[missing])  # fmt: skip
    else:
        assert not torch.equal(first, other) and 0.4 < first[missing].mean() < 0.6


@pytest.mark.parametrize("kind", CLASSES)
def test_hidden_values_are_ignored(kind):
    (images, missing), imputer = scene(), build(kind)
    changed = torch.where(missing, torch.nan, images)
    assert torch.equal(imputer.impute(images, missing, seed=0).mean, imputer.impute(changed, missing, seed=0).mean)


def test_walk_methods_are_registered():
    assert {kind.name for kind in CLASSES} <= set(METHODS) and KNNImputer.name in METHODS
