"""How every model behind the page is made: `python -m train all --dataset mnist` runs the commands of a data set in order.

What is there, made by the same settings, is skipped, so that the same command goes on where it was stopped. Faces need CelebA,
which cannot be downloaded by a program.
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

# What every data set has, by the same command; only --dataset differs.
METHODS = ("mean", "mfa", "dmfa", "vaeac", "context-encoder", "autoencoder")
# Not of faces: they may not be passed on, and have too many pixels for a covariance.
SMALL = (*METHODS, "knn", "gaussian")

# The networks of the VAEAC paper's tables 5 and 9. Bits have no deviation; the floor is the one that the first checkpoint names.
LINE = "vaeac --likelihood bernoulli --masks line3 --latents 16 --widths 32 64 128 --batch-size 64"
# Auto-encoders with a map of their two latents.
PLANE = "autoencoder --latents 2 --widths 16 32 64"
SPREAD = f"{PLANE} --kind wae-mmd --match 30 --steps 8000"
# What tells a classifier of incomplete images what may be behind a hole: trained on the same incomplete images.
DENSITY = "dmfa --components 1 --widths 32 64 --batch-size 64"
MIXTURE = "mfa --components 50 --factors 6 --iterations 12"
MIXED_HOLES = "--masks squares8-20*3+half+strokes*3+noise30-90*2 --steps 6000 --validate-every 6000"
SQUARE_HOLES = "--masks square14*2+squares8-20 --steps 6000 --validate-every 6000"
# Classifiers that ask no other model, and all of them.
ALONE = ("complete", "mask", "zero", "partial-conv")
TREATMENTS = ("complete", "misconv-dmfa", "misconv-mfa", "dmfa-mean", "knn", "mask", "zero", "partial-conv")


@dataclass(frozen=True)
class Step:
    """One command of a recipe.

    Attributes:
        command: what follows `python -m train`, without data set and folders.
        folder: where its checkpoint goes, beside the methods' own; empty for the command's usual place.
    """

    command: str
    folder: str = ""

    def words(self, dataset: str, data_root: Path | None = None) -> list[str]:
        """The whole command line after `python -m train`."""
        words = [*self.command.split(), "--dataset", dataset]
        if self.folder:
            words += ["--run-folder", str(Path("runs", dataset, self.folder))]
            root = ROOT.relative_to(Path.cwd()) if ROOT.is_relative_to(Path.cwd()) else ROOT
            words += ["--output", str(root / dataset / self.folder)]
        return words + (["--data-root", str(data_root)] if data_root else [])

    def config(self, dataset: str) -> DatasetConfig:
        """Its settings, with the defaults of a data set."""
        return parse(self.words(dataset))

    def output(self, dataset: str) -> str:
        """The name of the folder that it writes, by which other commands refer to it."""
        return self.folder or getattr(self.config(dataset), "method", self.command.split()[0])


def classify(treatments: Sequence[str], holes: Sequence[str], options: str = "") -> tuple[Step, ...]:
    """A classifier for each treatment and each kind of hole."""
    return tuple(
        Step(f"classifier --treatment {treatment} --incomplete {hole} {options}")
        for treatment in treatments
        for hole in holes
    )


def incomplete(command: str, holes: str) -> Step:
    """A method trained on images with holes, in a folder that is named after the two."""
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
    ),
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
    ),
    "celeba": (
        *map(Step, METHODS),
        Step("attractors"),
        Step("dynamics"),
        incomplete(
            "dmfa --components 1 --factors 4 --widths 32 64 --masks squares16-40*3+half+strokes*3+noise30-90*2 --steps 4000 "
            "--validate-every 4000",
            "mixed",
        ),
        *classify((*ALONE, "misconv-dmfa", "dmfa-mean"), ["mixed"], "--seeds 1"),
    ),
    "celeba32": (Step("dmfa"), Step("mfa")),
}


@dataclass(frozen=True)
class All(DatasetConfig):
    """Run every command that makes the models of a data set; what is finished is skipped."""

    list: bool = False
    """say what would be run, and run nothing"""


def run(config: All) -> None:
    """Run what is not finished yet, in order, each in a process of its own.

    Raises:
        ValueError: when a checkpoint is not the one that the recipe means, before anything is run; says what differs. Or when
            a command fails.
        Interrupted: after a signal.
    """
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
                f"{cast(RunConfig, settings).checkpoint} is not the checkpoint that the recipe means: there {found}. Move it "
                "away, and the same command makes it anew"
            )
    root = None if config.data_root == DatasetConfig.data_root else config.data_root
    for step, settings in steps:
        if settings.is_finished() and step.command not in again:
            continue
        name = step.output(config.dataset)
        # Whatever reads this checkpoint is made anew after it, by a later call too.
        again.add(other.command for other, reads in steps if name in reads.sources)
        words = step.words(config.dataset, root)
        print(_shown(words), flush=True)
        code = _run([sys.executable, "-m", "train", *words])
        if code in (STOPPED, -signal.SIGINT, -signal.SIGTERM):
            raise Interrupted(f"stopped; python -m train all --dataset {config.dataset} goes on there")
        if code:
            raise ValueError(f"{_shown(words)} failed with exit code {code}")
        again.remove(step.command)


def _shown(words: Sequence[str]) -> str:
    return shlex.join(["python", "-m", "train", *words])


class _Again:
    """The commands whose sources were trained after them, in a file, so that a stop in between forgets none."""

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
    """The exit code of a command that saves its state when it is asked to stop, and is waited for until it has."""
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
