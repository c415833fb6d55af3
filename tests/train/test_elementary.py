"""Elementary linear algebra equals torch.linalg."""

import pytest
import torch
from torch import Tensor

from train.engine import elementary

SIZES = [1, 2, 7]


def positive_definite(size: int) -> Tensor:
    half = torch.randn(3, 2, size, size + 2, dtype=torch.float64, generator=torch.Generator().manual_seed(size))
    return half @ half.mT


@pytest.mark.parametrize("size", SIZES)
def test_cholesky(size: int):
    a = positive_definite(size)
    torch.testing.assert_close(elementary.cholesky(a), torch.linalg.cholesky(a))


def test_cholesky_of_an_indefinite_matrix_is_nan():
    assert elementary.cholesky(torch.tensor([[1.0, 2.0], [2.0, 1.0]])).isnan().any()


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_triangular_systems(size: int, upper: bool):
    factor = torch.linalg.cholesky(positive_definite(size))
    a, b = factor.mT if upper else factor, torch.randn(2, size, 4, dtype=torch.float64)
    expected = torch.linalg.solve_triangular(a, b, upper=upper)
    torch.testing.assert_close(elementary.solve_triangular(a, b, upper=upper), expected)


@pytest.mark.parametrize("size", SIZES)
def test_positive_definite_systems(size: int):
    a, b = positive_definite(size), torch.randn(3, 2, size, 1, dtype=torch.float64)
    torch.testing.assert_close(elementary.cholesky_solve(b, torch.linalg.cholesky(a)), torch.linalg.solve(a, b))
