"""Fixtures shared by tests: real data where available, and stand-ins for data sets."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from dmfa_demo.data import datasets
from dmfa_demo.data.celeba import ALL_ATTRIBUTES
from dmfa_demo.data.datasets import load_samples

# No deadline, since examples are slow on a busy machine; benchmarks/ measures times.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# Seconds that a test waits for an answer, which takes long on a busy machine.
PATIENCE = 300

REPOSITORY = Path(__file__).resolve().parent.parent
REAL_DATA = REPOSITORY.parent / "shared" / "data"

# Validation images of the stand-in for MNIST, instead of 5,000, since the figures do not matter.
VALIDATION_SIZE = 50


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return a torchvision root with the real MNIST; skip if there is none."""
    for root in (REAL_DATA, REPOSITORY / "data"):
        if (root / "MNIST" / "raw" / "train-images-idx3-ubyte").is_file():
            return root
    pytest.skip("needs the real MNIST in data/MNIST/raw (python -m train downloads it)")


@pytest.fixture(scope="session")
def real_celeba() -> Path:
    """Return a data folder with the half-size subset of CelebA, which may not be redistributed; skip if there is none."""
    if not (REAL_DATA / "celeba" / "list_eval_partition.txt").is_file():
        pytest.skip("needs CelebA, which cannot be downloaded by a program")
    return REAL_DATA


@pytest.fixture(scope="session")
def mnist_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the files of `small_mnist`."""
    root = tmp_path_factory.mktemp("data")
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    samples = load_samples("mnist")
    for part, count in (("train", 256 + VALIDATION_SIZE), ("t10k", 100)):
        rows = np.arange(count) % len(samples)
        images, labels = samples.images[rows, 0].numpy(), samples.labels[rows].numpy().astype(np.uint8)
        (raw / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 0x803, count, 28, 28) + images.tobytes())
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 0x801, count) + labels.tobytes())
    return root


@pytest.fixture(scope="module")
def small_mnist(mnist_files: Path) -> Iterator[Path]:
    """Return a torchvision root whose MNIST repeats the bundled samples: 256 for training, 50 for validation, 100 for the test.

    A separate process reads it by `python -m tests.command`.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "VALIDATION_SIZE", VALIDATION_SIZE)
        yield mnist_files


@pytest.fixture(scope="session")
def small_celeba(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder whose CelebA is the bundled portraits with noise: 40 for training, 20 for validation, 20 for the test."""
    root = tmp_path_factory.mktemp("faces")
    folder, portraits, draw = root / "celeba", load_samples("celeba").images.numpy(), np.random.default_rng(0)
    (folder / "img_align_celeba").mkdir(parents=True)
    parts, attributes = [], ["80", "names of attributes"]
    for number in range(80):
        name = f"{number + 1:06d}.jpg"
        face = Image.fromarray(portraits[number % len(portraits)].transpose(1, 2, 0)).resize((89, 109))
        noisy = np.asarray(face) + draw.normal(0, 20, (109, 89, 3))
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / "img_align_celeba" / name)
        parts.append(f"{name} {0 if number < 40 else 1 if number < 60 else 2}")
        attributes.append(f"{name} {' '.join(map(str, draw.choice([-1, 1], ALL_ATTRIBUTES)))}")
    (folder / "list_eval_partition.txt").write_text("\n".join(parts))
    (folder / "list_attr_celeba.txt").write_text("\n".join(attributes))
    return root


@pytest.fixture(scope="session")
def served() -> Iterator[str]:
    """Yield the address of the page, served by `python app.py` in a separate process."""
    with serving() as address:
        yield address


@contextmanager
def serving(**variables: str) -> Iterator[str]:
    """Serve the page by `python app.py` with extra environment variables, and yield its address."""
    with server(**variables) as running:
        yield running.address


@contextmanager
def server(**variables: str) -> Iterator[Server]:
    """Serve the page as `serving` does, and yield the server."""
    running = Server(variables)
    running.start()
    try:
        yield running
    finally:
        running.stop()


class Server:
    """`python app.py` in a separate process, at a free port."""

    def __init__(self, variables: dict[str, str], log: Path | None = None):
        """`log` is a file for its output; without one it is printed."""
        self._log = log
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        self._environment = {**os.environ, "GRADIO_SERVER_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "False"}
        self._environment |= variables

    def start(self) -> None:
        """Start the process, and wait until it serves the page."""
        with open(self._log, "w") if self._log else nullcontext() as log:
            self.process = subprocess.Popen(
                [sys.executable, "app.py"], cwd=REPOSITORY, env=self._environment, stdout=log, stderr=log
            )
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(self.address, timeout=PATIENCE).close()
                return
            except OSError:
                assert self.process.poll() is None, "python app.py ended"
                time.sleep(0.2)
        pytest.fail(f"python app.py served no page within {PATIENCE} seconds")

    def stop(self) -> None:
        """End the process; its visitors' sessions are lost."""
        self.process.terminate()
        self.process.wait(PATIENCE)


# The methods and classifiers of the small light page.
LIGHT_METHODS = ["dmfa", "vaeac", "dynamics", "zero", "classifier-complete", "classifier-misconv-dmfa"]


@pytest.fixture(scope="session")
def light_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small light page: digits, a few methods and two classifiers."""
    from dmfa_demo.lite.build import PACKAGE, VERSION, build

    pytest.importorskip("onnx", reason="building the light page needs the extra train")
    if shutil.which("npm") is None:
        pytest.skip("npm, which downloads ONNX Runtime Web, is not installed")
    asked = subprocess.run(["npm", "view", f"{PACKAGE}@{VERSION}", "version"], capture_output=True, text=True)
    if asked.returncode:
        pytest.skip(f"npm cannot reach its registry: {asked.stderr.strip():.100}")
    folder = tmp_path_factory.mktemp("light") / "page"
    build(folder, datasets=["mnist"], methods=LIGHT_METHODS)
    return folder


@contextmanager
def serve_light(folder: Path) -> Iterator[str]:
    """Serve a light page; yield its address."""
    from dmfa_demo.lite.serve import server

    with server(folder) as running:
        Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}/"
        running.shutdown()


@pytest.fixture(scope="session")
def light(light_page: Path) -> Iterator[str]:
    """The address of the small light page."""
    with serve_light(light_page) as address:
        yield address
