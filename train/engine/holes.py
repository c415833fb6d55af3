"""Holes for training under a guide: what it says of a hole takes as long as a few images take a network, so it is computed once."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from tqdm import tqdm

from dmfa_demo.densities.guide import Guidance, Guide
from dmfa_demo.imputation import flatten, flatten_missing


@dataclass(frozen=True)
class Holes:
    """Holes that a guide has looked at: `(H, 1, height, width)`, and what it says of any image with them, see `Guide.look`."""

    missing: Tensor
    covariance: Tensor
    deviation: Tensor
    shapes: tuple[Tensor, Tensor] | None = None

    @classmethod
    def looked_at(cls, guide: Guide, missing: Tensor, channels: int, shapes: int = 0) -> Holes:
        """What `guide` says of each hole, with so many of its shapes."""
        holes, found = flatten_missing(missing, channels), []
        for row in tqdm(range(len(holes)), "looking at holes", leave=False):
            looked = guide.look(holes[row : row + 1], shapes)
            if not found:  # made once, since two of them would be gigabytes
                found = [part.new_empty(len(holes), *part.shape[1:]) for part in looked]
            for whole, part in zip(found, looked):
                whole[row] = part[0]
        covariance, deviation, *rest = found
        return cls(missing, covariance, deviation, (rest[0], rest[1]) if rest else None)

    def explain(self, guide: Guide, images: Tensor, rows: Tensor) -> Guidance:
        """What `guide` says about images with these holes."""
        x, missing = flatten(images), flatten_missing(self.missing[rows], images.shape[1])
        latents = guide.infer(x, missing, self.covariance[rows])
        shapes = None if self.shapes is None else (self.shapes[0][rows], self.shapes[1][rows])
        return guide.explain(x, missing, latents, self.deviation[rows], shapes)
