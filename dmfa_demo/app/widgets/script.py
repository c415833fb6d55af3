"""A part of the Python that makes again what is on the screen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

LOAD = "from dmfa_demo import load_imputer"


@dataclass(frozen=True)
class Script:
    """Lines of imports, and what follows them.

    Attributes:
        of_picture: whether it goes on from `images` `(1, C, H, W)` and `missing` `(1, 1, H, W)`.
    """

    imports: tuple[str, ...]
    body: str
    of_picture: bool = True


def whole(parts: Iterable[Script]) -> str:
    """One script of several that go on from each other."""
    parts = list(parts)
    lines = sorted(
        {line for part in parts for line in part.imports},
        key=lambda line: ("dmfa_demo" in line, line.startswith("from"), line),
    )
    return "\n".join(lines) + "\n\n" + "".join(part.body for part in parts)
