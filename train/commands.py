"""The subcommands of `python -m train`, and the parsing of a command line to a config."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr
from functools import reduce
from operator import or_
from typing import Annotated, Any, get_type_hints

import tyro

from dmfa_demo.data.datasets import BUILT_IN
from dmfa_demo.options import OptionError
from train.engine.run import DatasetConfig
from train.methods import (
    acflow,
    attractors,
    autoencoder,
    baselines,
    circuit,
    classifier,
    context_encoder,
    diffusion,
    dmfa,
    dynamics,
    guided,
    mfa,
    miwae,
    posterior_matching,
    universal_marginalizer,
    vaeac,
    vaeac_synthetic,
    wae,
)
from train.report import docs, evaluate, export, from_holes, gallery, line_masks, next_pixel, publish, scores, uci

Commands = Mapping[str, Callable[[Any], None]]
"""Name -> function of the subcommand's config, whose type is the annotation of the parameter `config`."""

COMMANDS: Commands = {
    "dmfa": dmfa.train,
    "guided-dmfa": guided.train,
    "mfa": mfa.train,
    "vaeac": vaeac.train,
    "vaeac-synthetic": vaeac_synthetic.train,
    "universal-marginalizer": universal_marginalizer.train,
    "acflow": acflow.train,
    "diffusion": diffusion.train,
    "miwae": miwae.train,
    "posterior-matching": posterior_matching.train,
    "circuit": circuit.train,
    "autoencoder": autoencoder.train,
    "attractors": attractors.draw,
    "dynamics": dynamics.choose,
    "context-encoder": context_encoder.train,
    "classifier": classifier.train,
    "wae": wae.train,
    "gaussian": baselines.gaussian,
    "knn": baselines.knn,
    "mean": baselines.mean,
    "evaluate": evaluate.evaluate,
    "compare": scores.compare,
    "export": export.export,
    "from-holes": from_holes.compare,
    "next-pixel": next_pixel.compare,
    "gallery": gallery.draw,
    "line-masks": line_masks.measure,
    "publish": publish.publish,
    "docs": docs.write,
    "tables": uci.measure,
}


def parse(words: Sequence[str], commands: Commands = COMMANDS) -> Any:
    """Parse a command line to a config.

    Raises:
        OptionError: As the config raised it; tyro would print a box of many lines.
    """
    errors = io.StringIO()
    try:
        with redirect_stderr(errors):
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
        print(errors.getvalue(), end="", file=sys.stderr)
        raise


def _subcommands(dataset: str, commands: Commands) -> Any:
    """Return the configs of all commands as one type, with the defaults of a data set."""
    kinds = []
    for name, run in commands.items():
        kind: Any = get_type_hints(run)["config"]
        default = kind.for_dataset(dataset) if isinstance(kind, type) and issubclass(kind, DatasetConfig) else kind()
        kinds.append(Annotated[kind, tyro.conf.subcommand(name, default=default)])
    return reduce(or_, kinds)


def _named(words: Sequence[str]) -> str:
    """Return the data set that a command line names, on which the defaults of all other options depend."""
    for word, after in zip(words, [*words[1:], ""]):
        name = after if word == "--dataset" else word.removeprefix("--dataset=")
        if name in BUILT_IN and word.startswith("--dataset"):
            return name
    return BUILT_IN[0]
