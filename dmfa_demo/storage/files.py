"""Files that are whole or not there: a kill in the middle of writing leaves the old one, and no reader sees half of the new one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save_file
from torch import Tensor


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write tensors as safetensors, all of the file or nothing.

    Raises:
        OSError: when there is no room for it; the old file stays.
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
    """What `write_tensors` wrote.

    Raises:
        ValueError: when the file is cut short or holds something else; nothing in it is run.
        OSError: when it cannot be read; FileNotFoundError only when it is not there.
    """
    # Read here: when no more files can be opened, safetensors says that there is none.
    content = path.read_bytes()
    with _said(path):
        return load(content)


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata that `write_tensors` wrote beside the tensors; raises as `read_tensors` does."""
    with _said(path), safe_open(path, "pt") as file:
        return file.metadata() or {}


def write_text(path: Path, text: str) -> None:
    """Write text, all of the file or nothing; raises as `write_bytes` does."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes, all of the file or nothing.

    Raises:
        OSError: when there is no room for it; the old file stays.
    """
    partial = path.with_suffix(".partial")
    try:
        partial.write_bytes(content)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    os.replace(partial, path)


@contextmanager
def _said(path: Path) -> Iterator[None]:
    try:
        yield
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged ({error}); fetch or make it again") from None
