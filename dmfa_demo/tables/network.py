"""What the networks for tables have in common: rows as tensors, distributions of cells, and a training loop that keeps the best weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from dmfa_demo.tables.schema import Schema

# The smallest number of steps from one validation to the next, and the number of validations without progress that end training.
OFTEN, PATIENCE = 25, 20


@dataclass(frozen=True)
class Rows:
    """Rows of a table in one-hot form.

    Attributes:
        values: standardised, 0 where missing, `(N, W)`.
        seen: 1.0 where a column's cell is observed, `(N, D)`.
    """

    values: Tensor
    seen: Tensor

    @classmethod
    def of(cls, scaled: np.ndarray, schema: Schema) -> Rows:
        """Return the rows of standardised one-hot values `(N, W)`, NaN where missing."""
        starts = [part.start for part in schema.slices]
        seen = ~np.isnan(scaled[:, starts])
        return cls(torch.from_numpy(np.nan_to_num(scaled)).float(), torch.from_numpy(seen).float())

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, chosen: Tensor) -> Rows:
        return Rows(self.values[chosen], self.seen[chosen])


def log_prob_of_cells(schema: Schema, output: Tensor, values: Tensor, deviation: Tensor) -> Tensor:
    """Return log p of each cell `(..., D)`: Gaussian around the output for a number, softmax of the output for a category.

    Args:
        output, values: one-hot form, `(..., W)`.
        deviation: of each value, `(W,)`.
    """
    cells = []
    for column, part in zip(schema.columns, schema.slices):
        if column.categories is None:
            normal = torch.distributions.Normal(output[..., part], deviation[part], validate_args=False)
            cells.append(normal.log_prob(values[..., part])[..., 0])
        else:
            cells.append((output[..., part].log_softmax(-1) * values[..., part]).sum(-1))
    return torch.stack(cells, -1)


def probabilities(schema: Schema, output: Tensor) -> Tensor:
    """Return the output `(..., W)` with the scores of categories turned into probabilities."""
    parts = [
        output[..., part] if column.categories is None else output[..., part].softmax(-1)
        for column, part in zip(schema.columns, schema.slices)
    ]
    return torch.cat(parts, -1)


def train_best(
    network: nn.Module,
    rows: int,
    loss_of: Callable[[Tensor], Tensor],
    validate: Callable[[], float],
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
) -> int:
    """Train with Adam, keep the weights that are best on validation rows, and return the number of steps taken.

    Args:
        loss_of: the loss of the rows with some indices, int64 `(B,)`.
        validate: a score after each epoch, or `OFTEN` steps if an epoch is shorter; less is better.
        steps: the largest number of steps; training ends earlier after `PATIENCE` validations without a better score.
    """
    optimiser = torch.optim.Adam(network.parameters(), learning_rate)
    batches = _batches(rows, batch_size, torch.Generator().manual_seed(seed))
    every = max(OFTEN, rows // batch_size)
    best, kept, waited, step = float("inf"), deepcopy(network.state_dict()), 0, 0
    while step < steps and waited < PATIENCE:
        network.train()
        loss = loss_of(next(batches))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
        if step % every == 0 or step == steps:
            network.eval()
            with torch.inference_mode():
                score = validate()
            waited += 1
            if score < best:
                best, kept, waited = score, deepcopy(network.state_dict()), 0
    network.load_state_dict(kept)
    network.eval()
    return step


def _batches(rows: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    while True:
        order = torch.randperm(rows, generator=generator)
        yield from order.split(size)[: max(1, rows // size)]


def hide(seen: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Return `seen` `(N, D)` with a further share of cells hidden at random."""
    return seen * (torch.rand(seen.shape, generator=generator) >= share)


def cells_to_values(schema: Schema, seen: Tensor) -> Tensor:
    """Map one number per cell `(..., D)` to one per value of the one-hot form `(..., W)`."""
    return seen[..., torch.from_numpy(schema.owners)]
