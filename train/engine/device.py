"""The device on which accelerate trains, for computations beside the training loop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from accelerate import PartialState
from torch import nn

from dmfa_demo.imputation import Imputer


@contextmanager
def on_training_device(imputer: Imputer | None) -> Iterator[torch.device]:
    """Move an imputer's networks to the device of training in this context; yield that device, or the CPU for an imputer without networks."""
    networks = [] if imputer is None else [part for part in vars(imputer).values() if isinstance(part, nn.Module)]
    device = torch.device(PartialState().device or "cpu") if networks else torch.device("cpu")
    for network in networks:
        network.to(device)
    try:
        yield device
    finally:
        for network in networks:
            network.to("cpu")
