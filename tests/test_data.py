"""Data: bundled samples, splits, and clear errors."""

import pytest
import torch

from dmfa_demo.data import DATASETS, PORTRAITS, load_samples, load_split, sample_caption, to_float

OF_ONE_CLASS = ("mnist", "fashion-mnist")


@pytest.mark.parametrize("dataset", OF_ONE_CLASS)
def test_samples_are_ten_of_each_class(dataset):
    samples = load_samples(dataset)
    assert samples.images.shape == (100, *DATASETS[dataset].shape) and samples.images.dtype == torch.uint8
    assert torch.equal(samples.labels.bincount(), torch.full((10,), 10))
    assert len(samples.indices.unique()) == 100


def test_samples_are_the_official_test_images(real_data):
    for dataset in OF_ONE_CLASS:
        samples, test = load_samples(dataset), load_split(dataset, "test", real_data)
        assert torch.equal(test.images[samples.indices], samples.images)
        assert torch.equal(test.labels[samples.indices], samples.labels)


def test_the_bundled_faces_are_the_portraits_and_have_names():
    samples, about = load_samples("celeba"), DATASETS["celeba"]
    assert samples.images.shape == (len(PORTRAITS), *about.shape)
    assert samples.labels.shape == (len(PORTRAITS), len(about.classes)) and set(samples.labels.unique().tolist()) == {
        0,
        1,
    }
    assert "NASA" in sample_caption("celeba", 0)


def test_splits_part_the_official_training_set(real_data):
    train, validation, test = (load_split("mnist", split, real_data) for split in ("train", "validation", "test"))
    assert (len(train), len(validation), len(test)) == (55_000, 5_000, 10_000)
    assert torch.equal(torch.cat([train.indices, validation.indices]), torch.arange(60_000))
    assert to_float(train.images[:10]).max() == 1 and train.images.shape[1:] == (1, 28, 28)


def test_a_stand_in_root_is_read_without_a_network(small_mnist):
    assert len(load_split("mnist", "train", small_mnist)) == 256


def test_mirror_images_follow_their_images():
    samples = load_samples("celeba").first(3)
    both = samples.with_mirrored()
    assert torch.equal(both.images[3:], samples.images.flip(-1)) and torch.equal(both.images[:3], samples.images)
    assert torch.equal(both.labels[3:], samples.labels) and torch.equal(both.indices[3:], samples.indices)


def test_images_of_several_classes_cannot_be_chosen_by_class():
    with pytest.raises(ValueError, match="not of one class"):
        load_samples("celeba").only([0])


def test_unknown_data_sets_are_refused():
    with pytest.raises(ValueError, match="accepted: mnist, fashion-mnist, celeba"):
        load_split("cifar", "train")
    with pytest.raises(ValueError, match="fashion-mnist, mnist"):
        load_samples("../mnist")


def test_missing_data_without_a_network_says_what_to_do(tmp_path, monkeypatch):
    from torchvision import datasets

    def offline(self):
        raise RuntimeError("no network")

    monkeypatch.setattr(datasets.MNIST, "download", offline)
    with pytest.raises(FileNotFoundError, match="--data-root"):
        load_split("mnist", "train", tmp_path)
