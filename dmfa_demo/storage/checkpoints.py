"""Checkpoints: a folder with config.json and model.safetensors. Nothing here loads a pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from dmfa_demo.imputation import Imputer
from dmfa_demo.options import OptionError
from dmfa_demo.storage.files import read_tensors, write_tensors, write_text

# The environment variable that names another folder of checkpoints, laid out as DATASET/METHOD.
SETTING = "DMFA_DEMO_CHECKPOINTS"
# That folder, or the one of a checkout. An installed wheel has no checkpoints of its own.
ROOT = Path(os.environ.get(SETTING) or Path(__file__).resolve().parents[2] / "checkpoints").expanduser().absolute()
WEIGHTS, CONFIG = "model.safetensors", "config.json"
# Beside the methods' folders: what all of them reach.
RESULTS = "results.json"
# Numbers of a checkpoint from which on each takes two bytes instead of four, so that it stays small enough for a repository.
LARGE = 2_000_000
_DAMAGED: set[Path] = set()
# Held while a checkpoint is loaded, and again for the one of another method that it needs.
_LOADING = RLock()
_LOADED: dict[tuple[type[Imputer], Path], Imputer] = {}

Network = TypeVar("Network", bound=nn.Module)
Config = TypeVar("Config")


def save_checkpoint(folder: Path, tensors: dict[str, Tensor], config: dict[str, Any]) -> None:
    """Write the tensors and `config`, which holds the model's own under "network".

    Floating ones are float32, or float16 where there are more than `LARGE` numbers.

    Raises:
        ValueError: when one holds NaN or infinity, or would in its precision; nothing is written then.
    """
    numbers = sum(tensor.numel() for tensor in tensors.values() if tensor.is_floating_point())
    kind = torch.float16 if numbers > LARGE else torch.float32
    kept = {name: tensor.to(kind) if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    if broken := [name for name, tensor in kept.items() if not tensor.isfinite().all()]:
        raise ValueError(
            f"{broken[0]} holds NaN or infinity and is not written to {folder}; train anew with a lower --learning-rate or, of "
            "a mixture of factor analysers, a higher --noise-floor"
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / WEIGHTS, kept)
    write_text(folder / CONFIG, json.dumps(config, indent=2) + "\n")


def load_checkpoint(folder: Path, config_class: type[Config]) -> tuple[Config, dict[str, Tensor]]:
    """The model's config and its tensors, as `save_checkpoint` wrote them, floating ones as float32.

    Raises:
        FileNotFoundError: when the folder holds no checkpoint; says how to make one.
        ValueError: when its config is not one of `config_class`, or one of its files is damaged.
    """
    if not (folder / CONFIG).is_file() or not weights_of(folder).is_file():
        raise FileNotFoundError(
            f"no checkpoint in {folder} (needs {CONFIG} and {WEIGHTS}); train one with python -m train"
        )
    settings = read_config(folder)["network"]
    unknown = set(settings) - {field.name for field in fields(cast(Any, config_class))}
    if unknown:
        raise ValueError(f"{folder / CONFIG} has settings this version does not know: {', '.join(sorted(unknown))}")
    # JSON has no tuples.
    settings = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
    try:
        config = config_class(**settings)
    except OptionError as error:
        raise ValueError(f"{folder / CONFIG} is damaged ({error}); fetch or make it again") from None
    tensors = read_tensors(weights_of(folder))
    return config, {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}


def weights_of(folder: Path) -> Path:
    """The file with a checkpoint's tensors: its own, or that of the checkpoint beside it which its config names as "weights"."""
    return beside(folder, read_config(folder).get("weights", folder.name)) / WEIGHTS


def beside(folder: Path, name: str) -> Path:
    """The checkpoint beside one that its config names; a ValueError when that is no name of a folder."""
    if not isinstance(name, str) or name in ("", "..") or Path(name).name != name:
        raise ValueError(f"{folder / CONFIG} names {name!r:.40}; what it needs lies in the folder or in one beside it")
    return folder.parent / name


def read_config(folder: Path) -> dict[str, Any]:
    """What a checkpoint's config.json holds, the model's own under "network"; a ValueError when that is damaged."""
    try:
        settings = json.loads((folder / CONFIG).read_text())
    except ValueError as error:
        raise ValueError(f"{folder / CONFIG} is damaged ({error}); fetch or make it again") from None
    if not isinstance(settings, dict) or not isinstance(settings.get("network"), dict):
        raise ValueError(
            f"{folder / CONFIG} is no checkpoint's config: it needs an object with the model's own under \"network\""
        )
    return settings


def load_network(folder: Path, build: Callable[[Config], Network], config_class: type[Config]) -> Network:
    """The network that `save_checkpoint` wrote, in float32 and evaluation mode; raises as `load_checkpoint` and `fill` do."""
    config, tensors = load_checkpoint(folder, config_class)
    return fill(build(config), tensors, folder)


def fill(network: Network, tensors: dict[str, Tensor], folder: Path) -> Network:
    """The network with the weights that were read from a folder, in evaluation mode.

    Raises:
        ValueError: when the weights are not those of such a network.
    """
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise ValueError(f"the weights in {folder} do not fit its {CONFIG}: {reason:.200}") from None
    return network.eval()


def is_usable(folder: Path) -> bool:
    """Whether a folder holds a checkpoint that has not failed to load."""
    return (folder / CONFIG).is_file() and folder not in _DAMAGED


class Unavailable(ValueError):
    """A checkpoint cannot be loaded now, for want of something that its files cannot be blamed for."""


@contextmanager
def quarantine_on_failure(folder: Path) -> Iterator[None]:
    """While a checkpoint is loaded: a damaged one is not usable from then on, so that it spoils no more than one answer.

    Raises:
        Unavailable: when it may be whole, and may load at another try.
        ValueError: when it is damaged.
    """
    try:
        yield
    except Unavailable:
        raise
    except Exception as error:
        if _is_of_the_machine(error):
            raise Unavailable(f"{folder} could not be loaded just now ({error!r:.200}); try again") from error
        _DAMAGED.add(folder)
        if isinstance(error, ValueError | FileNotFoundError):  # says it itself
            raise ValueError(str(error)) from error
        raise ValueError(f"the checkpoint in {folder} is not one of its method: {error!r:.200}") from error


def _is_of_the_machine(error: Exception) -> bool:
    """Whether something was lacking, such as memory or open files, that says nothing of the checkpoint that was being read."""
    if isinstance(error, OSError):
        return not isinstance(error, FileNotFoundError)
    # Of main memory torch says so in words only.
    return isinstance(error, MemoryError | ImportError) or (isinstance(error, RuntimeError) and "memory" in str(error))


def load_once(imputer_class: type[Imputer], folder: Path) -> Imputer:
    """The trained imputer in a folder, one for all who ask for it, also at the same time."""
    with _LOADING:
        key = imputer_class, folder
        if key not in _LOADED:
            _LOADED[key] = imputer_class.load(folder)
        return _LOADED[key]


def loaded() -> list[str]:
    """The checkpoints that are loaded, as `DATASET/METHOD`."""
    return sorted({"/".join(folder.parts[-2:]) for _, folder in _LOADED})
