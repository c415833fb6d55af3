"""The picture of all methods' completions of all samples."""

import numpy as np
import pytest
import torch
from PIL import Image

from dmfa_demo.data.datasets import load_samples
from dmfa_demo.data.masks import mask_family
from train.report.gallery import GAP, HEAD, WIDE_GAP, Gallery, _wrapped, draw


def test_every_picture_is_in_its_row_and_column(tmp_path):
    draw(Gallery(method=("zero", "mfa"), protocol=("square14",), output=tmp_path / "all.png"))
    page = np.asarray(Image.open(tmp_path / "all.png"))
    samples = load_samples("mnist").images[:, 0].numpy()
    # The original; the hole, Zero's mean, MFA's mean and MFA's sample.
    lefts = [GAP, GAP + 28 + WIDE_GAP]
    lefts += [lefts[-1] + (28 + GAP) * step for step in (1, 2, 3)]
    assert page.shape == (HEAD + len(samples) * (28 + GAP), lefts[-1] + 28 + GAP, 3)
    missing = mask_family("square14")(1, 28, 28, torch.Generator().manual_seed(0))[0, 0].numpy()

    def picture(row: int, column: int) -> np.ndarray:
        top = HEAD + row * (28 + GAP)
        return page[top : top + 28, lefts[column] : lefts[column] + 28, 0]

    for row in (0, 57, 99):
        assert (picture(row, 0) == samples[row]).all()
        assert (picture(row, 2) == np.where(missing, 0, samples[row])).all()
        for column in (1, 3, 4):
            assert (picture(row, column)[~missing] == samples[row][~missing]).all()
        assert (picture(row, 3) != picture(row, 4)).any()


@pytest.mark.parametrize("settings", [{"method": ("nothing",)}, {"protocol": ("circle",)}, {"dataset": "celeba32"}])
def test_invalid_settings_are_refused_and_nothing_is_written(tmp_path, settings):
    with pytest.raises(ValueError, match="nothing|circle|celeba32"):
        draw(Gallery(**{"method": ("zero",), **settings}, output=tmp_path / "all.png"))
    assert not (tmp_path / "all.png").exists()


def test_titles_are_wrapped_between_words():
    lines = _wrapped("Context encoder mean", lambda text: len(text) <= 7)
    assert lines == ["Context", "encoder", "mean"]
    assert _wrapped("AE dynamics from k-NN", lambda text: len(text) <= 11) == ["AE dynamics", "from k-NN"]
    assert _wrapped("AE dynamics", lambda text: len(text) <= 4) == ["AE", "dyna"]
