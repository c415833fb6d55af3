"""A mixture of factor analysers shared by all rows, and its posterior given each row's observed values.

Every component k explains a row by its latents z,

    x = mean_k + A_k z + e,      e ~ N(0, D_k),      P(k) = w_k,      z ~ N(C_k^-1 h_k, C_k^-1).

Before any observation C_k = I and h_k = 0: the mixture of factor analysers (Ghahramani and Hinton, 1996). Observing
some values of a row adds to both, and multiplies each weight by its component's likelihood of them,

    C_k += A_o^T D_oo^-1 A_o,      h_k += A_o^T D_oo^-1 (x_o - mean_o),      log w_k += log p_k(x_o),

and the mixture keeps its form. Conditioning, likelihoods and the E step of EM all use this one step, `observe`.

With a temperature t > 1 the likelihood of the observed values is raised to the power 1 / t, so that t visible values count as one:
the three sums above are divided by t. Latents are then inferred as if the noise of visible values were t D, and responsibilities
are tempered in the same way; predictions of hidden values keep their noise D. This corrects for what few components leave
unexplained: residuals of neighbouring pixels are correlated, and treating them as independent evidence trusts the visible pixels
too much (a "power" or "fractional" posterior; Grünwald and van Ommen, 2017). t = 1 is Bayes' rule, which EM uses.

Since all rows share the components and a row adds only its mask and values, a batch takes three matrix products and memory for
rows x K x l x l numbers, not for rows x K x l x n.

    >>> import torch
    >>> components = SharedComponents(torch.zeros(1, 2), torch.ones(1, 1, 2), torch.ones(1, 2))   # Sigma = [[2, 1], [1, 2]]
    >>> mixture = SharedMixture.prior(torch.zeros(1), components)
    >>> conditional = mixture.condition(torch.tensor([[3.0, 0.0]]), torch.tensor([[False, True]]))
    >>> conditional.mean, conditional.variance
    (tensor([[3.0000, 1.5000]]), tensor([[0.0000, 1.5000]]))
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from threading import Lock
from typing import Any, Self

import torch
from torch import Tensor

from dmfa_demo.densities.factor_analyzer import FactorAnalyzer, MixtureDensity, MixtureOfFactorAnalyzers

# A component with a smaller responsibility does not change the probability or the variance of a single value visibly.
NEGLIGIBLE = 1e-8

# Each mask is computed with a separate product while there are at least this many factors per mask.
FEW = 3

# Numbers in a block of products of factors, so that it stays in the processor's cache.
BLOCK = 100_000

# The factors of 32 rows are transformed at once if they have at most 20 million numbers, otherwise row by row.
CHUNK, CHUNK_NUMBERS = 32, 20_000_000

# From this many factors on, products of factors are computed in single precision, in half the time: they are sums of squares, and the
# error is far below one. Samples are then drawn component by component, without copying matrices for each draw.
MANY = 100


class LastProducts:
    """A thread-safe cache of the last products of factors, which depend on a mask only."""

    def __init__(self):
        self._lock = Lock()
        self._result: tuple[Tensor, Tensor] | None = None

    def recall(self, places: Tensor, compute: Callable[[Tensor], Tensor]) -> Tensor:
        """Return the last result if it was for the same places `(n,)`; otherwise compute and store a new one."""
        with self._lock:
            if self._result is None or not torch.equal(self._result[0], places):
                self._result = places, compute(places)
            return self._result[1]


class LastConditional:
    """A thread-safe weak reference to the last conditional of a single row.

    It ends with the last other reference, so that no pixels of a picture outlive the answers to it.
    """

    def __init__(self):
        self._lock = Lock()
        self._reference: Callable[[], ConditionalMixture | None] = lambda: None
        self._temperature = 1.0

    def recall(
        self, observed: Tensor, missing: Tensor, temperature: float, compute: Callable[[], ConditionalMixture]
    ) -> ConditionalMixture:
        """Return the last conditional if it was for these arguments; otherwise compute a new one."""
        with self._lock:
            last = self._reference()
            if last is None or not (
                temperature == self._temperature
                and observed.dtype == last.observed.dtype
                and torch.equal(missing, last.missing)
                and torch.equal(observed, last.observed)
            ):
                last = compute()
                self._reference, self._temperature = weakref.ref(last), temperature
            return last


class SharedComponents(FactorAnalyzer):
    """K factor analysers and the products that all rows need, computed once.

    Shapes: mean `(K, n)`, factors `(K, l, n)`, noise `(K, n)`, positive.
    """

    def with_noise_floor(self, floor: float) -> Self:
        """Return the components with no noise variance below `floor`; if none is, the same object with its cached products."""
        return self if self.noise.min() >= floor else super().with_noise_floor(floor)

    def given(self, x: Tensor, seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the terms that observed values add to precision, shift and distance.

        Args:
            x: `(B, n)`, zero where unobserved.
            seen: `(B, n)`, one where observed, or `(1, n)` for all rows.

        Returns:
            A_o D_oo^-1 A_o^T `(B or 1, K, l, l)`, A_o D_oo^-1 (x_o - mean_o) `(B, K, l)`, and
            (x_o - mean_o)^T D_oo^-1 (x_o - mean_o) + log det D_oo `(B, K)`.
        """
        count, size, _ = self.factors.shape
        if len(seen) == 1 and seen.all():
            return self._given_all(x)
        if FEW * len(seen) <= size:
            rows = x.split(1) if len(seen) > 1 else [x]
            gram, shift, distance = zip(*(self._given_one(values, one) for values, one in zip(rows, seen)))
            return torch.cat(gram), torch.cat(shift), torch.cat(distance)
        pull, constant = (seen @ self.by_mask).split([count * size, count], -1)
        push, cross = (x @ self.by_value).split([count * size, count], -1)
        distance = x.square() @ self.noise.reciprocal().T + cross + constant
        return self._grams(seen), (push - pull).unflatten(-1, (count, size)), distance

    def _given_one(self, x: Tensor, seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute `given` for rows `(B, n)` that share one mask `(n,)`."""
        share = seen / self.noise  # (K, n)
        pull = (self.factors @ (share * self.mean).unsqueeze(-1)).squeeze(-1)
        if len(x) == 1:  # avoids a copy of all factors
            push = (self.factors @ (share * x).unsqueeze(-1)).squeeze(-1)[None]
        else:
            push = (x @ (self.factors * share.unsqueeze(-2)).flatten(0, 1).T).unflatten(-1, pull.shape)
        constant = (seen * self.noise.log() + share * self.mean.square()).sum(-1)
        distance = x.square() @ share.T - 2 * x @ (share * self.mean).T + constant
        return self._gram(seen.bool())[None], push - pull, distance

    def _gram(self, seen: Tensor) -> Tensor:
        """Return A_o D_oo^-1 A_o^T for one mask `(n,)`, `(K, l, l)`: summed over the smaller of the observed and the hidden part.

        The last sum is cached, since conditioning on the visible values and the likelihood of the hidden ones need the same one.
        """
        most = bool(2 * seen.sum() > len(seen))
        places = ~seen if most else seen
        products = self._last_products.recall(places, self._products)
        return self.everything - products if most else products

    def _products(self, places: Tensor) -> Tensor:
        """Return A_i A_i^T / D_i, `(K, l, l)`, summed over the values i in `places`."""
        factors, noise = self.factors[..., places], self.noise[..., places]
        if self.factors.shape[-2] >= MANY:
            factors, noise = factors.float(), noise.float()
        return ((factors / noise.unsqueeze(-2)) @ factors.mT).to(self.factors)

    @cached_property
    def _last_products(self) -> LastProducts:
        return LastProducts()

    def _given_all(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute `given` for rows `(B, n)` without missing values."""
        count, size, _ = self.factors.shape
        gram, (shift, distance) = self.everything[None], self.of_nothing
        if FEW * len(x) > size:
            push, cross = (x @ self.by_value).split([count * size, count], -1)
            push = push.unflatten(-1, (count, size))
        else:  # without caching anything large
            push = ((x / self.noise.unsqueeze(1)) @ self.factors.mT).movedim(0, 1)
            cross = -2 * x @ (self.mean / self.noise).T
        return gram, push + shift, x.square() @ self.noise.reciprocal().T + cross + distance

    def _grams(self, seen: Tensor) -> Tensor:
        """Return A_o D_oo^-1 A_o^T for many masks, from products of factors in blocks, since all would take K l^2 n numbers."""
        count, size, n = self.factors.shape
        result, step = seen.new_empty(len(seen), count, size, size), max(1, BLOCK // max(1, size * n))
        for k in range(count):
            weighted = self.factors[k] / self.noise[k]
            for first in range(0, size, step):
                products = (weighted[first : first + step, None] * self.factors[k]).flatten(0, 1)
                result[:, k, first : first + step] = (seen @ products.T).unflatten(-1, (-1, size))
        return result

    @cached_property
    def everything(self) -> Tensor:
        """A D^-1 A^T, `(K, l, l)`, shared by all rows without missing values."""
        return self._products(torch.ones_like(self.mean[0], dtype=torch.bool))

    @cached_property
    def of_nothing(self) -> tuple[Tensor, Tensor]:
        """The shift `(1, K, l)` and distance `(1, K)` of `given` for a row of observed zeros."""
        pull = (self.factors @ (self.mean / self.noise).unsqueeze(-1)).squeeze(-1)
        return -pull[None], (self.noise.log() + self.mean.square() / self.noise).sum(-1)[None]

    @cached_property
    def by_mask(self) -> Tensor:
        """The matrix that masks are multiplied by, `(n, K l + K)`: A D^-1 mean and log D + mean^2 / D."""
        pull = self.factors * (self.mean / self.noise).unsqueeze(-2)
        return torch.cat([pull.flatten(0, 1), self.noise.log() + self.mean.square() / self.noise]).T.contiguous()

    @cached_property
    def by_value(self) -> Tensor:
        """The matrix that values are multiplied by, `(n, K l + K)`: A D^-1 and -2 mean / D."""
        weighted = self.factors / self.noise.unsqueeze(-2)
        return torch.cat([weighted.flatten(0, 1), -2 * self.mean / self.noise]).T.contiguous()


@dataclass(frozen=True)
class Latents:
    """Gaussians over the latents of each row and component: N(C^-1 h, C^-1).

    Args:
        precision: C, `(B, K, l, l)`, leading size 1 where all rows share it.
        shift: h, `(B, K, l)`.
    """

    precision: Tensor
    shift: Tensor

    @cached_property
    def cholesky(self) -> Tensor:
        """The lower Cholesky factor of C, shaped like it."""
        return torch.linalg.cholesky(self.precision)

    @cached_property
    def mean(self) -> Tensor:
        """E[z], `(B, K, l)`."""
        if len(self.cholesky) == 1:  # one solve for all rows
            return torch.cholesky_solve(self.shift.permute(1, 2, 0), self.cholesky[0]).permute(2, 0, 1)
        return torch.cholesky_solve(self.shift.unsqueeze(-1), self.cholesky).squeeze(-1)

    @cached_property
    def covariance(self) -> Tensor:
        """C^-1, shaped like C."""
        return torch.cholesky_inverse(self.cholesky)

    @cached_property
    def energy(self) -> Tensor:
        """log det C - h^T C^-1 h, `(B, K)`."""
        log_det = 2 * self.cholesky.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return log_det - (self.mean * self.shift).sum(-1)


@dataclass(frozen=True)
class SharedMixture:
    """B mixtures over n values that share their components and differ in weights and latents.

    Args:
        components: shared by all rows; preferably float64, since a squared distance is a difference of large numbers.
        log_weights: `(B, K)`, normalised or not; after `observe`, the log responsibilities.
        latents: the distribution of each row's latents.
    """

    components: SharedComponents
    log_weights: Tensor
    latents: Latents

    def __post_init__(self):
        object.__setattr__(self, "log_weights", self.log_weights.log_softmax(-1))

    @classmethod
    def prior(cls, log_weights: Tensor, components: SharedComponents) -> SharedMixture:
        """Return the mixture before any observation, as one row; log_weights `(K,)`."""
        count, size, _ = components.factors.shape
        identity = torch.eye(size, dtype=log_weights.dtype, device=log_weights.device).expand(1, count, size, size)
        return cls(components, log_weights[None], Latents(identity, identity.new_zeros(1, count, size)))

    @cached_property
    def _last(self) -> LastConditional:
        return LastConditional()

    @property
    def weights(self) -> Tensor:
        """The weights `(B, K)`; each row sums to one. After `observe`, the responsibilities."""
        return self.log_weights.exp()

    def observe(self, x: Tensor, known: Tensor, temperature: float = 1.0) -> tuple[SharedMixture, Tensor]:
        """Return the posterior given some values, and each component's likelihood of them.

        Args:
            x: `(B, n)`; values that are not known are ignored.
            known: bool `(B, n)`, or `(1, n)` when all rows share one mask, which is cheaper.
            temperature: t, the number of known values that count as one, for latents and responsibilities alike.

        Returns:
            The posterior, and log E[p_k(known values | z)^(1 / t)] in nats, `(B, K)`; for t = 1, log p_k(known values).
        """
        parts = self.components
        seen, x = known.to(parts.mean), torch.where(known, x, 0).to(parts.mean)
        gram, shift, distance = parts.given(x, seen)
        latents = Latents(self.latents.precision + gram / temperature, self.latents.shift + shift / temperature)
        spread = seen.sum(-1, keepdim=True) * math.log(2 * math.pi)
        evidence = -0.5 * ((spread + distance) / temperature + latents.energy - self.latents.energy)
        return SharedMixture(parts, self.log_weights + evidence, latents), evidence

    def log_prob(self, x: Tensor, missing: Tensor) -> Tensor:
        """Return log p(x_m) over each row's missing values, in nats, `(B,)`; arguments as in `observe`."""
        _, evidence = self.observe(x, missing)
        return (self.log_weights + evidence).logsumexp(-1)

    def condition(self, x: Tensor, missing: Tensor, temperature: float = 1.0) -> ConditionalMixture:
        """Return p(x_m | x_o) over all components; x and missing are `(B, n)`, temperature as in `observe`, exact for 1.

        While the last conditional of a single row is in use, the same arguments return it again: the page conditions one mixture
        for several methods at each stroke.
        """
        observed = torch.where(missing, 0, x)
        if len(x) > 1:
            return self._condition(observed, missing, temperature)
        return self._last.recall(
            observed, missing, temperature, lambda: self._condition(observed, missing, temperature)
        )

    def _condition(self, observed: Tensor, missing: Tensor, temperature: float) -> ConditionalMixture:
        posterior, evidence = self.observe(observed, ~missing, temperature)
        surprise = -(self.log_weights + evidence).logsumexp(-1)
        if temperature != 1:  # then log p(x) - log p(x_o) is a different density
            return ConditionalMixture(posterior, observed, missing)
        return ConditionalMixture(posterior, observed, missing, (self, surprise))


@dataclass(frozen=True)
class ConditionalMixture(MixtureDensity):
    """The conditional p(x_m | x_o) of a shared mixture for a batch of rows; observed values are fixed and do not vary.

    Args:
        posterior: the shared mixture given the observed values.
        observed: `(B, n)`, the observed values, zero elsewhere. Results have its precision.
        missing: bool `(B, n)`.
        before: the mixture before conditioning, and -log p(x_o) in nats `(B,)`, if known.
    """

    posterior: SharedMixture
    observed: Tensor
    missing: Tensor
    before: tuple[SharedMixture, Tensor] | None = None

    @property
    def weights(self) -> Tensor:
        """The responsibility of each component for the observed values, `(B, K)`."""
        return self.posterior.weights.to(self.observed)

    def log_prob(self, x: Tensor, missing: Tensor) -> Tensor:
        """Return log p(x_m | x_o) in nats, `(B,)`, of values missing in this density; exactly 0 for a row without any.

        Raises:
            ValueError: If `missing` includes observed values.
        """
        if (missing & ~self.missing).any():
            raise ValueError("this density is over the values that were missing when it was made; pass the same mask")
        if self.before is not None and torch.equal(missing, self.missing):
            # log p(x) - log p(x_o): complete rows share one mask, which is much cheaper.
            mixture, surprise = self.before
            found = mixture.log_prob(torch.where(missing, x, self.observed), torch.ones_like(missing[:1])) + surprise
        else:
            found = self.posterior.log_prob(x, missing)
        return torch.where(missing.any(1), found, 0).to(self.observed)

    @cached_property
    def mean(self) -> Tensor:
        """The conditional mean `(B, n)`: sum_k r_k (mean_k + A_k E[z_k])."""
        return torch.where(self.missing, self._mean.to(self.observed), self.observed)

    @cached_property
    def variance(self) -> Tensor:
        """The marginal variance of each value `(B, n)`: within the components plus between their means.

        Ignores components with responsibilities below `NEGLIGIBLE`.
        """
        total = torch.zeros_like(self._mean)
        for rows, weight, mean, variance in self._by_component():
            total[rows] += weight * (variance + (mean - self._mean[rows]).square())
        return torch.where(self.missing, total, 0).to(self.observed)

    def cdf(self, x: Tensor) -> Tensor:
        """Return P(X_i <= x_i) for each value, `(B, n)`; ignores responsibilities below `NEGLIGIBLE`."""
        total = torch.zeros_like(self._mean)
        for rows, weight, mean, variance in self._by_component():
            total[rows] += weight * torch.special.ndtr((x[rows] - mean) / variance.sqrt())
        return total.to(self.observed)

    def _by_component(self) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
        """Yield, for each component, rows it matters for: their indices `(R,)`, weights `(R, 1)`, means and variances `(R, n)`."""
        parts, latents, weights = self.posterior.components, self.posterior.latents, self.posterior.weights
        chunk = CHUNK if CHUNK * parts.factors[0].numel() <= CHUNK_NUMBERS else 1
        matters = weights > NEGLIGIBLE
        for k in matters.any(0).nonzero()[:, 0].tolist():
            for rows in matters[:, k].nonzero()[:, 0].split(chunk):
                mean = parts.mean[k] + latents.mean[rows, k] @ parts.factors[k]
                yield rows, weights[rows, k, None], mean, parts.noise[k] + self._spread(rows, k)

    def _spread(self, rows: Tensor, k: int) -> Tensor:
        """Return the variance `(R, n)` from the latents of component k; for a single row, zero where values are observed."""
        factors, latents = self.posterior.components.factors[k], self.posterior.latents
        if len(rows) > 1:
            covariance = latents.covariance.expand(len(self.observed), -1, -1, -1)[rows, k]
            return ((covariance @ factors) * factors).sum(1)
        hidden, spread = self.missing[rows[0]], torch.zeros_like(self._mean[rows])
        spread[:, hidden] = self._conditioned_factors(int(rows[0]), k, hidden).square().sum(0).to(spread)
        return spread

    def _conditioned_factors(self, row: int, k: int, places: Tensor) -> Tensor:
        """Return the factors `(l, places)` of component k conditioned on a row: L^-1 A with C = L L^T."""
        factors, cholesky = self.posterior.components.factors[k][:, places], self.posterior.latents.cholesky
        cholesky = cholesky[row if len(cholesky) > 1 else 0, k]
        if len(factors) >= MANY:
            factors, cholesky = factors.float(), cholesky.float()
        return torch.linalg.solve_triangular(cholesky, factors, upper=False)

    def sample(self, count: int, generator: torch.Generator | None = None, noise: bool = True) -> Tensor:
        """Draw `count` samples, `(count, B, n)`: a component by its responsibility, its latents and, with `noise`, each value's noise."""
        parts, latents, rows = self.posterior.components, self.posterior.latents, len(self.observed)
        like: dict[str, Any] = dict(generator=generator, dtype=parts.mean.dtype, device=parts.mean.device)
        chosen = torch.multinomial(self.posterior.weights, count, replacement=True, generator=generator).T  # (count, B)
        row = torch.arange(rows)
        white = torch.randn(count, rows, parts.factors.shape[1], 1, **like)
        cholesky = latents.cholesky.expand(rows, -1, -1, -1)
        if parts.factors.shape[1] < MANY:
            steps = torch.linalg.solve_triangular(cholesky[row, chosen].mT, white, upper=True).squeeze(-1)
        else:  # one solve for all draws of a row
            steps, columns = torch.zeros_like(white[..., 0]), white.squeeze(-1).permute(1, 2, 0)  # (B, l, count)
            for k in chosen.unique():
                mine = torch.linalg.solve_triangular(cholesky[:, k].mT, columns, upper=True).permute(2, 0, 1)
                steps = torch.where((chosen == k).unsqueeze(-1), mine, steps)
        z = latents.mean[row, chosen] + steps
        draws = parts.mean[chosen]
        for k in chosen.unique():  # separate factors for each draw would copy the same few
            mine = chosen == k
            draws[mine] += z[mine] @ parts.factors[k]
        if noise:
            draws = draws + parts.noise[chosen].sqrt() * torch.randn((count, *self.observed.shape), **like)
        return torch.where(self.missing, draws.to(self.observed), self.observed)

    def leading(self, count: int) -> MixtureOfFactorAnalyzers:
        """Return the `count` most responsible components of each row, most responsible first, with explicit factors.

        Their weights sum to one again.
        """
        parts, weights = self.posterior.components, self.posterior.log_weights
        log_weights, chosen = weights.topk(min(count, weights.shape[-1]))  # (B, J)
        mean, factors = self._explicit(chosen)
        components = FactorAnalyzer(*(part.to(self.observed) for part in (mean, factors, parts.noise[chosen])))
        mixture = MixtureOfFactorAnalyzers(log_weights.to(self.observed), components)
        return mixture.restrict(self.observed, self.missing)

    def _explicit(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Return means `(B, J, n)` and factors `(B, J, l, n)` of the components `chosen` `(B, J)`; undefined at observed values."""
        parts, latents = self.posterior.components, self.posterior.latents
        row = torch.arange(len(chosen))[:, None]
        z = latents.mean[row, chosen]
        if parts.factors.shape[1] < MANY:
            factors = parts.factors[chosen]
            mean = parts.mean[chosen] + (z.unsqueeze(-2) @ factors).squeeze(-2)
            cholesky = latents.cholesky.expand(len(chosen), -1, -1, -1)[row, chosen]
            return mean, torch.linalg.solve_triangular(cholesky, factors, upper=False)
        mean, factors = parts.mean[chosen], self.observed.new_zeros(*chosen.shape, *parts.factors.shape[1:])
        for one, place in torch.ones_like(chosen).nonzero().tolist():
            k, hidden = int(chosen[one, place]), self.missing[one]
            mean[one, place] += z[one, place] @ parts.factors[k]
            factors[one, place, :, hidden] = self._conditioned_factors(one, k, hidden).to(factors)
        return mean, factors

    def with_noise_floor(self, floor: float) -> ConditionalMixture:
        """Return the density with no noise variance below `floor`; the posterior of the latents does not change."""
        floored = replace(self.posterior, components=self.posterior.components.with_noise_floor(floor))
        return ConditionalMixture(floored, self.observed, self.missing)

    @cached_property
    def _mean(self) -> Tensor:
        parts, latents, weights = self.posterior.components, self.posterior.latents, self.posterior.weights
        pull = (weights.unsqueeze(-1) * latents.mean).flatten(1)
        return weights @ parts.mean + pull @ parts.factors.flatten(0, 1)
