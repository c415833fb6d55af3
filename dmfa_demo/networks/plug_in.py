"""Networks from outside the project, which a checkpoint names as "module:class".

A checkpoint may come from elsewhere, so only the networks that the environment variable `DMFA_DEMO_NETWORKS` names are imported.
"""

from __future__ import annotations

import os

from torch import nn

from dmfa_demo.plug_in import class_named

# Names the networks that may be imported, as "module:class", separated by commas.
SETTING = "DMFA_DEMO_NETWORKS"


def network_class(place: str) -> type[nn.Module]:
    """Return the class of a network.

    Raises:
        ValueError: If `DMFA_DEMO_NETWORKS` does not name it, or it is not a subclass of `torch.nn.Module` that can be imported.
    """
    if place not in map(str.strip, os.environ.get(SETTING, "").split(",")):
        raise ValueError(
            f"the network {place!r:.80} is code from outside the project; set {SETTING}={place:.80} if you trust it"
        )
    try:
        return class_named(place, nn.Module, base_name="torch.nn.Module")
    except ValueError as error:
        raise ValueError(f"the checkpoint names {error}") from error
