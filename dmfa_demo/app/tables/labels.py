"""Readable names of the columns and categories of the offered tables, from the descriptions in the UCI repository."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_COLOURS = {
    "b": "buff", "c": "cinnamon", "e": "red", "g": "grey", "h": "chocolate", "k": "black", "n": "brown", "o": "orange", "p": "pink", "r": "green",
    "u": "purple", "w": "white", "y": "yellow",
}  # fmt: skip
_SURFACES = {"f": "fibrous", "g": "grooved", "k": "silky", "s": "smooth", "y": "scaly"}
_YES = {True: "yes", False: "no"}

# table -> column -> its name on the page.
COLUMNS: dict[str, dict[str, str]] = {
    "iris": {"sl": "sepal length, cm", "sw": "sepal width, cm", "pl": "petal length, cm", "pw": "petal width, cm", "target": "species"},
    "zoo": {"catsize": "as large as a cat", "type": "class"},
    "glass": {"RI": "refractive index", "type": "from"},
    "concrete": {
        "Blast_Furnace_Slag": "Slag", "FlyAsh": "Fly ash", "Coarse_Aggregate": "Coarse aggregate", "Fine_Aggregate": "Fine aggregate",
        "Age": "Age, days", "strength": "Strength, MPa",
    },
    "orthopedic": {
        "pelvic_incidence": "pelvic incidence, °", "pelvic_tilt": "pelvic tilt, °", "lumbar_lordosis_angle": "lumbar lordosis, °",
        "sacral_slope": "sacral slope, °", "pelvic_radius": "pelvic radius, °", "degree_spondylolisthesis": "slip of a vertebra", "class": "diagnosis",
    },
    "mushroom": {
        f"f{number}": name
        for number, name in enumerate(
            (
                "cap shape", "cap surface", "cap colour", "bruises", "odour", "gill attachment", "gill spacing", "gill size", "gill colour",
                "stalk shape", "stalk root", "stalk surface above", "stalk surface below", "stalk colour above", "stalk colour below",
                "veil type", "veil colour", "rings", "ring type", "spore print", "population", "habitat",
            ),
            1,
        )
    },
}  # fmt: skip

# table -> column -> category -> its name on the page.
CATEGORIES: Mapping[str, Mapping[str, Mapping[Any, str]]] = {
    "iris": {"target": {0: "setosa", 1: "versicolor", 2: "virginica"}},
    "zoo": {
        column: _YES
        for column in (
            "hair", "feathers", "eggs", "milk", "airborne", "aquatic", "predator", "toothed", "backbone", "breathes", "venomous", "fins", "tail",
            "domestic", "catsize",
        )
    },
    "glass": {
        "type": {
            1: "float window", 2: "other window", 3: "car window", 5: "container", 6: "tableware", 7: "headlamp",
        }
    },
    "mushroom": {
        "f1": {"b": "bell", "c": "conical", "f": "flat", "k": "knobbed", "s": "sunken", "x": "convex"},
        "f2": _SURFACES,
        "f3": _COLOURS,
        "f4": {"t": "yes", "f": "no"},
        "f5": {
            "a": "almond", "c": "creosote", "f": "foul", "l": "anise", "m": "musty", "n": "none", "p": "pungent", "s": "spicy", "y": "fishy",
        },
        "f6": {"a": "attached", "f": "free"},
        "f7": {"c": "close", "w": "crowded"},
        "f8": {"b": "broad", "n": "narrow"},
        "f9": _COLOURS,
        "f10": {"e": "enlarging", "t": "tapering"},
        "f11": {"?": "unknown", "b": "bulbous", "c": "club", "e": "equal", "r": "rooted"},
        "f12": _SURFACES,
        "f13": _SURFACES,
        "f14": _COLOURS,
        "f15": _COLOURS,
        "f17": _COLOURS,
        "f18": {"n": "none", "o": "one", "t": "two"},
        "f19": {"e": "evanescent", "f": "flaring", "l": "large", "n": "none", "p": "pendant"},
        "f20": _COLOURS,
        "f21": {"a": "abundant", "c": "clustered", "n": "numerous", "s": "scattered", "v": "several", "y": "solitary"},
        "f22": {"d": "woods", "g": "grass", "l": "leaves", "m": "meadows", "p": "paths", "u": "towns", "w": "waste"},
        "edible": {"e": "edible", "p": "poisonous"},
    },
}  # fmt: skip
