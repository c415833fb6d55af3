"""What is on the canvas: a picture and the pixels of it that are hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from dmfa_demo.app.scene.scene import Scene


@dataclass(frozen=True)
class Canvas:
    """A picture and its hidden pixels.

    The browser sends both together, so that no answer is about another picture, whatever the server remembers of the visit.

    Attributes:
        scene: the picture.
        missing: bool `(H, W)`, True where a pixel is hidden.
        revision: the number that the browser gave this state of the canvas, from 1; answers return it. 0 is a canvas that comes
            from Python, before the browser has numbered it.
        change: what Python changes. With "picture" the mask stays as it is in the browser, with strokes that Python has
            not seen; with "mask" the picture stays, and the mask is dropped where another picture is there by now; with
            "nothing" the browser only sends its state again.
    """

    scene: Scene
    missing: Tensor
    revision: int = 0
    change: Literal["both", "picture", "mask", "nothing"] = "both"
