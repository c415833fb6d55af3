"""Answers about faces as functions of tensors: of MFA with one component and a temperature, and of DMFA, which it guides.

Such an MFA has hundreds of factors, and conditioning it takes longer than any network. So its answer is computed once for a picture
with a hole, and guided DMFA receives it as input:

    Products      missing                          ->  A_m D_m^-1 A_m^T over the missing values
    LinearAnswer  images, missing, whole, normals  ->  an answer, and what the next two need of it
    GuidedAnswer  images, missing, linear_...      ->  an answer, and a residual
    Score         missing, residual, ...           ->  the likelihood of the residual under MFA's correlations

`whole` is the result of `Products` for a picture without a visible pixel; it does not depend on the picture. All are for one image.

With a temperature t, latents have the precision C = I + A_o D_oo^-1 A_o^T / t (see `shared_mixture`), and hidden values the covariance
D_m + A_m^T C^-1 A_m. Its inverse and its determinant follow from those of I + A_o D_oo^-1 A_o^T / t + A_m D_m^-1 A_m^T (Woodbury). A draw
of the latents solves C z = h + e + A_o D_oo^-1/2 f / sqrt(t) with standard normal e and f: its covariance is C^-1 C C^-1.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dmfa_demo.densities.guide import FREEDOM, Guidance
from dmfa_demo.lite.answers import Answer, TensorFunction, Tensors, pasted, scored
from dmfa_demo.models.dmfa import GuidedDMFAImputer
from dmfa_demo.models.mfa import MFAImputer, tensors_of

# The number of rows that a graph inverts at a time (see train/engine/inverse.py).
BLOCK = 24


@torch.library.custom_op("dmfa_demo::inverse_and_log_det", mutates_args=())
def _inverse_and_log_det(matrix: Tensor) -> Tensor:
    return torch.cat([torch.linalg.inv(matrix), torch.logdet(matrix).expand(1, len(matrix))])


@_inverse_and_log_det.register_fake
def _(matrix: Tensor) -> Tensor:
    return matrix.new_empty(matrix.shape[0] + 1, matrix.shape[1])


def inverse_and_log_det(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return the inverse `(l, l)` and the logarithm of the determinant `()` of a positive definite matrix `(l, l)`."""
    size, more = len(matrix), -len(matrix) % BLOCK
    if more:  # independent values with variance one fill the last block
        matrix = F.pad(matrix, (0, more, 0, more)) + F.pad(torch.ones(more), (size, 0)).diag()
    both = _inverse_and_log_det(matrix)
    return both[:size, :size], both[-1, 0]


class _Gaussian:
    """A factor analyser in single precision, whose tensors are those of a checkpoint.

    Attributes:
        network: the module with its tensors.
        temperature: the number of visible values that count as one.
    """

    def __init__(self, imputer: MFAImputer):
        self.network, self.temperature, self.channels = nn.Module(), imputer.temperature, imputer.shape[0]
        for name, tensor in tensors_of(imputer.mixture).items():
            self.network.register_buffer(name, tensor.float())

    @property
    def mean(self) -> Tensor:
        """The mean `(n,)`."""
        return self.network.get_buffer("mean")[0]

    @property
    def factors(self) -> Tensor:
        """The factors `(l, n)`."""
        return self.network.get_buffer("factors")[0]

    @property
    def noise(self) -> Tensor:
        """The noise variances `(n,)`."""
        return self.network.get_buffer("noise")[0]

    @property
    def identity(self) -> Tensor:
        """The latents' precision before any observation, `(l, l)`."""
        return torch.eye(len(self.factors))

    def over(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the factors `(l, C p)` and the noise `(C p,)` of p of the H W pixels."""
        factors, noise = (part.unflatten(-1, (self.channels, -1)) for part in (self.factors, self.noise))
        return factors.index_select(-1, pixels).flatten(-2), noise.index_select(-1, pixels).flatten()

    def products(self, places: Tensor) -> Tensor:
        """Return A_i A_i^T / D_i, `(l, l)`, summed over the values of the pixels in `places`, bool `(H W,)`."""
        factors, noise = self.over(places.nonzero()[:, 0])
        return (factors / noise) @ factors.mT

    def nll(self, residual: Tensor, missing: Tensor, inverse: Tensor, log_det: Tensor) -> Tensor:
        """Return -log N(residual; 0, D_m + A_m^T C^-1 A_m) in nats, `(B,)`.

        Args:
            residual: `(B, n)`, zero at visible values.
            missing: bool `(B, n)`.
            inverse: of C + A_m D_m^-1 A_m^T, `(l, l)`.
            log_det: of C + A_m D_m^-1 A_m^T, minus that of C, `(1,)`.
        """
        shift = (residual / self.noise) @ self.factors.mT
        distance = (residual.square() / self.noise).sum(1) - ((shift @ inverse) * shift).sum(1)
        spread = torch.where(missing, self.noise.log() + math.log(2 * math.pi), 0).sum(1)
        return (distance + spread + log_det) / 2


class Products(TensorFunction):
    """A_m D_m^-1 A_m^T, `products` `(l, l)`, over the values of the missing pixels."""

    name = "products"

    def __init__(self, imputer: MFAImputer):
        self.gaussian, self.shape = _Gaussian(imputer), imputer.shape
        self.network = self.gaussian.network

    def __call__(self, missing: Tensor) -> Tensors:
        return {"products": self.gaussian.products(missing.flatten())}

    def examples(self, rows: int, draws: int) -> Tensors:
        return {"missing": super().examples(1, draws)["missing"]}


class LinearAnswer(Answer):
    """The answer of MFA with one component and a temperature.

    Its normal values are those of the latents and of all values. It also returns what `GuidedAnswer` and `Score` need: the mean
    `linear_mean` `(1, n)`, the deviation of hidden values `linear_deviation` `(1, n)`, `surprise` `(1, 1)` (see `guide`), the draws' differences
    from the mean `linear_draws` `(S, 1, n)`, and `inverse` `(l, l)` and `log_det` `(1,)` (see `_Gaussian.nll`).
    """

    def __init__(self, imputer: MFAImputer):
        self.gaussian, self.shape = _Gaussian(imputer), imputer.shape
        self.network = self.gaussian.network
        self.draws = len(self.gaussian.factors) + len(self.gaussian.mean)

    def predict(self, images: Tensor, missing: Tensor, normals: Tensor, whole: Tensor | None = None) -> Tensors:
        assert whole is not None
        linear, hidden = self.gaussian, missing.flatten()
        temperature, size = linear.temperature, len(linear.factors)
        absent = hidden.repeat(linear.channels)
        # Summed over the smaller of the hidden and the visible part.
        most = 2 * hidden.sum() > len(hidden)
        part = linear.products(hidden ^ most)
        seen, unseen = torch.where(most, part, whole - part), torch.where(most, whole - part, part)
        precision = linear.identity + seen / temperature
        covariance, before = inverse_and_log_det(precision)
        inverse, after = inverse_and_log_det(precision + unseen)
        log_det = (after - before)[None]

        x, noise = images.flatten(1), temperature * linear.noise
        latents = (torch.where(absent, 0, x - linear.mean) / noise) @ linear.factors.mT @ covariance
        mean = linear.mean + latents @ linear.factors
        left = (torch.where(absent, 0, x - mean).square() / noise).sum(1, keepdim=True)
        told = FREEDOM + latents.square().sum(1, keepdim=True) + left
        surprise = (told / (FREEDOM + (~absent).sum() / temperature)).sqrt()

        pixels = hidden.nonzero()[:, 0]
        factors, own = linear.over(pixels)
        variance = own + ((covariance @ factors) * factors).sum(0)
        spread = torch.zeros(linear.channels, len(hidden)).index_copy(
            1, pixels, variance.unflatten(0, (linear.channels, -1))
        )
        deviation = spread.flatten()[None].sqrt()

        white, pushed = normals.split([size, len(absent)], 1)
        pushed = torch.where(absent, 0, pushed) * noise.rsqrt()
        drawn = ((white + pushed @ linear.factors.mT) @ covariance @ linear.factors).unsqueeze(1)
        residual = torch.where(absent, x - mean, 0)
        return {
            "filled": mean.view_as(images),
            "deviation": deviation.view_as(images),
            "nll": linear.nll(residual, absent[None], inverse, log_det),
            "samples": (mean + drawn).unflatten(-1, self.shape),
            "linear_mean": mean,
            "linear_deviation": deviation,
            "linear_draws": drawn,
            "surprise": surprise,
            "inverse": inverse,
            "log_det": log_det,
        }

    def examples(self, rows: int, draws: int) -> Tensors:
        return {
            **super().examples(1, draws),
            "whole": self.gaussian.products(torch.ones(self.shape[1:]).flatten().bool()),
        }


# What `GuidedAnswer` needs of the answer of its guide.
GUIDING = ("linear_mean", "linear_deviation", "linear_draws", "surprise")


class GuidedAnswer(TensorFunction):
    """The answer of DMFA with a guide.

    Its inputs are images, missing, and outputs of its guide's answer. It returns what `Answer` does except `nll`, which `Score` computes
    from `residual` `(1, n)` and `stretch` `(1,)`.
    """

    name = "answer"

    def __init__(self, imputer: GuidedDMFAImputer):
        assert imputer.network.config.noise_share == 1, "a graph uses the guide's noise as it is"
        self.imputer, self.network, self.shape = imputer, imputer.network, imputer.shape

    def __call__(
        self,
        images: Tensor,
        missing: Tensor,
        linear_mean: Tensor,
        linear_deviation: Tensor,
        linear_draws: Tensor,
        surprise: Tensor,
    ) -> Tensors:
        x, hidden = images.flatten(1), missing.expand_as(images).flatten(1)
        found = self.imputer.network(images, missing, Guidance(linear_mean, linear_deviation * surprise))
        deviation = torch.where(hidden, self.imputer.network.config.deviation_scale * found.deviation, 0)
        scale = torch.where(hidden, deviation / linear_deviation, 1)
        samples = (found.mean + scale * linear_draws).unflatten(-1, self.shape)
        return {
            **scored(found.mean.view_as(images), images, missing),
            "deviation": deviation.view_as(images),
            "samples": pasted(samples, images, missing),
            "residual": torch.where(hidden, (x - found.mean) / scale, 0),
            "stretch": scale.log().sum(1),
        }

    def examples(self, rows: int, draws: int) -> Tensors:
        found, size = super().examples(1, draws), math.prod(self.shape)
        mean, deviation = torch.rand(2, 1, size)
        return found | dict(zip(GUIDING, (mean, deviation, torch.randn(draws, 1, size), torch.ones(1, 1))))


class Score(TensorFunction):
    """The likelihood of hidden values with the correlations of MFA.

    Its inputs are missing, the outputs `inverse` and `log_det` of `LinearAnswer`, and `residual` and `stretch` of `GuidedAnswer`. Returns
    `nll` in nats, `(1,)`.
    """

    name = "score"

    def __init__(self, imputer: MFAImputer):
        self.gaussian, self.shape = _Gaussian(imputer), imputer.shape
        self.network = self.gaussian.network

    def __call__(self, missing: Tensor, residual: Tensor, stretch: Tensor, inverse: Tensor, log_det: Tensor) -> Tensors:
        absent = missing.flatten(1).repeat(1, self.gaussian.channels)
        return {"nll": self.gaussian.nll(residual, absent, inverse, log_det) + stretch}

    def examples(self, rows: int, draws: int) -> Tensors:
        missing, identity = super().examples(1, draws)["missing"], self.gaussian.identity
        residual = torch.randn(1, math.prod(self.shape))
        return {
            "missing": missing,
            "residual": residual,
            "stretch": torch.ones(1),
            "inverse": identity,
            "log_det": torch.ones(1),
        }
