"""The picker: a data set's samples as one picture, and the choice of one."""

import base64
import io

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from dmfa_demo.app.canvas.sample_picker import Choice, SamplePicker
from dmfa_demo.data.datasets import load_samples, sample_caption


@pytest.mark.parametrize("dataset", ["mnist", "celeba"])
def test_every_sample_is_in_the_sheet_with_its_name(dataset):
    sent, samples = SamplePicker(render=False).postprocess(Choice(dataset, 3)), load_samples(dataset)
    sheet = sent["sheet"]
    assert sent["chosen"] == 3 and len(sheet["names"]) == len(samples) <= sheet["rows"] * sheet["columns"]
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(sheet["address"].split(",")[1]))).convert("RGB"))
    height, width = samples.images.shape[-2:]
    for number in (0, len(samples) - 1):
        row, column = divmod(number, sheet["columns"])
        part = picture[row * height : (row + 1) * height, column * width : (column + 1) * width]
        truth = samples.images[number].expand(3, -1, -1).permute(1, 2, 0).numpy()
        np.testing.assert_array_equal(part, truth)
        assert sheet["names"][number] == sample_caption(dataset, number)


def test_choice_round_trips():
    picker = SamplePicker(render=False)
    assert picker.preprocess({"dataset": "mnist", "chosen": 7}) == Choice("mnist", 7)
    assert picker.preprocess({"chosen": None}) is picker.preprocess(None) is None
    assert picker.postprocess(None) == {"chosen": None}
    for payload in ({"dataset": "mnist", "chosen": True}, {"chosen": 7}, {"dataset": [], "chosen": 1}):
        with pytest.raises(gr.Error, match="by its data set and number"):
            picker.preprocess(payload)
