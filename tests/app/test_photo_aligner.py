"""The aligner's value: the bytes of a face, and errors for anything else."""

import base64
import io
import json

import gradio as gr
import pytest
import torch
from PIL import Image

from dmfa_demo.app.canvas.photo_aligner import DIGIT, FACE, Photo, PhotoAligner, decode_cut


def test_bytes_are_red_green_and_blue_row_by_row():
    pixels = torch.randint(256, (64, 64, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    face = decode_cut({"pixels": base64.b64encode(pixels.numpy().tobytes()).decode()}, FACE)
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
def test_invalid_face_is_refused(payload):
    with pytest.raises(gr.Error, match="a face is"):
        PhotoAligner(FACE, render=False).preprocess(payload)


def test_rings_are_at_the_eyes_of_aligned_faces():
    guides = json.loads(PhotoAligner(FACE, render=False).props["settings"])
    (left, top), (right, level) = guides["eyes"]
    assert guides["size"] == 64 and top == level and left + right == pytest.approx(1) and 0.3 < left < 0.4 < top < 0.5


def test_photo_to_check_is_sent_small_with_its_box():
    photo = Photo(Image.new("L", (2048, 1024), 255), (500.0, 100.0, 900.0, 500.0), "lines run through it")
    given = PhotoAligner(DIGIT, render=False).postprocess(photo)
    head, _, content = given["photo"].partition(",")
    shown = Image.open(io.BytesIO(base64.b64decode(content)))
    assert head == "data:image/jpeg;base64" and shown.size == (1024, 512)
    assert given["box"] == [250.0, 50.0, 450.0, 250.0] and given["reason"] == photo.reason
