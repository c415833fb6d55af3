"""Photos of handwriting: the digit is found among lines, shadows and edges, or reported as doubtful."""

from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from dmfa_demo.app.canvas.handwriting import Cutout, cut_digit, find_digit
from dmfa_demo.data.datasets import load_samples, to_float
from dmfa_demo.models.classifier import load_classifier
from tests.conftest import REPOSITORY

CASES = REPOSITORY.parent / "shared" / "cases" / "handwriting"
SHEET = 700, 900  # rows and columns of a photo
DIGIT = 300  # rows and columns of a digit in it


def read(images: torch.Tensor) -> list[int]:
    """Return the digits that the classifier of complete images predicts for `(B, 1, 28, 28)`."""
    nothing = torch.zeros(len(images), 1, 28, 28, dtype=torch.bool)
    return load_classifier("complete", "mnist").predict(images, nothing).argmax(1).tolist()


@pytest.mark.skipif(not CASES.is_dir(), reason="needs the photos of handwriting")
def test_real_photos_of_a_5_are_read_as_a_5():
    wrong = []
    for path in sorted(CASES.glob("*.jpg")):
        picture = ImageOps.exif_transpose(Image.open(path))
        if np.ptp(np.asarray(picture)) == 0:  # one of them is blank
            with pytest.raises(ValueError, match="blank"):
                find_digit(picture)
            continue
        if read(find_digit(picture).image[None]) != [5]:
            wrong.append(path.name)
    assert not wrong


def ink(number: int, row: int = 180, column: int = 300) -> np.ndarray:
    """Return the ink of each pixel of a sheet, in [0, 1], with a bundled digit on it."""
    digit = to_float(load_samples("mnist").images[number, 0])
    digit = Image.fromarray((digit * 255).byte().numpy()).resize((DIGIT, DIGIT), Image.Resampling.BICUBIC)
    sheet = np.zeros(SHEET)
    sheet[row : row + DIGIT, column : column + DIGIT] = np.clip((np.asarray(digit) / 255 - 0.3) * 3, 0, 1)
    return sheet


def photo(number: int, kind: str) -> Image.Image:
    """Return a photo of one kind of a digit in dark ink."""
    rows, columns = np.indices(SHEET)
    paper, strength = np.full(SHEET, 0.85), 0.7
    if kind == "lined":
        paper[(rows % 90) < 3] = 0.6
    if kind == "squared":
        paper[((rows % 40) < 2) | ((columns % 40) < 2)] = 0.68
    if kind == "shadow":
        paper -= 0.3 / (1 + np.exp((columns - 250) / 20))
    if kind == "table":
        paper[:, :120] = 0.3
    if kind == "faint":
        strength = 0.2
    if kind == "crumb":
        paper[640:652, 60:72] = 0.1
    if kind == "hot pixel":
        paper[30, 40] = 0.0
    if kind == "chalk":
        paper, strength = np.full(SHEET, 0.25), -0.65
    noise = np.random.default_rng(number).normal(0, 0.012, SHEET)
    values = paper - strength * ink(number) + noise
    return Image.fromarray((255 * values.clip(0, 1)).astype(np.uint8))


@cache
def found(number: int, kind: str) -> Cutout:
    return find_digit(photo(number, kind))


KINDS = ("plain", "lined", "squared", "shadow", "table", "faint", "crumb", "hot pixel", "chalk")
NUMBERS = range(2, 100, 7)


@pytest.mark.parametrize("kind", KINDS)
def test_digits_are_found_on_every_kind_of_photo(kind):
    images = torch.stack([found(number, kind).image for number in NUMBERS])
    truth = load_samples("mnist").labels[list(NUMBERS)].tolist()
    right = sum(one == other for one, other in zip(read(images), truth))
    assert right >= len(truth) - 2, f"{right} of {len(truth)}"


def test_box_is_where_the_digit_is():
    box = find_digit(photo(42, "lined")).box
    rows, columns = np.nonzero(ink(42) > 0.3)
    assert box[0] < columns.min() and columns.max() < box[2] and box[1] < rows.min() and rows.max() < box[3]
    assert box[2] - box[0] == pytest.approx(box[3] - box[1]) and box[2] - box[0] < 1.6 * DIGIT


def test_several_marks_and_marks_at_the_border_are_doubtful():
    two = np.clip(ink(42, column=60) + ink(16, column=520), 0, 1)
    cut_off = np.roll(ink(42), -240, 0)
    cut_off[-240:] = 0
    for values, reason in ((two, "several large marks"), (cut_off, "border")):
        found = find_digit(Image.fromarray((255 * (0.85 - 0.7 * values)).astype(np.uint8)))
        assert found.unsure is not None and reason in found.unsure
    assert find_digit(photo(42, "plain")).unsure is None


def test_cut_by_hand_contains_everything_in_the_box():
    picture = Image.fromarray(
        (255 * (0.85 - 0.7 * np.clip(ink(42, column=60) + ink(16, column=520), 0, 1))).astype(np.uint8)
    )
    left, right = (cut_digit(picture, (x, 160, x + 340, 500)) for x in (40, 500))
    assert read(torch.stack([left, right])) == load_samples("mnist").labels[[42, 16]].tolist()
    with pytest.raises(ValueError, match="blank"):
        cut_digit(picture, (400, 0, 500, 100))


@pytest.mark.parametrize("kind", ["lined", "squared", "table"])
def test_cut_by_hand_is_read_among_lines_and_edges(kind):
    cut = torch.stack([cut_digit(photo(number, kind), found(number, kind).box) for number in NUMBERS])
    truth = load_samples("mnist").labels[list(NUMBERS)].tolist()
    assert sum(one == other for one, other in zip(read(cut), truth)) >= len(truth) - 2
