"""What tests share: real data where they lie, and a stand-in for MNIST where they do not."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dmfa_demo.data import VALIDATION_SIZE, load_samples

REPOSITORY = Path(__file__).resolve().parent.parent
REAL_DATA = REPOSITORY.parent / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """A torchvision root with the real MNIST; skips where there is none."""
    for root in (REAL_DATA, REPOSITORY / "data"):
        if (root / "MNIST" / "raw" / "train-images-idx3-ubyte").is_file():
            return root
    pytest.skip("needs the real MNIST in data/MNIST/raw (python -m train downloads it)")


@pytest.fixture(scope="session")
def real_celeba() -> Path:
    """A data folder with the half-size subset of CelebA; skips where there is none, since nobody may redistribute it."""
    if not (REAL_DATA / "celeba" / "list_eval_partition.txt").is_file():
        pytest.skip("needs CelebA, which cannot be downloaded by a program")
    return REAL_DATA


@pytest.fixture(scope="session")
def small_mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A torchvision root whose MNIST is the bundled samples again and again: 256 to train on, 5,000 to validate, 100 to test."""
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


@pytest.fixture(scope="session")
def served() -> Iterator[str]:
    """The address of the page, served by `python app.py` in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "GRADIO_SERVER_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "False"}
    with subprocess.Popen([sys.executable, "app.py"], cwd=REPOSITORY, env=environment) as server:
        try:
            for _ in range(240):
                try:
                    urllib.request.urlopen(address, timeout=5).close()
                    break
                except OSError:
                    assert server.poll() is None, "python app.py ended"
                    time.sleep(0.5)
            else:
                pytest.fail("python app.py served no page within two minutes")
            yield address
        finally:
            server.terminate()
            server.wait(20)
