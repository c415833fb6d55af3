"""Expectation maximisation for mixtures of factor analysers, on rows that may have missing values.

Ghahramani and Hinton, *The EM algorithm for mixtures of factor analyzers* (1996), with all sums over observed values
only: a missing value carries no information, so each value i of each component k is a separate small regression on the latents,

    (a_ki, mean_ki) = (sum_b r_bk x_bi E[z'])^T (sum_b r_bk E[z' z'^T])^-1,    z' = (z, 1),    over the rows b that show i,

and its noise is the residual variance. Rows are processed in chunks, so that memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from dmfa_demo.densities.shared_mixture import MANY, SharedComponents, SharedMixture

# Rows per chunk; fewer where each row has its own moments, so that these have at most NUMBERS numbers.
CHUNK, CHUNK_NUMBERS = 2_000, 20_000_000
KMEANS_ROWS = 20_000

# Extra random directions, as a share of those wanted, and passes over the rows to find them.
BESIDE, PASSES = 0.25, 5

# In units of rows. Added to the diagonal of every regression, so that it can be solved where few rows count.
RIDGE = 1e-6

# A component with fewer rows than this that show a value takes it from all components together.
UNSEEN = 1e-3

Noise = Literal["diagonal", "isotropic"]


@dataclass(frozen=True)
class Rows:
    """Data rows with missing values.

    Attributes:
        values: `(N, n)`, float, or uint8 for 255ths; unobserved values are ignored.
        observed: bool `(N, n)`, or `(1, n)` when all rows share one mask.
    """

    values: Tensor
    observed: Tensor

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Return some rows in float64, and their observed values (`(1, n)` when all rows share one mask)."""
        values = self.values[rows]
        values = values.double() / 255 if values.dtype == torch.uint8 else values.double()
        return values, self.observed if self.alike else self.observed[rows]

    @property
    def alike(self) -> bool:
        """Whether all rows share one mask."""
        return len(self.observed) == 1

    def chunks(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield all rows, `size` at a time."""
        for start in range(0, len(self), size):
            yield self.take(slice(start, start + size))


@dataclass
class Statistics:
    """The sufficient statistics for the M step: sums over rows, for each value i over the rows that show it.

    Attributes:
        log_likelihood: sum_b log p(x_b), nats.
        responsible: sum_b r_bk, `(K,)`.
        moment: sum_b r_bk E[z' z'^T], lower triangles, `(n, K, (l + 1) (l + 2) / 2)`, or with leading size 1 when all rows
            share one mask; the last entry counts rows.
        cross: sum_b r_bk x_bi E[z'], `(n, K, l + 1)`.
        square: sum_b r_bk x_bi^2, `(n, K)`.
    """

    log_likelihood: float
    responsible: Tensor
    moment: Tensor
    cross: Tensor
    square: Tensor


def expectation(mixture: SharedMixture, rows: Rows) -> Statistics:
    """Run the E step. `mixture` is a prior, in float64."""
    count, size, n = mixture.components.factors.shape
    lower = triangle(size + 1)
    zeros = mixture.log_weights.new_zeros
    total = Statistics(
        log_likelihood=0.0,
        responsible=zeros(count),
        moment=zeros(1 if rows.alike else n, count, len(lower[0])),
        cross=zeros(n, count, size + 1),
        square=zeros(n, count),
    )
    chunk = CHUNK if rows.alike else max(1, min(CHUNK, CHUNK_NUMBERS // (count * (size + 1) ** 2)))
    for x, observed in rows.chunks(chunk):
        posterior, evidence = mixture.observe(x, observed)
        x = torch.where(observed, x, 0)
        r, latents = posterior.weights, posterior.latents
        mean = torch.cat([latents.mean, torch.ones_like(r).unsqueeze(-1)], -1)  # E[z'], (B, K, l + 1)
        total.moment += _moment(
            r, mean=mean, covariance=latents.covariance, observed=None if rows.alike else observed, lower=lower
        )
        total.log_likelihood += (mixture.log_weights + evidence).logsumexp(-1).sum().item()
        total.responsible += r.sum(0)
        total.cross += (x.T @ (r.unsqueeze(-1) * mean).flatten(1)).view_as(total.cross)
        total.square += x.square().T @ r
    return total


def _moment(
    r: Tensor, mean: Tensor, covariance: Tensor, observed: Tensor | None, lower: tuple[Tensor, Tensor]
) -> Tensor:
    """Return sum_b r_bk E[z' z'^T] of a chunk, as in `Statistics.moment`; observed is None when all rows share one mask."""
    covariance = F.pad(covariance, (0, 1, 0, 1))  # z' ends in a constant
    if observed is None:
        between = torch.einsum("bk,bki,bkj->kij", r, mean, mean)
        return (between + r.sum(0)[:, None, None] * covariance[0])[None, :, lower[0], lower[1]]
    second = covariance + mean.unsqueeze(-1) * mean.unsqueeze(-2)
    weighted = r.unsqueeze(-1) * second[..., lower[0], lower[1]]  # (B, K, pairs)
    return (observed.to(weighted).T @ weighted.flatten(1)).unflatten(-1, weighted.shape[1:])


def maximization(total: Statistics, noise: Noise, noise_floor: float) -> SharedMixture:
    """Run the M step, and return the mixture before any observation.

    Args:
        noise: one variance for each value of a component, or one for all its values (mixture of probabilistic PCA).
        noise_floor: the smallest variance.
    """
    size = total.cross.shape[-1]
    moment = symmetric(total.moment, size) + RIDGE * torch.eye(size).to(total.moment)
    solution = torch.cholesky_solve(total.cross.unsqueeze(-1), torch.linalg.cholesky(moment)).squeeze(
        -1
    )  # (n, K, l + 1)
    left = (total.square - (solution * total.cross).sum(-1)).clamp(min=0)
    rows = total.moment[..., -1].expand_as(left)  # rows that show each value, (n, K)
    unseen = rows < UNSEEN
    if unseen.any():
        everyone = rows.sum(1, keepdim=True)
        average = total.cross[..., -1].sum(1, keepdim=True) / everyone
        around = total.square.sum(1, keepdim=True) / everyone - average.square()
        solution = torch.where(unseen.unsqueeze(-1), 0, solution)
        solution[..., -1] = torch.where(unseen, average, solution[..., -1])
        # A small pseudo-count: negligible where values share their noise, decisive where they do not.
        left, rows = torch.where(unseen, UNSEEN * around, left), rows.clamp(min=UNSEEN)
    if noise == "isotropic":
        left, rows = left.sum(0).expand_as(left), rows.sum(0).expand_as(rows)
    variance = (left / rows).clamp(min=noise_floor)
    parts = solution[..., -1].T, solution[..., :-1].permute(1, 2, 0), variance.T
    components = SharedComponents(*(part.contiguous() for part in parts))
    return SharedMixture.prior(total.responsible.clamp(min=RIDGE).log(), components)


def reseed(mixture: SharedMixture, responsible: Tensor, generator: torch.Generator) -> SharedMixture:
    """Move every component responsible for less than one row next to the most responsible one, to share its rows."""
    if (responsible >= 1).all():
        return mixture
    parts, weights = mixture.components, responsible.clone()
    mean, factors, noise = parts.mean.clone(), parts.factors.clone(), parts.noise.clone()
    for empty in (responsible < 1).nonzero()[:, 0]:
        largest = weights.argmax()
        weights[empty] = weights[largest] = weights[largest] / 2
        one = SharedComponents(mean[largest], factors[largest], noise[largest])
        step = one.sample(1, generator)[0] - mean[largest]
        mean[empty], factors[empty], noise[empty] = mean[largest] + 0.1 * step, factors[largest], noise[largest]
    return SharedMixture.prior(weights.log(), SharedComponents(mean, factors, noise))


def initialise(rows: Rows, components: int, factors: int, noise: Noise, noise_floor: float, seed: int) -> SharedMixture:
    """Initialise components from k-means clusters and their principal axes, with missing values filled by their mean.

    Uses at most `KMEANS_ROWS` rows, except for the axes where hundreds are wanted.

    Raises:
        ValueError: If there are fewer rows than components, or values that no row shows.
    """
    from sklearn.cluster import KMeans  # slow to import

    shown = rows.observed.any(0)
    if len(rows) < components or not shown.all():
        raise ValueError(
            f"{components} components need at least {components} rows that together show every value; got {len(rows)} rows and "
            f"{int((~shown).sum())} values that no row shows"
        )
    generator = torch.Generator().manual_seed(seed)
    x, observed = rows.take(torch.randperm(len(rows), generator=generator)[:KMEANS_ROWS])
    average = torch.where(observed, x, 0).sum(0) / observed.expand_as(x).sum(0).clamp(min=1)
    x = torch.where(observed, x, average)
    clusters = KMeans(components, n_init=cast(Any, 1), max_iter=30, random_state=seed).fit(x.float().numpy())
    labels = torch.from_numpy(clusters.labels_).long()
    if many := factors >= MANY:
        filled = (torch.where(observed, x, average).float() for x, observed in rows.chunks(CHUNK))
        labels = torch.cat([torch.from_numpy(clusters.predict(part.numpy())).long() for part in filled])
    parts = []
    for cluster in range(components):
        mine = labels == cluster
        mine = mine if mine.any() else torch.ones_like(mine)  # fewer distinct rows than clusters
        if many:
            mean, variance, loadings = principal(rows, mine=mine, average=average, count=factors, generator=generator)
        else:
            mean, variance, loadings = _principal_exactly(x[mine], factors)
        left = (variance - loadings.square().sum(0)).clamp(min=noise_floor if many else max(noise_floor, 1e-3))
        parts.append((mean, loadings, left.mean().expand_as(left) if noise == "isotropic" else left))
    weights = labels.bincount(minlength=components).to(x).clamp(min=1)
    return SharedMixture.prior(weights.log(), SharedComponents(*(torch.stack(part) for part in zip(*parts))))


def _principal_exactly(x: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return rows' mean and variance `(n,)` and first principal axes times deviations, `(count, n)`, padded with zeros."""
    mean, variance = x.mean(0), x.var(0, correction=0)
    rank = min(count, len(x) - 1)
    _, scale, axes = torch.linalg.svd(x - mean, full_matrices=False)
    axes = axes[:rank] * scale[:rank, None] / len(x) ** 0.5
    return mean, variance, torch.cat([axes, axes.new_zeros(count - len(axes), x.shape[1])])


def principal(
    rows: Rows, mine: Tensor, average: Tensor, count: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Approximate `_principal_exactly` for the rows in `mine`, bool `(N,)`, in a few passes over the data, chunk by chunk.

    Halko, Martinsson and Tropp, *Finding structure with randomness* (2011), algorithm 4.4: the covariance is applied repeatedly to
    random directions, a few more than wanted, and the axes are found in their span. In single precision.

    Args:
        average: `(n,)`, the replacement for missing values.
    """
    places = mine.nonzero()[:, 0].split(CHUNK)

    def chunks() -> Iterator[Tensor]:
        for some in places:
            x, observed = rows.take(some)
            yield torch.where(observed, x, average)

    number, n = int(mine.sum()), len(average)
    mean = torch.stack([x.sum(0) for x in chunks()]).sum(0) / number
    variance = torch.stack([(x - mean).square().sum(0) for x in chunks()]).sum(0) / number
    directions = torch.randn(n, min(n, number, count + int(BESIDE * count)), generator=generator)
    turned = directions
    for _ in range(PASSES):
        directions, _ = torch.linalg.qr(turned)
        turned = torch.zeros_like(directions)
        for x in chunks():
            centred = (x - mean).float()
            turned.addmm_(centred.mT, centred @ directions, alpha=1 / number)
    scale, rotation = torch.linalg.eigh((directions.mT @ turned).double())
    scale, rotation = scale.flip(0)[:count], rotation.flip(1)[:, :count]
    axes = (directions.double() @ rotation).mT * scale.clamp(min=0).sqrt().unsqueeze(1)
    return mean, variance, torch.cat([axes, axes.new_zeros(count - len(axes), n)])


def triangle(size: int) -> tuple[Tensor, Tensor]:
    """Return row and column indices of the lower triangle of a `size` x `size` matrix."""
    rows, columns = torch.tril_indices(size, size)
    return rows, columns


def symmetric(values: Tensor, size: int) -> Tensor:
    """Unpack lower triangles `(..., size (size + 1) / 2)`, in the order of `triangle`, to symmetric matrices `(..., size, size)`."""
    rows, columns = triangle(size)
    place = torch.empty(size, size, dtype=torch.long)
    place[rows, columns] = place[columns, rows] = torch.arange(len(rows))
    return values[..., place.flatten()].unflatten(-1, (size, size))
