"""The command line: one subcommand for every method that learns, and `evaluate`."""

import sys

import tyro

from train import (
    attractors,
    autoencoder,
    baselines,
    classifier,
    context_encoder,
    dmfa,
    dynamics,
    evaluate,
    line_masks,
    mfa,
    universal_marginalizer,
    vaeac,
    vaeac_synthetic,
)
from train.loop import Interrupted

COMMANDS = {
    "dmfa": dmfa.train,
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
    "line-masks": line_masks.measure,
}


def main() -> None:
    """Run one subcommand; what the user can mend is said in one line, without a traceback."""
    try:
        tyro.extras.subcommand_cli_from_dict(COMMANDS, prog="python -m train", config=(tyro.conf.OmitArgPrefixes,))
    except Interrupted as stop:
        print(stop)
        sys.exit(130)
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
