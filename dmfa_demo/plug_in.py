"""Classes from outside the project, which settings and checkpoints name as "module:class"."""

from __future__ import annotations

import importlib
from typing import TypeVar

Base = TypeVar("Base")


def class_named(place: str, base: type[Base], *, base_name: str) -> type[Base]:
    """Import a class.

    Args:
        place: "module:class".
        base: the class that it must be a subclass of.
        base_name: the name of that class in messages.

    Raises:
        ValueError: If it cannot be imported or is something else.
    """
    module, _, attribute = place.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"{place!r}, which cannot be imported: {error}") from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ValueError(f"{place!r}, which is not a subclass of {base_name}")
    return found
