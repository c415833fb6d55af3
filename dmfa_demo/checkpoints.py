"""Checkpoints: a folder with config.json and model.safetensors. Nothing here loads a pickle."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from safetensors.torch import load_file, save_file
from torch import nn

from dmfa_demo.imputation import METHODS, Imputer, method_class

ROOT = Path(__file__).resolve().parent.parent / "checkpoints"
WEIGHTS, CONFIG = "model.safetensors", "config.json"

Network = TypeVar("Network", bound=nn.Module)


def save_checkpoint(folder: Path, network: nn.Module, config: dict[str, Any]) -> None:
    """Write the weights as float32 and `config` (which holds the network's own under "network")."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().float().cpu().contiguous() for name, tensor in network.state_dict().items()}
    save_file(tensors, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n")


def load_network(folder: Path, network_class: type[Network], config_class: type) -> Network:
    """The network that `save_checkpoint` wrote, in float32 and evaluation mode.

    Raises:
        FileNotFoundError: when the folder holds no checkpoint; says how to make one.
        ValueError: when its config is not one of `config_class`.
    """
    if not (folder / CONFIG).is_file() or not (folder / WEIGHTS).is_file():
        raise FileNotFoundError(
            f"no checkpoint in {folder} (needs {CONFIG} and {WEIGHTS}); train one with python -m train"
        )
    shape = json.loads((folder / CONFIG).read_text())["network"]
    unknown = set(shape) - {field.name for field in fields(config_class)}
    if unknown:
        raise ValueError(f"{folder / CONFIG} has settings this version does not know: {', '.join(sorted(unknown))}")
    # JSON has no tuples.
    shape = {key: tuple(value) if isinstance(value, list) else value for key, value in shape.items()}
    network = network_class(config_class(**shape))
    network.load_state_dict(load_file(folder / WEIGHTS))
    return network.eval()


def available_methods(dataset: str) -> list[str]:
    """The registered methods that have a checkpoint for `dataset`, in the registry's order."""
    return [name for name in METHODS if (ROOT / dataset / name / CONFIG).is_file()]


@cache
def load_imputer(method: str, dataset: str) -> Imputer:
    """The trained imputer `method` for `dataset` from the repository's checkpoints, loaded once a process.

    Raises:
        ValueError: for an unknown method or data set; the message lists what there is.
    """
    imputer_class = method_class(method)
    known = sorted(folder.name for folder in ROOT.iterdir() if method in available_methods(folder.name))
    if dataset not in known:
        raise ValueError(
            f"no {method} checkpoint for data set {dataset!r}; there is one for: {', '.join(known) or 'none'}"
        )
    return imputer_class.load(ROOT / dataset / method)
