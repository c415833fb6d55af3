"""The GPU of free Hugging Face Spaces, which the page does not need."""

from __future__ import annotations

import os

# Set by Spaces on hardware of this kind.
SETTING = "SPACES_ZERO_GPU"


def declare_gpu_function() -> None:
    """Declare a function for the GPU on ZeroGPU, which starts no Space without one; elsewhere do nothing.

    The function is never called: all models compute on the CPU.
    """
    if os.environ.get(SETTING):
        from spaces import GPU  # pyright: ignore[reportMissingImports]  (installed there and nowhere else)

        GPU(lambda: None)
