"""The floating-point format of training."""

from __future__ import annotations

from typing import Literal

import torch

Precision = Literal["auto", "no", "bf16"]
"""`no` is float32, `bf16` is mixed precision with bfloat16, `auto` is the faster of the two on this machine."""


def choose_precision(precision: Precision) -> tuple[Literal["no", "bf16"], str]:
    """Resolve `auto`, and explain the choice.

    Processors with neither AMX nor AVX-512 BF16 train in float32: they emulate bfloat16, or convert to it and back around each
    convolution, and both are slower (`python -m benchmarks.precision`).

    Returns:
        `no` or `bf16`, and a sentence to print.
    """
    if precision != "auto":
        return precision, f"precision: {_NAMES[precision]}"
    if torch.cuda.is_available():
        supported, device = torch.cuda.is_bf16_supported(including_emulation=False), "this GPU"
    else:
        # Versions of torch before 2.11 do not report a processor's capabilities.
        capabilities = getattr(torch.cpu, "get_capabilities", dict)()
        supported, device = any(map(capabilities.get, _BFLOAT16)), "this processor"
    if supported:
        return "bf16", f"precision: {_NAMES['bf16']}, which {device} supports"
    return "no", f"precision: {_NAMES['no']}, since bfloat16 is not faster on {device}"


# The capabilities, as torch names them, of processors that multiply bfloat16 faster than float32.
_BFLOAT16 = ("amx_bf16", "avx512_bf16")
_NAMES = {"no": "float32", "bf16": "bfloat16"}
