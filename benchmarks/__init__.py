"""Benchmarks of speed, printed as tables and as one line of JSON: `make bench`."""

from __future__ import annotations

import json
from collections.abc import Sequence

import torch


def report(title: str, columns: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> None:
    """Print rows as an aligned table, then as JSON."""
    cells = [columns, *([f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    print(f"\n{title}")
    for row in cells:
        print(
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))
            )
        )
    print(json.dumps({"title": title, "rows": [dict(zip(columns, row)) for row in rows]}))


def quantiles(values: list[float]) -> tuple[float, float, float]:
    """Return p50, p95 and the maximum."""
    known = torch.tensor(values)
    return known.median().item(), known.quantile(0.95).item(), known.max().item()
