"""Masks as text: every mask round-trips, and anything else is refused."""

import base64
import zlib
from contextlib import suppress

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dmfa_demo.data.mask_text import mask_from_text, mask_text
from dmfa_demo.data.masks import mask_family


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32), st.floats(0, 1))
def test_any_mask_round_trips(height, width, seed, share):
    missing = torch.rand(height, width, generator=torch.Generator().manual_seed(seed)) < share
    assert torch.equal(mask_from_text(mask_text(missing), height, width), missing)


@pytest.mark.parametrize("value", [False, True])
def test_empty_and_full_masks_round_trip(value):
    missing = torch.full((64, 64), value)
    assert torch.equal(mask_from_text(mask_text(missing), 64, 64), missing)


def test_text_is_short_enough_for_an_address():
    assert len(mask_text(mask_family("square14")(1, 28, 28, torch.Generator().manual_seed(0))[0, 0])) < 30
    assert len(mask_text(mask_family("noise80")(1, 64, 64, torch.Generator().manual_seed(0))[0, 0])) < 1_200


@given(st.text(max_size=60))
def test_other_text_is_refused(text):
    with suppress(ValueError):
        assert mask_from_text(text, 28, 28).shape == (28, 28)


def test_compression_bomb_is_not_inflated():
    deflate = zlib.compressobj(9, wbits=-15)
    bomb = base64.urlsafe_b64encode(deflate.compress(bytes(10**8)) + deflate.flush()).decode().rstrip("=")
    with pytest.raises(ValueError, match="does not have"):
        mask_from_text(bomb, 28, 28)
