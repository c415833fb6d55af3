"""The latent walk without a browser: its directions for a known decoder, and its sliders."""

import pytest
import torch

from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene
from dmfa_demo.app.tabs.latent_walk import DIRECTIONS, STOPS, LatentWalk
from dmfa_demo.data.masks import mask_family
from dmfa_demo.imputation import LatentSpace

WALK = LatentWalk(box=None, seed=None, here=None, paths=(None, None), sliders=())
SCENE = Scene.sample("mnist", 42)
MISSING = mask_family("square14")(1, 28, 28, torch.Generator().manual_seed(4))[0, 0]


def render(*steps: float, missing: torch.Tensor = MISSING) -> list[str]:
    return WALK.render(SCENE, missing, ImputationCache(), sliders=steps, seed=0)


def test_directions_are_those_of_greatest_change_of_a_linear_decoder():
    generator = torch.Generator().manual_seed(0)
    basis = torch.linalg.qr(torch.randn(5, 5, generator=generator))[0]
    pictures = torch.zeros(5, 1, 2, 3)
    # The strength and the place of each basis vector's change.
    for place, strength in enumerate((0.5, -3.0, 0.1, 2.0, 1.0)):
        pictures.view(5, -1)[place, place] = strength

    def decode(z: torch.Tensor) -> torch.Tensor:
        return 0.5 + torch.einsum("sk,kchw->schw", z @ basis.mT, pictures)[:, None]

    found = LatentSpace(5, decode).directions(2)
    torch.testing.assert_close(found, torch.stack([-basis[1], basis[3]]), atol=1e-4, rtol=1e-4)


def test_sliders_move_the_answer_and_its_paths():
    still, moved = render(0.0, 0.0), render(1.5, 0.0)
    assert still == render(0.0, 0.0)
    assert [one == other for one, other in zip(still, moved)] == [False, True, False]
    assert "At +1.5, +0.0" in moved[0] and all(path.count("<img") == STOPS for path in moved[1:])


def test_path_passes_through_the_sliders_position():
    here, first, second = render(1.5, 2.0)
    address = here.split('src="')[1].split('"')[0]
    assert address in second and address not in first


@pytest.mark.parametrize("steps", [("1", 0.0), (None, 0.0), (4.0, 0.0), (float("nan"), 0.0)])
def test_sliders_out_of_range_are_refused(steps):
    with pytest.raises(ValueError, match="slider's range is -3 to 3"):
        render(*steps)


def test_without_a_hole_there_is_no_walk():
    contents = render(0.0, 0.0, missing=torch.zeros(28, 28, dtype=torch.bool))
    assert "Nothing is hidden" in contents[0] and contents[1:] == [""] * DIRECTIONS
