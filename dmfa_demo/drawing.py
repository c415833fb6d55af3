"""Draw random numbers in libraries that use PyTorch's global generator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class DrawFrom(TorchFunctionMode):
    """A context in which PyTorch draws from a given generator. Other threads use the global one at the same time, so it cannot be seeded."""

    def __init__(self, generator: torch.Generator):
        super().__init__()
        self.generator = generator

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.randn_like:
            return torch.randn(args[0].shape, generator=self.generator).to(args[0])
        if func in (torch.multinomial, torch.Tensor.normal_):
            return func(*args, **(kwargs or {}), generator=self.generator)
        return func(*args, **(kwargs or {}))
