"""Linear algebra in elementary operations, for graphs: ONNX has no operator for a Cholesky factor or a triangular system.

The loops are unrolled, so the matrices must be small, such as the l x l capacitance of a factor analyser.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def cholesky(a: Tensor, *, upper: bool = False) -> Tensor:
    """Return the lower Cholesky factor of positive definite matrices `(..., l, l)`; NaN where a matrix is not positive definite."""
    assert not upper, "only lower factors are implemented"
    columns: list[Tensor] = []
    for j in range(a.shape[-1]):
        column = a[..., j:, j : j + 1] / a[..., j : j + 1, j : j + 1].sqrt()  # from the diagonal down
        above = torch.zeros_like(a[..., :j, :1])
        columns.append(torch.cat([above, column], -2) if j else column)
        a = a - columns[-1] @ columns[-1].mT
    return torch.cat(columns, -1)


def solve_triangular(a: Tensor, b: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Tensor:
    """Return X with A X = B for triangular matrices A `(..., l, l)` and B `(..., l, k)`, by substitution."""
    assert left and not unitriangular, "only A X = B with a general diagonal is implemented"
    size = a.shape[-1]
    b, _ = torch.broadcast_tensors(b, a[..., :1])
    known = torch.zeros_like(b[..., :0, :])
    for j in reversed(range(size)) if upper else range(size):
        others = slice(j + 1, size) if upper else slice(0, j)
        row = b[..., j : j + 1, :]
        if known.shape[-2]:
            row = row - a[..., j : j + 1, others] @ known
        row = row / a[..., j : j + 1, j : j + 1]
        known = torch.cat([row, known] if upper else [known, row], -2)
    return known


def cholesky_solve(b: Tensor, factor: Tensor, upper: bool = False) -> Tensor:
    """Return X with L L^T X = B for lower factors L `(..., l, l)` and B `(..., l, k)`."""
    assert not upper, "only lower factors are implemented"
    return solve_triangular(factor.mT, solve_triangular(factor, b, upper=False), upper=True)


def decompositions() -> dict[Any, Callable[..., Any]]:
    """Return the functions of this module by the operators of PyTorch that they replace, for `torch.export`."""
    aten: Any = torch.ops.aten
    return {
        aten.linalg_cholesky.default: cholesky,
        aten.linalg_solve_triangular.default: solve_triangular,
        aten.cholesky_solve.default: cholesky_solve,
    }
