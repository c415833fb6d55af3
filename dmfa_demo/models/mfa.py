"""MFA: a mixture of factor analysers of complete images, fitted by EM and conditioned in closed form.

Unlike DMFA it is not trained on holes: it models the density of complete images, from which the density of any missing part
follows exactly (DMFA paper, equation (1)), with all components. A temperature above 1 (see `shared_mixture`), chosen on validation
images, trusts the visible pixels less than exact conditioning does. The public code behind the paper's "MFA" row uses only the
best component, with a wrong covariance of the latents; its figures are not comparable.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, cast

import torch
from torch import Tensor

from dmfa_demo.densities.density import Density
from dmfa_demo.densities.shared_mixture import SharedComponents, SharedMixture
from dmfa_demo.imputation import ImageShape, Imputation, Imputer, flatten, flatten_missing
from dmfa_demo.options import NonNegativeInt, PositiveFloat, PositiveInt, Temperature
from dmfa_demo.storage.checkpoints import load_checkpoint


@dataclass(frozen=True)
class MFAConfig(ImageShape):
    """The shape of a mixture of factor analysers."""

    components: PositiveInt = 200
    """K, the number of components; 50 in the DMFA paper (with 6 factors)"""
    factors: NonNegativeInt = 10
    """l, the number of factor images of each component"""
    noise: Literal["diagonal", "isotropic"] = "diagonal"
    """one variance per pixel of a component, or one for all its pixels (mixture of probabilistic PCA)"""
    noise_floor: PositiveFloat = 3e-5
    """the smallest noise variance, in units of (pixel value in [0, 1])^2"""
    temperature: Temperature = 1.0
    """the number of visible values that count as one when the hidden ones are inferred: 1 is exact conditioning; with few
    components, residuals of neighbouring pixels are correlated, and treating them as independent trusts the pixels too much"""


class MFAImputer(Imputer):
    """A fitted mixture of factor analysers as an imputer."""

    name = "mfa"
    title = "MFA"
    summary = (
        "Many Gaussians, each with its own mean, factors and noise, describe complete images; "
        "those that fit the visible pixels predict the hidden ones."
    )
    limits = (
        "It describes complete images, so it models all pixels, not only the hidden ones. Pixels that never varied in a component "
        "are trusted to stay as they are: a stroke where none was in training costs thousands of nats. For faces it is one Gaussian with "
        "600 factors. What these leave unexplained is correlated in neighbouring pixels, so exact conditioning would trust the visible ones too much; "
        "fifteen of them therefore count as one (a temperature, chosen on validation faces)."
    )
    formula = (
        "p(x) = Σₖ πₖ N(x; μₖ, Aₖ Aₖᵀ + Dₖ), fitted to complete images by EM, then conditioned on x_o in closed form"
    )
    citation = "Ghahramani, Hinton: The EM algorithm for mixtures of factor analyzers (1996)"
    url = "https://www.cs.toronto.edu/~hinton/absps/tr-96-1.pdf"
    paper = "MFA"
    colour = "#c2702a"
    has_samples = True
    has_factors = True
    conditions_exactly = True

    def __init__(self, shape: tuple[int, int, int], mixture: SharedMixture, temperature: float = 1.0):
        self.shape, self.mixture, self.temperature = shape, mixture, temperature

    @classmethod
    def load(cls, folder: Path) -> Self:
        config, tensors = load_checkpoint(folder, MFAConfig)
        return cls(config.shape, mixture_from(tensors), config.temperature)

    def predict(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Imputation:
        density = self.mixture.condition(flatten(images), flatten_missing(missing, images.shape[1]), self.temperature)
        return Imputation(mean=density.mean.view_as(images).clamp(0, 1), density=cast(Density, density))


def mixture_from(tensors: dict[str, Tensor]) -> SharedMixture:
    """Build the mixture, in float64, from the tensors log_weights `(K,)`, mean `(K, n)`, factors `(K, l, n)`, noise `(K, n)`."""
    log_weights, *parts = (tensors[name].double() for name in ("log_weights", "mean", "factors", "noise"))
    return SharedMixture.prior(log_weights, SharedComponents(*parts))


def tensors_of(mixture: SharedMixture) -> dict[str, Tensor]:
    """Return the tensors of a mixture before any observation; the inverse of `mixture_from`."""
    parts = mixture.components
    return {"log_weights": mixture.log_weights[0], "mean": parts.mean, "factors": parts.factors, "noise": parts.noise}
