"""Choose the engine that computes a network: ONNX Runtime if its exported graph is there, PyTorch otherwise.

A network marks each method that maps tensors to tensors with `graph`. `python -m train export` writes each marked method to a file
NAME.onnx, which contains the operations and reads the weights from model.safetensors. Loading a checkpoint calls `attach`, which
lets ONNX Runtime compute the methods whose files are beside the weights.

ONNX Runtime is used only in `torch.inference_mode()`, for float32 and bool tensors on the CPU, while the network is in evaluation
mode and its weights are unchanged. PyTorch computes everything else, in particular calls that need a gradient. Each graph has one
session with one thread, which all callers share; it releases Python's global interpreter lock.

The environment variable `DMFA_DEMO_ENGINE` forces an engine: `torch`, or `onnx`, which makes a missing or outdated graph an error.
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

# The suffix of graph files, and the metadata entry with the digest of the weights that a graph was exported from.
SUFFIX, WEIGHTS_DIGEST = ".onnx", "weights"

Compute = TypeVar("Compute", bound=Callable[..., Any])
Runner = Callable[..., Any]
"""Maps tensors to the result of a method, or to `NotImplemented` if PyTorch has to compute it."""

_CHOSEN: ContextVar[Engine | None] = ContextVar("engine", default=None)
_RUNNERS: WeakKeyDictionary[nn.Module, dict[str, Runner]] = WeakKeyDictionary()


def graph(name: str) -> Callable[[Compute], Compute]:
    """Mark a method of a network for export as NAME.onnx.

    The method takes positional tensors and returns a tensor or a tuple of tensors. Its Python code must not depend on their values or
    on the batch size. Write the batch size as `x.shape[0]`: the export treats `len(x)` as a constant.
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
    """Yield the marked methods of a network and its modules: the graph's name, the module, and the method computed by PyTorch."""
    for module in network.modules():
        for attribute in dir(type(module)):
            marked: Any = getattr(type(module), attribute, None)
            if isinstance(name := getattr(marked, "graph", None), str):
                yield name, module, MethodType(marked.__wrapped__, module)


def runner_of(module: nn.Module, name: str) -> Runner | None:
    """Return what computes the method of `module` that is marked with `name`; None if PyTorch does."""
    return _RUNNERS.get(module, {}).get(name)


def replace(module: nn.Module, name: str, runner: Runner) -> None:
    """Let `runner` compute the method of `module` that is marked with `name`."""
    _RUNNERS.setdefault(module, {})[name] = runner


@contextmanager
def using(engine: Engine) -> Iterator[None]:
    """Load networks for `engine` in this context, regardless of `DMFA_DEMO_ENGINE`."""
    token = _CHOSEN.set(engine)
    try:
        yield
    finally:
        _CHOSEN.reset(token)


def chosen() -> Engine:
    """Return the engine set by `using`, otherwise the one in `DMFA_DEMO_ENGINE`, otherwise "auto".

    Raises:
        ValueError: If the environment variable names an unknown engine.
    """
    if engine := _CHOSEN.get():
        return engine
    name = os.environ.get(SETTING) or "auto"
    if name not in get_args(Engine):
        raise ValueError(f"{SETTING} must be one of {', '.join(get_args(Engine))}; got {name!r:.40}")
    return cast(Engine, name)


def attach(network: nn.Module, folder: Path, digest: Callable[[], str]) -> None:
    """Let ONNX Runtime compute the methods of a network whose graphs are in a folder.

    A graph that is damaged or was exported from other weights is skipped with a warning.

    Args:
        network: a network with the weights of that folder.
        digest: returns the digest of these weights and their settings; called only if there is a graph.

    Raises:
        ValueError: If ONNX Runtime is forced and a graph is missing, damaged, or was exported from other weights.
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
            warnings.warn(f"{error}. PyTorch is used instead", stacklevel=2)


class _Graph:
    """A graph in ONNX Runtime that computes a method while the weights of its network are unchanged.

    Raises:
        ValueError: If the graph is missing, damaged, or was exported from other weights.
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
        """Return how often each weight was modified in place; tensors created in inference mode do not count this."""
        return [0 if weight.is_inference() else weight._version for weight in self.weights]


def open_session(path: Path) -> Any:
    """Return a session of ONNX Runtime with one thread for the graph in a file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    options.enable_cpu_mem_arena = False  # an arena a session keeps the memory of its largest batch, and saves no time
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


@cache
def _session(path: Path, digest: str) -> Any:
    """Return the session of a graph, shared by all networks with these weights."""
    if not path.is_file():
        raise ValueError(_advice(path, "is missing"))
    try:
        session = open_session(path)
    except Exception as error:  # the exceptions of ONNX Runtime share no base class
        raise ValueError(_advice(path, f"cannot be loaded ({error!s:.200})")) from None
    if session.get_modelmeta().custom_metadata_map.get(WEIGHTS_DIGEST) != digest:
        raise ValueError(_advice(path, "was exported from other weights"))
    return session


def _advice(path: Path, what: str) -> str:
    folder = path.parent
    return f"{path} {what}; write it again with python -m train export --dataset {folder.parent.name} --method {folder.name}"
