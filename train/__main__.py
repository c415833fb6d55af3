"""The command line: one subcommand for every method that learns, and `evaluate`."""

import io
import sys
from contextlib import redirect_stderr
from functools import reduce
from operator import or_
from typing import Annotated, Any, get_args, get_type_hints

import tyro

from dmfa_demo.data.datasets import DatasetName
from dmfa_demo.options import OptionError
from train.engine.loop import Interrupted
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

COMMANDS = {
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
    "zero": baselines.zero,
    "evaluate": evaluate.evaluate,
    "gallery": gallery.draw,
    "line-masks": line_masks.measure,
    "publish": publish.publish,
    "tables": tables.write,
}


def main() -> None:
    """Run one subcommand; what the user can mend is said in one line, without a traceback."""
    words = sys.argv[1:]
    try:
        config = _parsed(words)
        COMMANDS[words[0].replace("_", "-")](config)
    except Interrupted as stop:
        print(stop)
        sys.exit(130)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


def _parsed(words: list[str]) -> Any:
    """The config that a command line gives.

    Raises:
        OptionError: as the config raised it; tyro makes it a box of many lines.
    """
    told = io.StringIO()
    try:
        with redirect_stderr(told):
            return tyro.cli(
                _subcommands(_named(words)),
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


def _subcommands(dataset: str) -> Any:
    """The configs of all commands as one type, with the defaults of a data set."""
    kinds = []
    for name, run in COMMANDS.items():
        kind: Any = get_type_hints(run)["config"]
        default = kind.for_dataset(dataset) if isinstance(kind, type) and issubclass(kind, DatasetConfig) else kind()
        kinds.append(Annotated[kind, tyro.conf.subcommand(name, default=default)])
    return reduce(or_, kinds)


def _named(words: list[str]) -> str:
    """The data set that a command line names, which the defaults of all other options follow."""
    for word, after in zip(words, [*words[1:], ""]):
        name = after if word == "--dataset" else word.removeprefix("--dataset=")
        if name in get_args(DatasetName) and word.startswith("--dataset"):
            return name
    return get_args(DatasetName)[0]


if __name__ == "__main__":
    main()
