"""The methods that fill in tables, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dmfa_demo.tables.schema import Schema

if TYPE_CHECKING:  # scikit-learn is slow to import
    from dmfa_demo.tables.imputer import TableImputer

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


def make(method: str, schema: Schema, seed: int = 0, **settings: Any) -> TableImputer:
    """Return an imputer that has not learnt yet.

    Args:
        method: a key of `METHODS`.
        settings: arguments of the method's class.
    """
    from dmfa_demo.tables import classical, gain, mixture, vaeac

    if method == "nn":
        settings = {"latents": 0, **settings}
    kind = {
        "mean": classical.MeanImputer,
        "knn": classical.KNNTableImputer,
        "mixture": mixture.GaussianMixtureImputer,
        "mice": classical.MICEImputer,
        "missforest": classical.MissForestImputer,
        "gain": gain.GAINImputer,
        "vaeac": vaeac.VAEACTableImputer,
        "gsnn": vaeac.GSNNTableImputer,
        "nn": vaeac.GSNNTableImputer,
    }[method]
    return kind(categorical=schema, random_state=seed, **settings)
