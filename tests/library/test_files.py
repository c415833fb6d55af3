"""Atomic files: complete or absent, whatever happens during writing."""

import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from dmfa_demo.storage.files import read_metadata, read_tensors, write_tensors, write_text
from tests.conftest import REPOSITORY


@contextmanager
def no_room(size: int = 2_000) -> Iterator[None]:
    """Limit the size of files to this many bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_tensors_and_metadata_round_trip(tmp_path):
    path, tensors = tmp_path / "a.safetensors", {"a": torch.rand(3, 4).T, "b": torch.arange(5)}
    write_tensors(path, tensors, {"step": "3"})
    assert all(torch.equal(tensor, read_tensors(path)[name]) for name, tensor in tensors.items())
    assert read_metadata(path) == {"step": "3"}


def test_a_full_disk_leaves_the_old_files(tmp_path):
    tensors, text = tmp_path / "a.safetensors", tmp_path / "a.json"
    write_tensors(tensors, {"a": torch.ones(1000)})
    write_text(text, "old")
    with no_room():
        with pytest.raises(OSError, match=r"a\.safetensors could not be written"):
            write_tensors(tensors, {"a": torch.zeros(9000)})
        with pytest.raises(OSError):
            write_text(text, "new" * 9000)
    assert read_tensors(tensors)["a"].eq(1).all() and text.read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"a.safetensors", "a.json"}


def test_file_is_complete_whenever_its_writer_is_killed(tmp_path):
    code = """
import sys
from itertools import count
from pathlib import Path
import torch
from dmfa_demo.storage.files import write_tensors
for number in count():
    write_tensors(Path(sys.argv[1]), {"a": torch.full((300_000,), number % 2)})
"""
    path = tmp_path / "a.safetensors"
    for pause in (0.0, 0.013, 0.031):
        path.unlink(missing_ok=True)
        writer = subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=REPOSITORY)
        try:
            while not path.exists():
                assert writer.poll() is None
                time.sleep(0.001)
            time.sleep(pause)
        finally:
            writer.kill()
        assert writer.wait() == -signal.SIGKILL
        found = read_tensors(path)["a"]
        assert len(found) == 300_000 and found.eq(found[0]).all()


WHOLE = save({"a": torch.arange(6.0), "b": torch.ones(2, 3)})


@given(place=st.integers(0, len(WHOLE) - 1), byte=st.integers(0, 255), end=st.integers(0, len(WHOLE)))
def test_corrupted_files_are_read_or_reported(tmp_path_factory, place, byte, end):
    path = tmp_path_factory.getbasetemp() / "spoilt.safetensors"
    path.write_bytes((WHOLE[:place] + bytes([byte]) + WHOLE[place + 1 :])[:end])
    try:
        found = read_tensors(path)
    except ValueError as error:
        assert "spoilt.safetensors is damaged" in str(error)
    else:
        assert sum(tensor.numel() for tensor in found.values()) == 12
