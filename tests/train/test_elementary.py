"""Elementary linear algebra equals torch.linalg."""

import pytest
import torch
from torch import Tensor

from dmfa_demo.lite import guided
from dmfa_demo.lite.guided import BLOCK
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


@pytest.mark.parametrize("size", [BLOCK, 2 * BLOCK, 25 * BLOCK])
def test_sweep_equals_inverse_and_determinant(size: int):
    runtime = pytest.importorskip("onnxruntime")
    inverse = pytest.importorskip("train.engine.inverse", reason="needs onnxscript, which the extra train installs")
    factors = torch.randn(size, 2 * size, generator=torch.Generator().manual_seed(0))
    a = factors @ factors.mT / size + torch.eye(size)
    model = inverse.sweep.to_model_proto()
    model.ir_version = 10
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(model.SerializeToString(), options)
    (found,) = session.run(None, {"matrix": a.numpy()})
    expected, log_det = guided.inverse_and_log_det(a)
    torch.testing.assert_close(torch.from_numpy(found[:-1]), expected)
    assert found[-1] == pytest.approx(log_det.item(), rel=1e-5)
