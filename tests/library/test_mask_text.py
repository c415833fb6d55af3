"""Masks as text: every one comes back, and nothing else is read."""

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
def test_any_mask_comes_back(height, width, seed, share):
    missing = torch.rand(height, width, generator=torch.Generator().manual_seed(seed)) < share
    assert torch.equal(mask_from_text(mask_text(missing), height, width), missing)


@pytest.mark.parametrize("value", [False, True])
def test_nothing_and_everything_hidden_come_back(value):
    missing = torch.full((64, 64), value)
    assert torch.equal(mask_from_text(mask_text(missing), 64, 64), missing)


def test_a_mask_is_short_enough_for_an_address():
    assert len(mask_text(mask_family("square14")(1, 28, 28, torch.Generator().manual_seed(0))[0, 0])) < 30
    assert len(mask_text(mask_family("noise80")(1, 64, 64, torch.Generator().manual_seed(0))[0, 0])) < 1_200


@given(st.text(max_size=60))
def test_what_is_no_mask_is_refused_without_a_crash(text):
    with suppress(ValueError):
        assert mask_from_text(text, 28, 28).shape == (28, 28)


def test_a_bomb_is_not_inflated():
    deflate = zlib.compressobj(9, wbits=-15)
    bomb = base64.urlsafe_b64encode(deflate.compress(bytes(10**8)) + deflate.flush()).decode().rstrip("=")
    with pytest.raises(ValueError, match="another size"):
        mask_from_text(bomb, 28, 28)
