"""The canvas: a picture and its hidden pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from dmfa_demo.app.scene.scene import Scene


@dataclass(frozen=True)
class Guess:
    """What a visitor believes is hidden: a Gaussian for each hidden pixel.

    Attributes:
        image: float32 `(C, H, W)` in [0, 1], what they drew; only its hidden pixels matter.
        deviation: the standard deviation around it.
    """

    image: Tensor
    deviation: float


@dataclass(frozen=True)
class Canvas:
    """A picture and its hidden pixels.

    The browser sends both together, so that answers never depend on a picture remembered by the server.

    Attributes:
        scene: the picture.
        missing: bool `(H, W)`, True where a pixel is hidden.
        revision: the browser's number of this state of the canvas, from 1; answers return it. It is 0 for a canvas from Python
            that the browser has not numbered yet.
        change: what Python changes. "picture" keeps the browser's mask, with strokes that Python has not seen; "mask" keeps
            the picture, and is dropped if the browser has another picture by now; "nothing" makes the browser send its state
            again.
        guess: what the visitor drew in the hole; None if nothing.
    """

    scene: Scene
    missing: Tensor
    revision: int = 0
    change: Literal["both", "picture", "mask", "nothing"] = "both"
    guess: Guess | None = None
