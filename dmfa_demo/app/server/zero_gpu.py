"""Support for free Hugging Face Spaces on ZeroGPU, although the page does not use the GPU."""

from __future__ import annotations

import os

# Set by Spaces on ZeroGPU hardware.
SETTING = "SPACES_ZERO_GPU"


def declare_gpu_function() -> None:
    """Declare a GPU function on ZeroGPU, where no Space starts without one; do nothing elsewhere.

    The function is never called: all models compute on the CPU.
    """
    if os.environ.get(SETTING):
        from spaces import GPU  # pyright: ignore[reportMissingImports]  (installed only there)

        GPU(lambda: None)
