"""Pictures are encoded exactly."""

import base64
import io

import numpy as np
import torch
from PIL import Image

from dmfa_demo.app.widgets.cards import Bar, Card, Line, card_grid
from dmfa_demo.figures import (
    DIVERGING,
    SEQUENTIAL,
    colour_bar,
    coloured,
    grey_or_colour,
    png_address,
    sheet,
    with_holes,
)


def read(address: str) -> np.ndarray:
    assert address.startswith("data:image/png;base64,")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))


def test_png_round_trip_is_exact():
    for pixels in (
        np.arange(784, dtype=np.uint8).reshape(28, 28),
        np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8),
    ):
        assert (read(png_address(pixels)) == pixels).all()


def test_sheet_has_every_image_in_its_place():
    images = torch.rand(7, 3, 4, 5)
    drawn = sheet(images, 3)
    assert drawn.shape == (12, 15, 3) and not drawn[8:, 5:].any()
    for number, image in enumerate(images):
        row, column = divmod(number, 3)
        assert (drawn[row * 4 : row * 4 + 4, column * 5 : column * 5 + 5] == grey_or_colour(image)).all()
    assert sheet(torch.rand(4, 1, 2, 2), 2).shape == (4, 4)


def test_values_outside_the_range_are_clipped_not_wrapped():
    image = torch.tensor([[[-1.0, 0.0, 0.5, 1.0, 2.0]]])
    assert grey_or_colour(image).tolist() == [[0, 0, 128, 255, 255]]
    assert grey_or_colour(torch.rand(3, 4, 5)).shape == (4, 5, 3)


def test_holes_hide_the_pixels_below():
    missing = torch.rand(6, 6) < 0.5
    light, dark = with_holes(torch.ones(1, 6, 6), missing), with_holes(torch.zeros(1, 6, 6), missing)
    assert (light[missing.numpy()] == dark[missing.numpy()]).all()
    assert (light[~missing.numpy()] == 255).all() and (dark[~missing.numpy()] == 0).all()


def test_diverging_map_is_transparent_at_zero_and_strong_at_its_ends():
    low, zero, high = coloured(torch.tensor([[-2.0, 0.0, 2.0]]), -2, 2, DIVERGING)[0].astype(int)
    assert zero[3] <= 1 and low[3] == high[3] == 255
    assert low[2] > low[0] + 50 and high[0] > high[2] + 50
    assert (coloured(torch.zeros(2, 2), 0, 0, SEQUENTIAL)[..., 3] == 255).all()
    assert colour_bar(SEQUENTIAL).count("#") == 16


def test_cards_escape_their_text():
    card = Card(
        picture=np.zeros((2, 2), np.uint8),
        title="<b>",
        alt='a "quote"',
        lines=(Line("1 < 2", best=True),),
        colour="#123456",
        bar=Bar(SEQUENTIAL, "<", ">"),
    )
    html = card_grid([card])
    assert "<b>&" not in html and "&lt;b&gt;" in html and "a &quot;quote&quot;" in html and "1 &lt; 2" in html
    assert ">best</b>" in html
