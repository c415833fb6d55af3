"""The painter's value: an exact round trip, and every broken mask named."""

import gradio as gr
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dmfa_demo.app.mask_painter import Canvas, MaskPainter, decode_mask, encode_mask


@given(height=st.integers(1, 12), width=st.integers(1, 12), share=st.floats(0, 1), seed=st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_any_mask_survives_the_round_trip(height, width, share, seed):
    missing = torch.rand(height, width, generator=torch.Generator().manual_seed(seed)) < share
    encoded = encode_mask(missing)
    assert torch.equal(decode_mask(encoded), missing)
    assert len(encoded["runs"]) <= height * width + 1


def test_runs_go_row_by_row_across_line_ends():
    missing = torch.tensor([[False, True], [True, False], [False, True]])
    assert encode_mask(missing) == {"height": 3, "width": 2, "runs": [1, 2, 5, 1]}


BAD = [
    (None, "got NoneType"),
    ("AAAA", "got str"),
    ([0, 4], "got list"),
    ({}, "height and width"),
    ({"height": 2, "width": 2}, "runs is a list"),
    ({"height": 0, "width": 2, "runs": []}, "height and width"),
    ({"height": -1, "width": 2, "runs": []}, "height and width"),
    ({"height": 2.0, "width": 2, "runs": []}, "height and width"),
    ({"height": True, "width": 2, "runs": []}, "height and width"),
    ({"height": 10**9, "width": 10**9, "runs": []}, "height and width"),
    ({"height": 2, "width": 2, "runs": "0,4"}, "runs is a list"),
    ({"height": 2, "width": 2, "runs": [0]}, "in pairs"),
    ({"height": 2, "width": 2, "runs": [0, "4"]}, "whole numbers"),
    ({"height": 2, "width": 2, "runs": [0, float("nan")]}, "whole numbers"),
    ({"height": 2, "width": 2, "runs": [0, True]}, "whole numbers"),
    ({"height": 2, "width": 2, "runs": [[0, 4]]}, "in pairs"),
    ({"height": 2, "width": 2, "runs": [0, 5]}, "leaves the 2x2 image"),
    ({"height": 2, "width": 2, "runs": [4, 1]}, "leaves the 2x2 image"),
    ({"height": 2, "width": 2, "runs": [-1, 1]}, "leaves the 2x2 image"),
    ({"height": 2, "width": 2, "runs": [0, -1]}, "leaves the 2x2 image"),
    ({"height": 2, "width": 2, "runs": [0, 0]}, "leaves the 2x2 image"),
    ({"height": 2, "width": 2, "runs": [0, 10**30]}, "leaves the 2x2 image"),
    ({"height": 2, "width": 2, "runs": [10**400, 10**400]}, "leaves the 2x2 image"),
    ({"height": 2, "width": 2, "runs": [0, 2, 1, 2]}, "do not overlap"),
    ({"height": 2, "width": 2, "runs": [3, 1, 0, 1]}, "go in order"),
    ({"height": 2, "width": 2, "runs": [0, 1] * 100_000}, "in pairs"),
]


@pytest.mark.parametrize(("payload", "message"), BAD)
def test_a_broken_mask_is_named(payload, message):
    with pytest.raises(ValueError, match=message) as caught:
        decode_mask(payload)
    assert len(str(caught.value)) < 300
    with pytest.raises(gr.Error, match=message):
        MaskPainter().preprocess(payload)


def test_the_picture_below_goes_out_as_png_and_stays_when_not_given():
    missing = torch.zeros(4, 6, dtype=torch.bool)
    painter = MaskPainter()
    assert painter.postprocess(Canvas(missing, torch.rand(1, 4, 6)))["image"].startswith("data:image/png;base64,")
    assert "image" not in painter.postprocess(Canvas(missing))
    assert not painter.postprocess(Canvas(missing))["kept"] and painter.postprocess(Canvas(missing, kept=True))["kept"]
    for canvas in (Canvas(missing), Canvas(missing, torch.rand(1, 4, 6)), Canvas(missing, kept=True)):
        assert torch.equal(painter.preprocess(painter.postprocess(canvas)), missing)  # before it was taken up
    assert set(painter.api_info()["required"]) == {"height", "width", "runs"}
