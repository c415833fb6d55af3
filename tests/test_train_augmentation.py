"""Augmented images are the images, moved and lit."""

import torch

from train.augmentation import lit, moved


def test_each_image_is_moved_as_a_whole_and_all_moves_occur():
    images = torch.rand(400, 3, 6, 5)
    found = moved(images, 1, torch.Generator().manual_seed(0))
    counts = {}
    for before, after in zip(images, found):
        fitting = [
            (down, right)
            for down in (-1, 0, 1)
            for right in (-1, 0, 1)
            if torch.equal(after[:, 1:-1, 1:-1], before.roll((-down, -right), (1, 2))[:, 1:-1, 1:-1])
        ]
        assert len(fitting) == 1
        counts[fitting[0]] = counts.get(fitting[0], 0) + 1
    assert len(counts) == 9 and min(counts.values()) > 20


def test_what_comes_in_is_the_border_again():
    image = torch.arange(12.0).view(1, 1, 3, 4)
    found = {tuple(moved(image, 2, torch.Generator().manual_seed(seed)).flatten().tolist()) for seed in range(200)}
    assert len(found) == 25
    assert all(min(values) >= 0 and max(values) <= 11 for values in found)
    assert (5.0, 6.0, 7.0, 7.0, 9.0, 10.0, 11.0, 11.0, 9.0, 10.0, 11.0, 11.0) in found


def test_light_changes_each_channel_by_a_share_and_stays_in_range():
    images = torch.rand(50, 3, 4, 4) * 0.8 + 0.1
    found = lit(images, 0.1, torch.Generator().manual_seed(0))
    gains = found / images
    assert gains.min() >= 0.899 and gains.max() <= 1.101 and gains.std((2, 3)).max() < 1e-5
    assert gains[:, :, 0, 0].std() > 0.03 and lit(torch.ones(9, 1, 2, 2), 0.5, torch.Generator()).max() <= 1
    assert torch.equal(lit(images, 0.0, torch.Generator()), images)
