"""Parts of scripts that reproduce the page's results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

LOAD = "from dmfa_demo import load_imputer"


@dataclass(frozen=True)
class Script:
    """A part of a script: import lines and the code after them.

    Attributes:
        of_picture: whether it uses `images` `(1, C, H, W)` and `missing` `(1, 1, H, W)`.
    """

    imports: tuple[str, ...]
    body: str
    of_picture: bool = True


def join_scripts(parts: Iterable[Script]) -> str:
    """Join parts to one script."""
    parts = list(parts)
    lines = sorted(
        {line for part in parts for line in part.imports},
        key=lambda line: ("dmfa_demo" in line, line.startswith("from"), line),
    )
    return "\n".join(lines) + "\n\n" + "".join(part.body for part in parts)
