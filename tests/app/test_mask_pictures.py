"""Pictures as masks: in every encoding the part that is not background is hidden, or the picture is refused with its values."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw, ImageFilter

from dmfa_demo.app.canvas.uploads import mask_from_picture, read_picture

SIDE = 28
SQUARE = np.zeros((SIDE, SIDE), dtype=bool)
SQUARE[5:10, 5:10] = True


def read(picture: Image.Image, kind: str = "PNG", **options) -> np.ndarray:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return mask_from_picture(read_picture(file.getvalue()), SIDE, SIDE).numpy()


def grey(hidden: np.ndarray, low: int = 0, high: int = 255, kind: type = np.uint8) -> Image.Image:
    return Image.fromarray(np.where(hidden, high, low).astype(kind))


def coloured(hidden: np.ndarray, inside: tuple[int, ...], outside: tuple[int, ...]) -> Image.Image:
    return Image.fromarray(np.where(hidden[..., None], np.uint8(inside), np.uint8(outside)))


def labels(hidden: np.ndarray, *colours: int) -> Image.Image:
    picture = Image.fromarray(hidden.astype(np.uint8)).convert("P")
    picture.putpalette(colours + (0,) * (768 - len(colours)))
    return picture


OPAQUE: dict[str, Callable[[np.ndarray], Image.Image]] = {
    "white": grey,
    "one bit": lambda hidden: grey(hidden).convert("1"),
    "0 and 1": lambda hidden: grey(hidden, 0, 1),
    "1 and 2": lambda hidden: grey(hidden, 1, 2),
    "0 and 100": lambda hidden: grey(hidden, 0, 100),
    "100 and 255": lambda hidden: grey(hidden, 100, 255),
    **{
        f"{top} of 16 bits": lambda hidden, top=top: grey(hidden, 0, top, np.uint16)
        for top in (1, 255, 1023, 4095, 65535)
    },
    "32 bits": lambda hidden: grey(hidden, 0, 2**31 - 1, np.int32),
    "shares": lambda hidden: grey(hidden, 0, 1, np.float32),
    **{
        f"{colour} on black": lambda hidden, colour=colour: coloured(hidden, colour, (0, 0, 0))
        for colour in ((255, 0, 0), (0, 0, 255), (255, 0, 255), (128, 0, 0), (1, 0, 0), (255, 255, 255))
    },
    "palette of grey": lambda hidden: labels(hidden, 0, 0, 0, 1, 1, 1),
    "palette of colours": lambda hidden: labels(hidden, 0, 0, 0, 128, 0, 0),
    "palette without colours": labels,
    "palette turned around": lambda hidden: labels(~hidden, 255, 255, 255),
    "white on transparent": lambda hidden: coloured(hidden, (255, 255, 255, 255), (0, 0, 0, 0)),
    "white on transparent white": lambda hidden: coloured(hidden, (255, 255, 255, 255), (255, 255, 255, 0)),
    "pale white on transparent": lambda hidden: coloured(hidden, (255, 255, 255, 90), (0, 0, 0, 0)),
    "opaque in RGBA": lambda hidden: coloured(hidden, (255, 255, 255, 255), (0, 0, 0, 255)),
}
BY_ALPHA = {
    "hole in black": lambda hidden: coloured(hidden, (0, 0, 0, 0), (0, 0, 0, 255)),
    "hole in a picture": lambda hidden: Image.fromarray(
        np.dstack([np.arange(SIDE**2 * 3).reshape(SIDE, SIDE, 3) % 200, np.where(hidden, 0, 255)]).astype(np.uint8)
    ),
    "black brush": lambda hidden: coloured(hidden, (0, 0, 0, 255), (0, 0, 0, 0)),
    "red brush, pale": lambda hidden: coloured(hidden, (255, 0, 0, 60), (0, 0, 0, 0)),
}
MASKS = arrays(bool, (SIDE, SIDE), elements=st.booleans()) | st.floats(0.01, 0.99).flatmap(
    lambda share: st.integers(0, 2**32 - 1).map(
        lambda seed: np.random.default_rng(seed).random((SIDE, SIDE)) < share,
    )
)


@pytest.mark.parametrize("encode", (OPAQUE | BY_ALPHA).values(), ids=OPAQUE | BY_ALPHA)
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_square_is_hidden_exactly_in_every_encoding(encode, kind):
    picture = encode(SQUARE)
    assert np.array_equal(read(picture, "TIFF" if picture.mode in ("F", "I") else kind), SQUARE)


@pytest.mark.parametrize("encode", OPAQUE.values(), ids=OPAQUE)
@settings(max_examples=30)
@given(hidden=MASKS)
def test_any_mask_round_trips_through_every_encoding(encode, hidden):
    if hidden.all() or not hidden.any():
        return
    assert np.array_equal(read(encode(hidden), "TIFF"), hidden)


@pytest.mark.parametrize("encode", BY_ALPHA.values(), ids=BY_ALPHA)
@settings(max_examples=50)
@given(hidden=MASKS)
def test_alpha_mask_hides_the_smaller_part_or_is_refused(encode, hidden):
    border = np.concatenate([hidden[0], hidden[-1], hidden[1:-1, 0], hidden[1:-1, -1]])
    if hidden.all() or not hidden.any():
        return
    if hidden.mean() < 0.5 and border.mean() < 0.5:
        assert np.array_equal(read(encode(hidden)), hidden)
    elif hidden.mean() < 0.5 or border.mean() <= 0.5:
        with pytest.raises(ValueError, match=r"Either the opaque or the transparent.*\(\d+ pixels\).*white where"):
            read(encode(hidden))


@pytest.mark.parametrize("top", [1, 255, 1023, 4095, 65535])
def test_white_picture_hides_everything_at_any_depth(top):
    assert read(Image.fromarray(np.full((SIDE, SIDE), top, np.uint16))).all()
    assert read(Image.new("RGB", (SIDE, SIDE), (255, 254, 253))).all()
    for number in (False, True):
        assert read(labels(np.full_like(SQUARE, number), *[255] * 6)).all()


@pytest.mark.parametrize("quality", [30, 75, 95])
def test_jpeg_noise_does_not_matter(quality):
    assert np.array_equal(read(grey(SQUARE), "JPEG", quality=quality), SQUARE)
    assert np.array_equal(read(grey(SQUARE).convert("RGB"), "JPEG", quality=quality), SQUARE)
    noisy = np.where(SQUARE, 255, 0) + np.random.default_rng(0).integers(-25, 25, SQUARE.shape)
    assert np.array_equal(read(Image.fromarray(noisy.clip(0, 255).astype(np.uint8))), SQUARE)
    light = np.random.default_rng(0).integers(246, 256, SQUARE.shape).astype(np.uint8)
    assert read(Image.fromarray(light), "JPEG", quality=quality).all()


@settings(max_examples=50)
@given(
    corners=st.lists(st.integers(0, 111), min_size=4, max_size=8).filter(lambda c: len(c) % 2 == 0),
    width=st.integers(4, 24),
    blur=st.floats(0, 3),
)
def test_smooth_edges_are_cut_in_the_middle(corners, width, blur):
    large = Image.new("L", (4 * SIDE, 4 * SIDE))
    ImageDraw.Draw(large).line(corners, fill=255, width=width, joint="curve")
    smooth = large.filter(ImageFilter.GaussianBlur(blur)).resize((SIDE, SIDE), Image.Resampling.BOX)
    values = np.asarray(smooth)
    if np.ptp(values) < 200:
        return
    assert np.array_equal(read(smooth), values > (float(values.min()) + float(values.max())) / 2)


def third(encoded: Image.Image, value) -> Image.Image:
    encoded.paste(value, (18, 18, 23, 23))
    return encoded


REFUSED = {
    "black": (Image.new("L", (SIDE, SIDE)), r"hides nothing; its values are 0 \(784 pixels\)"),
    "black in 16 bits": (Image.new("I;16", (SIDE, SIDE)), "hides nothing"),
    "one grey": (Image.new("L", (SIDE, SIDE), 128), r"has a single shade; its values are 128 \(784 pixels\)"),
    "one label": (Image.new("L", (SIDE, SIDE), 1), "has a single shade"),
    "red all over": (Image.new("RGB", (SIDE, SIDE), "red"), "no part of it is black"),
    "transparent": (Image.new("RGBA", (SIDE, SIDE)), "fully transparent and hides nothing"),
    "three labels": (
        third(grey(SQUARE, 0, 1), 2),
        r"two clear shades; its values are 0 \(734 pixels\); 1 \(25 pixels\); 2 \(25 pixels\)\. Save the mask white",
    ),
    "three shades": (third(grey(SQUARE, 0, 255), 100), "two clear shades"),
    "a dark third shade": (third(grey(SQUARE, 0, 255), 50), "two clear shades"),
    "three shades in 16 bits": (third(grey(SQUARE, 0, 4095, np.int32), 1500).convert("I;16"), "two clear shades"),
    "red and green": (third(coloured(SQUARE, (255, 0, 0), (0, 0, 0)), (0, 255, 0)), "more than two colours"),
    "red and white": (third(coloured(SQUARE, (255, 0, 0), (0, 0, 0)), (255, 255, 255)), "more than two colours"),
    "dim labels": (third(coloured(SQUARE, (1, 0, 0), (0, 0, 0)), (0, 1, 0)), "more than two colours"),
    "red on white": (coloured(SQUARE, (255, 0, 0), (255, 255, 255)), "no part of it is black"),
    "red on grey": (coloured(SQUARE, (255, 0, 0), (80, 80, 80)), "no part of it is black"),
    "black, white, transparent": (
        third(coloured(SQUARE, (255, 255, 255, 255), (0, 0, 0, 255)), (0, 0, 0, 0)),
        "black, white and transparent",
    ),
    "half": (coloured(np.arange(SIDE)[:, None] + 0 * SQUARE < 14, (0, 0, 0, 255), (0, 0, 0, 0)), "Either the opaque"),
    "noise": (
        Image.fromarray(np.random.default_rng(0).integers(0, 256, SQUARE.shape).astype(np.uint8)),
        "two clear shades; .* and [0-9]+ more",
    ),
}


@pytest.mark.parametrize(("picture", "message"), REFUSED.values(), ids=REFUSED)
def test_unclear_picture_is_refused_with_its_values(picture, message):
    with pytest.raises(ValueError, match=message):
        read(picture)
