"""The aligner's answer: bytes that are a face, and anything else, which is told."""

import base64
import json

import gradio as gr
import pytest
import torch

from dmfa_demo.app.face_aligner import FaceAligner, decode_face


def test_the_bytes_are_red_green_and_blue_row_by_row():
    pixels = torch.randint(256, (64, 64, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    face = decode_face({"pixels": base64.b64encode(pixels.numpy().tobytes()).decode()})
    assert face.shape == (3, 64, 64) and face.dtype == torch.float32
    assert torch.equal((face * 255).round().byte(), pixels.permute(2, 0, 1))


@pytest.mark.parametrize(
    "payload",
    [
        None,
        "x",
        {},
        {"pixels": 5},
        {"pixels": ""},
        {"pixels": "A" * 16_380},
        {"pixels": "!" * 16_384},
        {"pixels": "A" * 16_380 + "===="},
    ],
)
def test_what_is_no_face_is_told(payload):
    with pytest.raises(gr.Error, match="a face is"):
        FaceAligner(render=False).preprocess(payload)


def test_the_rings_are_where_aligned_faces_have_their_eyes():
    guides = json.loads(FaceAligner(render=False).props["guides"])
    (left, top), (right, level) = guides["eyes"]
    assert guides["size"] == 64 and top == level and left + right == pytest.approx(1) and 0.3 < left < 0.4 < top < 0.5
