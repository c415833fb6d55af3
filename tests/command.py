"""Run `python -m train` in the tests' process, which has already imported torch.

`python -m tests.command` does the same in a separate process, for the stand-in for MNIST with its few validation images.
"""

from __future__ import annotations

import io
import sys
import traceback
from contextlib import AbstractContextManager, chdir, nullcontext, redirect_stderr, redirect_stdout
from subprocess import CompletedProcess
from unittest import mock

import torch
from accelerate.state import AcceleratorState

from dmfa_demo.data import datasets
from tests.conftest import REPOSITORY, VALIDATION_SIZE
from train.__main__ import main
from train.engine import run


def train(*words: str, graphs: bool = False) -> CompletedProcess[str]:
    """Run `python -m train` with these words, and return its output and exit status.

    Tests of signals or of several processes need a separate process. Without `graphs`, training writes no ONNX graphs, which would
    take most of the time.
    """
    out, err, status = io.StringIO(), io.StringIO(), 0
    forget_precision()
    with (
        mock.patch.object(sys, "argv", ["train", *words]),
        redirect_stdout(out),
        redirect_stderr(err),
        chdir(REPOSITORY),
        torch.random.fork_rng(),
        nullcontext() if graphs else no_graphs(),
    ):
        try:
            main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)
        except Exception:
            traceback.print_exc()
            status = 1
        finally:
            forget_precision()
    return CompletedProcess(["train", *words], status, out.getvalue(), err.getvalue())


def forget_precision() -> None:
    """Let the next run in this process choose its precision; accelerate has one per process."""
    AcceleratorState._reset_state(reset_partial_state=True)


def no_graphs() -> AbstractContextManager[object]:
    """Let training end without ONNX graphs."""
    return mock.patch.object(run, "write_graphs")


if __name__ == "__main__":
    datasets.VALIDATION_SIZE = VALIDATION_SIZE
    with no_graphs():
        main()
