"""The context encoder keeps the contract."""

import torch

from dmfa_demo.models.autoencoder import AutoencoderConfig
from dmfa_demo.models.context_encoder import ContextEncoder, ContextEncoderImputer


def test_hidden_values_are_ignored_and_visible_ones_kept():
    torch.manual_seed(0)
    imputer = ContextEncoderImputer(ContextEncoder(AutoencoderConfig(latents=4, widths=(8, 16))))
    images, missing = torch.rand(3, 1, 28, 28), torch.rand(3, 1, 28, 28) < 0.5
    ours = imputer.impute(images, missing).mean
    other = imputer.impute(torch.where(missing, 1 - images, images), missing).mean
    assert torch.equal(ours, other) and torch.equal(ours[~missing], images[~missing])
    moved = imputer.impute(images, missing | missing.roll(1, -1)).mean
    assert not torch.equal(ours[missing], moved[missing]), "it uses the mask"
