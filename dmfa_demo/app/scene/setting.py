"""A picture and a hole that can be drawn again."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from dmfa_demo.app.scene.scene import Scene, draw_mask


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A bundled picture and a hole.

    Attributes:
        dataset, sample: the picture.
        hole, seed: the mask family and the seed of its mask.
    """

    dataset: str
    sample: int
    hole: str
    seed: int = 0

    @property
    def scene(self) -> Scene:
        """Its picture."""
        return Scene.sample(self.dataset, self.sample)

    @property
    def missing(self) -> Tensor:
        """Its hidden pixels, bool `(H, W)`."""
        return draw_mask(self.hole, self.scene, self.seed)
