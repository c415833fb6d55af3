"""The inverse of a matrix in elementary operations, for graphs: ONNX has no operator for it.

A sweep of the rows and columns K of a symmetric matrix A (Goodnight, 1979: A tutorial on the SWEEP operator) replaces

    A_KK by -A_KK^-1,      A_iK by A_iK A_KK^-1,      A_ij by A_ij - A_iK A_KK^-1 A_Kj,

and after all rows were swept once, the matrix is -A^-1. The determinant is the product of those of the blocks A_KK when they are swept. With
blocks, nearly all work is in products of matrices; the blocks themselves are inverted by sweeps of single rows.
"""

from __future__ import annotations

from typing import Any

import torch
from onnxscript import FLOAT, opset18, script

from dmfa_demo.lite.guided import BLOCK

op: Any = opset18


@script()
def sweep(matrix: FLOAT[...]) -> FLOAT[...]:
    """Return the inverse of a positive definite matrix `(L, L)`, and a row with the logarithm of its determinant in each place."""
    size = op.Shape(matrix, start=0, end=1)
    length = op.Squeeze(size)
    rows = op.Range(0, length, 1)
    inside = op.Range(0, BLOCK, 1)
    as_row = op.Constant(value_ints=[0])
    as_column = op.Constant(value_ints=[1])
    log_det = op.Constant(value_float=0.0)
    swept = matrix
    for block in range(length / BLOCK):
        places = block * BLOCK + inside
        chosen = op.Cast(op.Equal(op.Unsqueeze(rows, as_column), op.Unsqueeze(places, as_row)), to=1)
        other = op.Cast(op.Not(op.Equal(rows / BLOCK, block)), to=1)
        other_rows = op.Unsqueeze(other, as_column)
        other_columns = op.Unsqueeze(other, as_row)
        columns = op.Gather(swept, places, axis=1)
        pivot = op.Gather(columns, places, axis=0)
        for place in range(BLOCK):  # sweep the block itself, row by row
            here = op.Equal(inside, place)
            column = op.Gather(pivot, place, axis=1)
            diagonal = op.Gather(column, place, axis=0)
            log_det = log_det + op.Log(diagonal)
            others = op.Where(op.Or(op.Unsqueeze(here, as_column), op.Unsqueeze(here, as_row)), 0.0, pivot)
            step = op.Where(here, -1.0, column)
            pivot = others - op.Unsqueeze(step / diagonal, as_column) * op.Unsqueeze(step, as_row)
        step = columns * other_rows - chosen
        change = op.MatMul(op.MatMul(step, pivot), op.Transpose(step, perm=[1, 0]))
        swept = swept * other_rows * other_columns + change
    log_dets = op.Expand(log_det, op.Concat(as_column, size, axis=0))  # (1, L)
    return op.Concat(op.Neg(swept), log_dets, axis=0)


def translations() -> dict[Any, Any]:
    """Return the functions of this module by the operators of PyTorch that they replace, for `torch.onnx.export`."""
    return {torch.ops.dmfa_demo.inverse_and_log_det.default: sweep}
