"""The tables of the VAEAC paper's first experiment, mostly from the UCI repository, as DataFrames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dmfa_demo.tables.schema import Schema

FOLDER = Path(__file__).with_name("uci")


@dataclass(frozen=True)
class Dataset:
    """A table with a target, which is its last column.

    Attributes:
        features: whether all features are numeric or all are categorical, as the paper treats them.
        regression: whether the target is a number.
        about: what a row is, and which file this is where the paper's name fits several.
        dropped: columns of the file that are not used, such as a name of each row.
        target: the target's column in the file; None for the last one.
    """

    title: str
    features: str
    regression: bool
    about: str
    dropped: tuple[str, ...] = ()
    target: str | None = None


DATASETS = {
    "boston": Dataset("Boston", "numeric", True, "a district of Boston and the median value of its homes; StatLib"),
    "breast": Dataset("Breast", "numeric", False, "a tumour, by 30 measures of its cell nuclei (Wisconsin, diagnostic); benign or malignant"),
    "concrete": Dataset("Concrete", "numeric", True, "a mixture of concrete and its strength"),
    "diabetes": Dataset("Diabetes", "numeric", True, "a patient and the progression of the disease after a year (442 patients; Efron et al.)"),
    "digits": Dataset("Digits", "numeric", False, "a handwritten digit of 8×8 pixels"),
    "glass": Dataset("Glass", "numeric", False, "a piece of glass, by its elements; its use"),
    "iris": Dataset("Iris", "numeric", False, "a flower, by four lengths in centimetres; its species"),
    "mushroom": Dataset("Mushroom", "categorical", False, "a mushroom, by its look and smell; edible or not", target="edible"),
    "orthopedic": Dataset("Orthopedic", "numeric", False, "a patient, by the geometry of the spine; three diagnoses"),
    "phishing": Dataset("Phishing", "categorical", False, "a website, by nine signs of fraud (1,353 sites); three verdicts"),
    "wallrobot": Dataset("WallRobot", "numeric", False, "what 24 sensors of a robot measure; its next move"),
    "whitewine": Dataset("WhiteWine", "numeric", True, "a white wine, by its chemistry; its quality from 0 to 10"),
    "yeast": Dataset("Yeast", "numeric", False, "a protein of yeast, by eight scores; its place in the cell"),
    "zoo": Dataset("Zoo", "categorical", False, "an animal, by 16 traits; its class", ("animal",)),
}  # fmt: skip


def load_table(name: str) -> tuple[Any, Schema]:
    """Return a table as a DataFrame, its target last, and its schema.

    Raises:
        ValueError: If there is no table with this name.
    """
    import pandas

    if name not in DATASETS:
        raise ValueError(f"unknown table {name!r}; available: {', '.join(DATASETS)}")
    about = DATASETS[name]
    # "?" and "None" are categories of mushrooms.
    frame = pandas.read_csv(FOLDER / f"{name}.csv.gz", na_filter=False).drop(columns=list(about.dropped))
    target = about.target or frame.columns[-1]
    frame = frame[[column for column in frame.columns if column != target] + [target]]
    features = [] if about.features == "numeric" else list(frame.columns[:-1])
    return frame, Schema.of(frame, features + ([] if about.regression else [target]))
