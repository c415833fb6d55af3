"""GAIN: generative adversarial imputation nets (Yoon, Jordon and van der Schaar, 2018), as modified in the VAEAC paper (appendix A.4).

A generator fills in the missing cells of a row from noise. A discriminator receives the completed row and a hint, and says of each cell
whether it was observed. The generator reproduces the observed cells, and makes the discriminator err on the missing ones:

    loss of D:  -m log D(x, h) - (1 - m) log(1 - D(x, h))
    loss of G:  -(1 - m) log D(x, h) + alpha L(x, G(x))  over the observed cells

The hint h is the mask m for a few cells and 1/2 for all others. Numbers are scaled to [0, 1].
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dmfa_demo.tables.imputer import IMPUTATIONS, Scaling, TableImputation, TableImputer
from dmfa_demo.tables.network import Rows, cells_to_values, hide, probabilities, train_best
from dmfa_demo.tables.schema import Categorical, Schema

# The weight of the reconstruction, and the probability that a cell is hinted (VAEAC paper, appendix A.4).
ALPHA, HINTED = 10.0, 0.01
# Weights of the cross-entropy and of the squared error in the reconstruction of a category (equation 12).
ENTROPY, SQUARES = 0.2, 0.8
# The share of observed cells that choose the number of steps.
VALIDATION = 0.05
# The largest value of the noise in place of missing cells.
NOISE = 0.01


class GAINImputer(TableImputer):
    """Generative adversarial imputation.

    Args:
        width: the width of both networks; None for that of the table in one-hot form.
        steps: the largest number of steps; the best on held-out cells are kept.
    """

    def __init__(
        self,
        *,
        width: int | None = None,
        steps: int = 3000,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
        categorical: Categorical = "auto",
        random_state: int = 0,
    ):
        super().__init__(categorical=categorical, random_state=random_state)
        self.width = width
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate

    def learn(self, values: np.ndarray) -> None:
        schema = self.schema_
        expanded = schema.expand(values)
        low, high = np.nanmin(expanded, 0), np.nanmax(expanded, 0)
        numeric = schema.is_numeric
        self.scaling_ = Scaling(np.where(numeric, low, 0), np.where(numeric & (high > low), high - low, 1))
        rows = Rows.of(self.scaling_.apply(expanded), schema)
        generator = torch.Generator().manual_seed(self.random_state)
        known = hide(rows.seen, VALIDATION, generator)
        wanted = rows.seen - known if (rows.seen > known).any() else rows.seen
        width = self.width or max(16, len(schema.owners))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            self.network_ = mlp(len(schema.owners) + len(schema.columns), width, len(schema.owners))
            discriminator = mlp(len(schema.owners) + len(schema.columns), width, len(schema.columns))
        optimiser = torch.optim.Adam(discriminator.parameters(), self.learning_rate)
        fixed = torch.rand(rows.values.shape, generator=generator)

        def loss(chosen: Tensor) -> Tensor:
            """Take a step of the discriminator, and return the generator's loss."""
            values, seen = rows.values[chosen], known[chosen]
            noise = torch.rand(values.shape, generator=generator)
            output = self._generate(values, seen, noise)
            shown = cells_to_values(schema, seen)
            completed = shown * values + (1 - shown) * probabilities(schema, output)
            hinted = (torch.rand(seen.shape, generator=generator) < HINTED).float()
            hint = hinted * seen + 0.5 * (1 - hinted)
            verdict = discriminator(torch.cat([completed.detach(), hint], 1))
            optimiser.zero_grad()
            F.binary_cross_entropy_with_logits(verdict, seen).backward()
            optimiser.step()
            verdict = discriminator(torch.cat([completed, hint], 1))
            fooled = (F.softplus(-verdict) * (1 - seen)).mean()
            return fooled + ALPHA * (reconstruction(schema, output, values) * seen).mean()

        def score() -> float:
            found = reconstruction(schema, self._generate(rows.values, known, fixed), rows.values)
            return ((found * wanted).sum() / wanted.sum()).item()

        train_best(
            self.network_,
            len(rows),
            loss,
            score,
            steps=self.steps,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            seed=self.random_state,
        )

    @torch.inference_mode()
    def predict_missing(self, values: np.ndarray) -> TableImputation:
        schema = self.schema_
        rows = Rows.of(self.scaling_.apply(schema.expand(values)), schema)

        def draw(count: int, seed: int) -> np.ndarray:
            """Return imputations `(count, N, W)`, from the same noise for all rows."""
            generator = torch.Generator().manual_seed(seed)
            noise = torch.rand(count, 1, len(schema.owners), generator=generator).expand(-1, len(rows), -1)
            with torch.inference_mode():
                output = probabilities(
                    schema, torch.stack([self._generate(rows.values, rows.seen, one) for one in noise])
                )
            return self.scaling_.undo(output.double().numpy())

        mean = draw(IMPUTATIONS, self.random_state).mean(0)
        return TableImputation.of(
            schema,
            values,
            mean,
            sampler=lambda count, seed, noise: schema.collapse(draw(count, seed)),
        )

    def _generate(self, values: Tensor, seen: Tensor, noise: Tensor) -> Tensor:
        """Return means and scores of categories `(N, W)`; `noise` `(N, W)` in [0, 1] takes the place of missing cells."""
        shown = cells_to_values(self.schema_, seen)
        output = self.network_(torch.cat([shown * values + (1 - shown) * NOISE * noise, seen], 1))
        return torch.where(torch.from_numpy(self.schema_.is_numeric), output.sigmoid(), output)


def reconstruction(schema: Schema, output: Tensor, values: Tensor) -> Tensor:
    """Return the loss of each cell `(N, D)` (VAEAC paper, equation 12): the squared error of a number; for a category a weighted sum of
    its cross-entropy, divided by the number of categories, and the mean squared error of its probabilities."""
    cells = []
    for column, part in zip(schema.columns, schema.slices):
        found, wanted = output[:, part], values[:, part]
        if column.categories is None:
            cells.append((found - wanted).square()[:, 0])
        else:
            entropy = -(found.log_softmax(1) * wanted).mean(1)
            squares = (found.softmax(1) - wanted).square().mean(1)
            cells.append(ENTROPY * entropy + SQUARES * squares)
    return torch.stack(cells, 1)


def mlp(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Return a network with two hidden layers."""
    return nn.Sequential(
        nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, outputs)
    )
