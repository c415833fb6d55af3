"""The Attractors tab without a browser: short calls that add up to the library's walks, and holes that differ by one pixel."""

import shutil
from contextlib import suppress
from dataclasses import fields

import gradio as gr
import pytest
import torch

from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene
from dmfa_demo.app.tabs.attractors import AttractorsTab, Run, mapped
from dmfa_demo.app.tabs.hole_walks import STEPS, TOLERANCE, HoleWalk, load_map, load_plane
from dmfa_demo.app.tabs.walk_player import Walks
from dmfa_demo.data.masks import mask_family
from dmfa_demo.models.dynamics import impute_along
from dmfa_demo.models.latent_map import MAP
from dmfa_demo.registry import load_imputer
from dmfa_demo.storage.checkpoints import CONFIG, ROOT, WEIGHTS

TAB = AttractorsTab(**dict.fromkeys(field.name for field in fields(AttractorsTab)))
SCENE = Scene.sample("mnist", 42)
MISSING = mask_family("square14")(1, 28, 28, torch.Generator().manual_seed(4))[0, 0]
PLANE = "autoencoder-2d"


def cut(folder):
    whole = (folder / MAP).read_bytes()
    (folder / MAP).write_bytes(whole[: len(whole) // 2])


def without_weights(folder):
    (folder / WEIGHTS).unlink()


def broken_config(folder):
    (folder / CONFIG).write_text('{"network": {')


def config_of_another_model(folder):
    (folder / CONFIG).write_text('{"network": {}, "training": {}}')


@pytest.mark.parametrize("spoil", [cut, without_weights, broken_config, config_of_another_model])
def test_damaged_map_is_left_out_and_the_others_stay(tmp_path, monkeypatch, spoil):
    for folder in mapped("mnist"):
        shutil.copytree(ROOT / "mnist" / folder, tmp_path / "mnist" / folder)
    for module in ("storage.checkpoints", "registry", "app.tabs.attractors", "app.tabs.hole_walks"):
        monkeypatch.setattr(f"dmfa_demo.{module}.ROOT", tmp_path)
    monkeypatch.setattr("dmfa_demo.storage.checkpoints._DAMAGED", set())
    load_map.cache_clear(), load_plane.cache_clear()
    spoil(tmp_path / "mnist" / PLANE)
    with gr.Blocks():
        AttractorsTab.build("mnist")
    try:
        with suppress(ValueError):  # reported to the first caller
            load_plane("mnist", PLANE)
        assert list(mapped("mnist")) == ["autoencoder-2d-012"]
        walks, *_ = TAB.render(SCENE, MISSING, ImputationCache(), PLANE, 0.3, 0, Run(), None)
        assert walks.plane == "autoencoder-2d-012" and len(walks.maps.planes) == 1
    finally:
        load_map.cache_clear(), load_plane.cache_clear()


def walk_to_the_end(
    step_size: float = 0.3, seed: int = 0, missing: torch.Tensor = MISSING
) -> tuple[Walks, str, HoleWalk]:
    run = Run()
    inputs = SCENE, missing, ImputationCache(), PLANE, step_size, seed, run, "mnist"
    walks, strip, _, clock = TAB.render(*inputs)
    while clock.active:
        further, strip, _, clock = TAB.advance(*inputs)
        walks = walks if isinstance(further, dict) else further  # skipped if unchanged
    assert run.walk is not None
    return walks, strip, run.walk


def test_short_calls_add_up_to_the_librarys_walks():
    walks, strip, walk = walk_to_the_end()
    model = load_plane("mnist", PLANE)
    noise = torch.rand(1, 28, 28, generator=torch.Generator().manual_seed(0))
    start = torch.where(MISSING, noise, SCENE.image)[None]
    with torch.inference_mode():
        twin = [
            state.points
            for state in impute_along(
                model.reconstruct,
                start=start,
                missing=MISSING[None, None],
                step_size=0.3,
                steps=STEPS,
                tolerance=TOLERANCE,
            )
        ]
        ours = walks.walks[0]
        assert len(ours.images) == len(twin) and ours.arrived == (len(twin) <= STEPS)
        torch.testing.assert_close(ours.images, torch.cat(twin), atol=1e-4, rtol=0)
        torch.testing.assert_close(ours.path, model.encode(torch.cat(twin)), atol=1e-3, rtol=1e-3)
    assert not walks.more and [walk.name for walk in walks.walks] == ["Noise", "Training mean", "k-NN", "DMFA"]
    assert strip.count("<img") == 7 and walk.done


def test_denoising_walks_beside_the_auto_encoder():
    run = Run()
    inputs = SCENE, MISSING, ImputationCache(), PLANE, 0.3, 0, run, "mnist", "all"
    walks, _, _, clock = TAB.render(*inputs)
    while clock.active:
        further, _, _, clock = TAB.advance(*inputs)
        walks = walks if isinstance(further, dict) else further
    assert [walk.name for walk in walks.walks][-1] == "Diffusion" and not walks.more
    found, model = walks.walks[-1], load_plane("mnist", PLANE)
    steps = load_imputer("diffusion", "mnist").filling(SCENE.image[None], MISSING[None, None], 1, seed=0)
    with torch.inference_mode():
        twin = torch.stack([filled[0, 0] for filled, _ in steps])
        torch.testing.assert_close(found.images, twin)
        torch.testing.assert_close(found.path, model.encode(twin), atol=1e-4, rtol=1e-4)
        moved = ((model.reconstruct(twin) - twin)[:, 0] * MISSING).flatten(1).norm(dim=1)
    torch.testing.assert_close(found.residual, moved, atol=1e-4, rtol=1e-4)
    assert not found.arrived and found.residual[-1] > TOLERANCE  # a sample, and no fixed point
    assert torch.equal(found.images[-1, 0, ~MISSING], SCENE.image[0, ~MISSING])


def test_first_answer_comes_before_the_end_and_the_walks_continue():
    run = Run()
    first = TAB.render(SCENE, MISSING, ImputationCache(), PLANE, 0.3, 0, run, "mnist")
    walk = run.walk
    assert first[-1].active and first[0].more and first[1] == "" and len(first[0].walks[0].path) >= 1
    again = TAB.render(SCENE, MISSING, ImputationCache(), PLANE, 0.3, 0, run, "mnist")
    assert run.walk is walk and again[0].number == first[0].number
    assert len(again[0].walks[0].path) > len(first[0].walks[0].path)


def test_maps_come_with_the_first_walks_of_a_data_set():
    new = TAB.render(SCENE, MISSING, ImputationCache(), PLANE, 0.3, 0, Run(), "fashion-mnist")
    assert new[2] == "mnist" and new[0].maps.kinds == tuple("0123456789")
    assert TAB.render(SCENE, MISSING, ImputationCache(), PLANE, 0.3, 0, Run(), "mnist")[0].maps is None
    stale = TAB.render(SCENE, MISSING, ImputationCache(), "of another data set", 0.3, 0, Run(), "mnist")
    assert stale[0].plane == PLANE


def test_visible_pixels_are_fixed_and_all_walks_have_the_same_hole():
    walks, *_ = walk_to_the_end(step_size=1.0)
    for walk in walks.walks:
        assert torch.equal(walk.images[:, 0, ~MISSING], SCENE.image[0, ~MISSING].expand(len(walk.images), -1))


@pytest.mark.parametrize("change", ["hole", "seed", "step size", "scene"])
def test_changed_inputs_end_the_run(change):
    run = Run()
    TAB.render(SCENE, MISSING, ImputationCache(), PLANE, 0.3, 0, run, "mnist")
    before = run.walk
    assert before is not None
    scene = Scene.sample("mnist", 3) if change == "scene" else SCENE
    missing = ~MISSING if change == "hole" else MISSING
    inputs = PLANE, 1.0 if change == "step size" else 0.3, 5 if change == "seed" else 0
    late = TAB.advance(scene, missing, ImputationCache(), *inputs, run, "mnist")
    assert not late[-1].active and all(isinstance(one, dict) for one in late[:3]), "a late tick changes nothing"
    fresh = TAB.render(scene, missing, ImputationCache(), *inputs, run, "mnist")
    assert run.walk is not before and fresh[0].number != before.number


def test_same_seed_starts_from_the_same_random_pixels():
    starts = [walk_to_the_end(seed=seed)[0].walks[0].images[0] for seed in (0, 0, 1)]
    assert torch.equal(starts[0], starts[1]) and not torch.equal(starts[0], starts[2])


def test_without_a_hole_only_the_place_of_the_picture_is_shown():
    nothing = torch.zeros_like(MISSING)
    run = Run()
    walks, strip, shown, clock = TAB.render(SCENE, nothing, ImputationCache(), PLANE, 0.3, 0, run, None)
    assert shown == "mnist" and list(walks.maps.planes) == list(mapped("mnist"))
    assert walks.walks == [] and walks.truth.shape == (2,) and "Nothing is hidden" in strip
    assert run.walk is None and not clock.active


def test_full_mask_and_a_single_pixel_are_accepted():
    corner = torch.zeros_like(MISSING)
    corner[0, 0] = True
    for missing, holes in ((torch.ones_like(MISSING), 7), (corner, 4)):  # shifts out of the image leave no hole
        walks, strip, _ = walk_to_the_end(missing=missing)
        assert strip.count("<img") == holes and all(walk.images.isfinite().all() for walk in walks.walks)


def test_walk_from_a_chosen_place_ends_at_its_basins_attractor():
    plane, model = load_map("mnist", PLANE), load_plane("mnist", PLANE)
    places = plane.low + torch.rand(40, 2, generator=torch.Generator().manual_seed(0)) * (plane.high - plane.low)
    basins, near = plane.basin_of(places), 0
    for place, basin in zip(places, basins.tolist()):
        walk = TAB.drop(SCENE, (PLANE, place)).walk
        assert torch.equal(walk.path[0], place) and len(walk.images) == len(walk.path) == len(walk.residual)
        torch.testing.assert_close(walk.images[0], model.decode(place[None])[0].detach())
        near += basin >= 0 and bool((walk.path[-1] - plane.attractors[basin]).norm() < 0.1 * plane.points.std())
    assert near >= 37  # the others start near a border, where the grid is too coarse
    assert TAB.drop(SCENE, None) is None
    far = TAB.drop(SCENE, (PLANE, torch.tensor([1e6, -1e6]))).walk.path[0]
    assert torch.equal(far, torch.stack([plane.high[0], plane.low[1]])), "a walk starts on the map"
    with pytest.raises(ValueError, match="no map 'there'"):
        TAB.drop(SCENE, ("there", places[0]))


@torch.inference_mode()
def test_every_map_belongs_to_an_auto_encoder_with_two_latents():
    planes = mapped("mnist")
    assert planes == {"autoencoder-2d": "All classes", "autoencoder-2d-012": "Only 0, 1, 2"}
    for folder in planes:
        plane, model = load_map("mnist", folder), load_plane("mnist", folder)
        torch.testing.assert_close(model.decode(plane.attractors), plane.pictures, atol=1e-4, rtol=0)
        later = plane.attractors
        for _ in range(500):
            later = model.encode(model.decode(later))
        assert (later - plane.attractors).norm(dim=1).max() < 0.01 * plane.points.std(), "an attractor does not move"
        assert torch.pdist(plane.attractors).min() > 0.01 * plane.points.std()
        assert (plane.radii < 1).all() and (plane.basins >= 0).double().mean() > 0.9
