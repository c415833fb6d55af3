"""A folder of images: splits, classes, sizes, colours, and errors that say what to do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dmfa_demo.data.datasets import DATASETS, load_samples, load_split, sample_caption, use_folder
from dmfa_demo.data.folder import SPLITS, Folder
from dmfa_demo.storage.own_data import ABOUT, EACH, MOST, SAMPLES, choose_samples, describe, find_described
from tests.pictures import draw_pictures, known_data_sets_kept


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    with known_data_sets_kept():
        yield


def numbers(folder: Folder) -> dict[str, set[int]]:
    return {split: set(folder.read(split)[2].tolist()) for split in SPLITS}


def test_every_image_is_in_one_split_whatever_else_is_in_the_folder(tmp_path: Path):
    path = draw_pictures(tmp_path / "pets")
    folder = Folder(path, 20)
    found = numbers(folder)
    assert sorted(number for split in found.values() for number in split) == list(range(120))
    assert all(len(found[split]) in range(3, 25) for split in ("validation", "test"))
    test = {folder.files[number] for number in found["test"]}
    (path / "cats" / "notes.txt").touch()
    Image.new("RGB", (8, 8)).save(path / "cats" / "another.png")
    more = Folder(path, 20)
    assert {more.files[number] for number in numbers(more)["test"]} - {path / "cats" / "another.png"} == test


@pytest.mark.parametrize("parts", [("train", "test"), SPLITS])
def test_parts_of_a_folder_are_kept(tmp_path: Path, parts: tuple[str, ...]):
    for part in parts:
        draw_pictures(tmp_path / "pets" / part)
    folder = Folder(tmp_path / "pets", 20)
    assert folder.classes == ("cats", "dogs")
    for split, found in numbers(folder).items():
        names = {folder.files[number].relative_to(tmp_path / "pets").parts[0] for number in found}
        assert names == {split if split in parts else "train"}
    assert len(numbers(folder)["test"]) == 120


def test_classes_are_the_folders_names(tmp_path: Path):
    folder = Folder(draw_pictures(tmp_path / "pets"), 20)
    images, labels, found = folder.read("train")
    assert images.dtype == torch.uint8 and images.shape[1:] == folder.shape == (3, 20, 20)
    for label, number in zip(labels, found):
        assert folder.files[number].parent.name == folder.classes[label]
    assert images[labels == 0].float().mean() < 90 < 120 < images[labels == 1].float().mean()


def test_a_folder_without_subfolders_has_no_classes(tmp_path: Path):
    path = draw_pictures(tmp_path / "pets")
    for image in (path / "cats").iterdir():
        image.rename(path / image.name)
    folder = Folder(path, 20)
    assert folder.classes == () and set(folder.read("train")[1].tolist()) == {-1}


def test_grey_images_have_one_channel(tmp_path: Path):
    path = draw_pictures(tmp_path / "pets", mode="L")
    assert Folder(path, 28).shape == (1, 28, 28)
    Image.new("RGB", (30, 30), (10, 10, 10)).save(path / "cats" / "colour.png")
    assert Folder(path, 28).shape == (3, 28, 28)


def read_one(path: Path, image: Image.Image, name: str = "0.png", **options: object) -> np.ndarray:
    """Return the pixels `(H, W, C)` of an image read at 20 x 20."""
    for part in SPLITS:
        (path / part).mkdir(parents=True, exist_ok=True)
        image.save(path / part / name, **options)
    return Folder(path, 20).read("train")[0][0].permute(1, 2, 0).numpy()


def test_the_middle_of_an_image_is_used(tmp_path: Path):
    wide = Image.new("RGB", (60, 20), "red")
    wide.paste("blue", (20, 0, 40, 20))
    assert (read_one(tmp_path, wide) == (0, 0, 255)).all()


def test_photos_are_turned_upright(tmp_path: Path):
    photo = Image.new("RGB", (16, 20), "red")
    photo.paste("blue", (0, 0, 16, 8))  # on top of the file
    exif = Image.Exif()
    exif[0x0112] = 3  # the camera was upside down
    turned = read_one(tmp_path, photo, "0.jpg", exif=exif, quality=100)
    assert turned[19, 4, 2] > 200 > 50 > turned[0, 4, 2]


def test_transparent_pixels_are_white(tmp_path: Path):
    assert (read_one(tmp_path, Image.new("RGBA", (8, 8), (200, 0, 0, 0))) == 255).all()


@pytest.mark.parametrize(("kind", "top"), [(np.uint16, 65_535), (np.float32, 1)], ids=["16 bits", "floats"])
def test_deep_grey_levels_keep_their_range(tmp_path: Path, kind: type, top: float):
    ramp = np.linspace(0, top, 20).astype(kind)
    found = read_one(tmp_path, Image.fromarray(np.tile(ramp, (20, 1))), "0.tif")
    assert found.shape == (20, 20, 1)
    np.testing.assert_allclose(found[10, :, 0], np.linspace(0, 255, 20), atol=2)


def test_hidden_files_are_ignored(tmp_path: Path):
    path = draw_pictures(tmp_path / "pets")
    (path / "cats" / "._0.png").write_bytes(b"of a Mac")
    for name in (".ipynb_checkpoints", "__MACOSX"):
        (path / name).mkdir()
        shutil.copy(path / "cats" / "0.png", path / name)
    folder = Folder(path, 20)
    assert folder.classes == ("cats", "dogs") and len(folder.files) == 120


def test_files_beside_the_parts_are_ignored_and_val_is_validation(tmp_path: Path):
    path = tmp_path / "pets"
    for part in ("train", "val", "test"):
        draw_pictures(path / part)
    shutil.copy(path / "test" / "cats" / "0.png", path / "preview.png")
    folder = Folder(path, 20)
    assert folder.classes == ("cats", "dogs") and [len(found) for found in numbers(folder).values()] == [120] * 3
    shutil.rmtree(path / "test")
    with pytest.raises(ValueError, match="has only one of the folders train and test; make both, or neither"):
        Folder(path, 20)


def test_linked_folders_are_followed_but_not_forever(tmp_path: Path):
    path = draw_pictures(tmp_path / "pets")
    (path / "dogs").rename(tmp_path / "elsewhere")
    (path / "dogs").symlink_to(tmp_path / "elsewhere")
    assert Folder(path, 20).classes == ("cats", "dogs")
    (path / "again").symlink_to(path)
    assert len(Folder(path, 20).files) < 120 * 20


def test_the_name_of_a_data_set_is_that_of_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = draw_pictures(tmp_path / "写真 Größe_2")
    assert Folder(path, 20).name == "写真-größe-2"
    (tmp_path / "link").symlink_to(path)
    assert Folder(tmp_path / "link", 20).name == "link"
    monkeypatch.chdir(path)
    assert Folder(Path(), 20).title == "写真 Größe_2"


def test_every_class_has_samples(tmp_path: Path):
    classes = tuple(f"kind {number:02d}" for number in range(30))
    name = use_folder(Folder(draw_pictures(tmp_path / "kinds", classes, count=40), 20))
    chosen = choose_samples(load_split(name, "test"))
    assert len(chosen.labels.unique()) == len(load_split(name, "test").labels.unique()) > 25 and len(chosen) <= MOST


@pytest.mark.parametrize("size", [0, 4, 30, 260])
def test_other_sizes_are_refused(tmp_path: Path, size: int):
    with pytest.raises(ValueError, match=f"--size must be from 8 to 256 and divisible by 4.*got {size}"):
        Folder(draw_pictures(tmp_path / "pets", count=1), size)


def test_bad_folders_are_named(tmp_path: Path):
    with pytest.raises(ValueError, match="there is no folder .*pets"):
        Folder(tmp_path / "pets", 32)
    with pytest.raises(ValueError, match="has no images"):
        Folder(tmp_path, 32)
    path = draw_pictures(tmp_path / "mnist")
    with pytest.raises(ValueError, match="mnist is a data set of the project; rename the folder"):
        use_folder(Folder(path, 32))
    with pytest.raises(ValueError, match="has 2 images, none of them for (validation|test|train); add images"):
        Folder(draw_pictures(tmp_path / "few", count=1), 32)


def test_damaged_images_are_named(tmp_path: Path):
    path = draw_pictures(tmp_path / "pets")
    good = (path / "cats" / "0.png").read_bytes()
    for content in (b"", b"not an image", good[:200]):
        (path / "cats" / "0.png").write_bytes(content)
        with pytest.raises(ValueError, match="/0.png cannot be read as an image .*; delete it") as found:
            for split in SPLITS:
                Folder(path, 32).read(split)
        assert str(found.value).count("0.png") == 1


def test_all_damaged_images_of_a_split_are_named_at_once(tmp_path: Path):
    path = draw_pictures(tmp_path / "pets")
    training = [file for file in Folder(path, 32).files if Folder(path, 32)._split_of(file) == "train"]
    for file in training[:12]:
        file.write_bytes(b"not an image")
    with pytest.raises(ValueError, match="^12 files are not readable images; delete them") as found:
        Folder(path, 32).read("train")
    assert [str(file) in str(found.value) for file in training[:12]] == [True] * 10 + [False] * 2
    assert str(found.value).endswith("and 2 more")
    assert len(Folder(path, 32).read("test")[0])  # the other splits are whole


def test_folder_of_damaged_images_only_is_reported(tmp_path: Path):
    path = draw_pictures(tmp_path / "pets")
    for file in Folder(path, 32).files:
        file.write_bytes(b"not an image")
    with pytest.raises(ValueError, match="files are not readable images"):
        Folder(path, 32).read("train")


def test_a_described_data_set_is_found_again(tmp_path: Path):
    name = use_folder(Folder(draw_pictures(tmp_path / "My pets!"), 20), "public domain")
    assert name == "my-pets" and len(load_split(name, "train")) > 80
    root = tmp_path / "checkpoints"
    describe(root / name, name)
    DATASETS[name] = replace(DATASETS[name], licence="")
    describe(root / name, name)  # by another training, without a licence
    expected = DATASETS.pop(name)
    assert find_described(root) == [name]
    found = DATASETS[name]
    assert (found.title, found.shape, found.classes, found.licence) == (
        "My pets!",
        (3, 20, 20),
        ("cats", "dogs"),
        "public domain",
    )
    assert found.kinds == expected.kinds
    samples = load_samples(name)
    assert samples.images.shape[1:] == found.shape and samples.labels.bincount().max() <= EACH
    assert sample_caption(name, 0).startswith("cats, test image ")
    assert set(samples.indices.tolist()) <= numbers(Folder(tmp_path / "My pets!", 20))["test"]


def test_damaged_descriptions_are_left_out_with_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    name = use_folder(Folder(draw_pictures(tmp_path / "pets"), 20))
    describe(tmp_path / "root" / name, name)
    about = (tmp_path / "root" / name / ABOUT).read_text()
    for place, content in (("no-json", "{"), ("no-shape", "{}"), ("no-samples", about), ("mnist", about)):
        (tmp_path / "root" / place).mkdir()
        (tmp_path / "root" / place / ABOUT).write_text(content)
    samples = (tmp_path / "root" / name / SAMPLES).read_bytes()
    for place, content in (("empty", b""), ("cut-off", samples[:-100]), ("no-zip", b"samples")):
        (tmp_path / "root" / place).mkdir()
        (tmp_path / "root" / place / ABOUT).write_text(about)
        (tmp_path / "root" / place / SAMPLES).write_bytes(content)
    (tmp_path / "root" / "fewer-classes").mkdir()
    (tmp_path / "root" / "fewer-classes" / ABOUT).write_text(about.replace('"cats",', ""))
    (tmp_path / "root" / "fewer-classes" / SAMPLES).write_bytes(samples)
    (tmp_path / "root" / "other-size").mkdir()
    (tmp_path / "root" / "other-size" / ABOUT).write_text(about.replace("20", "32"))
    (tmp_path / "root" / "other-size" / SAMPLES).write_bytes((tmp_path / "root" / name / SAMPLES).read_bytes())
    assert find_described(tmp_path / "root") == [name]
    said = capsys.readouterr().err
    assert {path.name for path in (tmp_path / "root").iterdir() if f"/{path.name}/" not in said} == {name}
