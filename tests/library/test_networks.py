"""The shared U-Net: output shapes at any size, hidden pixels are ignored."""

import pytest
import torch

from dmfa_demo.networks.unet import ResidualBlock, UNet, observe, to_pixels


@pytest.mark.parametrize(
    ("size", "widths"), [((28, 28), (8, 16)), ((64, 64), (8, 16, 24)), ((27, 31), (8, 16, 16)), ((5, 9), (8,))]
)
def test_output_has_the_size_of_the_input(size, widths):
    network = UNet(3, widths, blocks=1)
    features = network(torch.rand(2, 3, *size))
    assert features.shape[:2] == (2, 8)
    blocks = torch.nn.Conv2d(8, 5 * 4, 1)(features)
    assert to_pixels(blocks, *size).shape == (2, 5, *size)


def test_observe_zeroes_hidden_pixels_and_appends_the_mask():
    images, missing = torch.rand(2, 3, 4, 4), torch.rand(2, 1, 4, 4) < 0.5
    seen = observe(images, missing)
    assert seen.shape == (2, 4, 4, 4) and torch.equal(seen[:, 3:], missing.float())
    assert not seen[:, :3][missing.expand(-1, 3, -1, -1)].any()
    assert torch.equal(seen, observe(torch.where(missing, torch.nan, images), missing))


def test_every_parameter_gets_a_gradient():
    network = UNet(2, (8, 16), blocks=2)
    network(torch.rand(2, 2, 28, 28)).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


@pytest.mark.parametrize(("channels", "more"), [(16, 16), (24, 8)])
def test_shared_channels_equal_repeated_ones(channels, more):
    block = ResidualBlock(channels + more, 8)
    with torch.no_grad():
        for weight in (block.norm1.weight, block.norm1.bias):
            weight.normal_()
        x, beside = torch.randn(6, channels, 7, 5), torch.randn(2, more, 7, 5)
        together = block(torch.cat([x, beside.repeat(3, 1, 1, 1)], 1))
        torch.testing.assert_close(block(x, beside), together)
        torch.testing.assert_close(block(x[:2], beside), together[:2])
