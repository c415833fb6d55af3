"""The scene on the canvas."""

import pytest
import torch

from dmfa_demo.app.scene.scene import Scene, fitted
from dmfa_demo.data.datasets import DATASETS


def test_sample_has_its_classes():
    digit, face = Scene.sample("mnist", 42), Scene.sample("celeba", 1)
    assert digit.labels == (4,) and digit.image.shape == (1, 28, 28)
    assert [DATASETS["celeba"].classes[number] for number in face.labels] == ["smiling", "mouth open"]
    with pytest.raises(ValueError, match="numbered 0 to 31"):
        Scene.sample("celeba", 99)


@pytest.mark.parametrize(
    ("size", "other"), [((28, 28), (64, 64)), ((64, 64), (28, 28)), ((5, 7), (10, 21)), ((3, 3), (3, 3))]
)
def test_fitted_mask_covers_the_same_part_of_another_image(size, other):
    mask = torch.zeros(size, dtype=torch.bool)
    mask[: size[0] // 2, size[1] // 2 :] = True
    grown = fitted(mask, Scene("mnist", torch.zeros(1, *other), ""))
    assert grown.shape == other and abs(grown.double().mean() - mask.double().mean()) < 0.05
    assert grown[0, -1] and not grown[-1, 0]
    if other[0] % size[0] == 0 and other[1] % size[1] == 0:
        factors = other[0] // size[0], other[1] // size[1]
        assert torch.equal(grown, mask.repeat_interleave(factors[0], 0).repeat_interleave(factors[1], 1))


def test_fitted_empty_and_full_masks_stay_so():
    face = Scene.sample("celeba", 0)
    assert fitted(torch.ones(28, 28, dtype=torch.bool), face).all()
    assert not fitted(torch.zeros(28, 28, dtype=torch.bool), face).any()
