"""Draw random numbers in libraries that use PyTorch's global generator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

# Functions that take a generator, and functions without one, with a function that draws the same for a shape.
_DRAW = {
    torch.rand,
    torch.randn,
    torch.randint,
    torch.randperm,
    torch.normal,
    torch.multinomial,
    torch.bernoulli,
    Tensor.normal_,
    Tensor.uniform_,
    Tensor.bernoulli_,
    Tensor.exponential_,
    Tensor.multinomial,
}
_DRAW_LIKE: dict[Any, Callable[..., Tensor]] = {torch.randn_like: torch.randn, torch.rand_like: torch.rand}


class DrawFrom(TorchFunctionMode):
    """A context in which the random functions listed in this module draw from a given generator of the CPU.

    A library that uses PyTorch's global generator then gives the same numbers for the same seed, whatever other threads draw.
    """

    def __init__(self, generator: torch.Generator):
        super().__init__()
        self.generator = generator

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in _DRAW_LIKE:
            like, dtype = args[0], kwargs.get("dtype") or args[0].dtype
            return _DRAW_LIKE[func](like.shape, generator=self.generator, dtype=dtype).to(like.device)
        if func in _DRAW and kwargs.get("generator") is None:
            kwargs["generator"] = self.generator
        return func(*args, **kwargs)
