"""The map of a plane whose attractors, basins and stability are known."""

import pytest
import torch

from dmfa_demo.models.attractors import cluster, grid, latent_map


def double_well(z: torch.Tensor) -> torch.Tensor:
    """Fixed points at x = -1, 0, 1 on the line y = 0; those at the ends attract, 0 does not."""
    x, y = z.unbind(1)
    return torch.stack([x + 0.3 * (x - x**3), 0.5 * y], 1)


def test_attractors_basins_and_stability_are_those_of_a_double_well():
    low, high = torch.tensor([-1.5, -1.0], dtype=torch.float64), torch.tensor([1.43, 1.0], dtype=torch.float64)
    found = latent_map(double_well, low, high, 30, steps=500, tolerance=1e-9, apart=1e-3)
    torch.testing.assert_close(found.attractors.sort(0).values, torch.tensor([[-1.0, 0], [1, 0]], dtype=torch.float64), atol=1e-6, rtol=0)  # fmt: skip
    # The derivative of x + 0.3 (x - x^3) at +-1 is 0.4, that of y / 2 is 0.5.
    torch.testing.assert_close(found.radii, torch.full((2,), 0.5, dtype=torch.float64), atol=1e-5, rtol=0)
    x = grid(low, high, 30)[..., 0]
    reached = found.attractors[found.basins][..., 0]
    assert (reached.sign() == x.sign()).all() and (found.basins >= 0).all()
    points = grid(low, high, 30).view(-1, 2)
    torch.testing.assert_close(found.field.view(-1, 2), double_well(points) - points)


def test_points_that_never_arrive_have_no_basin():
    low, high = torch.zeros(2), torch.ones(2)
    found = latent_map(lambda z: z + 1, low, high, 4, steps=5, tolerance=1e-6, apart=0.1)
    assert (found.basins == -1).all() and found.attractors.shape == (0, 2)


def test_the_grid_goes_along_the_first_latent_in_columns():
    points = grid(torch.tensor([0.0, 10.0]), torch.tensor([1.0, 12.0]), 3)
    assert points[0, :, 0].tolist() == [0, 0.5, 1] and points[:, 0, 1].tolist() == [10, 11, 12]


def test_groups_are_ordered_by_their_size_and_every_point_finds_its_own():
    points = torch.tensor([[5.0], [0.0], [0.01], [5.02], [9.0], [0.02]])
    centres, group = cluster(points, apart=0.1)
    assert centres[:, 0].tolist() == pytest.approx([0.01, 5.01, 9.0]) and group.tolist() == [1, 0, 0, 1, 2, 0]
