"""The baselines against scikit-learn and their definitions."""

import numpy as np
import pytest
import torch
from sklearn.covariance import shrunk_covariance
from sklearn.impute import KNNImputer as ScikitKNN
from sklearn.impute import SimpleImputer

from dmfa_demo.data.datasets import load_samples, to_float
from dmfa_demo.data.masks import mask_family
from dmfa_demo.models.baselines import (
    GaussianConfig,
    GaussianImputer,
    KNNImputer,
    MeanImputer,
    MICEImputer,
    packed,
    unpacked,
)


@pytest.fixture(scope="module")
def reference() -> torch.Tensor:
    return load_samples("mnist").images[::2]


@pytest.fixture(scope="module")
def scene() -> tuple[torch.Tensor, torch.Tensor]:
    images = to_float(load_samples("mnist").images[1::8])
    missing = mask_family("square14+noise75+line3")(len(images), 28, 28, torch.Generator().manual_seed(0))
    missing[0] = False
    return images, missing


def with_nan(images: torch.Tensor, missing: torch.Tensor) -> np.ndarray:
    return torch.where(missing, torch.nan, images).flatten(1).double().numpy()


def test_knn_equals_scikit_learns(reference, scene):
    images, missing = scene
    ours = KNNImputer(reference, 5).impute(images, missing).mean
    twin = ScikitKNN(n_neighbors=5, keep_empty_features=True).fit(to_float(reference).flatten(1).double().numpy())
    torch.testing.assert_close(ours.flatten(1).double(), torch.from_numpy(twin.transform(with_nan(images, missing))), atol=1e-6, rtol=0)  # fmt: skip


def test_knn_of_a_fully_hidden_image_is_the_mean_of_the_references(reference):
    everything = torch.ones(1, 1, 28, 28, dtype=torch.bool)
    ours = KNNImputer(reference, 5).impute(torch.zeros(1, 1, 28, 28), everything).mean
    torch.testing.assert_close(ours[0], to_float(reference).mean(0))


def test_knn_of_a_reference_image_with_one_neighbour_is_that_image(reference):
    missing = mask_family("square14")(len(reference), 28, 28, torch.Generator().manual_seed(0))
    images = to_float(reference)
    torch.testing.assert_close(KNNImputer(reference, 1).impute(images, missing).mean, images)


def test_mean_equals_scikit_learns(reference, scene):
    images, missing = scene
    ours = MeanImputer(to_float(reference).mean(0)).impute(images, missing).mean
    twin = SimpleImputer(keep_empty_features=True).fit(to_float(reference).flatten(1).numpy())
    torch.testing.assert_close(ours.flatten(1).double(), torch.from_numpy(twin.transform(with_nan(images, missing))), atol=1e-6, rtol=0)  # fmt: skip


def test_gaussian_has_scikit_learns_shrunk_covariance(reference):
    x = to_float(reference).flatten(1).double()
    covariance = x.T.cov(correction=0)
    imputer = GaussianImputer(GaussianConfig(shrinkage=0.05), x.mean(0), covariance)
    twin = shrunk_covariance(covariance.numpy(), shrinkage=0.05)
    torch.testing.assert_close(imputer.precision @ torch.from_numpy(twin), torch.eye(784, dtype=torch.float64), atol=1e-6, rtol=0)  # fmt: skip
    assert imputer.noise == pytest.approx(0.05 * covariance.diagonal().mean().item())


def test_mice_learns_a_linear_rule_and_keeps_visible_pixels():
    """Three pixels, the last the mean of the others: a chain of linear regressions finds it."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(300, 1, 1, 3, generator=generator)
    images[..., 2] = images[..., :2].mean(-1)
    missing = torch.zeros(300, 1, 1, 3, dtype=torch.bool)
    missing[torch.arange(300), 0, 0, torch.randint(3, (300,), generator=generator)] = True
    imputer = MICEImputer.fit(images[:200], missing[:200], seed=0)
    answer = imputer.impute(images[200:], missing[200:]).mean
    assert torch.equal(answer[~missing[200:]], images[200:][~missing[200:]])
    hidden, middle = missing[200:], images[:200].mean(0).expand(100, -1, -1, -1)
    error, naive = (((guess - images[200:])[hidden]).abs().mean() for guess in (answer, middle))
    assert error < 0.25 * naive
    with pytest.raises(ValueError, match="fitted anew"):
        MICEImputer.load("anywhere")


def test_reference_images_are_compressed_without_loss(reference):
    data = packed(reference)
    assert data.dtype == torch.uint8 and len(data) < reference.numel() / 3
    for most in (len(reference), len(reference) + 1):
        assert torch.equal(unpacked(data, reference.shape[1:], at_most=most), reference)


@pytest.mark.parametrize(("shape", "most"), [((1, 28, 28), 49), ((1, 28, 27), 99), ((3, 28, 28), 99)])
def test_references_of_another_size_or_number_are_refused(reference, shape, most):
    with pytest.raises(ValueError, match="train the method again"):
        unpacked(packed(reference), shape, at_most=most)
    with pytest.raises(ValueError, match="train the method again"):
        unpacked(packed(reference[:0]), (1, 28, 28), at_most=most)
