"""A link holds what is on the page, and nothing in one can break the page."""

import base64
import zlib
from contextlib import suppress
from dataclasses import fields

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dmfa_demo.app.address import Address, decode, encode
from dmfa_demo.masks import mask_family

USED = Address(
    dataset="celeba",
    sample=3,
    mask=mask_family("noise80")(1, 64, 64, torch.Generator().manual_seed(0))[0, 0],
    tab="attractors",
    show="error",
    methods=("dmfa", "mean"),
    of="mfa",
    gaussian=2,
    z=(0.5, -3.0, 0.0, 1.1),
    noise=True,
    seed=7,
    latent=(0.1, -2.0),
    map="autoencoder",
    step=1.0,
    walk=3,
    growth="specks",
    hole=2,
    protocol="square25",
    measure="ssim",
)


def same(one: Address, other: Address) -> bool:
    pairs = ((getattr(one, field.name), getattr(other, field.name)) for field in fields(Address))
    return all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in pairs)


def test_everything_comes_back():
    assert same(Address.from_query(USED.query()), USED)
    assert set(USED.query()) == {field.name for field in fields(Address)}


def test_a_first_visit_needs_no_words():
    assert Address().query() == {"dataset": "mnist"}
    assert same(Address.from_query({}), Address())


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32), st.floats(0, 1))
def test_any_mask_comes_back(height, width, seed, share):
    missing = torch.rand(height, width, generator=torch.Generator().manual_seed(seed)) < share
    assert torch.equal(decode(encode(missing), height, width), missing)


@pytest.mark.parametrize("value", [False, True])
def test_nothing_and_everything_hidden_come_back(value):
    missing = torch.full((64, 64), value)
    assert torch.equal(decode(encode(missing), 64, 64), missing)


def test_a_mask_is_short_enough_for_an_address():
    assert len(encode(mask_family("square14")(1, 28, 28, torch.Generator().manual_seed(0))[0, 0])) < 30
    assert len(encode(USED.mask)) < 1_200


@given(st.text(max_size=60))
def test_what_is_no_mask_is_refused_without_a_crash(text):
    with suppress(ValueError):
        assert decode(text, 28, 28).shape == (28, 28)


def test_a_bomb_is_not_inflated():
    deflate = zlib.compressobj(9, wbits=-15)
    bomb = base64.urlsafe_b64encode(deflate.compress(bytes(10**8)) + deflate.flush()).decode().rstrip("=")
    with pytest.raises(ValueError, match="another size"):
        decode(bomb, 28, 28)


HOSTILE = [
    "",
    "x",
    "-1",
    "1e999",
    "nan",
    "NaN,0,0,0",
    "9" * 5000,
    "../..",
    "²",
    "٣",
    "0,0",
    "True;",
    "\x00",
    "<script>",
]


@pytest.mark.parametrize("name", [field.name for field in fields(Address)])
@pytest.mark.parametrize("text", HOSTILE)
def test_what_makes_no_sense_is_as_if_it_were_not_there(name, text):
    read = Address.from_query({name: text})
    free = {"methods", "of", "map", "protocol"}  # those are held against what the data set has when they are shown
    assert name in free or same(read, Address())
