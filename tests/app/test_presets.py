"""The page's offers for each data set fit its images."""

import pytest
import torch

from dmfa_demo.app.canvas.presets import OFFERS, START
from dmfa_demo.data.datasets import DATASETS, load_samples
from dmfa_demo.data.masks import mask_family


@pytest.mark.parametrize("dataset", OFFERS)
def test_every_button_hides_pixels_and_the_first_picture_exists(dataset):
    offer, (_, height, width) = OFFERS[dataset], DATASETS[dataset].shape
    assert len(offer.presets) == len(OFFERS[START].presets) and offer.sample < len(load_samples(dataset))
    for _, name in offer.presets:
        mask = mask_family(name)(1, height, width, torch.Generator().manual_seed(0))
        assert 0 < mask.sum() < mask.numel()
