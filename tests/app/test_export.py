"""Exports match the screen, and the code shown reproduces it."""

import dataclasses
import io
import json
import os
import re
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from dmfa_demo.app.canvas.presets import OFFERS
from dmfa_demo.app.contents import TABS
from dmfa_demo.app.lessons.lesson_player import Slice
from dmfa_demo.app.lessons.lessons import LESSONS
from dmfa_demo.app.lessons.shows import Film
from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene, measure
from dmfa_demo.app.sharing.address import Address
from dmfa_demo.app.sharing.export import COLUMNS, GAP, SIDE, Code, File, TakeAway, take_away
from dmfa_demo.app.sharing.reproduction import code_for
from dmfa_demo.app.tabs.attractors import mapped
from dmfa_demo.app.tabs.changing_mind import GROWTHS, SHARES, grown
from dmfa_demo.app.tabs.hole_walks import HoleWalk
from dmfa_demo.data.datasets import DATASETS
from dmfa_demo.figures import grey_or_colour
from dmfa_demo.models.classifier import available_classifiers
from dmfa_demo.registry import available_methods

CACHE = ImputationCache()


def visit(dataset: str = "mnist", **changed) -> tuple[Scene, Address]:
    address = Address.first(dataset).changed(**changed)
    return Scene.sample(dataset, address.sample), address


def run(address: Address) -> dict:
    names: dict = {}
    exec(code_for(address), names)
    return names


@pytest.mark.parametrize("dataset", OFFERS)
def test_code_reproduces_the_means(dataset):
    scene, address = visit(dataset)
    made = run(address)["imputations"]
    assert list(made) == list(address["methods"])
    for name, imputation in made.items():
        assert torch.equal(imputation.mean, CACHE.impute(name, scene, address.mask).mean)


def test_code_reproduces_the_walk_along_factors():
    scene, address = visit(tab="factors", of="mfa", gaussian=1, z=(0.5, -1.0, 0.0, 2.0))
    density = CACHE.impute("mfa", scene, address.mask).density
    gaussian = density.leading(5).component(1).principal()
    walked = gaussian.mean[0] + torch.tensor(address["z"]) @ gaussian.factors[0, :4]
    torch.testing.assert_close(run(address)["walked"].flatten(), walked, atol=1e-4, rtol=1e-3)


def test_code_reproduces_the_samples():
    scene, address = visit(tab="samples", noise=True, seed=4)
    made = run(address)["samples"]
    assert set(made) >= {"dmfa", "mfa", "vaeac"} and "universal-marginalizer" not in made
    for name, drawn in made.items():
        assert torch.equal(drawn, CACHE.impute(name, scene, address.mask, 4).sample(32, noise=True)[:, 0])


def test_code_reproduces_the_latent_walk():
    scene, address = visit(tab="samples", seed=2, latent=(1.5, -0.5))
    space = CACHE.impute("vaeac", scene, address.mask, 2).latents
    walked = space.decode(torch.tensor([address["latent"]]) @ space.directions(2))[0]
    torch.testing.assert_close(run(address)["walked"], walked, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(walked, space.decode(torch.zeros(1, space.count))[0], atol=0.01)


@pytest.mark.parametrize("growth", GROWTHS)
def test_code_reproduces_the_growing_hole(growth):
    _, address = visit(tab="predictions", growth=growth, hole=3)
    made = run(address)
    assert torch.equal(made["holes"], grown(growth, 3, 28, 28))
    assert {len(course) for course in made["courses"].values()} == {len(SHARES)}


def test_code_reproduces_the_walk():
    scene, address = visit(tab="attractors", step=1.0, walk=3)
    drawn = HoleWalk(scene, missing=address.mask, plane=address["map"], step_size=1.0, seed=3, cache=CACHE)
    drawn.advance(60)
    walk = drawn.walks().walks[0]
    made = run(address)
    assert walk.name == "Noise" and len(made["walk"]) >= len(walk.images)
    torch.testing.assert_close(made["walk"][: len(walk.images)], walk.images, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(made["places"][: len(walk.images)], walk.path, atol=1e-3, rtol=1e-3)


def test_code_reproduces_the_predictions():
    _, address = visit(tab="predictions")
    made = run(address)["answers"]
    assert made["complete"].argmax() == 4 and all(
        shares.sum() == pytest.approx(1, abs=1e-4) for shares in made.values()
    )


def shown(chapter: int, dataset: str) -> tuple[dict, list[Film]]:
    """Return the variables of a chapter's code, and the chapter's films."""
    scene, address = visit(dataset, tab="learn", lesson=chapter)
    lesson = LESSONS[chapter - 1]
    return run(address), lesson.show(scene, address.mask, CACHE, lesson.methods(dataset)).films


def same(film: Film, pictures: torch.Tensor):
    expected = np.stack([one.pixels for one in film.pictures]).astype(int)
    made = np.stack([grey_or_colour(one) for one in pictures]).astype(int)
    assert expected.shape == made.shape and abs(expected - made).max() <= 1 < expected.max()


@pytest.mark.parametrize("dataset", [name for name in OFFERS if mapped(name)])
def test_chapter_code_reproduces_its_films(dataset):
    made, films = shown(1, dataset)
    same(films[1], made["imputation"].mean)
    same(films[2], made["samples"][: len(films[2].pictures)])
    made, films = shown(3, dataset)
    for number, film in enumerate(films):
        same(film, made["films"][:, number])
    made, films = shown(4, dataset)
    same(films[1], made["film"])
    made, films = shown(5, dataset)
    for film, walk in zip(films, made["walks"].values(), strict=True):
        same(film, walk[torch.linspace(0, len(walk) - 1, len(film.pictures)).round().long()])


@pytest.mark.parametrize("dataset", [name for name in OFFERS if available_classifiers(name)])
def test_last_chapters_code_reproduces_its_answers(dataset):
    made, films = shown(6, dataset)
    for film, answers in zip(films, made["answers"].values(), strict=True):
        captions = [float(re.search(r"(\d+) %", one.caption).group(1)) for one in film.pictures]
        expected = 100 * (answers[:, 0] if DATASETS[dataset].several else answers.amax(1))
        assert expected.tolist() == pytest.approx(captions, abs=0.51)


def test_code_reproduces_the_slice():
    made = run(visit(tab="learn", lesson=2, slice=Slice(-1.0, 0.6))[1])
    assert made["conditional"].mean[0, 1].item() == pytest.approx(-0.6)
    assert made["conditional"].variance[0, 1].item() == pytest.approx(1 - 0.6**2)


def test_code_reads_the_figures_shown():
    made = run(visit(tab="results")[1])["rows"]
    assert {row["method"] for row in made} >= {"dmfa", "knn"} and {row["metric"] for row in made} == {"sse"}


@pytest.mark.parametrize("tab", TABS)
def test_exported_code_is_that_of_the_tab(tab):
    scene, address = visit(tab=tab)
    assert take_away("code", scene, address, CACHE) == Code(code_for(address))


def opened(file: File) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(file.content))


@pytest.mark.parametrize("dataset", OFFERS)
def test_zip_contains_every_number(dataset):
    scene, address = visit(dataset)
    archive = opened(take_away("zip", scene, address, CACHE))
    assert archive.testzip() is None
    mask = np.asarray(Image.open(archive.open("mask.png"))) > 127
    assert (mask == address.mask.numpy()).all()
    figures = json.loads(archive.read("figures.json"))["figures"]
    for name in address["methods"]:
        imputation = CACHE.impute(name, scene, address.mask)
        with np.load(archive.open(f"{name}/numbers.npz"), allow_pickle=False) as numbers:
            assert (numbers["mean"] == imputation.mean[0].numpy()).all()
            assert ("variance" in numbers) == (imputation.variance is not None)
            if name in available_methods(dataset, "has_factors"):
                means, factors, noises = (torch.from_numpy(numbers[key]) for key in ("means", "factors", "noises"))
                weights = torch.from_numpy(numbers["weights"])[:, None, None, None]
                within = (weights * (factors.square().sum(1) + noises)).sum(0)
                between = (weights * means.square()).sum(0) - (weights * means).sum(0).square()
                hidden = address.mask.expand(scene.image.shape)
                share = numbers["weights"].sum()
                if share > 0.999:  # the complete mixture is there
                    twin = torch.from_numpy(numbers["variance"])
                    torch.testing.assert_close((within + between)[hidden], twin[hidden], atol=1e-3, rtol=2e-2)
            if name == "gaussian":
                spread = torch.from_numpy(numbers["covariance"]).diagonal()
                torch.testing.assert_close(spread, imputation.variance[0, 0][address.mask], atol=1e-6, rtol=1e-4)
        assert figures[name] == dataclasses.asdict(measure(imputation, scene, address.mask))


def test_code_in_the_zip_reads_the_visitors_picture_beside_it(tmp_path, monkeypatch):
    _, address = visit()
    image = Scene.sample("mnist", 7).image
    scene = Scene.own("mnist", image)
    address = address.changed(sample=None, methods=("mean",))
    opened(take_away("zip", scene, address, CACHE)).extractall(tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec((tmp_path / "code.py").read_text(), names)
    assert torch.equal(names["images"][0], image)
    assert not (set(os.listdir(tmp_path)) & {"config.json"})


def test_sheet_shows_every_method():
    scene, address = visit()
    page = Image.open(io.BytesIO(take_away("sheet", scene, address, CACHE).content))
    rows = -(-(len(address["methods"]) + 2) // COLUMNS)
    assert page.width == COLUMNS * (SIDE + GAP) + GAP and page.height > rows * (SIDE + GAP)
    original = page.crop((GAP, GAP, GAP + SIDE, GAP + SIDE)).resize((28, 28), Image.Resampling.NEAREST)
    assert (np.asarray(original)[..., 0] == (scene.image[0] * 255).round().numpy()).all()


def test_export_works_without_a_hole_and_without_methods():
    scene, address = visit(methods=())
    nothing = address.changed(mask=address.mask & False, methods=("dmfa", "mean"))
    for one in (address, nothing):
        for wanted in ("sheet", "zip"):
            assert take_away(wanted, scene, one, CACHE).content


@pytest.mark.parametrize("payload", [None, {}, {"wanted": "../.."}, {"wanted": 5}, "zip"])
def test_unknown_export_is_refused(payload):
    with pytest.raises(Exception, match="choose one of sheet, zip, code"):
        TakeAway().preprocess(payload)


def test_numbers_are_written_alike_by_older_numpy(monkeypatch):
    """Before numpy 2.2 `savez_compressed` treated every keyword as an array, including `allow_pickle`."""
    write = np.savez_compressed

    def older(file, **arrays):
        write(file, **{name: np.asarray(array) for name, array in arrays.items() if name != "allow_pickle"})
        if "allow_pickle" in arrays:
            with zipfile.ZipFile(file, "a") as archive:
                archive.writestr("allow_pickle.npy", b"")

    monkeypatch.setattr(np, "savez_compressed", older)
    scene, address = visit(methods=("mean", "mfa"))
    archive = opened(take_away("zip", scene, address, CACHE))
    for name, held in (("mean", {"mean"}), ("mfa", {"mean", "variance", "weights", "means", "factors", "noises"})):
        with np.load(archive.open(f"{name}/numbers.npz"), allow_pickle=False) as numbers:
            assert set(numbers) == held
