"""Visitors' pictures: every unusual file is read correctly or refused with a reason."""

import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from dmfa_demo.app.canvas.handwriting import find_digit
from dmfa_demo.app.canvas.uploads import (
    MAX_BYTES,
    image_from_picture,
    mask_from_picture,
    read_picture,
)
from dmfa_demo.data.datasets import load_samples, to_float


def file(picture: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def drawing(paper: int = 255, ink: int = 0) -> np.ndarray:
    """Draw a thick upright stroke with a foot, off centre, 300 x 200."""
    values = np.full((300, 200), paper, np.uint8)
    values[40:180, 60:80] = ink
    values[160:180, 60:130] = ink
    return values


def digit_from_picture(picture: Image.Image) -> torch.Tensor:
    return find_digit(picture).image


TWIN = digit_from_picture(read_picture(file(Image.fromarray(drawing()))))


def test_digit_is_centred_by_mass_in_a_box_of_twenty():
    assert TWIN.shape == (1, 28, 28) and TWIN.dtype == torch.float32 and TWIN.min() == 0 and TWIN.max() == 1
    rows = TWIN[0].any(1).nonzero()
    assert rows.max() - rows.min() + 1 == 20
    place = torch.arange(28) + 0.5
    weight = TWIN[0] / TWIN.sum()
    assert 14 <= (weight.sum(1) * place).sum() < 15 and 14 <= (weight.sum(0) * place).sum() < 15


@pytest.mark.parametrize("number", range(0, 100, 9))
def test_mnist_digit_is_almost_unchanged(number):
    original = to_float(load_samples("mnist").images[number])
    enlarged = Image.fromarray((original[0] * 255).byte().numpy()).resize((280, 280), Image.Resampling.NEAREST)
    ours = digit_from_picture(read_picture(file(enlarged)))
    assert (ours - original).square().mean().sqrt() < 0.05


def transparent() -> Image.Image:
    values = np.zeros((300, 200, 4), np.uint8)
    values[..., 3] = np.where(drawing() == 0, 255, 0)
    return Image.fromarray(values)


def turned() -> bytes:
    """Return a file stored sideways, with a tag for its orientation."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return file(Image.fromarray(np.ascontiguousarray(np.rot90(drawing()))), "JPEG", exif=exif, quality=95)


def in_lab(picture: Image.Image) -> Image.Image:
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    return ImageCms.profileToProfile(picture, *profiles, outputMode="LAB")


ODD = {
    "light on dark": file(Image.fromarray(drawing(0, 255))),
    "grey paper": file(Image.fromarray(drawing(200, 20))),
    "CMYK": file(Image.fromarray(drawing()).convert("CMYK"), "JPEG", quality=95),
    "RGB": file(Image.fromarray(drawing()).convert("RGB")),
    "YCbCr": file(Image.fromarray(drawing()).convert("YCbCr"), "TIFF"),
    "LAB": file(in_lab(Image.fromarray(drawing()).convert("RGB")), "TIFF"),
    "palette": file(Image.fromarray(drawing()).convert("P")),
    "one bit": file(Image.fromarray(drawing()).convert("1")),
    "16 bit": file(Image.fromarray(drawing().astype(np.uint16) * 257)),
    "float": file(Image.fromarray(drawing().astype(np.float32)), "TIFF"),
    "transparent": file(transparent()),
    "animated": file(
        Image.fromarray(drawing()),
        "GIF",
        save_all=True,
        append_images=[Image.fromarray(drawing(255, 255))],
        duration=100,
    ),
    "turned": turned(),
    "WebP": file(Image.fromarray(drawing()), "WEBP", lossless=True),
}


@pytest.mark.parametrize("kind", ODD)
def test_every_kind_of_file_gives_the_same_digit(kind):
    assert (digit_from_picture(read_picture(ODD[kind])) - TWIN).abs().mean() < 0.02


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"this is not a picture", "not a picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "not a picture|damaged"),
        (ODD["RGB"][:300], "damaged|not a picture"),
        (file(Image.new("1", (20_000, 10))), "20000 x 10 pixels; at most 10,000"),
        (file(Image.new("1", (8_000, 8_000))), "64 megapixels; at most 50"),
        (b"\0" * (MAX_BYTES + 1), "at most 10 MB"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
    ],
    ids=["empty", "text", "broken header", "cut short", "too wide", "too large", "too many bytes", "postscript", "svg"],
)
def test_unreadable_file_is_refused_with_a_reason(data, message):
    with pytest.raises(ValueError, match=message):
        read_picture(data)


@pytest.mark.parametrize("paper", [0, 128, 255])
def test_blank_picture_is_refused(paper):
    with pytest.raises(ValueError, match="blank"):
        digit_from_picture(read_picture(file(Image.new("L", (50, 50), paper))))


def test_nearly_transparent_picture_is_refused():
    with pytest.raises(ValueError, match="blank"):
        digit_from_picture(read_picture(file(Image.new("RGBA", (40, 40), (0, 0, 0, 0)))))


def test_hairline_is_accepted_as_a_digit():
    values = np.full((1000, 1000), 255, np.uint8)
    values[:, 500:504] = 0
    digit = digit_from_picture(read_picture(file(Image.fromarray(values))))
    assert digit.max() == 1 and digit[0].any(1).sum() == 20


def test_ink_that_fills_most_of_the_picture_is_accepted_as_a_digit():
    values = np.full((28, 28), 255, np.uint8)
    values[2:26, 2:26] = 0
    assert digit_from_picture(read_picture(file(Image.fromarray(values)))).sum() > 300


def test_photograph_lit_from_one_side_gives_the_same_digit():
    light = np.linspace(0.95, 0.55, 200)[None, :] * np.linspace(1, 0.9, 300)[:, None]
    photo = (255 * light * (0.15 + 0.85 * drawing() / 255)).astype(np.uint8)
    assert (digit_from_picture(read_picture(file(Image.fromarray(photo)))) - TWIN).abs().mean() < 0.05


def test_two_distant_specks_are_finite_or_refused():
    values = np.full((900, 900), 255, np.uint8)
    values[3, 5] = values[890, 880] = 0
    assert digit_from_picture(read_picture(file(Image.fromarray(values)))).isfinite().all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "I;16", "CMYK"])
def test_large_pictures_of_every_mode_are_scaled_down_first(mode):
    large = Image.fromarray(drawing()).resize((2_000, 3_000), Image.Resampling.NEAREST)
    large = (
        Image.fromarray(np.asarray(large).astype(np.uint16) * 257)
        if mode == "I;16"
        else large.convert("RGB").convert(mode)
    )
    data = file(
        large,
        "TIFF" if mode in ("I;16", "CMYK") else "PNG",
        **({"compression": "tiff_deflate"} if mode in ("I;16", "CMYK") else {}),
    )
    assert (digit_from_picture(read_picture(data)) - TWIN).abs().mean() < 0.02


WHITE = np.zeros((28, 28), np.uint8)
WHITE[3:5, 7:11] = 255
MASKS = {
    "grey": Image.fromarray(WHITE),
    "one bit": Image.fromarray(WHITE).convert("1"),
    "16 bit": Image.fromarray(WHITE.astype(np.uint16) * 257),
    "transparent black": Image.fromarray(np.stack([WHITE] * 4, -1)),
    "white on clear white": Image.fromarray(np.stack([np.full_like(WHITE, 255)] * 3 + [WHITE], -1)),
}


@pytest.mark.parametrize("kind", MASKS)
def test_mask_of_every_kind_hides_the_white_part(kind):
    assert torch.equal(mask_from_picture(read_picture(file(MASKS[kind])), 28, 28), torch.from_numpy(WHITE > 0))


def test_white_mask_hides_everything_in_16_bits():
    for values in (np.full((28, 28), 255, np.uint8), np.full((28, 28), 65_535, np.uint16)):
        assert mask_from_picture(read_picture(file(Image.fromarray(values))), 28, 28).all()


def test_mask_must_have_the_exact_size():
    values = np.zeros((28, 28), np.uint8)
    values[3:5, 7:11] = 255
    mask = mask_from_picture(read_picture(file(Image.fromarray(values))), 28, 28)
    assert mask.dtype == torch.bool and torch.equal(mask, torch.from_numpy(values > 0))
    with pytest.raises(ValueError, match="exactly 28 x 28"):
        mask_from_picture(read_picture(file(Image.new("L", (28, 29)))), 28, 28)


RAMP = (np.indices((64, 64)).sum(0) * 2).astype(np.uint8)
COLOUR = np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1]], -1)


MODES = {
    **{mode: file(Image.fromarray(COLOUR).convert(mode), "TIFF") for mode in ("RGB", "RGBA", "CMYK", "YCbCr")},
    "YCbCr, packed": file(Image.fromarray(COLOUR).convert("YCbCr"), "TIFF", compression="tiff_lzw"),
    "LAB": file(in_lab(Image.fromarray(COLOUR)), "TIFF"),
}


@pytest.mark.parametrize("mode", MODES)
def test_colour_picture_of_every_mode_is_read_in_colour_and_in_grey(mode):
    picture, twin = read_picture(MODES[mode]), torch.from_numpy(COLOUR).permute(2, 0, 1) / 255
    # 8-bit LAB is coarse for dark colours.
    assert (image_from_picture(picture, (3, 64, 64)) - twin).abs().quantile(0.99) < 0.04
    grey = torch.from_numpy(np.asarray(Image.fromarray(COLOUR).convert("L")) / 255)
    assert (image_from_picture(picture, (1, 64, 64)) - grey).abs().quantile(0.99) < 0.04


@pytest.mark.parametrize("top", [255, 1_023, 4_095, 65_535])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("channels", [1, 3])
def test_image_of_8_to_16_bits_keeps_its_brightness(top, kind, channels):
    shares = np.linspace(0, 1, 28 * 28).reshape(28, 28)
    picture = read_picture(file(Image.fromarray((shares * top).round().astype(np.uint16)), kind))
    image = image_from_picture(picture, (channels, 28, 28))
    assert image.shape == (channels, 28, 28) and (image - torch.from_numpy(shares)).abs().max() <= 1 / 255


@pytest.mark.parametrize("top", [1_023, 4_095])
def test_digit_of_10_or_12_bits_is_the_same_digit(top):
    picture = read_picture(file(Image.fromarray((drawing() // 255 * np.uint16(top)).astype(np.uint16))))
    assert (digit_from_picture(picture) - TWIN).abs().mean() < 0.02
