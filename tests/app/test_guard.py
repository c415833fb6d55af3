"""Gradio fetches no addresses from requests; if that cannot be guaranteed, the page does not start."""

import subprocess
import sys
from collections.abc import Iterator

import gradio as gr
import httpx
import pytest
from gradio import processing_utils

from dmfa_demo.app.server import guard
from tests.conftest import PATIENCE, REPOSITORY


@pytest.fixture
def shape_of_picture(monkeypatch) -> Iterator[str]:
    """Yield the address of a small Gradio server that fetches nothing, with an endpoint that takes a picture."""
    monkeypatch.setattr(
        processing_utils, guard.DOWNLOAD, getattr(processing_utils, guard.DOWNLOAD)
    )  # restored afterwards
    guard.fetch_nothing()
    with gr.Blocks() as page:
        picture, answer = gr.Image(), gr.Textbox()
        picture.change(lambda image: str(image.shape), picture, answer, api_name="shape")
    _, address, _ = page.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1")
    yield f"{address}gradio_api/call/shape"
    page.close()


def test_address_in_place_of_a_picture_is_refused(shape_of_picture):
    file = {"path": "http://93.184.215.14/large.png", "meta": {"_type": "gradio.FileData"}}
    request = httpx.post(shape_of_picture, json={"data": [file]}, timeout=PATIENCE)
    answer = httpx.get(f"{shape_of_picture}/{request.json()['event_id']}", timeout=PATIENCE).text
    assert "this server fetches no addresses; send the picture itself" in answer


def test_gradio_with_another_download_function_prevents_the_start():
    code = (
        f"from gradio import processing_utils; del processing_utils.{guard.DOWNLOAD}; "
        "from dmfa_demo.app.page import launch; launch()"
    )
    started = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=PATIENCE
    )
    assert started.returncode == 1
    assert f"RuntimeError: Gradio {gr.__version__} has no gradio.processing_utils.{guard.DOWNLOAD}" in started.stderr
