"""What `python -m train` can do by name, and the config that a command line gives."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr
from functools import reduce
from operator import or_
from typing import Annotated, Any, get_args, get_type_hints

import tyro

from dmfa_demo.data.datasets import DatasetName
from dmfa_demo.options import OptionError
from train.engine.run import DatasetConfig
from train.methods import (
    attractors,
    autoencoder,
    baselines,
    classifier,
    context_encoder,
    dmfa,
    dynamics,
    guided,
    mfa,
    universal_marginalizer,
    vaeac,
    vaeac_synthetic,
)
from train.report import evaluate, gallery, line_masks, publish, tables

Commands = Mapping[str, Callable[[Any], None]]
"""Name -> what to do with its config, whose type the annotation of the parameter `config` says."""

COMMANDS: Commands = {
    "dmfa": dmfa.train,
    "guided-dmfa": guided.train,
    "mfa": mfa.train,
    "vaeac": vaeac.train,
    "vaeac-synthetic": vaeac_synthetic.train,
    "universal-marginalizer": universal_marginalizer.train,
    "autoencoder": autoencoder.train,
    "attractors": attractors.draw,
    "dynamics": dynamics.choose,
    "context-encoder": context_encoder.train,
    "classifier": classifier.train,
    "gaussian": baselines.gaussian,
    "knn": baselines.knn,
    "mean": baselines.mean,
    "evaluate": evaluate.evaluate,
    "gallery": gallery.draw,
    "line-masks": line_masks.measure,
    "publish": publish.publish,
    "tables": tables.write,
}


def parse(words: Sequence[str], commands: Commands = COMMANDS) -> Any:
    """The config that a command line gives.

    Raises:
        OptionError: as the config raised it; tyro makes it a box of many lines.
    """
    told = io.StringIO()
    try:
        with redirect_stderr(told):
            return tyro.cli(
                _subcommands(_named(words), commands),
                prog="python -m train",
                config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes),
                args=words,
            )
    except SystemExit as stop:
        error = stop.__context__
        while error is not None and not isinstance(error, OptionError):
            error = error.__context__
        if error is not None:
            raise error from None
        print(told.getvalue(), end="", file=sys.stderr)
        raise


def _subcommands(dataset: str, commands: Commands) -> Any:
    """The configs of all commands as one type, with the defaults of a data set."""
    kinds = []
    for name, run in commands.items():
        kind: Any = get_type_hints(run)["config"]
        default = kind.for_dataset(dataset) if isinstance(kind, type) and issubclass(kind, DatasetConfig) else kind()
        kinds.append(Annotated[kind, tyro.conf.subcommand(name, default=default)])
    return reduce(or_, kinds)


def _named(words: Sequence[str]) -> str:
    """The data set that a command line names, which the defaults of all other options follow."""
    for word, after in zip(words, [*words[1:], ""]):
        name = after if word == "--dataset" else word.removeprefix("--dataset=")
        if name in get_args(DatasetName) and word.startswith("--dataset"):
            return name
    return get_args(DatasetName)[0]
