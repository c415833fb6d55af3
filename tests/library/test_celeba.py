"""CelebA: folder or zip, any resolution, each person in one split only, and errors that say where to get it."""

import shutil
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from dmfa_demo.data.celeba import ALL_ATTRIBUTES, ATTRIBUTES, VIEWS, View, read_celeba
from dmfa_demo.data.datasets import PORTRAITS, load_samples, load_split

# The stand-in: each image's split and person. The last two images show a person who is in the training split too.
PARTS, PEOPLE = (0, 0, 0, 1, 2, 2, 1), (1, 1, 2, 3, 4, 2, 1)


@pytest.fixture
def stand_in(tmp_path):
    """Return a folder like CelebA's, whose images are noise at half size."""
    folder = tmp_path / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    names = [f"{number:06d}.jpg" for number in range(1, len(PARTS) + 1)]
    draw = np.random.default_rng(0)
    for name in names:
        Image.fromarray(draw.integers(0, 255, (109, 89, 3), dtype=np.uint8)).save(folder / "img_align_celeba" / name)
    values = draw.choice([-1, 1], (len(names), ALL_ATTRIBUTES))
    rows = [f"{name} {' '.join(f'{value:2d}' for value in row)}" for name, row in zip(names, values)]
    header = " ".join(f"Attribute_{place}" for place in range(ALL_ATTRIBUTES))
    (folder / "list_attr_celeba.txt").write_text("\n".join([str(len(names)), header, *rows]) + "\n")
    for file, numbers in (("list_eval_partition.txt", PARTS), ("identity_CelebA.txt", PEOPLE)):
        (folder / file).write_text("".join(f"{name} {number}\n" for name, number in zip(names, numbers)))
    return folder


def test_no_person_is_in_two_splits(stand_in):
    found = {
        split: read_celeba(stand_in, split, VIEWS["celeba"])[2].tolist() for split in ("train", "validation", "test")
    }
    assert found == {"train": [1, 2, 3], "validation": [4], "test": [5]}
    (stand_in / "identity_CelebA.txt").unlink()  # this file is optional
    assert read_celeba(stand_in, "test", VIEWS["celeba"])[2].tolist() == [5, 6]


def test_zip_is_read_like_its_folder(stand_in):
    images, labels, numbers = read_celeba(stand_in, "train", VIEWS["celeba"])
    with zipfile.ZipFile(stand_in / "img_align_celeba.zip", "w") as archive:
        for path in (stand_in / "img_align_celeba").iterdir():
            archive.write(path, f"img_align_celeba/{path.name}")
    shutil.rmtree(stand_in / "img_align_celeba")
    zipped = read_celeba(stand_in, "train", VIEWS["celeba"])
    assert images.shape == (3, 3, 64, 64) and labels.shape == (3, len(ATTRIBUTES))
    assert all(map(torch.equal, zipped, (images, labels, numbers)))


# As CelebA's own list_attr_celeba.txt names them.
OFFICIAL = """5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose Black_Hair Blond_Hair Blurry
Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair Heavy_Makeup High_Cheekbones Male Mouth_Slightly_Open
Mustache Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks Sideburns Smiling Straight_Hair Wavy_Hair
Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace Wearing_Necktie Young""".split()


def test_labels_are_the_attributes_at_their_official_positions(stand_in):
    assert len(OFFICIAL) == ALL_ATTRIBUTES
    _, labels, _ = read_celeba(stand_in, "train", VIEWS["celeba"])
    words = (stand_in / "list_attr_celeba.txt").read_text().splitlines()[3].split()[1:]  # of the second image
    values = dict(zip(OFFICIAL, words))
    assert labels[1].tolist() == [int(values[name] == "1") for name, _ in ATTRIBUTES.values()]


def test_face_without_attributes_has_unknown_labels(stand_in):
    path = stand_in / "list_attr_celeba.txt"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "000002" not in line))
    _, labels, numbers = read_celeba(stand_in, "train", VIEWS["celeba"])
    assert numbers.tolist() == [1, 2, 3]
    assert (labels[1] == -1).all() and (labels[[0, 2]] >= 0).all()


def test_attribute_list_without_images_is_read(stand_in):
    (stand_in / "list_attr_celeba.txt").write_text("0\n202599\n")
    _, labels, _ = read_celeba(stand_in, "train", VIEWS["celeba"])
    assert (labels == -1).all()


def test_limit_keeps_the_first_images(stand_in):
    assert read_celeba(stand_in, "train", VIEWS["celeba"], limit=2)[2].tolist() == [1, 2]


def test_view_is_the_same_crop_at_any_resolution():
    y, x = np.mgrid[0:218, 0:178]
    full = np.stack([x, y, x + y], -1) / 400 * 255
    full = Image.fromarray(full.astype(np.uint8))
    half = full.resize((89, 109), Image.Resampling.BOX)
    for view in VIEWS.values():
        assert np.abs(view(full).astype(int) - view(half).astype(int)).max() <= 3
    eye = View((68.5, 110.5, 70.5, 112.5), 1)(full)[:, 0, 0]
    assert np.abs(eye.astype(int) - np.array([69, 111, 180]) / 400 * 255).max() <= 2


def test_small_view_is_the_centre_of_a_resized_image():
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (218, 178, 3), dtype=np.uint8))
    whole = np.asarray(noise.resize((50, 50), Image.Resampling.BILINEAR))[9:41, 9:41].transpose(2, 0, 1)
    assert np.abs(VIEWS["celeba32"](noise).astype(int) - whole).max() <= 1


def test_missing_files_are_named_with_their_source(stand_in, tmp_path):
    with pytest.raises(FileNotFoundError, match="mmlab.ie.cuhk.edu.hk"):
        load_split("celeba", "train", tmp_path / "nowhere")
    (stand_in / "list_attr_celeba.txt").unlink()
    with pytest.raises(FileNotFoundError, match="no list_attr_celeba.txt"):
        load_split("celeba", "train", stand_in.parent)


def test_foreign_text_and_damaged_images_are_named(stand_in):
    (stand_in / "img_align_celeba" / "000002.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="000002.jpg"):
        read_celeba(stand_in, "train", VIEWS["celeba"])
    (stand_in / "list_eval_partition.txt").write_text("train 0 0\n")
    with pytest.raises(ValueError, match=r"list_eval_partition.txt is not CelebA's"):
        read_celeba(stand_in, "train", VIEWS["celeba"])
    (stand_in / "list_attr_celeba.txt").write_text("1\nnothing\n")
    with pytest.raises(ValueError, match="not CelebA's"):
        read_celeba(stand_in, "train", VIEWS["celeba"])


def test_celeba_test_images_follow_the_portraits_where_available(stand_in, monkeypatch):
    monkeypatch.setenv("DMFA_DEMO_CELEBA", str(stand_in))
    load_samples.cache_clear()
    samples = load_samples("celeba")
    load_samples.cache_clear()
    assert samples.indices.tolist() == [*range(len(PORTRAITS)), 5]
    assert torch.equal(samples.images[-1], read_celeba(stand_in, "test", VIEWS["celeba"])[0][0])


def test_real_split_is_complete(real_celeba):
    sizes = {split: len(load_split("celeba32", split, real_celeba)) for split in ("train", "validation", "test")}
    assert sizes == {"train": 8_003, "validation": 499, "test": 988}


def test_truncated_zip_is_reported(stand_in):
    whole = stand_in / "img_align_celeba.zip"
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("img_align_celeba/000001.jpg", bytes(2_000))
    whole.write_bytes(whole.read_bytes()[:1_000])
    shutil.rmtree(stand_in / "img_align_celeba")
    with pytest.raises(ValueError, match="not a complete zip file"):
        read_celeba(stand_in, "train", VIEWS["celeba"])


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_split_without_an_image_is_named(stand_in, split):
    part = {"train": 0, "validation": 1, "test": 2}[split]
    partition = stand_in / "list_eval_partition.txt"
    partition.write_text("".join(f"{line[:-1]}{(part + 1) % 3}\n" for line in partition.read_text().splitlines()))
    with pytest.raises(ValueError, match=rf"list_eval_partition.txt has no image for {split} .* --data-root"):
        read_celeba(stand_in, split, VIEWS["celeba"])
