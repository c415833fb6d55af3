"""Auto-encoders: shapes for any image, independent rows, Gaussian encoders."""

import pytest
import torch

from dmfa_demo.models.autoencoder import Autoencoder, AutoencoderConfig


def build(**options) -> Autoencoder:
    torch.manual_seed(0)
    return Autoencoder(AutoencoderConfig(**{"latents": 3, "widths": (8, 16), **options})).eval()


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 13, 18)])
@pytest.mark.parametrize("widths", [(8,), (8, 16), (8, 16, 24)])
def test_reconstruction_has_the_size_of_the_image(shape, widths):
    channels, height, width = shape
    model = build(channels=channels, height=height, width=width, widths=widths)
    images = torch.rand(2, *shape)
    z, again = model.encode(images), model.reconstruct(images)
    assert z.shape == (2, 3) and again.shape == images.shape and 0 <= again.min() <= again.max() <= 1
    torch.testing.assert_close(again, model.decode(z))
    torch.testing.assert_close(model(images).mean, again)


def test_rows_are_independent():
    model, images = build(), torch.rand(4, 1, 28, 28)
    torch.testing.assert_close(model.reconstruct(images)[1:2], model.reconstruct(images[1:2]), atol=1e-6, rtol=1e-5)


def test_encode_is_the_mean_of_a_gaussian_encoder():
    model, images = build(posterior="gaussian"), torch.rand(2, 1, 28, 28)
    posterior = model.posterior(images)
    assert torch.equal(posterior.mean, model.encode(images)) and (posterior.deviation > 0).all()
    assert model.pixels(posterior.mean).deviation.unique().tolist() == pytest.approx([0.1])
