"""The command line: a subcommand for every method that learns, `all` for a data set, `evaluate`, `export` and others."""

import sys

from dmfa_demo.networks import engine
from train import commands, recipes
from train.commands import parse
from train.engine.loop import STOPPED, Interrupted

COMMANDS = {**commands.COMMANDS, "all": recipes.run}


def main() -> None:
    """Run one subcommand; errors in the input are reported in one line, without a traceback."""
    words = sys.argv[1:]
    try:
        config = parse(words, COMMANDS)
        with engine.using("torch"):  # the reference, with which figures are measured
            COMMANDS[words[0].replace("_", "-")](config)
    except Interrupted as stop:
        print(stop)
        sys.exit(STOPPED)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
