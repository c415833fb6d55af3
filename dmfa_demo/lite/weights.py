"""Weights of the light page: a checkpoint's tensors in half precision, and graphs that read them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from dmfa_demo.networks.engine import SUFFIX
from dmfa_demo.storage.checkpoints import WEIGHTS
from dmfa_demo.storage.files import read_tensors, write_bytes, write_tensors

if TYPE_CHECKING:
    from onnx import ModelProto

# The prefix of the names of weights in a graph, and the suffix of those that are stored in half precision and converted.
PREFIX, STORED = "network.", ".stored"

# The data types of weights in safetensors and in ONNX.
TYPES = {"F32": "FLOAT", "F16": "FLOAT16", "I64": "INT64"}


def write_weights(weights: Path, graphs: Iterable[Path], folder: Path, half: bool = True) -> None:
    """Write the weights that some graphs of a checkpoint read, and these graphs, for the light page.

    Args:
        weights: the checkpoint's model.safetensors.
        graphs: graphs that read it.
        folder: where to write both.
        half: whether to store the weights in half precision.
    """
    import onnx

    models = {path: onnx.load(path, load_external_data=False) for path in graphs}
    used = {name_of(tensor.name) for model in models.values() for tensor in model.graph.initializer}
    tensors = {name: tensor for name, tensor in read_tensors(weights).items() if name in used}
    kept = {
        name: tensor.half() if half and tensor.dtype == torch.float32 else tensor for name, tensor in tensors.items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / WEIGHTS, kept)
    for path, model in models.items():
        point_into(model, folder / WEIGHTS)
        write_bytes(folder / f"{path.stem}{SUFFIX}", model.SerializeToString(deterministic=True))


def name_of(initializer: str) -> str:
    """Return the name of a weight in its checkpoint, given its name in a graph."""
    return initializer.removeprefix(PREFIX).removesuffix(STORED)


def point_into(model: ModelProto, weights: Path) -> None:
    """Replace the weights in a graph, or its references to other weights, with references into a safetensors file."""
    from onnx import TensorProto, helper

    content = weights.read_bytes()
    length = int.from_bytes(content[:8], "little")
    places = json.loads(content[8 : 8 + length])
    for tensor in model.graph.initializer:
        place = places.get(name_of(tensor.name))
        if place is None:
            continue
        kind = getattr(TensorProto, TYPES[place["dtype"]])
        if kind != tensor.data_type:
            cast = helper.make_node("Cast", [f"{tensor.name}{STORED}"], [tensor.name], to=tensor.data_type)
            model.graph.node.insert(0, cast)
            tensor.name, tensor.data_type = f"{tensor.name}{STORED}", kind
        first, end = place["data_offsets"]
        tensor.ClearField("raw_data")
        tensor.ClearField("external_data")
        tensor.data_location = TensorProto.EXTERNAL
        where = {"location": weights.name, "offset": 8 + length + first, "length": end - first}
        for key, value in where.items():
            tensor.external_data.add(key=key, value=str(value))
