"""The figures of tables that `python -m train tables` writes."""

from __future__ import annotations

import json
from pathlib import Path

RESULTS = Path(__file__).with_name("results.json")


def load_results() -> dict[str, dict[str, dict[str, float]]]:
    """Return the figures: table -> method -> figure -> value.

    The figures are "error" and "score" with their deviations over the repetitions, and those of the paper, such as "paper_error", where it has any.
    """
    return json.loads(RESULTS.read_text())
