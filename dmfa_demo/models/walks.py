"""Imputation by auto-encoder dynamics: four iterative methods with one auto-encoder (AE-dynamics paper)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self, cast

import torch
from torch import Tensor

from dmfa_demo.imputation import Imputation, Imputer, hide
from dmfa_demo.models.autoencoder import Autoencoder, AutoencoderConfig
from dmfa_demo.models.baselines import KNNImputer
from dmfa_demo.models.dynamics import impute_along
from dmfa_demo.options import NonNegativeFloat, PositiveFloat, PositiveInt
from dmfa_demo.storage.checkpoints import load_network, load_once


@dataclass(frozen=True)
class WalkConfig(AutoencoderConfig):
    """The settings of an auto-encoder and of walks along its field."""

    step_size: PositiveFloat = 0.2
    """h; 1 is pseudo-Gibbs sampling"""
    steps: PositiveInt = 100
    """the maximum number of steps"""
    tolerance: NonNegativeFloat = 1e-2
    """a row has arrived when its residual |r(x) - x| over the hole is not above this"""


class DynamicsImputer(Imputer):
    """Imputation by following an auto-encoder's field from random pixels."""

    name = "dynamics"
    title = "AE dynamics"
    summary = "Starts from random pixels and moves them step by step towards an auto-encoder's reconstruction."
    limits = "Its end depends on its start; from noise it may walk to another digit than the visible pixels suggest."
    formula = "x_m ← x_m + h (r(x) − x)_m, until it stops moving; r is the auto-encoder"
    citation = "Śmieja, Kołomycki, Struski, Juda, Figueiredo: Iterative imputation of missing data using auto-encoder dynamics (2020)"
    url = "https://dblp.org/search?q=Iterative%20imputation%20of%20missing%20data%20using%20auto-encoder%20dynamics"
    paper = "AE dynamics, random start"
    colour = "#b0611e"
    shown_first = False
    other_start = "dynamics-knn"
    has_trajectory = True

    def __init__(self, model: Autoencoder):
        self.model, self.shape = model.eval(), model.config.shape
        self.config = cast(WalkConfig, model.config)

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(load_network(folder, Autoencoder, WalkConfig))

    def start(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Tensor:
        """Return the initial filling: independent uniform pixels, the same for all rows, so that no row depends on the others."""
        noise = torch.rand(images.shape[1:], generator=generator, dtype=images.dtype)
        return torch.where(missing, noise, images)

    def predict(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Imputation:
        config, start = self.config, self.start(images, missing, generator)
        states = impute_along(
            self.model.reconstruct,
            start=start,
            missing=missing,
            step_size=config.step_size,
            steps=config.steps,
            tolerance=config.tolerance,
        )
        trajectory = torch.stack([state.points for state in states])
        return Imputation(mean=trajectory[-1], trajectory=trajectory)


class KNNDynamicsImputer(DynamicsImputer):
    """Imputation by following the field from the mean of the nearest neighbours."""

    name = "dynamics-knn"
    title = "AE dynamics from k-NN"
    summary = "Starts from the mean of the nearest training images and moves the hidden pixels towards an auto-encoder's reconstruction."
    limits = "It rarely leaves the neighbourhood of its start."
    paper = "AE dynamics, k-NN start"
    colour = "#d99a3d"
    shown_first = True
    other_start = None

    def __init__(self, model: Autoencoder, neighbours: Imputer):
        super().__init__(model)
        self.neighbours = neighbours

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(
            load_network(folder, Autoencoder, WalkConfig), load_once(KNNImputer, folder.parent / KNNImputer.name)
        )

    def start(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Tensor:
        """Return the initial filling: the mean of the nearest neighbours."""
        mean = self.neighbours.predict(hide(images, missing), missing, generator).mean
        return torch.where(missing, mean, images)


class PseudoGibbsImputer(DynamicsImputer):
    """Imputation by repeated reconstruction of the hidden pixels, from random pixels."""

    name = "pseudo-gibbs"
    title = "Pseudo-Gibbs"
    summary = "Fills the hole with random pixels, then repeatedly replaces them by an auto-encoder's reconstruction."
    limits = "Each step replaces all hidden pixels at once, which may lead away from the images on which the auto-encoder was trained."
    formula = "x_m ← r(x)_m, repeatedly; r is the auto-encoder"
    paper = "pseudo-Gibbs, random start"
    colour = "#6b7fb3"
    other_start = None


class KNNPseudoGibbsImputer(KNNDynamicsImputer):
    """Pseudo-Gibbs from the mean of the nearest neighbours."""

    name = "pseudo-gibbs-knn"
    title = "Pseudo-Gibbs from k-NN"
    summary = "Fills the hole with the mean of the nearest training images, then repeatedly replaces it by an auto-encoder's reconstruction."
    limits = PseudoGibbsImputer.limits
    formula = PseudoGibbsImputer.formula
    paper = "pseudo-Gibbs, k-NN start"
    colour = "#9aa9d6"
    shown_first = False
