"""The map of a latent plane with known attractors, basins and stability."""

import dataclasses

import pytest
import torch

from dmfa_demo.models.autoencoder import Autoencoder, AutoencoderConfig
from dmfa_demo.models.latent_map import LatentMap, LatentPlane, cluster, grid, latent_map


def identity(z: torch.Tensor) -> torch.Tensor:
    return z


def double_well(z: torch.Tensor) -> torch.Tensor:
    """A map with fixed points at x = -1, 0, 1 on the line y = 0; the outer two attract, 0 does not."""
    x, y = z.unbind(1)
    return torch.stack([x + 0.3 * (x - x**3), 0.5 * y], 1)


def well_map(resolution: int = 30) -> LatentMap:
    """Return the map of the double well over points from (-1.5, -1) to (1.43, 1), labelled by their well."""
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(4_000, 2, generator=generator, dtype=torch.float64) * torch.tensor([2.93, 2]) - torch.tensor(
        [1.5, 1]
    )
    labels = (points[:, 0] > 0).long()
    return latent_map(
        double_well,
        decode=identity,
        points=points,
        labels=labels,
        resolution=resolution,
        steps=500,
        tolerance=1e-9,
        apart=1e-3,
    )


def test_double_well_has_its_attractors_basins_and_stability():
    found = well_map()
    torch.testing.assert_close(found.attractors.sort(0).values, torch.tensor([[-1.0, 0], [1, 0]], dtype=torch.float64), atol=1e-6, rtol=0)  # fmt: skip
    # The derivative of x + 0.3 (x - x^3) at +-1 is 0.4, the derivative of y / 2 is 0.5.
    torch.testing.assert_close(found.radii, torch.full((2,), 0.5, dtype=torch.float64), atol=1e-5, rtol=0)
    points = grid(found.low, found.high, 30)
    reached = found.attractors[found.basins][..., 0]
    assert (reached.sign() == points[..., 0].sign()).all() and (found.basins >= 0).all()
    torch.testing.assert_close(found.field, (double_well(points.view(-1, 2)) - points.view(-1, 2)).view(30, 30, 2))


def test_map_covers_the_points():
    found = well_map()
    inside = ((found.points > found.low) & (found.points < found.high)).all(1)
    assert inside.double().mean() > 0.99 and (found.low < found.points.amin(0) + 0.1).all()


def test_every_place_is_in_the_basin_of_its_well():
    found = well_map(40)
    places = torch.tensor([[-1.2, 0.5], [-0.3, -0.9], [0.4, 0.1], [9.0, 0.0]], dtype=torch.float64)
    reached = found.attractors[found.basin_of(places)][:, 0]
    assert reached.sign().tolist() == [-1, -1, 1, 1]  # places outside belong to the edge


def test_attractor_has_the_commonest_class_of_its_basin():
    found = well_map()
    assert found.classes.tolist() == (found.attractors[:, 0] > 0).long().tolist()
    few = dataclasses.replace(found, points=torch.tensor([[-1.0, 0.1]]).double(), labels=torch.tensor([7]))
    assert few.classes.tolist() == [7, 7]  # the other well is empty, so the nearest point counts


def test_saddle_is_not_an_attractor():
    places = torch.tensor([[-0.5, 0.0], [0.5, 0.0], [0.0, 0.2], [0.0, -0.2]], dtype=torch.float64).repeat(50, 1)
    found = latent_map(
        double_well,
        decode=identity,
        points=places,
        labels=places[:, 0].long(),
        resolution=5,
        steps=2_000,
        tolerance=1e-9,
        apart=1e-3,
    )
    assert found.basins[:, 2].eq(-1).all()  # the column at x = 0 stays on the ridge
    assert len(found.attractors) == 2 and (found.radii < 1).all() and found.basins[:, [0, 4]].ge(0).all()


def test_slow_place_is_not_an_attractor():
    def slow(z: torch.Tensor) -> torch.Tensor:
        """Move towards the origin, very slowly around (2, 0)."""
        pace = 0.3 * (1 - torch.exp(-20 * ((z[:, :1] - 2).square() + z[:, 1:].square()))) + 1e-7
        return z - pace * z

    places = torch.tensor([[-1.0, -1.0], [3.0, 1.0]], dtype=torch.float64).repeat(50, 1)
    found = latent_map(
        slow,
        decode=identity,
        points=places,
        labels=torch.zeros(100),
        resolution=21,
        steps=300,
        tolerance=1e-4,
        apart=0.05,
    )
    assert len(found.attractors) == 1 and found.attractors.norm() < 1e-4


def test_points_that_never_arrive_have_no_basin():
    points = torch.rand(10, 2)
    found = latent_map(
        lambda z: z + 1,
        decode=identity,
        points=points,
        labels=torch.zeros(10),
        resolution=4,
        steps=5,
        tolerance=1e-6,
        apart=0.1,
    )
    assert (found.basins == -1).all() and found.attractors.shape == (0, 2)


def test_map_round_trips_through_its_file(tmp_path):
    found = well_map()
    found.save(tmp_path)
    again = LatentMap.load(tmp_path)
    for name, tensor in vars(found).items():
        torch.testing.assert_close(getattr(again, name), tensor, rtol=0, atol=0)


def test_grid_columns_follow_the_first_latent():
    points = grid(torch.tensor([0.0, 10.0]), torch.tensor([1.0, 12.0]), 3)
    assert points[0, :, 0].tolist() == [0, 0.5, 1] and points[:, 0, 1].tolist() == [10, 11, 12]


def test_groups_are_ordered_by_size_and_contain_every_point():
    points = torch.tensor([[5.0], [0.0], [0.01], [5.02], [9.0], [0.02]])
    centres, group = cluster(points, apart=0.1)
    assert centres[:, 0].tolist() == pytest.approx([0.01, 5.01, 9.0]) and group.tolist() == [1, 0, 0, 1, 2, 0]


def test_principal_plane_equals_scikit_learns():
    from sklearn.decomposition import PCA

    model = Autoencoder(AutoencoderConfig(latents=6, widths=(8, 16))).eval()
    latents = (
        torch.randn(200, 6, generator=torch.Generator().manual_seed(0))
        @ torch.diag(torch.tensor([3.0, 0.1, 2.0, 0.5, 0.3, 0.2]))
        + 1
    )
    plane, twin = LatentPlane.principal(model, latents), PCA(2).fit(latents.numpy())
    sign = torch.sign((plane.axes * torch.from_numpy(twin.components_)).sum(1))
    torch.testing.assert_close(
        plane.place(latents), sign * torch.from_numpy(twin.transform(latents.numpy())), atol=1e-4, rtol=1e-4
    )
    places = torch.randn(5, 2, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(plane.place(plane.centre + places @ plane.axes), places)
    torch.testing.assert_close(plane.decode(places), model.decode(plane.centre + places @ plane.axes))
    images = torch.rand(3, 1, 28, 28)
    torch.testing.assert_close(plane.encode(images), plane.place(model.encode(images)))


def test_plane_of_two_latents_is_the_latent_space():
    model = Autoencoder(AutoencoderConfig(latents=2, widths=(8, 16))).eval()
    latents = torch.randn(20, 2)
    plane = LatentPlane.principal(model, latents)
    assert torch.equal(plane.place(latents), latents) and torch.equal(plane.decode(latents), model.decode(latents))
