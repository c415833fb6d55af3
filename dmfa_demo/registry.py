"""Methods by name: which there are, which have a checkpoint, and how to load one."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from functools import cache

from dmfa_demo.imputation import Imputer
from dmfa_demo.storage import checkpoints
from dmfa_demo.storage.checkpoints import ROOT, is_usable, load_once, quarantine_on_failure

# The registry: method -> "module:class" of its Imputer. Imported when needed, so that nothing loads at start.
METHODS: dict[str, str] = {
    "dmfa": "dmfa_demo.models.dmfa:DMFAImputer",
    "mfa": "dmfa_demo.models.mfa:MFAImputer",
    "vaeac": "dmfa_demo.models.vaeac:VAEACImputer",
    "universal-marginalizer": "dmfa_demo.models.universal_marginalizer:UniversalMarginalizerImputer",
    "dynamics": "dmfa_demo.models.walks:DynamicsImputer",
    "dynamics-knn": "dmfa_demo.models.walks:KNNDynamicsImputer",
    "pseudo-gibbs": "dmfa_demo.models.walks:PseudoGibbsImputer",
    "pseudo-gibbs-knn": "dmfa_demo.models.walks:KNNPseudoGibbsImputer",
    "context-encoder": "dmfa_demo.models.context_encoder:ContextEncoderImputer",
    "gaussian": "dmfa_demo.models.baselines:GaussianImputer",
    "knn": "dmfa_demo.models.baselines:KNNImputer",
    "mean": "dmfa_demo.models.baselines:MeanImputer",
    "zero": "dmfa_demo.models.baselines:ZeroImputer",
    "mice": "dmfa_demo.models.baselines:MICEImputer",
}


# The environment variable that names further methods: "module:class" of each, with commas between them.
SETTING = "DMFA_DEMO_METHODS"


@cache
def methods() -> dict[str, str]:
    """All methods, "module:class" by name: those of `METHODS`, and those that `DMFA_DEMO_METHODS` names.

    Raises:
        ValueError: when the setting names no `Imputer`, or one whose name is taken.
    """
    known = dict(METHODS)
    for place in filter(None, map(str.strip, os.environ.get(SETTING, "").split(","))):
        try:
            kind = _class_at(place)
        except (ImportError, AttributeError, ValueError) as error:
            raise ValueError(f"{SETTING} names {place!r}, which cannot be imported: {error}") from error
        if not (isinstance(kind, type) and issubclass(kind, Imputer)):
            raise ValueError(f"{SETTING} names {place!r}, which is no subclass of dmfa_demo.Imputer")
        if known.setdefault(kind.name, place) != place:
            raise ValueError(f"{SETTING} names {place!r}, but there is a method {kind.name!r} already")
    return known


def method_class(name: str) -> type[Imputer]:
    """The Imputer class of a method.

    Raises:
        ValueError: for an unknown name.
    """
    known = methods()
    if name not in known:
        raise ValueError(f"unknown method {name!r}; known methods: {', '.join(known)}")
    return _class_at(known[name])


def _class_at(place: str) -> type[Imputer]:
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)


def methods_with(trait: str) -> list[str]:
    """The methods of which a trait is true, an attribute of `Imputer` such as `has_factors`."""
    return [name for name in methods() if getattr(method_class(name), trait)]


def available_methods(dataset: str, trait: str | None = None) -> list[str]:
    """The methods that can be loaded for `dataset`, in the registry's order.

    Args:
        trait: only those of which this is true, an attribute of `Imputer` such as `has_factors`.
    """
    names = [name for name in methods() if is_usable(ROOT / dataset / name) or _is_created(name, dataset)]
    return names if trait is None else [name for name in names if getattr(method_class(name), trait)]


def _is_created(name: str, dataset: str) -> bool:
    """Whether a method needs no checkpoint and is for a data set."""
    if method_class(name).needs_checkpoint:
        return False
    try:
        _created(name, dataset)
    except ValueError:
        return False
    return True


@cache
def _created(name: str, dataset: str) -> Imputer:
    return method_class(name).create(dataset)


def shown_first() -> list[str]:
    """The methods that are compared at first, whether a data set has them or not."""
    return methods_with("shown_first")


def with_stand_ins(dataset: str, wanted: Sequence[str]) -> list[str]:
    """Those of a data set's methods that are wanted, or stand in for one that is and that it does not have."""
    names = available_methods(dataset)
    missing = set(wanted) - set(names)
    return [name for name in names if name in wanted or method_class(name).stands_in_for in missing]


@cache
def load_imputer(method: str, dataset: str, revision: str = "main") -> Imputer:
    """The trained imputer `method` for `dataset`, loaded once a process.

    Checkpoints are read from the folder that the environment variable `DMFA_DEMO_CHECKPOINTS` names, else from a checkout's
    `checkpoints/`, or downloaded from the Hugging Face Hub.

    Args:
        dataset: a data set, or USER/NAME of a repository on the Hub that holds a checkpoint of `method`.
        revision: of that repository; the hash of a commit makes sure that it is always the same.

    Raises:
        FileNotFoundError: when there is no folder of checkpoints; the message says how to name one.
        ValueError: for an unknown method or data set; the message lists what there is.
    """
    imputer_class = method_class(method)
    if "/" in dataset:
        from dmfa_demo.storage.hub import pull  # loads the Hub's client, which is slow

        return load_once(imputer_class, pull(dataset, revision))
    if not ROOT.is_dir():
        raise FileNotFoundError(
            f"no checkpoints in {ROOT}; set {checkpoints.SETTING} to a folder of DATASET/METHOD: checkpoints/ of a checkout, or the one that "
            "`hf download USER/NAME --revision HASH` prints. Or load a single checkpoint from the Hugging Face Hub: "
            f'load_imputer("{method}", "USER/NAME", revision="HASH")'
        )
    if method not in available_methods(dataset):
        known = sorted(folder.name for folder in ROOT.iterdir() if method in available_methods(folder.name))
        raise ValueError(
            f"no {method} checkpoint for data set {dataset!r}; there is one for: {', '.join(known) or 'none'}"
        )
    if not imputer_class.needs_checkpoint:
        return _created(method, dataset)
    with quarantine_on_failure(ROOT / dataset / method):
        return load_once(imputer_class, ROOT / dataset / method)
