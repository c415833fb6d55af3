"""Export the networks of a checkpoint as ONNX graphs (see dmfa_demo/networks/engine.py).

A graph contains operations but no weights: each weight is a reference into model.safetensors, as ONNX external data. To find the
inputs of the methods marked with `engine.graph`, the checkpoint is used twice, with different numbers of images and samples, and
each call is recorded. A size that differs between calls becomes a dynamic dimension.

The functions of tensors in dmfa_demo/lite/answers.py, which the light page computes, have graphs of their own.
"""

from __future__ import annotations

import inspect
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from dmfa_demo.imputation import Imputer, flatten, flatten_missing
from dmfa_demo.lite.answers import TensorFunction
from dmfa_demo.lite.functions import answer_of, functions_of
from dmfa_demo.lite.weights import PREFIX, point_into
from dmfa_demo.models.autoencoder import Autoencoder, AutoencoderConfig
from dmfa_demo.models.classifier import CLASSIFIERS
from dmfa_demo.models.wae import WAE
from dmfa_demo.networks import engine
from dmfa_demo.networks.engine import SUFFIX, WEIGHTS_DIGEST
from dmfa_demo.registry import method_class
from dmfa_demo.storage.checkpoints import WEIGHTS, digest, load_network, read_config
from dmfa_demo.storage.files import write_bytes
from train.engine.elementary import decompositions

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

OPSET = 20
# The first version whose exporter uses torch.export by default.
TORCH = (2, 9)
# The largest sizes in bytes: of a constant folded at export, of a constant other than a weight, and of a graph.
FOLDED, CONSTANT, MOST = 4_096, 2**17, 400_000
# The numbers of images and samples of the two uses; all differ, so that dimensions can be told apart.
USES = ((2, 3), (5, 7))

Use = Callable[[Tensor, Tensor, int], object]
"""Computes an answer for images and missing pixels, with a number of samples if the method draws any."""


def write_graphs(folder: Path) -> list[Path]:
    """Write the graphs of a checkpoint's networks in place of older ones, and return their paths.

    A checkpoint with the weights of another has no graphs.

    Raises:
        ImportError: If onnx or onnxscript, which the extra `train` installs, is missing, or PyTorch is too old.
        FileNotFoundError: If the checkpoint needs another one that is missing.
        ValueError: If a graph is too large.
    """
    import onnx  # noqa: F401  (fails before anything is deleted)
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
        methods = _record(networks, use, config["network"]) + [_graph(one) for one in functions_of(folder)]
    # No input is empty, such as latents that a network does not have; the engine leaves them to PyTorch.
    return [_write(method, folder) for method in methods if all(tensor.numel() for tensor in method.inputs)]


def write_answer(imputer: Imputer, folder: Path) -> list[Path]:
    """Write the answer of a method without weights as a graph, if it has one, and return its path."""
    answer = answer_of(imputer)
    return [] if answer is None else [_write(_graph(answer), folder)]


def _write(method: _Graph, folder: Path) -> Path:
    """Write the graph of a method, whose weights are in a checkpoint's folder."""
    model = _export(method)
    if method.outputs and (found := [one.name for one in model.graph.output]) != method.outputs:
        raise ValueError(
            f"the graph {method.name!r} has the outputs {found}, not {method.outputs}: inputs have the same names"
        )
    if (folder / WEIGHTS).is_file():
        point_into(model, folder / WEIGHTS)
        _check_constants(model, folder / WEIGHTS)
        model.metadata_props.add(key=WEIGHTS_DIGEST, value=digest(folder))
    content = model.SerializeToString(deterministic=True)
    path = folder / f"{method.name}{SUFFIX}"
    if len(content) > MOST:
        raise ValueError(f"{path} would take {len(content):,} bytes; a graph takes at most {MOST:,}")
    write_bytes(path, content)
    return path


def _graph(function: TensorFunction) -> _Graph:
    """Return a function of tensors with inputs of two sizes."""
    inputs, outputs = list(function.examples(*USES[0])), []

    def compute(*tensors: Tensor) -> tuple[Tensor, ...]:
        found = function(**dict(zip(inputs, tensors)))
        outputs[:] = found
        return tuple(found.values())

    method = _Graph(function.name, function.network, compute, parameters=inputs, outputs=outputs)
    for rows, draws in USES:
        method.note(*function.examples(rows, draws).values())
    return method


def load_networks(folder: Path) -> tuple[list[nn.Module], Use]:
    """Return the networks of a checkpoint, and a function that uses them."""
    training = read_config(folder)["training"]
    if training["method"] == "autoencoder":
        model = load_network(folder, Autoencoder, AutoencoderConfig)
        return [model], lambda images, missing, samples: model.reconstruct(images)
    if training["method"] == "classifier":
        classifier = CLASSIFIERS[training["treatment"]].load(folder)
        return [classifier.network], lambda images, missing, samples: classifier.predict(images, missing)
    if training["method"] == WAE.name:
        wae = WAE.load(folder)
        return [wae.network], lambda images, missing, samples: wae.reconstruct(images, missing)
    imputer = method_class(training["method"]).load(folder)

    def use(images: Tensor, missing: Tensor, samples: int) -> None:
        imputation = imputer.impute(images, missing, seed=0)
        if imputer.has_samples and not imputer.fills_in_steps:  # its steps call the network like the mean
            imputation.sample(samples)
        if imputation.density is not None:
            imputation.density.log_prob(flatten(images), flatten_missing(missing, images.shape[1]))

    return [part for part in vars(imputer).values() if isinstance(part, nn.Module)], use


@dataclass
class _Graph:
    """What a graph computes, and its recorded calls.

    Attributes:
        name: the graph's name.
        network: the whole network of the checkpoint.
        compute: the method or function, computed by PyTorch.
        parameters: the names of its inputs.
        inputs: the inputs of the last call.
        sizes: the sizes of all inputs, for each call.
        outputs: the names of its outputs, known once it was computed; empty for numbered ones.
    """

    name: str
    network: nn.Module
    compute: Callable[..., Any]
    parameters: Sequence[str] = ()
    inputs: tuple[Tensor, ...] = ()
    sizes: list[list[torch.Size]] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)

    def note(self, *tensors: Tensor) -> Any:
        """Record a call, and let PyTorch compute it."""
        self.inputs = tensors
        self.sizes.append([tensor.shape for tensor in tensors])
        return NotImplemented

    def dynamic_shapes(self) -> list[dict[int, Any]]:
        """Return the dynamic dimensions of each input; dimensions that were equal in every call are one."""
        known: dict[tuple[int, ...], Any] = {}
        inputs = []
        for shapes in zip(*self.sizes):
            dynamic = {at: sizes for at, sizes in enumerate(zip(*shapes)) if len(set(sizes)) > 1}
            for sizes in dynamic.values():
                known.setdefault(sizes, torch.export.Dim(f"size{len(known)}"))
            inputs.append({at: known[sizes] for at, sizes in dynamic.items()})
        return inputs


def _names(method: _Graph) -> list[str]:
    """Return a name for each input: its parameter, with a number if the parameter takes several."""
    if method.parameters:
        return list(method.parameters)
    names = []
    for parameter in inspect.signature(method.compute).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}{number}" for number in range(len(method.inputs) - len(names))]
        else:
            names.append(parameter.name)
    return names


@torch.inference_mode()
def _record(networks: Sequence[nn.Module], use: Use, shape: dict[str, int]) -> list[_Graph]:
    """Return the marked methods of networks, with the calls of two uses."""
    found = []
    for network in networks:
        for name, module, compute in engine.graphs_of(network):
            method = _Graph(name, network, compute)
            engine.replace(module, name, method.note)
            found.append(method)
    generator = torch.Generator().manual_seed(0)
    for rows, samples in USES if found else ():
        images = torch.rand(rows, shape["channels"], shape["height"], shape["width"], generator=generator)
        use(images, torch.rand(images[:, :1].shape, generator=generator) < 0.5, samples)
    return [method for method in found if method.inputs]


class _Exported(nn.Module):
    """A module whose `forward` is a method. It contains the whole network as `network`, so that weights are named `PREFIX` and their name."""

    def __init__(self, method: _Graph):
        super().__init__()
        self.network, self.compute = method.network, method.compute

    def forward(self, *tensors: Tensor) -> Any:
        return self.compute(*tensors)


def _export(method: _Graph) -> ModelProto:
    """Return the graph of a method, including its weights."""
    from onnxscript.optimizer import optimize_ir

    from train.engine.inverse import translations

    inputs = tuple(tensor.clone() for tensor in method.inputs)  # inference tensors cannot be exported
    with _quiet(), torch.no_grad():
        traced = torch.export.export(
            _Exported(method), inputs, dynamic_shapes=(tuple(method.dynamic_shapes()),), strict=False
        )
        program = torch.onnx.export(
            traced.run_decompositions(decompositions()),
            dynamo=True,
            opset_version=OPSET,
            input_names=_names(method),
            output_names=method.outputs or None,
            verbose=False,
            optimize=False,
            custom_translation_table=translations(),
        )
        assert program is not None
        # Operations on weights, and those with a large result, are not folded, so that only weights are large constants.
        optimize_ir(
            program.model, should_fold=lambda node: False if _reads_weights(node) else None, output_size_limit=FOLDED
        )
    model = program.model_proto
    _strip(model.graph)
    return model


def _strip(graph: GraphProto) -> None:
    """Remove metadata about the origin of operations, which take most of the size and name files of this machine, also from loops."""
    del graph.value_info[:]
    del graph.metadata_props[:]
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _strip(attribute.g)


def _reads_weights(node: Any) -> bool:
    return any(given is not None and (given.name or "").startswith(PREFIX) for given in node.inputs)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's warnings and log."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)


def _check_constants(model: ModelProto, weights: Path) -> None:
    """Raise a ValueError if a large constant of a graph is not among the weights in a safetensors file."""
    for tensor in model.graph.initializer:
        if len(tensor.raw_data) > CONSTANT:
            raise ValueError(
                f"the constant {tensor.name!r} of {len(tensor.raw_data):,} bytes is not among the weights in {weights}"
            )
