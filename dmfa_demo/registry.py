"""The registry of methods: list them, find those with a checkpoint, load one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache

from dmfa_demo.imputation import Imputer
from dmfa_demo.plug_in import class_named
from dmfa_demo.storage import checkpoints
from dmfa_demo.storage.checkpoints import ROOT, is_usable, load_once, quarantine_on_failure

# The registry: method -> "module:class" of its Imputer. Modules are imported when needed, so that nothing loads at start.
METHODS: dict[str, str] = {
    "dmfa": "dmfa_demo.models.dmfa:DMFAImputer",
    "mfa": "dmfa_demo.models.mfa:MFAImputer",
    "vaeac": "dmfa_demo.models.vaeac:VAEACImputer",
    "universal-marginalizer": "dmfa_demo.models.universal_marginalizer:UniversalMarginalizerImputer",
    "dynamics": "dmfa_demo.models.walks:DynamicsImputer",
    "dynamics-knn": "dmfa_demo.models.walks:KNNDynamicsImputer",
    "pseudo-gibbs": "dmfa_demo.models.walks:PseudoGibbsImputer",
    "pseudo-gibbs-knn": "dmfa_demo.models.walks:KNNPseudoGibbsImputer",
    "acflow": "dmfa_demo.models.acflow:ACFlowImputer",
    "diffusion": "dmfa_demo.models.diffusion:DiffusionImputer",
    "miwae": "dmfa_demo.models.miwae:MIWAEImputer",
    "posterior-matching": "dmfa_demo.models.posterior_matching:PosteriorMatchingImputer",
    "circuit": "dmfa_demo.models.circuit:CircuitImputer",
    "context-encoder": "dmfa_demo.models.context_encoder:ContextEncoderImputer",
    "gaussian": "dmfa_demo.models.baselines:GaussianImputer",
    "knn": "dmfa_demo.models.baselines:KNNImputer",
    "mean": "dmfa_demo.models.baselines:MeanImputer",
    "zero": "dmfa_demo.models.baselines:ZeroImputer",
    "mice": "dmfa_demo.models.baselines:MICEImputer",
}


# The environment variable that names further methods, as "module:class", separated by commas.
SETTING = "DMFA_DEMO_METHODS"


@cache
def methods() -> dict[str, str]:
    """Return all methods, "module:class" by name: those in `METHODS` and those that `DMFA_DEMO_METHODS` names.

    Raises:
        ValueError: If the setting names something other than an `Imputer`, or one whose name is taken.
    """
    known = dict(METHODS)
    for place in filter(None, map(str.strip, os.environ.get(SETTING, "").split(","))):
        try:
            kind = class_named(place, Imputer, base_name="dmfa_demo.Imputer")
        except ValueError as error:
            raise ValueError(f"{SETTING} names {error}") from error
        if known.setdefault(kind.name, place) != place:
            raise ValueError(f"{SETTING} names {place!r}, but a method {kind.name!r} already exists")
    return known


def method_class(name: str) -> type[Imputer]:
    """Return the Imputer class of a method.

    Raises:
        ValueError: If the name is unknown.
    """
    known = methods()
    if name not in known:
        raise ValueError(f"unknown method {name!r}; known methods: {', '.join(known)}")
    return class_named(known[name], Imputer, base_name="dmfa_demo.Imputer")


def methods_with(trait: str) -> list[str]:
    """Return the methods with a trait, an attribute of `Imputer` such as `has_factors`."""
    return [name for name in methods() if getattr(method_class(name), trait)]


def available_methods(dataset: str, trait: str | None = None) -> list[str]:
    """Return the methods that can be loaded for `dataset`, in the registry's order.

    Args:
        trait: only methods with this trait, an attribute of `Imputer` such as `has_factors`.
    """
    names = [name for name in methods() if is_usable(ROOT / dataset / name) or is_created(name, dataset)]
    return names if trait is None else [name for name in names if getattr(method_class(name), trait)]


def is_created(name: str, dataset: str) -> bool:
    """Return whether a method needs no checkpoint and supports the data set; its class makes it."""
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
    """Return the methods that Compare shows at first, whether or not a data set has them."""
    return methods_with("shown_first")


def available_among(dataset: str, wanted: Sequence[str]) -> list[str]:
    """Return those of the wanted methods that can be loaded for `dataset`, in the registry's order."""
    return [name for name in available_methods(dataset) if name in wanted]


@cache
def load_imputer(method: str, dataset: str, revision: str = "main") -> Imputer:
    """Load the trained imputer `method` for `dataset`, once per process.

    Reads checkpoints from the folder that the environment variable `DMFA_DEMO_CHECKPOINTS` names, otherwise from a checkout's
    `checkpoints/`; downloads those that are named by a repository on the Hugging Face Hub.

    Args:
        dataset: a data set, or USER/NAME of a repository on the Hub with a checkpoint of `method`.
        revision: of that repository; the hash of a commit pins it.

    Raises:
        FileNotFoundError: If there is no folder of checkpoints; the message explains how to name one.
        ValueError: If the method or data set is unknown; the message lists those available.
    """
    imputer_class = method_class(method)
    if "/" in dataset:
        from dmfa_demo.storage.hub import pull  # imports the Hub's client, which is slow

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
            f"no {method} checkpoint for data set {dataset!r}; available for: {', '.join(known) or 'none'}"
        )
    if not imputer_class.needs_checkpoint:
        return _created(method, dataset)
    with quarantine_on_failure(ROOT / dataset / method):
        return load_once(imputer_class, ROOT / dataset / method)
