"""The tables of the VAEAC paper's first experiment, mostly from the UCI repository, as DataFrames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dmfa_demo.tables.schema import Schema

FOLDER = Path(__file__).with_name("uci")


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A table with a target, which is its last column.

    Attributes:
        row: what a row is, and its target; which file this is where the paper's name fits several.
        categorical: whether all features are categorical, as the paper treats them; otherwise all are numeric.
        regression: whether the target is a number.
        dropped: columns of the file that are not used, such as a name of each row.
        target: the target's column in the file; None for the last one.
    """

    title: str
    row: str
    categorical: bool = False
    regression: bool = False
    dropped: tuple[str, ...] = ()
    target: str | None = None


DATASETS = {
    "boston": Dataset(title="Boston", row="a district of Boston; the median value of its homes", regression=True),
    "breast": Dataset(title="Breast", row="a tumour, by 30 measures of its cell nuclei (Wisconsin, diagnostic); benign or malignant"),
    "concrete": Dataset(title="Concrete", row="a mixture of concrete; its strength", regression=True),
    "diabetes": Dataset(title="Diabetes", row="one of 442 patients (Efron et al.); the progression after a year", regression=True),
    "digits": Dataset(title="Digits", row="a handwritten digit of 8×8 pixels; which one"),
    "glass": Dataset(title="Glass", row="a piece of glass, by its elements; its use"),
    "iris": Dataset(title="Iris", row="a flower, by four lengths; its species"),
    "mushroom": Dataset(title="Mushroom", row="a mushroom, by its look and smell; edible or not", categorical=True, target="edible"),
    "orthopedic": Dataset(title="Orthopedic", row="a patient, by the geometry of the spine; one of three diagnoses"),
    "phishing": Dataset(title="Phishing", row="one of 1,353 websites, by nine signs of fraud; one of three verdicts", categorical=True),
    "wallrobot": Dataset(title="WallRobot", row="what 24 sensors of a robot measure; its next move"),
    "whitewine": Dataset(title="WhiteWine", row="a white wine, by its chemistry; its quality from 0 to 10", regression=True),
    "yeast": Dataset(title="Yeast", row="a protein, by eight scores; its place in the cell"),
    "zoo": Dataset(title="Zoo", row="an animal, by 16 traits; its class", categorical=True, dropped=("animal",)),
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
    features = list(frame.columns[:-1]) if about.categorical else []
    return frame, Schema.of(frame, features + ([] if about.regression else [target]))
