"""Code shared by all training runs: their inputs, their outputs, and the checkpoint they write."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import torch
from torch import Tensor

from dmfa_demo.data.datasets import BUILT_IN, DATASETS, LabelledImages, is_folder, load_split, use_folder
from dmfa_demo.data.folder import LARGEST, MULTIPLE, SMALLEST, Folder
from dmfa_demo.data.masks import mask_family
from dmfa_demo.imputation import ImageShape
from dmfa_demo.models.latent_map import MAP
from dmfa_demo.networks.engine import SUFFIX
from dmfa_demo.options import OptionError, Options, Range
from dmfa_demo.storage.checkpoints import CONFIG, ROOT, digest, save_checkpoint
from dmfa_demo.storage.files import write_text
from dmfa_demo.storage.own_data import ABOUT, SAMPLES, describe, read_description
from train.engine.graphs import write_graphs
from train.engine.model_card import METRICS, write_model_card

# What precedes the path of a folder of images, and the size of its images.
FOLDER, USUAL_SIZE = "folder:", 32


@dataclass(frozen=True)
class DatasetConfig(Options):
    """The images that a command uses, and their folder."""

    recipes: ClassVar[dict[str, dict[str, Any]]] = {}
    """differences from the defaults, for each data set"""

    dataset: str = "mnist"
    """mnist, fashion-mnist, celeba, celeba32, cifar10, svhn, or folder:PATH, a folder of images of your own"""
    data_root: Path = Path("data")
    """the folder with MNIST, FashionMNIST, CIFAR-10 and SVHN, which are downloaded to it, and celeba, which is not"""
    size: Annotated[int, Range(at_least=SMALLEST, at_most=LARGEST, multiple_of=MULTIPLE)] | None = None
    """height and width of the images of folder:PATH, divisible by 4; by default those of its checkpoints, or 32"""
    licence: str = ""
    """the licence of the images of folder:PATH and their authors, for the model card and the page"""

    def __post_init__(self):
        super().__post_init__()
        if self.dataset.startswith(FOLDER):
            try:
                object.__setattr__(self, "dataset", self._use_folder(self.dataset.removeprefix(FOLDER)))
            except (ValueError, RuntimeError) as error:  # RuntimeError for an unknown user, as in ~user/pictures
                raise OptionError(str(error)) from error
        elif self.dataset not in DATASETS:
            raise OptionError(
                f"--dataset must be one of {', '.join(BUILT_IN)} or {FOLDER}PATH; got {self.dataset!r:.80}"
            )

    def _use_folder(self, path: str) -> str:
        """Add a folder of images to the data sets; return its name."""
        if not path:
            raise ValueError(f"--dataset {FOLDER} needs the path of a folder")
        place = Path(path).expanduser()
        described, usual = ROOT / Folder.name_of(place) / ABOUT, USUAL_SIZE
        if described.is_file():
            usual = read_description(described).shape[-1]
        name = use_folder(Folder(place, usual if self.size is None else self.size), self.licence)
        if described.is_file():
            DATASETS[name] = replace(DATASETS[name], samples=described.with_name(SAMPLES))
        return name

    @property
    def sources(self) -> tuple[str, ...]:
        """The folders of the data set's checkpoints that this command reads."""
        return ()

    def is_finished(self) -> bool:
        """Return whether this command's output exists, made with the same settings."""
        return False

    def differences(self) -> str:
        """Return how the settings of the existing checkpoint differ from this command's; "" if they do not, or there is none."""
        return ""

    @classmethod
    def for_dataset(cls, dataset: str, **settings: Any) -> Self:
        """Return the defaults for a data set, with some settings replaced."""
        return cls(dataset=dataset, **{**cls.recipes.get(dataset, {}), **settings})


@dataclass(frozen=True)
class RunConfig(DatasetConfig):
    """The inputs and outputs of a run."""

    method: ClassVar[str]
    without_effect: ClassVar[tuple[str, ...]] = ()
    """settings that do not affect the weights"""

    network: ImageShape = field(default_factory=ImageShape)
    run_folder: Path | None = None
    """state and metrics.jsonl while training; runs/DATASET/METHOD by default"""
    output: Path | None = None
    """the finished checkpoint; checkpoints/DATASET/METHOD by default"""

    def __post_init__(self):
        super().__post_init__()
        shape = DATASETS[self.dataset].shape
        if self.network.shape not in (ImageShape().shape, shape):
            raise OptionError(f"images of {self.dataset} are {shape}; omit --channels, --height and --width")
        channels, height, width = shape
        network = replace(self.network, channels=channels, height=height, width=width)
        object.__setattr__(self, "network", network)  # the one setting that depends on another

    @property
    def folder(self) -> Path:
        """The folder of this run's state."""
        return self.run_folder or Path("runs") / self.dataset / self.method

    @property
    def checkpoint(self) -> Path:
        """The folder of the finished checkpoint."""
        return self.output or ROOT / self.dataset / self.method

    @property
    def settings(self) -> dict[str, Any]:
        """Return all settings that affect the result, as JSON: "network" and "training", without this machine's folders."""
        training = {"dataset": self.dataset, "method": self.method, **asdict(self)}
        for private in ("run_folder", "output", "data_root", "size", "licence"):
            training.pop(private)
        return json.loads(json.dumps({"network": training.pop("network"), "training": training}))

    def check_output(self) -> None:
        """Refuse, before hours of training, to overwrite a shipped checkpoint that has other settings."""
        self.describe_data()
        if self.output is None and (found := self.differences()):
            raise ValueError(
                f"{self.checkpoint} contains a checkpoint with other settings; name another folder with --output (and --run-folder), "
                f"or delete it and {self.folder} to train again. There {found}"
            )

    def describe_data(self) -> None:
        """Write the description of a folder of images beside its checkpoints, before hours of training."""
        if is_folder(self.dataset) and self.checkpoint.parent.name == self.dataset:
            describe(self.checkpoint.parent, self.dataset)

    def is_finished(self) -> bool:
        """Return whether the checkpoint exists, made with the same settings."""
        return (self.checkpoint / CONFIG).is_file() and not self.differences()

    def differences(self) -> str:
        """Return the differences as above, except settings without effect, a precision of `auto`, and masks that are equal under another name."""
        path = self.checkpoint / CONFIG
        if not path.is_file():
            return ""
        # A setting that did not exist when the checkpoint was made had its default value.
        made, usual = json.loads(path.read_text()), type(self)().settings
        there = _leaves({key: _filled_in(made[key], usual[key]) for key in usual})
        found, size = [], (self.network.height, self.network.width)
        for name, value in _leaves(self.settings).items():
            option, other = name.rpartition(".")[2], there.pop(name, None)
            if value == other or option in self.without_effect:
                continue
            if option == "precision" and "auto" in (value, other):
                continue  # its meaning depends on the machine
            if option in ("masks", "incomplete") and value and other and hide_the_same(size, value, other):
                continue
            found.append(f"{name} is {json.dumps(other)}, not {json.dumps(value)}")
        return "; ".join(found + [f"{name} is {json.dumps(value)}, which is unknown" for name, value in there.items()])


def hide_the_same(size: tuple[int, int], *families: str) -> bool:
    """Return whether two mask families hide the same pixels in images of a size, such as a name and its definition."""
    draws = [mask_family(family)(64, *size, torch.Generator().manual_seed(0)) for family in families]
    return torch.equal(*draws)


def _filled_in(settings: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
    """Return the settings, completed by defaults at any depth."""
    given = {
        key: _filled_in(value, usual[key]) if isinstance(value, dict) and isinstance(usual.get(key), dict) else value
        for key, value in settings.items()
    }
    return usual | given


def _leaves(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the settings at any depth by their dotted names, such as `training.loop.steps`."""
    found = {}
    for name, value in settings.items():
        found |= _leaves(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found


def load_training(config: RunConfig, *, incomplete: bool = False, limit: int | None = None) -> LabelledImages:
    """Load the first `limit` training images, with mirror images if the data set allows them.

    Incomplete images are not mirrored: the mirror image would show the absent pixels.
    """
    training = load_split(config.dataset, "train", config.data_root).first(limit)
    return training.with_mirrored() if DATASETS[config.dataset].mirrored and not incomplete else training


def absent_pixels(incomplete: str | None, count: int, size: Sequence[int], seed: int) -> Tensor:
    """Draw the absent pixels of `count` training images `(count, 1, *size)`, by the mask family `incomplete`; None for none."""
    if incomplete is None:
        return torch.zeros(count, 1, *size, dtype=torch.bool)
    height, width = size
    return mask_family(incomplete)(count, height, width, torch.Generator().manual_seed(seed))


def finish(config: RunConfig, tensors: dict[str, Tensor], seconds: float, training: LabelledImages) -> None:
    """Write checkpoint, model card and ONNX graphs, once, from the main process; figures and map of other weights are deleted.

    Args:
        tensors: the weights, on the device where they were trained.
        training: the training images; an image and its mirror image count as one.
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
    before = ""
    with suppress(OSError, ValueError, KeyError):  # an older checkpoint may be damaged
        before = digest(folder)
    save_checkpoint(folder, tensors, {**config.settings, "about": about})
    if digest(folder) != before:
        for older in (folder / METRICS, folder / MAP, *folder.glob(f"*{SUFFIX}")):
            older.unlink(missing_ok=True)
    write_model_card(folder)
    print(f"wrote {folder}")
    export(folder)


def export(folder: Path) -> None:
    """Write the graphs of a checkpoint, or print why there are none."""
    try:
        write_graphs(folder)
    except (ImportError, FileNotFoundError) as error:  # no exporter, or a checkpoint that this one needs is elsewhere
        print(f"no ONNX graph was written ({error}); PyTorch computes the network")


def write_json(path: Path, content: object) -> None:
    """Write JSON, atomically."""
    write_text(path, json.dumps(content, indent=1) + "\n")


def command_line() -> str:
    """Return the command line as typed, without folders, which differ between machines."""
    words, kept = iter(sys.argv[1:]), []
    for word in words:
        if word.split("=")[0] in ("--data-root", "--run-folder", "--output"):
            if "=" not in word:
                next(words, None)
        else:
            kept.append(_without_path(word))
    return shlex.join(["python", "-m", "train", *kept])


def _without_path(word: str) -> str:
    """Return a word of the command line; of the path of a folder of images only the last part."""
    option, equals, value = word.rpartition("=") if word.startswith("--dataset=") else ("", "", word)
    if not value.startswith(FOLDER):
        return word
    return f"{option}{equals}{FOLDER}{Path(os.path.abspath(value.removeprefix(FOLDER))).name}"


def hardware(device: torch.device | str = "cpu") -> str:
    """Return a description of a device's processor or accelerator, without the machine's other hardware."""
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
