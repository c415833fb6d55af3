"""ONNX graphs of a checkpoint's networks, for ONNX Runtime (see dmfa_demo/networks/engine.py).

A graph holds operations and no weights: each of its large constants is a place in model.safetensors, as ONNX has it for external
data. What is exported is what the methods marked with `engine.graph` are asked while the checkpoint is put to use. It is used twice,
for different numbers of images and samples, so that a size that differs is known to be a free one.
"""

from __future__ import annotations

import inspect
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from dmfa_demo.models.autoencoder import Autoencoder, AutoencoderConfig
from dmfa_demo.models.classifier import CLASSIFIERS
from dmfa_demo.networks import engine
from dmfa_demo.networks.engine import SUFFIX, WEIGHTS_DIGEST
from dmfa_demo.registry import method_class
from dmfa_demo.storage.checkpoints import WEIGHTS, digest, load_network, read_config
from dmfa_demo.storage.files import write_bytes

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 20
# From this version on what exports by torch.export is PyTorch's own default.
TORCH = (2, 9)
# Bytes at most: of a constant that is computed here and not when the graph is loaded, of a constant that is no weight, of a graph.
FOLDED, CONSTANT, MOST = 4_096, 2**17, 400_000
# Images and samples of the two uses; no two numbers are alike, so that sizes are told apart.
USES = ((2, 3), (5, 7))

# What the names of weights begin with in a graph, for `_Exported` has the network as its attribute.
_PREFIX = "network."

# How safetensors and ONNX name the types of weights.
_TYPES = {"F32": "FLOAT", "F16": "FLOAT16", "I64": "INT64"}

Use = Callable[[Tensor, Tensor, int], object]
"""Puts networks to use on images with missing pixels, for so many samples where there are any."""


def write_graphs(folder: Path) -> list[Path]:
    """Write the graphs of the networks in a checkpoint's folder, instead of older ones; return the files.

    There are none for a checkpoint without networks, or with those of another.

    Raises:
        ImportError: without the packages onnx and onnxscript, which the extra `train` installs, or with an old PyTorch.
        ValueError: when a graph would be too large.
    """
    import onnx  # noqa: F401  (what is missing is said before anything is deleted)
    import onnxscript  # noqa: F401

    if tuple(map(int, torch.__version__.split(".")[:2])) < TORCH:
        raise ImportError(f"exporting needs PyTorch {'.'.join(map(str, TORCH))} or newer; this is {torch.__version__}")
    for older in folder.glob(f"*{SUFFIX}"):
        older.unlink()
    config = read_config(folder)
    if "weights" in config:
        return []
    with engine.using("torch"):
        networks, use = load_networks(folder)
    weights, written = digest(folder), []
    for method in _record(networks, use, config["network"]):
        model = _export(method)
        _point_into(model, folder / WEIGHTS)
        model.metadata_props.add(key=WEIGHTS_DIGEST, value=weights)
        content = model.SerializeToString(deterministic=True)
        path = folder / f"{method.name}{SUFFIX}"
        if len(content) > MOST:
            raise ValueError(f"{path} would take {len(content):,} bytes; a graph takes at most {MOST:,}")
        write_bytes(path, content)
        written.append(path)
    return written


def load_networks(folder: Path) -> tuple[list[nn.Module], Use]:
    """The networks of a checkpoint, and how they are used."""
    training = read_config(folder)["training"]
    if training["method"] == "autoencoder":
        model = load_network(folder, Autoencoder, AutoencoderConfig)
        return [model], lambda images, missing, samples: model.reconstruct(images)
    if training["method"] == "classifier":
        classifier = CLASSIFIERS[training["treatment"]].load(folder)
        return [classifier.network], lambda images, missing, samples: classifier.predict(images, missing)
    imputer = method_class(training["method"]).load(folder)

    def use(images: Tensor, missing: Tensor, samples: int) -> None:
        imputation = imputer.impute(images, missing, seed=0)
        if imputer.has_samples and not imputer.fills_in_steps:  # each step asks what the mean asks
            imputation.sample(samples)

    return [part for part in vars(imputer).values() if isinstance(part, nn.Module)], use


@dataclass
class _Method:
    """A marked method of a network, and what it was asked.

    Attributes:
        name: of the graph.
        network: whose checkpoint it is; its weights have the names that they have there.
        compute: the method.
        inputs: of one call.
        sizes: those of all inputs, for each call.
    """

    name: str
    network: nn.Module
    compute: Callable[..., Any]
    inputs: tuple[Tensor, ...] = ()
    sizes: list[list[torch.Size]] = field(default_factory=list)

    def note(self, *tensors: Tensor) -> Any:
        """Remember a call, and leave the answer to PyTorch."""
        self.inputs = tensors
        self.sizes.append([tensor.shape for tensor in tensors])
        return NotImplemented

    def free_sizes(self) -> list[dict[int, Any]]:
        """For each input its free dimensions; those that have always been alike are one."""
        found: dict[tuple[int, ...], Any] = {}
        free = []
        for shapes in zip(*self.sizes):
            columns = enumerate(zip(*shapes))
            free.append(
                {at: found.setdefault(c, torch.export.Dim(f"size{len(found)}")) for at, c in columns if len(set(c)) > 1}
            )
        return free

    def names(self) -> list[str]:
        """A name for each input: that of the parameter, with a number where one takes several."""
        names = []
        for parameter in inspect.signature(self.compute).parameters.values():
            if parameter.kind is parameter.VAR_POSITIONAL:
                names += [f"{parameter.name}{number}" for number in range(len(self.inputs) - len(names))]
            else:
                names.append(parameter.name)
        return names


@torch.inference_mode()
def _record(networks: Sequence[nn.Module], use: Use, shape: dict[str, int]) -> list[_Method]:
    """The marked methods of networks and what they are asked in two uses."""
    found = []
    for network in networks:
        for name, module, compute in engine.graphs_of(network):
            method = _Method(name, network, compute)
            engine.replace(module, name, method.note)
            found.append(method)
    generator = torch.Generator().manual_seed(0)
    for rows, samples in USES if found else ():
        images = torch.rand(rows, shape["channels"], shape["height"], shape["width"], generator=generator)
        use(images, torch.rand(images[:, :1].shape, generator=generator) < 0.5, samples)
    return [method for method in found if method.inputs]


class _Exported(nn.Module):
    """A method as the `forward` of a module, which holds the whole network, so that all weights keep their names."""

    def __init__(self, method: _Method):
        super().__init__()
        self.network, self.compute = method.network, method.compute

    def forward(self, *tensors: Tensor) -> Any:
        return self.compute(*tensors)


def _export(method: _Method) -> ModelProto:
    """The graph of a method, weights inside."""
    from onnxscript.optimizer import optimize_ir

    inputs = tuple(tensor.clone() for tensor in method.inputs)  # those of inference mode cannot be exported
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            _Exported(method),
            inputs,
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes=(tuple(method.free_sizes()),),
            input_names=method.names(),
            verbose=False,
            optimize=False,
        )
        assert program is not None
        # What is computed from weights, or is large, is computed when the graph is loaded: no large constant but the weights.
        optimize_ir(
            program.model, should_fold=lambda node: False if _reads_weights(node) else None, output_size_limit=FOLDED
        )
    model = program.model_proto
    # What tells where an operation comes from takes more than the operation.
    graph = model.graph
    del graph.value_info[:]
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    return model


def _reads_weights(node: Any) -> bool:
    return any(given is not None and (given.name or "").startswith(_PREFIX) for given in node.inputs)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter says about itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)


def _point_into(model: ModelProto, weights: Path) -> None:
    """Replace the weights in a graph by their places in a file of safetensors.

    Raises:
        ValueError: when a large constant is no weight.
    """
    from onnx import TensorProto, helper

    content = weights.read_bytes()
    length = int.from_bytes(content[:8], "little")
    places = json.loads(content[8 : 8 + length])
    for tensor in model.graph.initializer:
        place = places.get(tensor.name.removeprefix(_PREFIX))
        if place is None:
            if len(tensor.raw_data) > CONSTANT:
                raise ValueError(
                    f"the constant {tensor.name!r} of {len(tensor.raw_data):,} bytes is not among the weights in {weights}"
                )
            continue
        kind = getattr(TensorProto, _TYPES[place["dtype"]])
        if kind != tensor.data_type:  # smaller in the file
            model.graph.node.insert(
                0, helper.make_node("Cast", [f"{tensor.name}.stored"], [tensor.name], to=tensor.data_type)
            )
            tensor.name, tensor.data_type = f"{tensor.name}.stored", kind
        first, end = place["data_offsets"]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        where = {"location": weights.name, "offset": 8 + length + first, "length": end - first}
        for key, value in where.items():
            tensor.external_data.add(key=key, value=str(value))
