"""VAEAC for tables with numbers and categories (Ivanov, Figurnov and Vetrov, 2019, sections 4 and 5.1).

With b = 1 where a cell is to be predicted, which includes all missing cells, training maximises

    E_q(z | x, b) log p(x_b | z, x_1-b, b) - KL(q(z | x, b) || p(z | x_1-b, b))

over random b, where a missing cell has no term (section 4.3.3), and the proposal q also receives which cells are missing.
A GSNN has no proposal and draws z from the prior; with no latents either, it is an ordinary network (NN) with a single answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dmfa_demo.densities.diagonal_gaussian import DiagonalGaussian
from dmfa_demo.tables.imputer import IMPUTATIONS, Scaling, TableImputation, TableImputer
from dmfa_demo.tables.network import Rows, cells_to_values, hide, log_prob_of_cells, probabilities, train_best
from dmfa_demo.tables.schema import Categorical

# The share of observed cells that are hidden in training (appendix A.2).
HIDDEN = 0.2
# The share of rows that choose the epoch (appendix A.2).
VALIDATION = 0.25
# The least number of cells in the validation rows, which are repeated with other holes to reach it.
CELLS = 5000
# The deviation with which training begins to learn it, in units of the column's. From 1 the latents would never be used.
START = 0.2
# Draws of the latents for a density.
DRAWS = 200
# Weights of the priors on the mean and deviation of the latents (section 4.3.2).
MEAN_PRIOR, DEVIATION_PRIOR = 1e4, 1e-4


@dataclass(frozen=True)
class Size:
    """The shape of the networks.

    Attributes:
        cells: D, the number of columns.
        values: W, the number of values in one-hot form.
        latents: d; 0 for a network without latents.
        width, depth: the width, and the number of residual blocks, of each network.
    """

    cells: int
    values: int
    latents: int
    width: int
    depth: int


class Residual(nn.Module):
    """x + f(x), where f is two linear layers."""

    def __init__(self, width: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.LeakyReLU(0.1), nn.Linear(width, width), nn.LeakyReLU(0.1), nn.Linear(width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class TableVAEAC(nn.Module):
    """The prior, proposal and generator, of residual blocks; skip connections lead from the prior's blocks to the generator's."""

    def __init__(self, size: Size, *, proposal: bool):
        super().__init__()
        width, depth, latents = size.width, size.depth, size.latents
        self.prior_in = nn.Linear(size.values + size.cells, width)
        self.prior_blocks = nn.ModuleList(Residual(width) for _ in range(depth))
        self.prior_out = nn.Linear(width, 2 * latents)
        self.proposal = None
        if proposal:
            blocks = [Residual(width) for _ in range(depth)]
            self.proposal = nn.Sequential(
                nn.Linear(size.values + 2 * size.cells, width), *blocks, nn.Linear(width, 2 * latents)
            )
        self.generator_in = nn.Linear(latents + width, width)
        self.generator_skips = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(depth))
        self.generator_blocks = nn.ModuleList(Residual(width) for _ in range(depth))
        self.generator_out = nn.Linear(width, size.values)
        self.raw_deviation = nn.Parameter(torch.empty(size.values))
        self.set_deviation(torch.ones(size.values))

    @property
    def deviation(self) -> Tensor:
        """The deviation of each value around the generator's mean, `(W,)`."""
        return F.softplus(self.raw_deviation)

    @torch.no_grad()
    def set_deviation(self, deviation: Tensor) -> None:
        """Set the deviation of each value, `(W,)`."""
        self.raw_deviation.copy_(deviation.expm1().log())

    def forward(self, values: Tensor, visible: Tensor) -> tuple[DiagonalGaussian, list[Tensor]]:
        """Return the prior p(z | x_1-b, b) and the skip connections.

        Args:
            values: 0 where not visible, `(B, W)`.
            visible: 1 - b, `(B, D)`.
        """
        hidden, skips = self.prior_in(torch.cat([values, visible], -1)), []
        for block in self.prior_blocks:
            hidden = block(hidden)
            skips.append(hidden)
        return DiagonalGaussian.from_raw(self.prior_out(hidden)), skips

    def propose(self, values: Tensor, visible: Tensor, seen: Tensor) -> DiagonalGaussian:
        """Return q(z | x, b) for all observed values `(B, W)`, with both masks `(B, D)`."""
        assert self.proposal is not None
        return DiagonalGaussian.from_raw(self.proposal(torch.cat([values, visible, seen], -1)))

    def generate(self, z: Tensor, skips: list[Tensor]) -> Tensor:
        """Map latents `(..., B, d)` to means and scores of categories `(..., B, W)`."""
        widened = [skip.expand(*z.shape[:-1], -1) for skip in skips]
        hidden = self.generator_in(torch.cat([z, widened[-1]], -1))
        for block, merge, skip in zip(self.generator_blocks, self.generator_skips, reversed(widened)):
            hidden = block(merge(torch.cat([hidden, skip], -1)))
        return self.generator_out(hidden)


class VAEACTableImputer(TableImputer):
    """A variational auto-encoder with arbitrary conditioning, trained on a table with missing cells.

    Args:
        latents, width, depth: the latents, and the width and the residual blocks of each of its three networks.
        learn_deviation: whether training learns the deviation of each numeric column. Otherwise it is 1 in training, which optimises the
            squared error (appendix A.2), and measured afterwards; draws have several modes only if it is learnt.
        steps: the largest number of steps; the best epoch is kept.
    """

    has_proposal = True

    def __init__(
        self,
        *,
        latents: int = 16,
        width: int = 64,
        depth: int = 2,
        steps: int = 3000,
        batch_size: int = 64,
        learning_rate: float = 1e-3,
        learn_deviation: bool = False,
        categorical: Categorical = "auto",
        random_state: int = 0,
    ):
        super().__init__(categorical=categorical, random_state=random_state)
        self.learn_deviation = learn_deviation
        self.latents = latents
        self.width = width
        self.depth = depth
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate

    def learn(self, values: np.ndarray) -> None:
        schema = self.schema_
        expanded = schema.expand(values)
        self.scaling_ = Scaling.of(schema, expanded)
        rows = Rows.of(self.scaling_.apply(expanded), schema)
        generator = torch.Generator().manual_seed(self.random_state)
        order = torch.randperm(len(rows), generator=generator)
        held = order[: int(VALIDATION * len(rows))]
        training, validation = rows[order[len(held) :]], rows[held if len(held) else order]
        # Several holes in each row of a small table, so that the choice is not left to a few cells.
        validation = validation[torch.arange(len(validation)).repeat(max(1, CELLS // validation.seen.numel()))]
        size = Size(len(schema.columns), len(schema.owners), self.latents, self.width, self.depth)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            self.network_ = TableVAEAC(size, proposal=self.has_proposal)
        self.network_.raw_deviation.requires_grad_(self.learn_deviation)
        if self.learn_deviation:
            self.network_.set_deviation(torch.full((size.values,), START))
        shown = hide(validation.seen, HIDDEN, generator)
        noise = torch.randn(IMPUTATIONS, len(validation), self.latents, generator=generator)

        def loss(chosen: Tensor) -> Tensor:
            batch = training[chosen]
            white = torch.randn(len(chosen), self.latents, generator=generator)
            return self._loss(batch, hide(batch.seen, HIDDEN, generator), white)

        self.n_steps_ = train_best(
            self.network_,
            len(training),
            loss,
            lambda: -self._bound(validation, shown, noise).mean().item(),
            steps=self.steps,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            seed=self.random_state,
        )
        if not self.learn_deviation:
            self.network_.set_deviation(self._residual(validation, shown, noise))

    @torch.inference_mode()
    def predict_missing(self, values: np.ndarray) -> TableImputation:
        schema = self.schema_
        rows = Rows.of(self.scaling_.apply(schema.expand(values)), schema)

        def outputs(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
            """Return means and probabilities `(count, N, W)`, and white noise for draws `(count, 1, W)`."""
            generator = torch.Generator().manual_seed(seed)
            # The same noise for all rows, so that a row's answer does not depend on the others.
            z = torch.randn(count, 1, self.latents, generator=generator)
            noise = torch.randn(count, 1, len(schema.owners), generator=generator)
            with torch.inference_mode():
                prior, skips = self.network_(rows.values, rows.seen)
                found = probabilities(schema, self.network_.generate(prior.at(z.expand(-1, len(rows), -1)), skips))
            return found.double().numpy(), noise.double().numpy()

        def draw(count: int, seed: int, noise: bool) -> np.ndarray:
            """Return draws `(count, N, D)`; the largest of log p + Gumbel noise is a draw of a category."""
            found, white = outputs(count, seed)
            if not noise:
                return schema.collapse(self.scaling_.undo(found))
            numbers = self.scaling_.undo(found + white * self.network_.deviation.detach().numpy())
            gumbel = -np.log(-np.log(np.random.default_rng(seed).uniform(size=white.shape)))
            return schema.collapse(np.where(schema.is_numeric, numbers, np.log(np.maximum(found, 1e-30)) + gumbel))

        mean = self.scaling_.undo(outputs(IMPUTATIONS, self.random_state)[0].mean(0))
        return TableImputation.of(
            schema,
            values,
            mean,
            sampler=draw if self.latents else None,
            density=lambda complete: self._density(values, complete),
        )

    def _given(self, rows: Rows, visible: Tensor) -> tuple[DiagonalGaussian, DiagonalGaussian, list[Tensor]]:
        """Return the prior given `visible` `(B, D)`, what the latents are drawn from in training, and the skip connections."""
        prior, skips = self.network_(rows.values * cells_to_values(self.schema_, visible), visible)
        proposal = self.network_.propose(rows.values, visible, rows.seen) if self.has_proposal else prior
        return prior, proposal, skips

    def _fit_of(self, output: Tensor, rows: Rows, visible: Tensor) -> Tensor:
        """Return log p of the observed cells that are not visible, summed over each row, `(..., B)`."""
        cells = log_prob_of_cells(self.schema_, output, rows.values, self.network_.deviation)
        return (cells * (rows.seen - visible)).sum(-1)

    def _loss(self, rows: Rows, visible: Tensor, white: Tensor) -> Tensor:
        """Return the loss in nats for rows of which only `visible` `(B, D)` may be seen; `white` is `(B, d)`."""
        prior, proposal, skips = self._given(rows, visible)
        loss = -self._fit_of(self.network_.generate(proposal.at(white), skips), rows, visible)
        if self.has_proposal:
            penalty = prior.mean.square().sum(-1) / (2 * MEAN_PRIOR**2)
            penalty = penalty - DEVIATION_PRIOR * (prior.deviation.log() - prior.deviation).sum(-1)
            loss = loss + proposal.kl(prior) + penalty
        return loss.mean()

    def _bound(self, rows: Rows, visible: Tensor, white: Tensor) -> Tensor:
        """Return the importance-weighted bound of log p(x_b | x_1-b) in nats `(B,)`; `white` is `(S, B, d)`."""
        prior, proposal, skips = self._given(rows, visible)
        z = proposal.at(white)
        weight = prior.log_prob(z) - proposal.log_prob(z)
        fit = self._fit_of(self.network_.generate(z, skips), rows, visible)
        return (fit + weight).logsumexp(0) - math.log(len(white))

    @torch.inference_mode()
    def _residual(self, rows: Rows, visible: Tensor, white: Tensor) -> Tensor:
        """Return the deviation of hidden cells of validation rows around one draw's mean, `(W,)`."""
        prior, _, skips = self._given(rows, visible)
        wanted = cells_to_values(self.schema_, rows.seen - visible)
        error = (self.network_.generate(prior.at(white), skips) - rows.values).square().mean(0) * wanted
        known = wanted.sum(0)
        return torch.where(known > 1, (error.sum(0) / known.clamp(min=1)).sqrt(), torch.ones(())).clamp(min=0.01)

    @torch.inference_mode()
    def _density(self, values: np.ndarray, complete: np.ndarray) -> np.ndarray:
        """Return the importance-weighted estimate of log p(missing | observed) in nats, in the units of the table."""
        schema = self.schema_
        hidden = np.isnan(values)
        whole = Rows.of(self.scaling_.apply(schema.expand(np.where(hidden, complete, values))), schema)
        noise = torch.randn(DRAWS, 1, self.latents, generator=torch.Generator().manual_seed(self.random_state))
        visible = torch.from_numpy(~hidden).float()
        bound = self._bound(whole, visible, noise.expand(-1, len(whole), -1))
        return bound.double().numpy() - self.scaling_.log_unit(schema, hidden)


class GSNNTableImputer(VAEACTableImputer):
    """A Gaussian stochastic neural network: VAEAC without a proposal, whose latents are drawn from the prior in training as well.

    Without latents it is an ordinary network with a single answer (NN).
    """

    has_proposal = False
