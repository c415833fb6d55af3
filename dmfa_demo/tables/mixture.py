"""A mixture of Gaussians with full covariances and of categories, fitted by EM to a table with missing cells, and conditioned exactly.

Within a component k the numeric columns are Gaussian, N(mu_k, Sigma_k), and each categorical column is independent of all others, with
probabilities pi_k. The observed cells o of a row give the responsibilities

    r_k  is proportional to  w_k N(x_o; mu_k,o, Sigma_k,oo) prod_c pi_k,c(x_c)

and the missing numeric cells m are, in each component, N(mu_m + Sigma_mo Sigma_oo^-1 (x_o - mu_o), Sigma_mm - Sigma_mo Sigma_oo^-1 Sigma_om)
(Ghahramani and Jordan, 1994). A model of categories alone is the latent class model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from sklearn.cluster import KMeans
from torch import Tensor

from dmfa_demo.tables.imputer import Scaling, TableImputation, TableImputer
from dmfa_demo.tables.schema import Categorical

# Numbers of components that are tried if none is given; the best on rows held out is kept.
CANDIDATES = (1, 2, 4, 8, 16)
# The share of rows held out to choose.
HELD_OUT = 0.2
# Rows that the prior counts for: a diagonal covariance of a tenth of the columns' variance, and the categories' shares in the table.
PRIOR_ROWS = 5.0
PRIOR_VARIANCE = 0.1
# The largest number of values in one tensor of covariances of rows, (N, K, n, n). Larger ones do not fit the processor's cache, and are slower.
NUMBERS = 2**19


@dataclass(frozen=True)
class Components:
    """A mixture's parameters, of standardised numeric columns.

    Attributes:
        log_weights: `(K,)`.
        mean: `(K, n)`.
        covariance: `(K, n, n)`.
        log_probabilities: of each category of all categorical columns, one after another, `(K, c)`.
    """

    log_weights: Tensor
    mean: Tensor
    covariance: Tensor
    log_probabilities: Tensor


@dataclass(frozen=True)
class Cells:
    """Rows of a table as the mixture takes them.

    Attributes:
        numbers: standardised, 0 where missing, `(N, n)`.
        seen: bool `(N, n)`.
        categories: one-hot, all 0 where missing, `(N, c)`.
    """

    numbers: Tensor
    seen: Tensor
    categories: Tensor


@dataclass(frozen=True)
class Conditional:
    """The mixture given the observed cells of rows.

    Attributes:
        log_prob: of the observed cells in each component, with its weight, `(N, K)`.
        mean: of all numeric cells, the observed ones their own values, `(N, K, n)`.
        precision: Sigma_oo^-1, 0 in rows and columns of missing cells, `(N, K, n, n)`.
    """

    log_prob: Tensor
    mean: Tensor
    precision: Tensor

    @property
    def responsibilities(self) -> Tensor:
        """`(N, K)`."""
        return self.log_prob.softmax(1)


def condition(components: Components, cells: Cells) -> Conditional:
    """Return the mixture given the observed cells."""
    seen = cells.seen[:, None].double()  # (N, 1, n)
    both = seen[..., :, None] * seen[..., None, :]
    # Missing cells get the identity, so that all rows are solved at once: its determinant is 1.
    observed = components.covariance * both + torch.diag_embed(1 - seen)
    factor = torch.linalg.cholesky(observed)
    precision = torch.cholesky_inverse(factor) * both
    off = (cells.numbers[:, None] - components.mean) * seen
    pull = (precision @ off[..., None])[..., 0]
    mean = components.mean + (components.covariance @ pull[..., None])[..., 0]
    mean = torch.where(cells.seen[:, None], cells.numbers[:, None], mean)
    log_det = 2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    gaussian = -0.5 * ((off * pull).sum(-1) + log_det + math.log(2 * math.pi) * seen.sum(-1))
    categories = cells.categories @ components.log_probabilities.mT
    return Conditional(components.log_weights + gaussian + categories, mean, precision)


def fit_mixture(cells: Cells, parts: list[slice], start: Tensor, iterations: int) -> Components:
    """Return the components after EM from responsibilities `start` `(N, K)`.

    Args:
        parts: the places of each categorical column in `cells.categories`.
    """
    counts = cells.categories.sum(0)
    prior = torch.cat([counts[:0], *((counts[part] + 0.1) / (counts[part] + 0.1).sum() for part in parts)])
    # At the start a missing cell is the column's mean, 0, with its variance, 1.
    missed = start.mT @ (~cells.seen).double() / _rows_of(start)[:, None]  # (K, n)
    components = _maximise(cells, parts, prior, start, cells.numbers[:, None], torch.diag_embed(missed))
    before = -math.inf
    for _ in range(iterations):
        log_prob, r, mean, pulled = _expect(components, cells)
        if log_prob - before < 1e-5:
            break
        before = log_prob
        # The mean over rows of Sigma - Sigma P_n Sigma, the covariance of the missing cells.
        spread = components.covariance - components.covariance @ pulled @ components.covariance
        components = _maximise(cells, parts, prior, r, mean, spread)
    return components


def _expect(components: Components, cells: Cells) -> tuple[float, Tensor, Tensor, Tensor]:
    """Return the mean log p of the observed cells, and what EM needs of the mixture given them.

    These are the responsibilities `(N, K)`, the means `(N, K, n)`, and the weighted mean of P_n over rows, `(K, n, n)`.
    """
    count, n = components.mean.shape
    rows = max(1, NUMBERS // max(1, count * n * n))
    parts = zip(*(part.split(rows) for part in (cells.numbers, cells.seen, cells.categories)))
    log_prob, means, pulled = [], [], torch.zeros(count, n, n).double()
    for part in parts:
        found = condition(components, Cells(*part))
        log_prob.append(found.log_prob)
        means.append(found.mean)
        pulled += torch.einsum("nk,nkij->kij", found.responsibilities, found.precision)
    joined = torch.cat(log_prob)
    r = joined.softmax(1)
    return joined.logsumexp(1).mean().item(), r, torch.cat(means), pulled / _rows_of(r)[:, None, None]


def _rows_of(r: Tensor) -> Tensor:
    """Return the number of rows of each component from responsibilities `(N, K)`; a tiny one for a component that lost all of them."""
    return r.sum(0).clamp(min=1e-12)


def _maximise(cells: Cells, parts: list[slice], prior: Tensor, r: Tensor, mean: Tensor, spread: Tensor) -> Components:
    """Return the components from responsibilities `(N, K)`, completed rows `(N, K or 1, n)` and the mean covariances of their missing cells `(K, n, n)`."""
    rows = _rows_of(r)  # (K,)
    share = r / rows  # (N, K)
    n = mean.shape[-1]
    centers = torch.einsum("nk,nkd->kd", share, mean.expand(-1, r.shape[1], -1))
    off = mean - centers
    scatter = torch.einsum("nk,nkd,nke->kde", share, off, off)
    full, weight = rows[:, None, None], PRIOR_ROWS
    covariance = (full * (scatter + spread) + weight * PRIOR_VARIANCE * torch.eye(n).double()) / (full + weight)
    tally = r.mT @ cells.categories + prior
    probabilities = [tally[:, part] / tally[:, part].sum(1, keepdim=True) for part in parts]
    joined = torch.cat([tally[:, :0], *probabilities], 1)
    weights = (rows + 1) / (rows + 1).sum()
    return Components(weights.log(), centers, 0.5 * (covariance + covariance.mT), joined.log())


class GaussianMixtureImputer(TableImputer):
    """A mixture of Gaussians and categories, fitted by EM to the observed cells and conditioned in closed form.

    Args:
        components: the number of components; None chooses it by the likelihood of rows held out.
        iterations: the largest number of EM iterations.
    """

    def __init__(
        self,
        *,
        components: int | None = None,
        iterations: int = 100,
        categorical: Categorical = "auto",
        random_state: int = 0,
    ):
        super().__init__(categorical=categorical, random_state=random_state)
        self.components = components
        self.iterations = iterations

    def learn(self, values: np.ndarray) -> None:
        expanded = self.schema_.expand(values)
        self.scaling_ = Scaling.of(self.schema_, expanded)
        order = np.random.default_rng(self.random_state).permutation(len(values))
        held, rest = np.split(order, [int(HELD_OUT * len(values))])
        count = self.components
        if count is None:
            tried = [count for count in CANDIDATES if count == 1 or 10 * count <= len(rest)]
            scores = {}
            for count in tried if len(held) else [1]:
                found = condition(self._fit(values[rest], count), self._cells(values[held]))
                scores[count] = found.log_prob.logsumexp(1).mean().item()
                if scores[count] < max(scores.values()):
                    break  # more components overfit
            count = max(scores, key=scores.__getitem__)
        self.n_components_ = min(count, len(values))
        self.components_ = self._fit(values, self.n_components_)

    def predict_missing(self, values: np.ndarray) -> TableImputation:
        schema, cells = self.schema_, self._cells(values)
        found = condition(self.components_, cells)
        r = found.responsibilities
        expanded = np.empty((len(values), len(schema.owners)))
        expanded[:, schema.is_numeric] = (r[..., None] * found.mean).sum(1).numpy()
        expanded[:, ~schema.is_numeric] = (r @ self.components_.log_probabilities.exp()).numpy()
        expanded = self.scaling_.undo(expanded)
        return TableImputation.of(
            schema,
            values,
            expanded,
            sampler=lambda count, seed, noise: self._draw(cells, found, count, seed, noise),
            density=lambda complete: self._density(values, found, complete),
        )

    def _draw(self, cells: Cells, found: Conditional, count: int, seed: int, noise: bool) -> np.ndarray:
        """Return draws `(count, N, D)`: a component, then a Gaussian draw and a category of each column."""
        schema, generator = self.schema_, torch.Generator().manual_seed(seed)
        rows = torch.arange(len(cells.numbers))
        factor = torch.linalg.cholesky(self._spread(cells, found))  # (N, K, n, n)
        drawn = np.empty((count, len(rows), len(schema.owners)))
        for number in range(count):
            points = torch.rand(1 + len(schema.categorical), 1, generator=generator).double()
            k = _chosen(found.responsibilities, points[0])
            white = torch.randn(1, cells.numbers.shape[1], 1, generator=generator).double() * noise
            numbers = found.mean[rows, k] + (factor[rows, k] @ white)[..., 0]
            drawn[number][:, schema.is_numeric] = numbers.numpy()
            for place, part, point in zip(schema.categorical, self._parts(), points[1:]):
                shares = self.components_.log_probabilities[k, part].exp()
                code = _chosen(shares, point) if noise else shares.argmax(1)
                drawn[number][:, schema.slices[place]] = np.eye(part.stop - part.start)[code.numpy()]
        return schema.collapse(self.scaling_.undo(drawn))

    def _density(self, values: np.ndarray, found: Conditional, complete: np.ndarray) -> np.ndarray:
        """Return log p(missing | observed) as the difference of log p of all cells and log p of the observed ones."""
        whole = condition(self.components_, self._cells(np.where(np.isnan(values), complete, values)))
        scaled = (whole.log_prob.logsumexp(1) - found.log_prob.logsumexp(1)).numpy()
        return scaled - self.scaling_.log_unit(self.schema_, np.isnan(values))

    def _spread(self, cells: Cells, found: Conditional) -> Tensor:
        """Return the covariances of the missing cells, the identity for observed ones, `(N, K, n, n)`."""
        covariance, hidden = self.components_.covariance, (~cells.seen[:, None]).double()
        left = covariance - covariance @ found.precision @ covariance
        both = hidden[..., :, None] * hidden[..., None, :]
        return left * both + torch.diag_embed(1 - hidden + 1e-9)

    def _fit(self, values: np.ndarray, count: int) -> Components:
        cells = self._cells(values)
        points = torch.cat([cells.numbers, cells.categories], 1).numpy()
        start = torch.ones(len(values), 1).double()
        if count > 1:
            labels = KMeans(count, n_init=cast(Any, 3), random_state=self.random_state).fit(points).labels_
            start = torch.nn.functional.one_hot(torch.from_numpy(labels).long(), count).double()
            start = (start + 1e-3) / (start + 1e-3).sum(1, keepdim=True)
        return fit_mixture(cells, self._parts(), start, self.iterations)

    def _cells(self, values: np.ndarray) -> Cells:
        schema = self.schema_
        scaled = torch.from_numpy(self.scaling_.apply(schema.expand(values)))
        seen = ~scaled.isnan()
        filled = scaled.nan_to_num(0.0)
        numeric = torch.from_numpy(schema.is_numeric)
        return Cells(filled[:, numeric], seen[:, numeric], filled[:, ~numeric])

    def _parts(self) -> list[slice]:
        """Return the place of each categorical column among all categories."""
        ends = np.cumsum([0] + [self.schema_.columns[place].width for place in self.schema_.categorical])
        return [slice(int(begin), int(end)) for begin, end in zip(ends, ends[1:])]


def _chosen(weights: Tensor, points: Tensor) -> Tensor:
    """Return for each row of weights `(N, K)`, which sum to 1, the place of `points` `(1,)` among the cumulative sums."""
    return (weights.cumsum(1) < points).sum(1).clamp(max=weights.shape[1] - 1)
