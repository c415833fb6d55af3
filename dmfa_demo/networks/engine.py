"""Which engine computes a network: ONNX Runtime where an exported graph lies beside its weights, PyTorch everywhere else.

A network marks each method that maps tensors to tensors with `graph`. `python -m train export` writes each of them to a file
NAME.onnx, which holds the operations only and reads the weights from model.safetensors. `attach`, which is called wherever a
checkpoint is loaded, lets ONNX Runtime answer for the methods whose files are there.

ONNX Runtime is asked in `torch.inference_mode()` only, for float32 and bool tensors on the CPU, and as long as the network is in
evaluation mode and its weights are those that were loaded. Everything else, gradients and training above all, is PyTorch's. One
session, with one thread, serves all who ask; it computes without Python's global lock.

The environment variable `DMFA_DEMO_ENGINE` forces one of the two: `torch`, or `onnx`, which makes a missing or outdated graph an
error.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, wraps
from pathlib import Path
from types import MethodType
from typing import Any, Literal, TypeVar, cast, get_args
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

SETTING = "DMFA_DEMO_ENGINE"
Engine = Literal["auto", "torch", "onnx"]

# What the names of graphs end with, and the entry of their metadata that tells which weights they belong to.
SUFFIX, WEIGHTS_DIGEST = ".onnx", "weights"

Compute = TypeVar("Compute", bound=Callable[..., Any])
Runner = Callable[..., Any]
"""(tensors) -> what the method returns for them, or `NotImplemented` when it is PyTorch's turn."""

_CHOSEN: ContextVar[Engine | None] = ContextVar("engine", default=None)
_RUNNERS: WeakKeyDictionary[nn.Module, dict[str, Runner]] = WeakKeyDictionary()


def graph(name: str) -> Callable[[Compute], Compute]:
    """Mark a method of a network as one that can be exported as NAME.onnx and run from there.

    It takes tensors, all positional, and returns one or a tuple of them; what it does depends neither on their values nor on the
    number of rows. Take that number as `x.shape[0]`: `len(x)` would be a constant of the graph.
    """

    def mark(compute: Compute) -> Compute:
        @wraps(compute)
        def run(self: nn.Module, *tensors: Tensor) -> Any:
            asked = torch.is_inference_mode_enabled() and not self.training
            runner = runner_of(self, name) if asked else None
            found = NotImplemented if runner is None else runner(*tensors)
            return compute(self, *tensors) if found is NotImplemented else found

        cast(Any, run).graph = name
        return cast(Compute, run)

    return mark


def graphs_of(network: nn.Module) -> Iterator[tuple[str, nn.Module, Callable[..., Any]]]:
    """The marked methods of a network and its modules: the name of the graph, the module, and the method as PyTorch computes it."""
    for module in network.modules():
        for attribute in dir(type(module)):
            marked: Any = getattr(type(module), attribute, None)
            if isinstance(name := getattr(marked, "graph", None), str):
                yield name, module, MethodType(marked.__wrapped__, module)


def runner_of(module: nn.Module, name: str) -> Runner | None:
    """What answers for the method of this module that is marked with `name`; None where PyTorch does."""
    return _RUNNERS.get(module, {}).get(name)


def replace(module: nn.Module, name: str, runner: Runner) -> None:
    """Let `runner` answer for the method of this module that is marked with `name`."""
    _RUNNERS.setdefault(module, {})[name] = runner


@contextmanager
def using(engine: Engine) -> Iterator[None]:
    """Load networks for an engine, whatever `DMFA_DEMO_ENGINE` says."""
    token = _CHOSEN.set(engine)
    try:
        yield
    finally:
        _CHOSEN.reset(token)


def chosen() -> Engine:
    """The engine of `using`, else the one that `DMFA_DEMO_ENGINE` names, else "auto".

    Raises:
        ValueError: for another name.
    """
    if engine := _CHOSEN.get():
        return engine
    name = os.environ.get(SETTING) or "auto"
    if name not in get_args(Engine):
        raise ValueError(f"{SETTING} must be one of {', '.join(get_args(Engine))}; got {name!r:.40}")
    return cast(Engine, name)


def attach(network: nn.Module, folder: Path, digest: Callable[[], str]) -> None:
    """Let ONNX Runtime answer for the methods of a network whose graphs lie in a folder.

    Args:
        network: with the weights of that folder.
        digest: of these weights and their settings; computed only where there is a graph.

    Raises:
        ValueError: when ONNX Runtime is forced and a graph is missing, damaged, or that of other weights. Otherwise PyTorch is used
            then, with a warning if there is a graph.
    """
    if (engine := chosen()) == "torch":
        return
    digest, weights = cache(digest), [*network.parameters(), *network.buffers()]
    for name, module, _ in graphs_of(network):
        path = folder / f"{name}{SUFFIX}"
        if engine == "auto" and not path.is_file():
            continue
        try:
            replace(module, name, _Graph(path, digest(), weights))
        except ValueError as error:
            if engine == "onnx":
                raise
            warnings.warn(f"{error}. PyTorch is used until then", stacklevel=2)


class _Graph:
    """A graph in ONNX Runtime, which answers for a network as long as nobody changes the weights it was loaded with.

    Raises:
        ValueError: when there is no such graph, or it is that of other weights.
    """

    def __init__(self, path: Path, digest: str, weights: list[Tensor]):
        self.session = _session(path, digest)
        self.names = [given.name for given in self.session.get_inputs()]
        self.weights = weights
        self.versions = self._versions()

    def __call__(self, *tensors: Tensor) -> Any:
        fits = all(
            one.device.type == "cpu" and one.dtype in (torch.float32, torch.bool) and one.numel() for one in tensors
        )
        if not fits or self._versions() != self.versions:
            return NotImplemented
        given = {name: tensor.contiguous().numpy() for name, tensor in zip(self.names, tensors)}
        found = [torch.from_numpy(values) for values in self.session.run(None, given)]
        return found[0] if len(found) == 1 else tuple(found)

    def _versions(self) -> list[int]:
        """How often each weight was written to; those that were made in inference mode do not count that."""
        return [0 if weight.is_inference() else weight._version for weight in self.weights]


@cache
def _session(path: Path, digest: str) -> Any:
    """The session of a graph, one for all networks with these weights."""
    import onnxruntime

    if not path.is_file():
        raise ValueError(_advice(path, "is missing"))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no class in common
        raise ValueError(_advice(path, f"cannot be loaded ({error!s:.200})")) from None
    if session.get_modelmeta().custom_metadata_map.get(WEIGHTS_DIGEST) != digest:
        raise ValueError(_advice(path, "was exported from other weights"))
    return session


def _advice(path: Path, what: str) -> str:
    folder = path.parent
    return f"{path} {what}; write it anew with python -m train export --dataset {folder.parent.name} --method {folder.name}"
