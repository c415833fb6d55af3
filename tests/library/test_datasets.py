"""Data: bundled samples, splits, and clear errors."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from dmfa_demo.data import datasets
from dmfa_demo.data.datasets import (
    DATASETS,
    PORTRAITS,
    LabelledImages,
    load_samples,
    load_split,
    sample_caption,
    to_float,
)
from tests.conftest import VALIDATION_SIZE

OF_ONE_CLASS = ("mnist", "fashion-mnist")


@pytest.mark.parametrize("dataset", OF_ONE_CLASS)
def test_samples_are_ten_per_class(dataset):
    samples = load_samples(dataset)
    assert samples.images.shape == (100, *DATASETS[dataset].shape) and samples.images.dtype == torch.uint8
    assert torch.equal(samples.labels.bincount(), torch.full((10,), 10))
    assert len(samples.indices.unique()) == 100


def test_samples_are_the_official_test_images(real_data):
    for dataset in OF_ONE_CLASS:
        samples, test = load_samples(dataset), load_split(dataset, "test", real_data)
        assert torch.equal(test.images[samples.indices], samples.images)
        assert torch.equal(test.labels[samples.indices], samples.labels)


def test_bundled_faces_are_the_portraits_with_names():
    samples, about = load_samples("celeba"), DATASETS["celeba"]
    assert samples.images.shape == (len(PORTRAITS), *about.shape)
    assert samples.labels.shape == (len(PORTRAITS), len(about.classes)) and set(samples.labels.unique().tolist()) == {
        0,
        1,
    }
    assert "NASA" in sample_caption("celeba", 0)


def test_splits_partition_the_official_training_set(real_data):
    train, validation, test = (load_split("mnist", split, real_data) for split in ("train", "validation", "test"))
    assert (len(train), len(validation), len(test)) == (55_000, 5_000, 10_000)
    assert torch.equal(torch.cat([train.indices, validation.indices]), torch.arange(60_000))
    assert to_float(train.images[:10]).max() == 1 and train.images.shape[1:] == (1, 28, 28)


def test_local_files_are_read_without_a_network(mnist_files, monkeypatch):
    monkeypatch.setattr(datasets, "VALIDATION_SIZE", VALIDATION_SIZE)
    assert len(load_split("mnist", "train", mnist_files)) == 256


def test_mirror_images_follow_their_images():
    samples = load_samples("celeba").first(3)
    both = samples.with_mirrored()
    assert torch.equal(both.images[3:], samples.images.flip(-1)) and torch.equal(both.images[:3], samples.images)
    assert torch.equal(both.labels[3:], samples.labels) and torch.equal(both.indices[3:], samples.indices)


def test_images_in_several_classes_cannot_be_selected_by_class():
    with pytest.raises(ValueError, match="cannot be selected by class"):
        load_samples("celeba").only([0])


def test_unknown_data_sets_are_refused():
    with pytest.raises(ValueError, match="accepted: mnist, fashion-mnist, omniglot, celeba"):
        load_split("cifar", "train")
    with pytest.raises(ValueError, match="fashion-mnist, mnist, omniglot"):
        load_samples("../mnist")


def test_missing_data_error_without_a_network_says_what_to_do(tmp_path, monkeypatch):
    from torchvision import datasets

    def offline(self):
        raise RuntimeError("no network")

    monkeypatch.setattr(datasets.MNIST, "download", offline)
    with pytest.raises(FileNotFoundError, match="--data-root"):
        load_split("mnist", "train", tmp_path)


def root_with(folder: Path, training: int, test: int) -> Path:
    """Write a torchvision root with this many blank digits."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, count in (("train", training), ("t10k", test)):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 0x803, count, 28, 28) + bytes(784 * count))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 0x801, count) + bytes(count))
    return folder


@pytest.mark.parametrize("split", ["train", "validation"])
@pytest.mark.parametrize("count", [10, 5_000])
def test_too_few_training_images_for_validation_are_refused(tmp_path, split, count):
    with pytest.raises(ValueError, match=f"there are {count} images in the training part in .*MNIST/raw, which needs at least "
                       "5,001: its last 5,000 are for validation; delete them, .* or name another folder with --data-root"):  # fmt: skip
        load_split("mnist", split, root_with(tmp_path, count, 10))


def test_one_training_image_besides_validation_is_enough(tmp_path):
    root = root_with(tmp_path, 5_001, 1)
    assert [len(load_split("mnist", split, root)) for split in ("train", "validation", "test")] == [1, 5_000, 1]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_empty_data_set_is_refused(tmp_path, split):
    with pytest.raises(ValueError, match="MNIST/raw .*name another folder with --data-root"):
        load_split("mnist", split, root_with(tmp_path, 0, 0))


def test_files_with_other_contents_are_named(tmp_path):
    root = root_with(tmp_path, 5_001, 1)
    (tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte").write_bytes(b"<html>not found</html>")
    with pytest.raises(
        ValueError, match="the files in .*MNIST/raw are damaged .* or name another folder with --data-root"
    ):
        load_split("mnist", "train", root)


def test_class_without_images_is_refused():
    with pytest.raises(
        ValueError, match=r"no image is in one of the classes \(11,\); available: \[0, 1, 2, 3, 4, 5, 6, 7, 8, 9\]"
    ):
        load_samples("mnist").only([11])


def test_labelled_leaves_out_images_without_labels():
    images = torch.zeros(3, 1, 2, 2, dtype=torch.uint8)
    one = LabelledImages(images, torch.tensor([4, -1, 0]), torch.arange(3)).labelled()
    assert one.labels.tolist() == [4, 0] and one.indices.tolist() == [0, 2] and len(one.images) == 2
    several = LabelledImages(images, torch.tensor([[1, 0], [-1, -1], [0, 0]]), torch.arange(3)).labelled()
    assert several.indices.tolist() == [0, 2]


class FewPhotos:
    """A stand-in for torchvision's CIFAR-10 and SVHN, with few random photos."""

    def __init__(self, root: str, download: bool, train: bool = True, split: str = ""):
        train, like_svhn = (split == "train" if split else train), bool(split)
        generator = torch.Generator().manual_seed(int(train))
        pixels = torch.randint(256, (40, 3, 32, 32), generator=generator, dtype=torch.uint8).numpy()
        labels = [row % 10 for row in range(40)]
        if like_svhn:
            self.data, self.labels = pixels, np.array(labels)
        else:
            self.data, self.targets = pixels.transpose(0, 2, 3, 1), labels


@pytest.fixture
def few_photos(monkeypatch):
    for name in ("CIFAR10", "SVHN"):
        monkeypatch.setattr(torchvision.datasets, name, FewPhotos)
    monkeypatch.setattr(datasets, "VALIDATION_SIZE", 10)


@pytest.mark.parametrize("dataset", ["cifar10", "svhn"])
def test_photos_have_three_splits(few_photos, dataset):
    parts = {split: load_split(dataset, split) for split in ("train", "validation", "test")}
    assert [len(part) for part in parts.values()] == [30, 10, 40]
    for part in parts.values():
        assert part.images.shape[1:] == (3, 32, 32) == DATASETS[dataset].shape and part.labels.dtype == torch.int64
        assert part.images.dtype == torch.uint8
    known = {bytes(image.numpy()) for image in torch.cat([parts["train"].images, parts["validation"].images])}
    assert len(known) == 40


def test_cifar_in_a_folder_has_the_same_splits_as_torchvisions(few_photos, tmp_path):
    names = DATASETS["cifar10"].classes
    for train in (True, False):
        found = FewPhotos("", True, train=train)
        for row, (pixels, label) in enumerate(zip(found.data, found.targets)):
            place = tmp_path / "cifar10" / ("train" if train else "test") / names[label]
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(place / f"{97 * row % 40}.png")
    for split in ("train", "validation", "test"):
        folder, official = load_split("cifar10", split, tmp_path), load_split("cifar10", split)
        assert torch.equal(folder.images, official.images) and torch.equal(folder.labels, official.labels)
