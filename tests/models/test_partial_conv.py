"""Partial convolution against a loop over windows and against the layer it replaces."""

import pytest
import torch

from dmfa_demo.models.misconv import window_taps
from dmfa_demo.models.partial_conv import PartialConv2d
from tests.models.test_misconv import OPTIONS, make


@pytest.mark.parametrize("options", OPTIONS)
def test_layer_equals_a_loop_over_windows(options):
    conv, images, missing, _ = make(options)
    missing[1, :, :3] = True  # windows without a known pixel
    answer, still = PartialConv2d(conv)(images, missing)
    taps, groups = window_taps(conv, *images.shape[-2:]), conv.groups
    weight = conv.weight.flatten(2).unflatten(0, (groups, -1))
    for row in range(len(images)):
        pixels = torch.cat([images[row].flatten(1), torch.zeros(images.shape[1], 1, dtype=images.dtype)], 1)
        known = torch.cat([~missing[row].flatten(), torch.tensor([False])])
        for place, window in enumerate(taps):
            y, x = divmod(place, answer.shape[-1])
            inside, seen = (window < missing[row].numel()).sum(), known[window].sum()
            assert still[row, 0, y, x] == (seen == 0)
            if seen == 0:
                assert (answer[row, :, y, x] == 0).all()
                continue
            values = (pixels[:, window] * known[window]).view(groups, -1, len(window))
            response = torch.einsum("gct,goct->go", values, weight).flatten() * inside / seen
            response = response if conv.bias is None else response + conv.bias
            torch.testing.assert_close(answer[row, :, y, x], response)


@pytest.mark.parametrize("options", OPTIONS)
def test_layer_equals_the_plain_one_on_complete_images(options):
    conv, images, missing, _ = make(options, dtype=torch.float32)
    answer, still = PartialConv2d(conv)(images, torch.zeros_like(missing))
    assert torch.equal(answer, conv(images)) and not still.any()


def test_averaging_kernel_averages_known_pixels():
    conv = torch.nn.Conv2d(1, 1, 3, padding=1, bias=False)
    torch.nn.init.constant_(conv.weight, 1 / 9)
    images, missing = torch.ones(1, 1, 6, 6), torch.zeros(1, 1, 6, 6, dtype=torch.bool)
    missing[..., 2:4, 2:4] = True
    torch.testing.assert_close(PartialConv2d(conv)(images, missing)[0][..., 1:-1, 1:-1], torch.ones(1, 1, 4, 4))


def test_hidden_values_are_ignored():
    conv, images, missing, _ = make("stride")
    layer = PartialConv2d(conv)
    answer, _ = layer(torch.where(missing, torch.nan, images), missing)
    assert torch.equal(answer, layer(images, missing)[0])


@pytest.mark.parametrize("options", ["plain", "stride", "groups", "replicate"])
def test_gradients_reach_weights_and_features(options):
    conv, images, missing, _ = make(options, batch=1)

    def layer(images, weight, bias):
        named = {"conv.weight": weight, "conv.bias": bias}
        return torch.func.functional_call(PartialConv2d(conv), named, (images, missing))[0]

    inputs = (images, conv.weight, conv.bias)
    assert torch.autograd.gradcheck(layer, tuple(value.detach().requires_grad_() for value in inputs))


def test_mask_per_channel_is_refused():
    conv, images, missing, _ = make("plain")
    with pytest.raises(ValueError, match=r"missing must be bool \(2, 1, 5, 6\)"):
        PartialConv2d(conv)(images, missing.expand_as(images))
