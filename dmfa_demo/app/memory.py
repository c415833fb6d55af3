"""What was computed lately, so that it is computed once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

Result = TypeVar("Result")


class Memory:
    """The results that were asked for last, by key."""

    def __init__(self, size: int = 64):
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._size, self._lock = size, Lock()

    def get(self, key: Hashable) -> Any | None:
        """What is kept under this key."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def keep(self, key: Hashable, made: Any) -> None:
        """Keep it, in place of what nobody has asked for the longest."""
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)

    def recall(self, key: Hashable, make: Callable[[], Result]) -> Result:
        """What `make` returned for this key, now or before."""
        made = self.get(key)
        if made is None:
            made = make()
            self.keep(key, made)
        return made
