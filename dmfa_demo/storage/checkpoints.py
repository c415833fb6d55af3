"""Save and load checkpoints: folders with config.json and model.safetensors. No pickle is loaded."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from dmfa_demo.imputation import Imputer
from dmfa_demo.networks import engine
from dmfa_demo.options import OptionError
from dmfa_demo.storage.files import read_tensors, write_tensors, write_text

# The environment variable that names the folder of checkpoints, laid out as DATASET/METHOD.
SETTING = "DMFA_DEMO_CHECKPOINTS"
# That folder, or a checkout's. An installed wheel contains no checkpoints.
ROOT = Path(os.environ.get(SETTING) or Path(__file__).resolve().parents[2] / "checkpoints").expanduser().absolute()
WEIGHTS, CONFIG = "model.safetensors", "config.json"
# Beside the methods' folders: the measured figures of all of them.
RESULTS = "results.json"
# Checkpoints with more numbers than this store two bytes for each instead of four, to stay small enough for a repository.
LARGE = 1_000_000
_DAMAGED: set[Path] = set()
# Held while a checkpoint is loaded; reentrant, since a checkpoint may need that of another method.
_LOADING = RLock()
_LOADED: dict[tuple[type[Imputer], Path], Imputer] = {}

Network = TypeVar("Network", bound=nn.Module)
Config = TypeVar("Config")
Loaded = TypeVar("Loaded")


def save_checkpoint(folder: Path, tensors: dict[str, Tensor], config: dict[str, Any]) -> None:
    """Write the tensors and `config`, which has the network's config under "network".

    Floating-point tensors are stored as float32, or as float16 if there are more than `LARGE` numbers.

    Raises:
        ValueError: If a tensor contains NaN or infinity, or would in its precision; nothing is written then.
    """
    numbers = sum(tensor.numel() for tensor in tensors.values() if tensor.is_floating_point())
    kind = torch.float16 if numbers > LARGE else torch.float32
    kept = {name: tensor.to(kind) if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    if broken := [name for name, tensor in kept.items() if not tensor.isfinite().all()]:
        raise ValueError(
            f"{broken[0]} contains NaN or infinity and is not written to {folder}; train again with a lower --learning-rate or, for "
            "a mixture of factor analysers, a higher --noise-floor"
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / WEIGHTS, kept)
    write_text(folder / CONFIG, json.dumps(config, indent=2) + "\n")


def load_checkpoint(folder: Path, config_class: type[Config]) -> tuple[Config, dict[str, Tensor]]:
    """Return the network's config and the tensors that `save_checkpoint` wrote, floating-point ones as float32.

    Raises:
        FileNotFoundError: If the folder has no checkpoint; the message says how to make one.
        ValueError: If its config does not fit `config_class`, or one of its files is damaged.
    """
    if not (folder / CONFIG).is_file() or not weights_of(folder).is_file():
        raise FileNotFoundError(
            f"no checkpoint in {folder} (needs {CONFIG} and {WEIGHTS}); train one with python -m train"
        )
    settings = read_config(folder)["network"]
    unknown = set(settings) - {field.name for field in fields(cast(Any, config_class))}
    if unknown:
        raise ValueError(
            f"{folder / CONFIG} has settings that this version does not support: {', '.join(sorted(unknown))}"
        )
    # JSON has no tuples, so lists become tuples again.
    settings = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
    try:
        config = config_class(**settings)
    except OptionError as error:
        raise ValueError(f"{folder / CONFIG} is damaged ({error}); download it or train it again") from None
    tensors = read_tensors(weights_of(folder))
    return config, {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}


def weights_of(folder: Path) -> Path:
    """Return the file with a checkpoint's tensors: its own, or the file of the sibling checkpoint named as "weights" in its config."""
    return beside(folder, read_config(folder).get("weights", folder.name)) / WEIGHTS


def beside(folder: Path, name: str) -> Path:
    """Return the folder of a sibling checkpoint; raise a ValueError if `name` is not a folder's name."""
    if not isinstance(name, str) or name in ("", "..") or Path(name).name != name:
        raise ValueError(f"{folder / CONFIG} names {name!r:.40}, which is not the name of a folder beside it")
    return folder.parent / name


def read_config(folder: Path) -> dict[str, Any]:
    """Read a checkpoint's config.json, with the network's config under "network"; raise a ValueError if it is damaged."""
    try:
        settings = json.loads((folder / CONFIG).read_text())
    except ValueError as error:
        raise ValueError(f"{folder / CONFIG} is damaged ({error}); download it or train it again") from None
    if not isinstance(settings, dict) or not isinstance(settings.get("network"), dict):
        raise ValueError(
            f"{folder / CONFIG} is not a checkpoint's config: it needs an object with the network's config under \"network\""
        )
    return settings


def digest(folder: Path) -> str:
    """Return a digest of a checkpoint's weights and settings; empty if there is no checkpoint."""
    config = folder / CONFIG
    if not config.is_file():
        return ""
    network = json.dumps(json.loads(config.read_text())["network"])
    return hashlib.sha256(weights_of(folder).read_bytes() + network.encode()).hexdigest()[:12]


def load_network(folder: Path, build: Callable[[Config], Network], config_class: type[Config]) -> Network:
    """Load the network that `save_checkpoint` wrote, in float32 and evaluation mode; raises as `load_checkpoint` and `fill` do."""
    config, tensors = load_checkpoint(folder, config_class)
    return fill(build(config), tensors, folder)


def fill(network: Network, tensors: dict[str, Tensor], folder: Path) -> Network:
    """Load the weights read from a folder into a network, set it to evaluation mode, and attach its ONNX graphs.

    Raises:
        ValueError: If the weights do not fit the network, and as `engine.attach` does.
    """
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise ValueError(f"the weights in {folder} do not fit its {CONFIG}: {reason:.200}") from None
    place = weights_of(folder).parent
    engine.attach(network, place, lambda: digest(place))
    return network.eval()


def is_usable(folder: Path) -> bool:
    """Return whether a folder has a checkpoint that has not failed to load."""
    return (folder / CONFIG).is_file() and folder not in _DAMAGED


class Unavailable(ValueError):
    """A checkpoint that cannot be loaded at the moment, for a reason other than its files."""


@contextmanager
def quarantine_on_failure(folder: Path) -> Iterator[None]:
    """Mark a checkpoint unusable if it turns out to be damaged while it is loaded, so that it spoils at most one answer.

    Raises:
        Unavailable: If the checkpoint may be intact and may load later.
        ValueError: If it is damaged.
    """
    try:
        yield
    except Unavailable:
        raise
    except Exception as error:
        if _is_of_the_machine(error):
            raise Unavailable(f"{folder} could not be loaded just now ({error!r:.200}); try again") from error
        _DAMAGED.add(folder)
        if isinstance(error, ValueError | FileNotFoundError):  # the message names the file already
            raise ValueError(str(error)) from error
        raise ValueError(f"the checkpoint in {folder} does not fit its method: {error!r:.200}") from error


def _is_of_the_machine(error: Exception) -> bool:
    """Return whether the machine lacked something, such as memory or open files, which does not mean that the checkpoint is damaged."""
    if isinstance(error, OSError):
        return not isinstance(error, FileNotFoundError)
    # For main memory, torch reports this only in the message.
    return isinstance(error, MemoryError | ImportError) or (isinstance(error, RuntimeError) and "memory" in str(error))


def load_chosen(
    name: str, *, kind: str, dataset: str, known: Sequence[str], load: Callable[[Path], Loaded], folder: Path
) -> Loaded:
    """Load what `name` chooses among the known checkpoints of a data set.

    Args:
        kind: what it is, for the message.
        load: loads it from its folder.

    Raises:
        ValueError: If it is not known, with a message that lists those available, or as `quarantine_on_failure` does.
    """
    if name not in known:
        raise ValueError(
            f"no {kind} {name!r:.40} for data set {dataset!r:.40}; available: {', '.join(known) or 'none'}"
        )
    with quarantine_on_failure(folder):
        return load(folder)


def load_once(imputer_class: type[Imputer], folder: Path) -> Imputer:
    """Return the trained imputer in a folder; all callers, also concurrent ones, share one."""
    with _LOADING:
        key = imputer_class, folder
        if key not in _LOADED:
            _LOADED[key] = imputer_class.load(folder)
        return _LOADED[key]


def loaded() -> list[str]:
    """Return the loaded checkpoints, as `DATASET/METHOD`."""
    return sorted({"/".join(folder.parts[-2:]) for _, folder in _LOADED})
