"""A small light page, built once per process: digits, three methods and two classifiers."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from dmfa_demo.lite.build import PACKAGE, VERSION, build
from dmfa_demo.lite.serve import server

METHODS = ["dmfa", "vaeac", "dynamics", "zero", "classifier-complete", "classifier-misconv-dmfa"]


@pytest.fixture(scope="session")
def light_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the page."""
    pytest.importorskip("onnx", reason="building the light page needs the extra train")
    if shutil.which("npm") is None:
        pytest.skip("npm, which downloads ONNX Runtime Web, is not installed")
    asked = subprocess.run(["npm", "view", f"{PACKAGE}@{VERSION}", "version"], capture_output=True, text=True)
    if asked.returncode:
        pytest.skip(f"npm cannot reach its registry: {asked.stderr.strip():.100}")
    folder = tmp_path_factory.mktemp("light") / "page"
    build(folder, datasets=["mnist"], methods=METHODS)
    return folder


@pytest.fixture(scope="session")
def light(light_page: Path) -> Iterator[str]:
    """The address of the page."""
    with server(light_page) as running:
        Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}/"
        running.shutdown()
