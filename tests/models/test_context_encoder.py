"""The context encoder keeps the contract."""

import pytest
import torch

from dmfa_demo.models.context_encoder import ContextEncoder, ContextEncoderConfig, ContextEncoderImputer


@pytest.mark.parametrize("skips", [False, True])
def test_hidden_values_are_ignored_and_visible_ones_kept(skips: bool):
    torch.manual_seed(0)
    config = ContextEncoderConfig(channels=3, height=26, latents=4, widths=(8, 16), skips=skips)
    imputer = ContextEncoderImputer(ContextEncoder(config))
    images, missing = torch.rand(3, *config.shape), torch.rand(3, 1, 26, 28) < 0.5
    ours = imputer.impute(images, missing).mean
    other = imputer.impute(torch.where(missing, 1 - images, images), missing).mean
    seen = ~missing.expand_as(images)
    assert torch.equal(ours, other) and torch.equal(ours[seen], images[seen])
    moved = imputer.impute(images, missing | missing.roll(1, -1)).mean
    assert not torch.equal(ours[~seen], moved[~seen]), "it uses the mask"


def test_latents_of_a_network_with_skip_connections_reach_the_whole_image():
    torch.manual_seed(0)
    config = ContextEncoderConfig(height=64, width=64, latents=4, widths=(8, 16), skips=True)
    network, missing = ContextEncoder(config).eval(), torch.zeros(1, 1, 64, 64, dtype=torch.bool)
    missing[..., :8, :8] = True
    images = torch.rand(1, 1, 64, 64)
    far = images.clone()
    far[..., -8:, -8:] = 0
    with torch.inference_mode():
        ours, other = (network(image, missing)[..., :8, :8] for image in (images, far))
    assert (ours - other).abs().max() > 1e-6
