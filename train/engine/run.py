"""What every training run shares: where it reads, where it writes, and the checkpoint it leaves."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import torch
from torch import Tensor

from dmfa_demo.data.datasets import DATASETS, DatasetName, LabelledImages, load_split
from dmfa_demo.data.masks import mask_family
from dmfa_demo.imputation import ImageShape
from dmfa_demo.models.attractors import MAP
from dmfa_demo.options import OptionError, Options
from dmfa_demo.storage.checkpoints import CONFIG, ROOT, save_checkpoint
from dmfa_demo.storage.files import write_text
from train.engine.model_card import METRICS, write_model_card


@dataclass(frozen=True)
class DatasetConfig(Options):
    """Which images a command is about, and where they lie."""

    recipes: ClassVar[dict[str, dict[str, Any]]] = {}
    """what differs from the defaults, for each data set"""

    dataset: DatasetName = "mnist"
    data_root: Path = Path("data")
    """the folder with MNIST and FashionMNIST, which are downloaded there, and celeba, which is not"""

    @property
    def sources(self) -> tuple[str, ...]:
        """The checkpoints of the data set that this command reads, by folder."""
        return ()

    def is_finished(self) -> bool:
        """Whether what this command makes is there, made by the same settings."""
        return False

    def differences(self) -> str:
        """The settings of the checkpoint in this command's place that are not its own; empty where all are, or there is none."""
        return ""

    @classmethod
    def for_dataset(cls, dataset: str, **settings: Any) -> Self:
        """The defaults for a data set, and other settings instead of them."""
        return cls(dataset=cast(DatasetName, dataset), **{**cls.recipes.get(dataset, {}), **settings})


@dataclass(frozen=True)
class RunConfig(DatasetConfig):
    """Where a run reads and writes."""

    method: ClassVar[str]
    without_effect: ClassVar[tuple[str, ...]] = ()
    """settings that leave the weights as they are"""

    network: ImageShape = field(default_factory=ImageShape)
    run_folder: Path | None = None
    """state and metrics.jsonl while training; runs/DATASET/METHOD when not given"""
    output: Path | None = None
    """the finished checkpoint; checkpoints/DATASET/METHOD when not given"""

    def __post_init__(self):
        super().__post_init__()
        shape = DATASETS[self.dataset].shape
        if self.network.shape not in (ImageShape().shape, shape):
            raise OptionError(f"images of {self.dataset} are {shape}; leave --channels, --height and --width away")
        channels, height, width = shape
        network = replace(self.network, channels=channels, height=height, width=width)
        object.__setattr__(self, "network", network)  # the one thing that follows from another

    @property
    def folder(self) -> Path:
        """Where this run keeps its state."""
        return self.run_folder or Path("runs") / self.dataset / self.method

    @property
    def checkpoint(self) -> Path:
        """Where the finished checkpoint goes."""
        return self.output or ROOT / self.dataset / self.method

    @property
    def settings(self) -> dict[str, Any]:
        """All that shapes the result, as JSON has it: "network" and "training", without the folders of this machine."""
        training = {"dataset": self.dataset, "method": self.method, **asdict(self)}
        for private in ("run_folder", "output", "data_root"):
            training.pop(private)
        return json.loads(json.dumps({"network": training.pop("network"), "training": training}))

    def check_output(self) -> None:
        """Refuse to overwrite a shipped checkpoint with one of other settings, before hours are spent on it."""
        if self.output is None and (found := self.differences()):
            raise ValueError(
                f"{self.checkpoint} holds a checkpoint of other settings; name another folder with --output (and --run-folder). "
                f"There {found}"
            )

    def is_finished(self) -> bool:
        """Whether the checkpoint is there, made by the same settings."""
        return (self.checkpoint / CONFIG).is_file() and not self.differences()

    def differences(self) -> str:
        """As above, but for settings without effect, a precision of `auto`, and masks that are the same by another name."""
        path = self.checkpoint / CONFIG
        if not path.is_file():
            return ""
        # A setting that there was not yet when the checkpoint was made was what it is by default.
        made, usual = json.loads(path.read_text()), type(self)().settings
        there = _leaves({key: _filled_in(made[key], usual[key]) for key in usual})
        found = []
        for name, value in _leaves(self.settings).items():
            option, other = name.rpartition(".")[2], there.pop(name, None)
            if value == other or option in self.without_effect:
                continue
            if option == "precision" and "auto" in (value, other):
                continue  # what it stands for depends on the machine
            if option in ("masks", "incomplete") and value and other and self._draw_the_same(value, other):
                continue
            found.append(f"{name} is {json.dumps(other)}, not {json.dumps(value)}")
        return "; ".join(found + [f"{name} is {json.dumps(value)}, which is unknown" for name, value in there.items()])

    def _draw_the_same(self, *families: str) -> bool:
        """Whether mask families hide the same pixels, such as a name and what it stands for."""
        size = self.network.height, self.network.width
        draws = [mask_family(family)(64, *size, torch.Generator().manual_seed(0)) for family in families]
        return torch.equal(*draws)


def _filled_in(settings: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
    """The settings, and what is usual for those that are not given, at any depth."""
    given = {
        key: _filled_in(value, usual[key]) if isinstance(value, dict) and isinstance(usual.get(key), dict) else value
        for key, value in settings.items()
    }
    return usual | given


def _leaves(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The settings at any depth by their names, such as `training.loop.steps`."""
    found = {}
    for name, value in settings.items():
        found |= _leaves(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found


def load_training(config: RunConfig, *, incomplete: bool = False, limit: int | None = None) -> LabelledImages:
    """The first `limit` training images, and their mirror images where those might as well be some.

    Not of incomplete images: the mirror image would show what is never to be known.
    """
    training = load_split(config.dataset, "train", config.data_root).first(limit)
    return training.with_mirrored() if DATASETS[config.dataset].mirrored and not incomplete else training


def absent_pixels(incomplete: str | None, count: int, size: Sequence[int], seed: int) -> Tensor:
    """What is never known of `count` training images `(count, 1, *size)`, by the mask family `incomplete`; None is nothing."""
    if incomplete is None:
        return torch.zeros(count, 1, *size, dtype=torch.bool)
    height, width = size
    return mask_family(incomplete)(count, height, width, torch.Generator().manual_seed(seed))


def finish(config: RunConfig, tensors: dict[str, Tensor], seconds: float, training: LabelledImages) -> None:
    """Write checkpoint and model card, once, from the main process; figures and map of older weights go.

    Args:
        tensors: where they lie is where they were learnt.
        training: the images that were learnt from; a mirror image counts with its image as one.
    """
    if int(os.environ.get("RANK", 0)) != 0:
        return
    folder = config.checkpoint
    about = {
        "command": command_line(),
        "training_images": len(training.indices.unique()),
        "minutes": round(seconds / 60, 1),
        "hardware": hardware(next(iter(tensors.values())).device),
        "torch": torch.__version__,
        "parameters": sum(tensor.numel() for tensor in tensors.values()),
    }
    for older in (METRICS, MAP):
        (folder / older).unlink(missing_ok=True)
    save_checkpoint(folder, tensors, {**config.settings, "about": about})
    write_model_card(folder)
    print(f"wrote {folder}")


def write_json(path: Path, content: object) -> None:
    """Write JSON, all of the file or nothing."""
    write_text(path, json.dumps(content, indent=1) + "\n")


def command_line() -> str:
    """The command line as typed, without the folders, which differ from machine to machine."""
    words, kept = iter(sys.argv[1:]), []
    for word in words:
        if word.split("=")[0] in ("--data-root", "--run-folder", "--output"):
            if "=" not in word:
                next(words, None)
        else:
            kept.append(word)
    return shlex.join(["python", "-m", "train", *kept])


def hardware(device: torch.device | str = "cpu") -> str:
    """The processor or the accelerator that a device is, for people; not what else there is in the machine."""
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    name = platform.processor() or platform.machine()
    if sys.platform == "darwin":
        name = (
            subprocess.run(["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True).stdout.strip()
            or name
        )
    elif Path("/proc/cpuinfo").is_file():
        lines = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        name = lines[0].partition(":")[2].strip() if lines else name
    return f"GPU of {name}" if device.type == "mps" else f"{os.cpu_count()} cores of {name}"
