"""The recipes of all models on the page: `python -m train all --dataset mnist` runs the commands of a data set in order.

Output that exists, made with the same settings, is skipped, so the same command resumes after an interruption. Faces need CelebA,
which no program can download.
"""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from dmfa_demo.storage.checkpoints import ROOT
from train.commands import parse
from train.engine.loop import STOPPED, Interrupted
from train.engine.run import DatasetConfig, RunConfig, write_json

# The commands for every data set; only --dataset differs.
METHODS = ("mean", "mfa", "dmfa", "vaeac", "context-encoder", "autoencoder")
# Not for faces, which may not be distributed and have too many pixels for a covariance.
SMALL = (*METHODS, "knn", "gaussian")

# The networks of the VAEAC paper's tables 5 and 9. Binary pixels have no deviation; the floor is that of the first checkpoint.
LINE = "vaeac --likelihood bernoulli --masks line3 --latents 16 --widths 32 64 128 --batch-size 64"
# Auto-encoders with a map of their two latents.
PLANE = "autoencoder --latents 2 --widths 16 32 64"
SPREAD = f"{PLANE} --kind wae-mmd --match 30 --steps 8000"
# The sources of classifiers of incomplete images, trained on the same incomplete images.
DENSITY = "dmfa --components 1 --widths 32 64 --batch-size 64"
MIXTURE = "mfa --components 50 --factors 6 --iterations 12"
MIXED_HOLES = "--masks squares8-20*3+half+strokes*3+noise30-90*2 --steps 6000 --validate-every 6000"
SQUARE_HOLES = "--masks square14*2+squares8-20 --steps 6000 --validate-every 6000"
# Steps and interval of validation of each WAE: as many as a GPU made in the same time, except for ACFlow's samples.
WAES = {
    "complete": (9_000, 2_500),
    "misconv-dmfa": (5_000, 1_500),
    "dmfa-mean": (6_500, 2_000),
    "knn": (5_000, 1_500),
    "acflow": (5_000, 1_500),
    "mask": (6_500, 2_000),
    "zero": (6_000, 1_500),
    "partial-conv": (4_500, 1_500),
}
# Classifiers without a source, and all classifiers.
ALONE = ("complete", "mask", "zero", "partial-conv")
TREATMENTS = ("complete", "misconv-dmfa", "misconv-mfa", "dmfa-mean", "knn", "mask", "zero", "partial-conv")


@dataclass(frozen=True)
class Step:
    """One command of a recipe.

    Attributes:
        command: the arguments of `python -m train`, without data set and folders.
        folder: the folder of its checkpoint, beside those of the methods; empty for the default.
    """

    command: str
    folder: str = ""

    def words(self, dataset: str, data_root: Path | None = None) -> list[str]:
        """Return the complete command line after `python -m train`."""
        words = [*self.command.split(), "--dataset", dataset]
        if self.folder:
            words += ["--run-folder", str(Path("runs", dataset, self.folder))]
            root = ROOT.relative_to(Path.cwd()) if ROOT.is_relative_to(Path.cwd()) else ROOT
            words += ["--output", str(root / dataset / self.folder)]
        return words + (["--data-root", str(data_root)] if data_root else [])

    def config(self, dataset: str) -> DatasetConfig:
        """Return the step's settings, with the defaults of a data set."""
        return parse(self.words(dataset))

    def output(self, dataset: str) -> str:
        """Return the name of its output folder, by which other commands refer to it."""
        return self.folder or getattr(self.config(dataset), "method", self.command.split()[0])


def classify(treatments: Sequence[str], holes: Sequence[str], options: str = "") -> tuple[Step, ...]:
    """Return a classifier for each treatment and each kind of hole."""
    return tuple(
        Step(f"classifier --treatment {treatment} --incomplete {hole} {options}")
        for treatment in treatments
        for hole in holes
    )


def incomplete(command: str, holes: str) -> Step:
    """Return a method trained on images with holes, in a folder named after both."""
    return Step(f"{command} --incomplete {holes}", f"{command.split()[0]}-{holes}")


RECIPES: dict[str, tuple[Step, ...]] = {
    "mnist": (
        *map(Step, (*SMALL, "universal-marginalizer")),
        Step(f"{LINE} --deviation-floor 0.03 --steps 14000", "vaeac-line3"),
        Step(f"{LINE} --steps 6000 --alpha 0", "gsnn-line3"),
        Step(SPREAD, "autoencoder-2d"),
        Step(f"{PLANE} --kind ae --labels 0 1 2 --steps 6000", "autoencoder-2d-012"),
        Step("attractors --folder autoencoder-2d"),
        Step("attractors --folder autoencoder-2d-012"),
        Step("dynamics"),
        incomplete(f"{DENSITY} {MIXED_HOLES}", "mixed"),
        incomplete(f"{DENSITY} {SQUARE_HOLES}", "square14"),
        incomplete(f"{DENSITY} --masks square14+half+squares8-20 --steps 4000 --validate-every 4000", "trapezoid"),
        incomplete(f"{DENSITY} --masks noise10-50*2+square14 --steps 4000 --validate-every 4000", "noise75"),
        *(incomplete(MIXTURE, holes) for holes in ("mixed", "square14")),
        *(incomplete("knn", holes) for holes in ("mixed", "square14", "trapezoid", "noise75")),
        *classify(TREATMENTS, ["mixed"], "--seeds 1"),
        *classify(TREATMENTS, ["square14"]),
        *classify(("misconv-dmfa", "knn", "mask", "zero", "partial-conv"), ["trapezoid", "noise75"], "--steps 1000"),
        Step("diffusion"),
        Step("circuit"),
        Step("acflow"),
        *classify(["acflow"], ["square14"], "--seeds 1"),
        *classify(["acflow"], ["trapezoid", "noise75"], "--seeds 1 --steps 1000"),
        Step("autoencoder --kind vae --posterior gaussian --latents 32 --steps 6000 --validate-every 1500", "vae"),
        Step("posterior-matching"),
        *(
            Step(f"wae --treatment {name} --steps {steps} --validate-every {every}", f"wae-{name}")
            for name, (steps, every) in WAES.items()
        ),
    ),
    "omniglot": tuple(map(Step, ("mean", "mfa", "dmfa", "vaeac", "context-encoder", "knn --references 4000"))),
    "fashion-mnist": (
        *map(Step, SMALL),
        Step(SPREAD, "autoencoder-2d"),
        Step("attractors"),
        Step("dynamics"),
        incomplete(f"{DENSITY} {MIXED_HOLES}", "mixed"),
        incomplete(MIXTURE, "mixed"),
        incomplete("knn", "mixed"),
        *classify(TREATMENTS, ["mixed"], "--seeds 1"),
        incomplete(f"{DENSITY} {SQUARE_HOLES}", "square14"),
        incomplete("knn", "square14"),
        *classify([name for name in TREATMENTS if name != "misconv-mfa"], ["square14"], "--steps 1000 --seeds 1"),
        Step("diffusion"),
    ),
    "celeba": (
        Step("dmfa", "dmfa-plain"),
        *(Step("guided-dmfa" if name == "dmfa" else name) for name in METHODS),
        Step(
            "vaeac --guide None --start None --latents 64 --blocks 1 --deviation-floor 0.05 --kl-warmup 0.2 --holes 1000 --steps 6000 "
            "--save-every 500 --masks centre*1+pattern*2+noise30-90*2+half*1+squares16-40*2+rectangles*1+strokes*2",
            "vaeac-plain",
        ),
        Step("attractors"),
        Step("dynamics"),
        incomplete(
            "dmfa --components 1 --factors 4 --widths 32 64 128 --masks squares16-40*3+half+strokes*3+noise30-90*2 --batch-size 64 "
            "--steps 3000 --validate-every 1000",
            "mixed",
        ),
        *classify((*ALONE, "misconv-dmfa", "dmfa-mean"), ["mixed"], "--seeds 1"),
        Step("diffusion"),
    ),
    "celeba32": (Step("dmfa", "dmfa-plain"), Step("mfa"), Step("guided-dmfa")),
    **{
        photos: (
            *map(Step, ("mean", "mfa", "dmfa", "vaeac", "context-encoder")),
            incomplete(
                "dmfa --components 1 --factors 4 --widths 64 128 --masks square16*2+squares8-20 --steps 5000",
                "square16",
            ),
            incomplete("mfa --components 50 --factors 6 --iterations 12 --temperature 1 --em", "square16"),
            *classify(TREATMENTS, ["square16"]),
        )
        for photos in ("cifar10", "svhn")
    },
}


@dataclass(frozen=True)
class All(DatasetConfig):
    """Run every command that makes the models of a data set; finished ones are skipped."""

    list: bool = False
    """show the plan without running it"""


def run(config: All) -> None:
    """Run the unfinished commands in order, each in a separate process.

    Raises:
        ValueError: If there is no recipe, as for a folder of images. If a checkpoint differs from the recipe, before anything runs; the
            message names the differences. Also if a command fails.
        Interrupted: After a signal.
    """
    if config.dataset not in RECIPES:
        raise ValueError(
            f"there is no recipe for {config.dataset}; docs/own-data.md has the commands for images of your own"
        )
    steps = [(step, step.config(config.dataset)) for step in RECIPES[config.dataset]]
    again = _Again(Path("runs", config.dataset, "again.json"))
    if config.list:
        for step, settings in steps:
            done = settings.is_finished() and step.command not in again
            state = "differs" if (found := settings.differences()) else "finished" if done else "to do"
            print(f"{state:<10}{_shown(step.words(config.dataset))}" + (f"\n{'':<10}there {found}" if found else ""))
        return
    for _, settings in steps:
        if found := settings.differences():
            raise ValueError(
                f"{cast(RunConfig, settings).checkpoint} differs from the recipe: there {found}. Move it "
                "away, and the same command trains it again"
            )
    root = None if config.data_root == DatasetConfig.data_root else config.data_root
    for step, settings in steps:
        if settings.is_finished() and step.command not in again:
            continue
        name = step.output(config.dataset)
        # Commands that read this checkpoint run again after it, also in a later call.
        again.add(other.command for other, reads in steps if name in reads.sources)
        words = step.words(config.dataset, root)
        print(_shown(words), flush=True)
        code = _run([sys.executable, "-m", "train", *words])
        if code in (STOPPED, -signal.SIGINT, -signal.SIGTERM):
            raise Interrupted(f"stopped; python -m train all --dataset {config.dataset} resumes there")
        if code:
            raise ValueError(f"{_shown(words)} failed with exit code {code}")
        again.remove(step.command)


def _shown(words: Sequence[str]) -> str:
    return shlex.join(["python", "-m", "train", *words])


class _Again:
    """The commands whose sources were trained after them, stored in a file to survive an interruption."""

    def __init__(self, path: Path):
        self.path = path
        self.commands: list[str] = json.loads(path.read_text()) if path.is_file() else []

    def __contains__(self, command: str) -> bool:
        return command in self.commands

    def add(self, commands: Iterable[str]) -> None:
        self._write([*self.commands, *(command for command in commands if command not in self.commands)])

    def remove(self, command: str) -> None:
        self._write([other for other in self.commands if other != command])

    def _write(self, commands: list[str]) -> None:
        if commands != self.commands:
            self.commands = commands
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.path, commands)


def _run(command: Sequence[str]) -> int:
    """Run a command, wait until it has saved its state if it is interrupted, and return its exit code."""
    process = subprocess.Popen(command)
    # A terminal sends Ctrl-C to both; SIGTERM comes to this process only.
    handlers: dict[int, Callable[..., Any]] = {
        signal.SIGINT: lambda *_: None,
        signal.SIGTERM: lambda *_: process.terminate(),
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        return process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
