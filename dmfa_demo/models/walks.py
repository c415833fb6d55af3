"""Imputation by auto-encoder dynamics: four methods that walk to their answer, with one auto-encoder (AE-dynamics paper)."""

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
    """An auto-encoder and how to follow its field."""

    step_size: PositiveFloat = 0.2
    """h; 1 is pseudo-Gibbs sampling"""
    steps: PositiveInt = 100
    """at most"""
    tolerance: NonNegativeFloat = 1e-2
    """a row whose residual |r(x) - x| over the hole is not above it has arrived"""


class DynamicsImputer(Imputer):
    """Follows the field of an auto-encoder from random pixels."""

    name = "dynamics"
    title = "AE dynamics"
    summary = "Starts from random pixels and moves them, a little at a time, to where an auto-encoder would have them."
    limits = "Where it arrives depends on where it starts; from noise it may walk to another digit than the visible pixels suggest."
    formula = "x_m ← x_m + h (r(x) − x)_m, until nothing moves; r is the auto-encoder"
    citation = "Śmieja, Kołomycki, Struski, Juda, Figueiredo: Iterative imputation of missing data using auto-encoder dynamics (2020)"
    url = "https://dblp.org/search?q=Iterative%20imputation%20of%20missing%20data%20using%20auto-encoder%20dynamics"
    paper = "AE dynamics, random start"
    colour = "#b0611e"
    shown_first = False
    stands_in_for = "dynamics-knn"
    has_trajectory = True

    def __init__(self, model: Autoencoder):
        self.model, self.shape = model.eval(), model.config.shape
        self.config = cast(WalkConfig, model.config)

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(load_network(folder, Autoencoder, WalkConfig))

    def start(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Tensor:
        """The first filling: independent uniform pixels, the same for all rows, so that none depends on the others."""
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
    """Follows the field from what the nearest neighbours suggest."""

    name = "dynamics-knn"
    title = "AE dynamics from k-NN"
    summary = "Starts from the mean of the nearest training images and moves the hidden pixels to where an auto-encoder would have them."
    limits = "It seldom leaves the neighbourhood of its start."
    paper = "AE dynamics, k-NN start"
    colour = "#d99a3d"
    shown_first = True
    stands_in_for = None

    def __init__(self, model: Autoencoder, neighbours: Imputer):
        super().__init__(model)
        self.neighbours = neighbours

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(
            load_network(folder, Autoencoder, WalkConfig), load_once(KNNImputer, folder.parent / KNNImputer.name)
        )

    def start(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Tensor:
        """The first filling: the mean of the nearest neighbours."""
        mean = self.neighbours.predict(hide(images, missing), missing, generator).mean
        return torch.where(missing, mean, images)


class PseudoGibbsImputer(DynamicsImputer):
    """Replaces the hidden pixels by their reconstruction, again and again, from random pixels."""

    name = "pseudo-gibbs"
    title = "Pseudo-Gibbs"
    summary = "Puts in random pixels, lets an auto-encoder reconstruct the image, puts in what it says, and so on."
    limits = "Each step replaces all hidden pixels at once, which may leave the images that the auto-encoder knows."
    formula = "x_m ← r(x)_m, again and again; r is the auto-encoder"
    paper = "pseudo-Gibbs, random start"
    colour = "#6b7fb3"
    stands_in_for = None


class KNNPseudoGibbsImputer(KNNDynamicsImputer):
    """The same from what the nearest neighbours suggest."""

    name = "pseudo-gibbs-knn"
    title = "Pseudo-Gibbs from k-NN"
    summary = "Puts in the mean of the nearest training images, lets an auto-encoder reconstruct, puts in what it says, and so on."
    limits = PseudoGibbsImputer.limits
    formula = PseudoGibbsImputer.formula
    paper = "pseudo-Gibbs, k-NN start"
    colour = "#9aa9d6"
    shown_first = False
