"""Methods by name: which there are, which have a checkpoint, and how to load one."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import cache

from dmfa_demo.imputation import Imputer
from dmfa_demo.storage.checkpoints import ROOT, SETTING, is_usable, load_once, set_aside

# The registry: method -> "module:class" of its Imputer. Imported when asked for, so that nothing loads at start.
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


def method_class(name: str) -> type[Imputer]:
    """The Imputer class of a registered method.

    Raises:
        ValueError: for a name that is not in the registry.
    """
    if name not in METHODS:
        raise ValueError(f"unknown method {name!r}; known methods: {', '.join(METHODS)}")
    module, _, attribute = METHODS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def available_methods(dataset: str, trait: str | None = None) -> list[str]:
    """The registered methods that have a checkpoint for `dataset`, in the registry's order.

    Args:
        trait: only those of which this is true, an attribute of `Imputer` such as `has_factors`.
    """
    names = [name for name in METHODS if is_usable(ROOT / dataset / name)]
    return names if trait is None else [name for name in names if getattr(method_class(name), trait)]


def shown_first() -> list[str]:
    """The methods to compare before somebody chooses others, whether a data set has them or not."""
    return [name for name in METHODS if method_class(name).shown_first]


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
            f"no checkpoints in {ROOT}; set {SETTING} to a folder of DATASET/METHOD: checkpoints/ of a checkout, or the one that "
            "`hf download USER/NAME --revision HASH` prints. Or load a single checkpoint from the Hugging Face Hub: "
            f'load_imputer("{method}", "USER/NAME", revision="HASH")'
        )
    if method not in available_methods(dataset):
        known = sorted(folder.name for folder in ROOT.iterdir() if method in available_methods(folder.name))
        raise ValueError(
            f"no {method} checkpoint for data set {dataset!r}; there is one for: {', '.join(known) or 'none'}"
        )
    with set_aside(ROOT / dataset / method):
        return load_once(imputer_class, ROOT / dataset / method)
