"""The tabs of the page, by name, and the parts of each. A new tab takes one file and one line here."""

from __future__ import annotations

from dmfa_demo.app.lessons.learn import LearnTab
from dmfa_demo.app.tabs.attractors import AttractorsTab
from dmfa_demo.app.tabs.changing_mind import ChangingMind
from dmfa_demo.app.tabs.compare import CompareTab
from dmfa_demo.app.tabs.factors import FactorsTab
from dmfa_demo.app.tabs.first_layer import FirstLayer
from dmfa_demo.app.tabs.latent_walk import LatentWalk
from dmfa_demo.app.tabs.part import Part
from dmfa_demo.app.tabs.predictions import Predictions
from dmfa_demo.app.tabs.reconstruct_and_dream import ReconstructAndDream
from dmfa_demo.app.tabs.results import ResultsTab
from dmfa_demo.app.tabs.samples import SamplesTab
from dmfa_demo.app.tabs.step_by_step import StepByStep
from dmfa_demo.app.tabs.which_pixel import WhichPixel
from dmfa_demo.app.widgets.fields import AddressField

TABS: dict[str, tuple[type[Part], ...]] = {
    "compare": (CompareTab,),
    "factors": (FactorsTab,),
    "samples": (SamplesTab, LatentWalk, StepByStep, ReconstructAndDream),
    "attractors": (AttractorsTab,),
    "predictions": (Predictions, ChangingMind, FirstLayer, WhichPixel),
    "learn": (LearnTab,),
    "results": (ResultsTab,),
}

FIELDS: dict[str, AddressField] = {
    field.key: field for parts in TABS.values() for part in parts for field in part.FIELDS
}
"""All controls with a key in the address, by key."""


def tab_of(key: str) -> str:
    """Return the name of the tab with the control of a key."""
    return next(name for name, parts in TABS.items() for part in parts if key in {field.key for field in part.FIELDS})
