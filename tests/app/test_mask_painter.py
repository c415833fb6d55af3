"""The painter's value: an exact round trip, and an error for every invalid mask."""

import gradio as gr
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dmfa_demo.app.canvas.mask_painter import MaskPainter, decode_canvas, decode_mask, encode_canvas, encode_mask
from dmfa_demo.app.scene.canvas import Canvas
from dmfa_demo.app.scene.scene import Scene


@given(height=st.integers(1, 12), width=st.integers(1, 12), share=st.floats(0, 1), seed=st.integers(0, 1000))
@settings(max_examples=60)
def test_any_mask_round_trips(height, width, share, seed):
    missing = torch.rand(height, width, generator=torch.Generator().manual_seed(seed)) < share
    encoded = encode_mask(missing)
    assert torch.equal(decode_mask(encoded), missing)
    assert len(encoded["runs"]) <= height * width + 1


def test_runs_continue_across_rows():
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
    ({"height": 2, "width": 2, "runs": [0, 2, 1, 2]}, "in order without overlap"),
    ({"height": 2, "width": 2, "runs": [3, 1, 0, 1]}, "in order without overlap"),
    ({"height": 2, "width": 2, "runs": [0, 1] * 100_000}, "in pairs"),
]


@pytest.mark.parametrize(("payload", "message"), BAD)
def test_invalid_mask_is_refused(payload, message):
    with pytest.raises(ValueError, match=message) as caught:
        decode_mask(payload)
    assert len(str(caught.value)) < 300
    with pytest.raises(gr.Error, match=message):
        MaskPainter().preprocess(payload)


@st.composite
def canvases(draw: st.DrawFn) -> Canvas:
    """Draw a bundled sample or a visitor's picture with any mask."""
    dataset = draw(st.sampled_from(["mnist", "celeba"]))
    scene = Scene.sample(dataset, draw(st.integers(0, 3)))
    if draw(st.booleans()):
        scene = Scene.own(dataset, torch.rand(scene.image.shape, generator=torch.Generator().manual_seed(0)))
    share = draw(st.floats(0, 1))
    missing = torch.rand(scene.image.shape[1:], generator=torch.Generator().manual_seed(1)) < share
    return Canvas(scene, missing, change=draw(st.sampled_from(["both", "picture", "mask", "nothing"])))


@given(canvas=canvases(), revision=st.integers(1, 1000))
@settings(max_examples=40)
def test_canvas_round_trips_with_picture_mask_and_revision(canvas, revision):
    encoded = encode_canvas(canvas)
    assert decode_canvas(encoded).revision == 0, "the browser has not numbered it yet"
    back = decode_canvas({**encoded, "revision": revision})
    assert back.scene.digest == canvas.scene.digest and torch.equal(back.scene.image, canvas.scene.image)
    assert (back.scene.number, back.scene.labels) == (canvas.scene.number, canvas.scene.labels)
    assert torch.equal(back.missing, canvas.missing) and back.revision == revision


def test_change_of_the_mask_sends_no_picture():
    scene, missing = Scene.sample("mnist", 0), torch.zeros(28, 28, dtype=torch.bool)
    assert "image" not in encode_canvas(Canvas(scene, missing, change="mask"))
    assert encode_canvas(Canvas(scene, missing))["image"].startswith("data:image/png;base64,")


WHOLE = {"height": 28, "width": 28, "runs": [0, 4], "dataset": "mnist"}


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({**WHOLE, "dataset": "cifar", "sample": 0}, "no data set 'cifar'"),
        ({**WHOLE, "dataset": None, "sample": 0}, "no data set None"),
        ({**WHOLE, "sample": 100}, "no sample 100"),
        ({**WHOLE, "sample": -1}, "no sample -1"),
        ({**WHOLE, "sample": True}, "no sample True"),
        ({**WHOLE, "sample": "../x"}, "no sample"),
        ({**WHOLE, "dataset": "celeba", "sample": 0}, "the mask is 28x28, the image 64x64"),
        ({**WHOLE, "dataset": "fashion-mnist"}, "accepts no pictures of your own"),
        (WHOLE, "data address"),
        ({**WHOLE, "image": "http://127.0.0.1:1/x.png"}, "data address"),
        ({**WHOLE, "image": "data:image/png;base64,****"}, "data address"),
        ({**WHOLE, "image": "data:image/png;base64," + 300_000 * "A"}, "200,000 characters"),
        ({**WHOLE, "image": "data:image/png;base64,UEsDBAoAAAAAAA=="}, "not a picture"),
    ],
)
def test_canvas_with_an_unknown_picture_is_refused(payload, message):
    with pytest.raises(ValueError, match=message):
        decode_canvas(payload)
    with pytest.raises(gr.Error, match=message):
        MaskPainter().preprocess(payload)
