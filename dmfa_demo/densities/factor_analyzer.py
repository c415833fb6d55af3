"""Gaussian densities over images with holes: the factor analyser and the mixture of factor analysers.

A factor analyser over n values is the Gaussian N(mean, Sigma) with

    Sigma = A A^T + diag(d),        A = factors^T (n, l),   d = noise (n,), a variance,

so that l + 2 images describe it (DMFA paper, section 2.1). This module never builds the n x n matrix. All computations
use the l x l *capacitance* C = I + A^T D^-1 A, restricted to the values in each row's mask:

    det(A A^T + D)         = det(C) det(D)                             (matrix determinant lemma)
    r^T (A A^T + D)^-1 r   = (r - A z)^T D^-1 (r - A z) + z^T z,   z = C^-1 A^T D^-1 r

The second line is the Woodbury identity as a sum of two positive terms. The usual difference of two large numbers
loses all digits in float32 when the noise is near its floor; this form does not.

    >>> import torch
    >>> density = FactorAnalyzer(torch.zeros(1, 3), torch.ones(1, 1, 3), torch.ones(1, 3))
    >>> density.log_prob(torch.zeros(1, 3), torch.tensor([[True, True, False]]))   # -log(2 pi) - log(3) / 2
    tensor([-2.3872])
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from dmfa_demo.densities.density import Density


@dataclass(frozen=True)
class FactorAnalyzer:
    """A batch of Gaussians N(mean, A A^T + diag(noise)).

    Args:
        mean: `(..., n)`.
        factors: `(..., l, n)`, the columns of A, each with the layout of `mean`.
        noise: `(..., n)`, a variance, positive for every value that a mask selects.

    The leading dimensions broadcast against those of `x` and `missing`, so that one density over images (leading size 1)
    can be evaluated on a batch.

    Raises:
        ValueError: If the three shapes do not match.
    """

    mean: Tensor
    factors: Tensor
    noise: Tensor

    def __post_init__(self):
        if (
            self.factors.dim() < 2
            or self.noise.shape != self.mean.shape
            or (self.factors.shape[:-2] + self.factors.shape[-1:] != self.mean.shape)
        ):
            raise ValueError(
                f"FactorAnalyzer needs mean (..., n), factors (..., l, n) and noise (..., n); got mean "
                f"{tuple(self.mean.shape)}, factors {tuple(self.factors.shape)}, noise {tuple(self.noise.shape)}."
            )

    def log_prob(self, x: Tensor, missing: Tensor) -> Tensor:
        """Return log N(x_m; mean_m, Sigma_mm) over each row's missing values, in nats.

        Args:
            x: `(..., n)`, the true values; those outside `missing` are ignored.
            missing: bool `(..., n)`, the values to score.

        Returns:
            `(...)`; exactly 0 for a row in which nothing is missing.
        """
        latent, cholesky = self._posterior(x, missing)
        residual = x - self.mean - (latent.unsqueeze(-2) @ self.factors).squeeze(-2)
        # Masked before squaring, since values outside `missing` may be anything, including NaN.
        residual = torch.where(missing, residual, 0)
        noise = torch.where(missing, self.noise, 1)
        mahalanobis = (residual.square() / noise).sum(-1) + latent.square().sum(-1)
        log_det = noise.log().sum(-1) + 2 * cholesky.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return -0.5 * (mahalanobis + log_det + missing.sum(-1, dtype=noise.dtype) * math.log(2 * math.pi))

    def restrict(self, x: Tensor, missing: Tensor) -> FactorAnalyzer:
        """Restrict the Gaussian to the missing values; observed ones are fixed to `x` (no factors, no noise).

        This is how DMFA uses its network's output (section 2.3): N(mean_m, Sigma_mm); the rest has no meaning.
        """
        return FactorAnalyzer(
            mean=torch.where(missing, self.mean, x),
            factors=torch.where(missing.unsqueeze(-2), self.factors, 0),
            noise=torch.where(missing, self.noise, 0),
        )

    def condition(self, x: Tensor, missing: Tensor) -> FactorAnalyzer:
        """Return p(x_m | x_o) in closed form, with observed values fixed to `x` (DMFA paper, equation (1)).

        With q(z | x_o) = N(z_o, P), P = (I + A_o^T D_o^-1 A_o)^-1, the conditional is again a factor analyser:
        mean mean_m + A_m z_o, factors A_m P^(1/2), and the same noise.
        """
        latent, cholesky = self._posterior(x, ~missing)
        mean = self.mean + (latent.unsqueeze(-2) @ self.factors).squeeze(-2)
        # C = L L^T, so P = L^-T L^-1 and the factors of the conditional are the rows of L^-1 A^T.
        factors = torch.linalg.solve_triangular(cholesky, self.factors, upper=False)
        return FactorAnalyzer(mean, factors, self.noise.expand_as(mean)).restrict(x, missing)

    @property
    def variance(self) -> Tensor:
        """The marginal variance of each value, `(..., n)`."""
        return self.noise + self.factors.square().sum(-2)

    def cdf(self, x: Tensor) -> Tensor:
        """Return P(X_i <= x_i) for each value, `(..., n)`."""
        return torch.special.ndtr((x - self.mean) / self.variance.sqrt())

    def sample(self, count: int, generator: torch.Generator | None = None, noise: bool = True) -> Tensor:
        """Draw `count` samples, `(count, ..., n)`: mean + A z + noise^(1/2) e, the last term only with `noise`."""
        like: dict[str, Any] = dict(generator=generator, dtype=self.mean.dtype, device=self.mean.device)
        latent = torch.randn((count, *self.factors.shape[:-1]), **like)
        smooth = self.mean + (latent.unsqueeze(-2) @ self.factors).squeeze(-2)
        return smooth + torch.randn((count, *self.mean.shape), **like) * self.noise.sqrt() if noise else smooth

    def principal(self) -> FactorAnalyzer:
        """Return the same Gaussian with orthogonal factors, strongest first, each with a nonnegative sum.

        Factors are defined only up to a rotation (A R has the same A A^T); this chooses the principal axes of A A^T.
        """
        _, rotation = torch.linalg.eigh(self.factors @ self.factors.transpose(-1, -2))  # strongest last
        factors = rotation.flip(-1).transpose(-1, -2) @ self.factors
        sign = torch.where(factors.sum(-1, keepdim=True) < 0, -1, 1)
        return FactorAnalyzer(self.mean, sign * factors, self.noise)

    def with_noise_floor(self, floor: float) -> Self:
        """Return the density with no noise variance below `floor`; fixed values, whose variance is zero, stay fixed."""
        return replace(self, noise=torch.where(self.variance > 0, self.noise.clamp(min=floor), self.noise))

    def _posterior(self, x: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Infer the latents from the values in `known`: their mean `(..., l)` and the Cholesky factor of C `(..., l, l)`."""
        precision = torch.where(known, 1 / torch.where(known, self.noise, 1), 0)
        weighted = self.factors * precision.unsqueeze(-2)  # (..., l, n)
        capacitance = weighted @ self.factors.transpose(-1, -2)
        capacitance = capacitance + torch.eye(capacitance.shape[-1], dtype=x.dtype, device=x.device)
        cholesky = torch.linalg.cholesky(capacitance)
        residual = torch.where(known, x - self.mean, 0)
        latent = torch.cholesky_solve(weighted @ residual.unsqueeze(-1), cholesky).squeeze(-1)
        return latent, cholesky


class MixtureDensity(Density):
    """A density that is a mixture of factor analysers, conditioned or not.

    A base class, not a protocol, since `isinstance` of a protocol evaluates every property on Python 3.11.
    """

    @property
    @abstractmethod
    def weights(self) -> Tensor:
        """The weights `(B, K)`; each row sums to one."""
        ...

    @abstractmethod
    def leading(self, count: int) -> MixtureOfFactorAnalyzers:
        """Return the `count` heaviest components of each row (or all), heaviest first."""
        ...


@dataclass(frozen=True)
class MixtureOfFactorAnalyzers(MixtureDensity):
    """A batch of mixtures sum_k w_k N(mean_k, A_k A_k^T + diag(noise_k)).

    Args:
        log_weights: `(..., K)`, normalised or not.
        components: a `FactorAnalyzer` with the K components on the last leading dimension: mean `(..., K, n)`,
            factors `(..., K, l, n)`, noise `(..., K, n)`.

    Raises:
        ValueError: If the shapes do not match.
    """

    log_weights: Tensor
    components: FactorAnalyzer

    def __post_init__(self):
        if self.log_weights.shape != self.components.mean.shape[:-1]:
            raise ValueError(
                f"MixtureOfFactorAnalyzers needs log_weights (..., K) for components of mean (..., K, n); got "
                f"{tuple(self.log_weights.shape)} and {tuple(self.components.mean.shape)}."
            )
        object.__setattr__(self, "log_weights", self.log_weights.log_softmax(-1))

    @property
    def weights(self) -> Tensor:
        """The mixture weights `(..., K)`; each row sums to one."""
        return self.log_weights.exp()

    def component(self, index: int) -> FactorAnalyzer:
        """Return the `index`-th component of every row."""
        parts = self.components
        return FactorAnalyzer(parts.mean[..., index, :], parts.factors[..., index, :, :], parts.noise[..., index, :])

    def leading(self, count: int) -> MixtureOfFactorAnalyzers:
        """Return the `count` heaviest components of each row, heaviest first; their weights sum to one again."""
        log_weights, chosen = self.log_weights.topk(min(count, self.log_weights.shape[-1]))
        parts = (self.components.mean, self.components.factors, self.components.noise)
        index, dim = (chosen[..., None], chosen[..., None, None], chosen[..., None]), chosen.dim() - 1
        # Not `take_along_dim`, which would fix the batch size of an exported graph.
        parts = [part.gather(dim, at.expand(*chosen.shape, *part.shape[dim + 1 :])) for part, at in zip(parts, index)]
        return MixtureOfFactorAnalyzers(log_weights, FactorAnalyzer(*parts))

    def log_prob(self, x: Tensor, missing: Tensor) -> Tensor:
        """Return log sum_k w_k N_k(x_m) over each row's missing values, in nats; shapes as in `FactorAnalyzer`."""
        return (self.log_weights + self._component_log_prob(x, missing)).logsumexp(-1)

    def restrict(self, x: Tensor, missing: Tensor) -> MixtureOfFactorAnalyzers:
        """Restrict each component to the missing values, with observed ones fixed to `x`; the weights do not change."""
        components = self.components.restrict(x.unsqueeze(-2), missing.unsqueeze(-2))
        return MixtureOfFactorAnalyzers(self.log_weights.expand(components.mean.shape[:-1]), components)

    def condition(self, x: Tensor, missing: Tensor) -> MixtureOfFactorAnalyzers:
        """Return p(x_m | x_o): components conditioned, and weights multiplied by each component's likelihood of `x_o`."""
        log_weights = self.log_weights + self._component_log_prob(x, ~missing)
        return MixtureOfFactorAnalyzers(log_weights, self.components.condition(x.unsqueeze(-2), missing.unsqueeze(-2)))

    @property
    def mean(self) -> Tensor:
        """The mean of the mixture `(..., n)`; exact where the components agree."""
        first = self.components.mean[..., 0, :]
        return first + self._average(self.components.mean - first.unsqueeze(-2))

    @property
    def variance(self) -> Tensor:
        """The marginal variance of each value `(..., n)`: within components plus between their means."""
        between = (self.components.mean - self.mean.unsqueeze(-2)).square()
        return self._average(self.components.variance + between)

    def cdf(self, x: Tensor) -> Tensor:
        """Return P(X_i <= x_i) for each value, `(..., n)`."""
        return self._average(self.components.cdf(x.unsqueeze(-2)))

    def sample(self, count: int, generator: torch.Generator | None = None, noise: bool = True) -> Tensor:
        """Draw `count` samples, `(count, ..., n)`: a component by its weight, then a draw from it, with or without `noise`."""
        draws = self.components.sample(count, generator, noise)  # (count, ..., K, n)
        flat = self.weights.reshape(-1, self.weights.shape[-1])
        chosen = torch.multinomial(flat, count, replacement=True, generator=generator)  # (rows, count)
        chosen = chosen.T.reshape(*draws.shape[:-2], 1, 1).expand(*draws.shape[:-2], 1, draws.shape[-1])
        return draws.gather(-2, chosen).squeeze(-2)

    def with_noise_floor(self, floor: float) -> MixtureOfFactorAnalyzers:
        """Return the density with no noise variance below `floor`; fixed values stay fixed."""
        return MixtureOfFactorAnalyzers(self.log_weights, self.components.with_noise_floor(floor))

    def _component_log_prob(self, x: Tensor, missing: Tensor) -> Tensor:
        return self.components.log_prob(x.unsqueeze(-2), missing.unsqueeze(-2))  # (..., K)

    def _average(self, values: Tensor) -> Tensor:
        return (self.weights.unsqueeze(-1) * values).sum(-2)
