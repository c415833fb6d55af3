"""The measured methods of tables and their figures, which `python -m train tables` writes."""

from __future__ import annotations

import json
from pathlib import Path

# Methods and their titles.
METHODS = {
    "mean": "Mean",
    "knn": "k-NN",
    "mixture": "Gaussian mixture",
    "mice": "MICE",
    "missforest": "MissForest",
    "gain": "GAIN",
    "vaeac": "VAEAC",
    "gsnn": "GSNN",
    "nn": "NN",
}
RESULTS = Path(__file__).with_name("results.json")


def load_results() -> dict[str, dict[str, dict[str, float]]]:
    """Return the figures: table -> method -> "error" and "score" with their deviations over the repetitions, and the paper's, "paper_error" and
    so on, where it has any."""
    return json.loads(RESULTS.read_text())
