"""k-NN among incomplete images against scikit-learn's."""

import numpy as np
import pytest
import torch
from sklearn.impute import KNNImputer as Twin

from dmfa_demo.models import incomplete_knn
from dmfa_demo.models.incomplete_knn import IncompleteKNNImputer
from dmfa_demo.storage.checkpoints import ROOT

GENERATOR = torch.Generator().manual_seed(0)
REFERENCE = torch.randint(256, (60, 2, 4, 5), generator=GENERATOR, dtype=torch.uint8)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6])
def test_incomplete_knn_equals_scikit_learns(share):
    generator = torch.Generator().manual_seed(1)
    known = torch.rand(60, 1, 4, 5, generator=generator) >= share
    images, missing = torch.rand(12, 2, 4, 5, generator=generator), torch.rand(12, 1, 4, 5, generator=generator) < 0.4
    ours = IncompleteKNNImputer(REFERENCE, known, 5).impute(images, missing).mean
    twin = Twin(n_neighbors=5)
    twin.fit(torch.where(known, REFERENCE.double() / 255, torch.nan).flatten(1).numpy())
    theirs = twin.transform(torch.where(missing, torch.nan, images.double()).flatten(1).numpy())
    np.testing.assert_allclose(ours.flatten(1).numpy(), theirs, atol=1e-5)


def test_only_the_nearest_are_used_and_pixels_they_lack_are_the_average(monkeypatch):
    monkeypatch.setattr(incomplete_knn, "LOOKED_AT", 10)
    images, missing = torch.rand(6, 2, 4, 5), torch.zeros(6, 1, 4, 5, dtype=torch.bool)
    missing[..., 0, 0] = True
    distance = (REFERENCE / 255 - images[:, None])[:, :, :, 1:].square().sum((2, 3, 4))  # without the hole's row
    known = torch.ones(60, 1, 4, 5, dtype=torch.bool)
    known[:, :, 0] = False
    shown = distance.argsort(1)[:, 10:].flatten().bincount(minlength=60) == 6  # not among the nearest of any image
    known[shown, :, 0, 0] = True
    assert shown.any()
    imputer = IncompleteKNNImputer(REFERENCE, known, 5)
    average = (REFERENCE / 255)[shown].mean(0)[:, 0, 0]
    torch.testing.assert_close(imputer.impute(images, missing).mean[..., 0, 0], average.expand(6, 2))


def test_answer_is_the_average_where_nothing_is_visible_or_known():
    known = torch.ones(60, 1, 4, 5, dtype=torch.bool)
    known[:, :, 0, 0] = False  # a pixel that no reference shows
    imputer = IncompleteKNNImputer(REFERENCE, known, 5)
    mean = imputer.impute(torch.rand(1, 2, 4, 5), torch.ones(1, 1, 4, 5, dtype=torch.bool)).mean[0]
    average = torch.where(known[0], REFERENCE.double().mean(0) / 255, 0).float()
    torch.testing.assert_close(mean, average)


def test_checkpoint_references_contain_no_hidden_values():
    imputer = IncompleteKNNImputer.load(ROOT / "mnist" / "knn-mixed")
    assert 0.3 < imputer.known.float().mean() < 0.8
    assert (imputer.reference[~imputer.known.unsqueeze(1)] == 0).all() and imputer.reference.max() == 255
