"""A collection of holes for training with a guide.

What a guide has to compute for a hole takes as long as a few images take a network. So it is computed once for each hole, and
training draws from these.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from tqdm import tqdm

from dmfa_demo.densities.guide import Guidance, Guide
from dmfa_demo.imputation import flatten, flatten_missing


@dataclass(frozen=True)
class Holes:
    """Holes, and what a guide says of any image with them, see `Guide.look`.

    Args:
        missing: bool `(H, 1, height, width)`.
        covariance, deviation: `(H, l, l)` and `(H, n)`.
        shapes: `ways` and `gain`, `(H, l, k)` and `(H, k)`, where shapes were asked for.
    """

    missing: Tensor
    covariance: Tensor
    deviation: Tensor
    shapes: tuple[Tensor, Tensor] | None = None

    @classmethod
    def looked_at(cls, guide: Guide, missing: Tensor, channels: int, shapes: int = 0) -> Holes:
        """The collection of these holes `(H, 1, height, width)`, with so many shapes, for images of so many channels."""
        holes, found = flatten_missing(missing, channels), []
        for row in tqdm(range(len(holes)), "looking at holes", leave=False):
            looked = guide.look(holes[row : row + 1], shapes)
            if not found:  # not by torch.cat in the end, which needs twice the memory
                found = [part.new_empty(len(holes), *part.shape[1:]) for part in looked]
            for whole, part in zip(found, looked):
                whole[row] = part[0]
        covariance, deviation, *rest = found
        return cls(missing, covariance, deviation, (rest[0], rest[1]) if rest else None)

    def explain(self, guide: Guide, images: Tensor, rows: Tensor) -> Guidance:
        """The guidance for images of which each has the hole in its row of `rows`."""
        x, missing = flatten(images), flatten_missing(self.missing[rows], images.shape[1])
        latents = guide.infer(x, missing, self.covariance[rows])
        shapes = None if self.shapes is None else (self.shapes[0][rows], self.shapes[1][rows])
        return guide.explain(x, missing, latents, self.deviation[rows], shapes)
