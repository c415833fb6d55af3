"""Atomic files: a kill in the middle of writing leaves the old file, and no reader sees a partial one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save_file
from torch import Tensor


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write tensors as safetensors, atomically.

    Raises:
        OSError: If there is no room for it; the old file stays.
    """
    partial = path.with_suffix(".partial")
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        save_file(kept, partial, metadata)
    except SafetensorError as error:
        partial.unlink(missing_ok=True)
        raise OSError(f"{path} could not be written: {error}") from None
    os.replace(partial, path)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read the tensors that `write_tensors` wrote.

    Raises:
        ValueError: If the file is truncated or contains something else; nothing in it is executed.
        OSError: If it cannot be read; FileNotFoundError only if it does not exist.
    """
    # Read here, since safetensors reports a missing file when too many files are open.
    content = path.read_bytes()
    with _naming_damaged(path):
        return load(content)


def read_metadata(path: Path) -> dict[str, str]:
    """Read the metadata that `write_tensors` wrote; raises as `read_tensors` does."""
    with _naming_damaged(path), safe_open(path, "pt") as file:
        return file.metadata() or {}


def write_text(path: Path, text: str) -> None:
    """Write text, atomically; raises as `write_bytes` does."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes, atomically.

    Raises:
        OSError: If there is no room for it; the old file stays.
    """
    partial = path.with_suffix(".partial")
    try:
        partial.write_bytes(content)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    os.replace(partial, path)


@contextmanager
def _naming_damaged(path: Path) -> Iterator[None]:
    try:
        yield
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged ({error}); download it or make it again") from None
