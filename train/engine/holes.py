"""A collection of holes for training with a guide.

A guide's computations for one hole take as long as a network takes for a few images. They are therefore done once per hole, and
training draws holes from the collection.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from tqdm import tqdm

from dmfa_demo.densities.guide import Guidance, Guide
from dmfa_demo.imputation import flatten, flatten_missing


@dataclass(frozen=True)
class Holes:
    """Holes, and a guide's computations for each, see `Guide.look`.

    Args:
        missing: bool `(H, 1, height, width)`.
        covariance, deviation: `(H, l, l)` and `(H, n)`.
        shapes: `ways` and `gain`, `(H, l, k)` and `(H, k)`, if shapes were requested.
    """

    missing: Tensor
    covariance: Tensor
    deviation: Tensor
    shapes: tuple[Tensor, Tensor] | None = None

    @classmethod
    def prepare(cls, guide: Guide, missing: Tensor, channels: int, shapes: int = 0) -> Holes:
        """Build the collection from holes `(H, 1, height, width)`, with `shapes` shapes, for images with `channels` channels."""
        holes, found = flatten_missing(missing, channels), []
        for row in tqdm(range(len(holes)), "preparing holes", leave=False):
            looked = guide.look(holes[row : row + 1], shapes)
            if not found:  # no torch.cat at the end, which would need twice the memory
                found = [part.new_empty(len(holes), *part.shape[1:]) for part in looked]
            for whole, part in zip(found, looked):
                whole[row] = part[0]
        covariance, deviation, *rest = found
        return cls(missing, covariance, deviation, (rest[0], rest[1]) if rest else None)

    def explain(self, guide: Guide, images: Tensor, rows: Tensor) -> Guidance:
        """Return the guidance for images, each with the hole at its index in `rows`."""
        x, missing = flatten(images), flatten_missing(self.missing[rows], images.shape[1])
        latents = guide.infer(x, missing, self.covariance[rows])
        shapes = None if self.shapes is None else (self.shapes[0][rows], self.shapes[1][rows])
        return guide.explain(x, missing, latents, self.deviation[rows], shapes)
