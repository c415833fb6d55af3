"""Results computed lately, kept so that they are computed once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

from cachetools import LRUCache, TTLCache

Result = TypeVar("Result")


class Memory:
    """A bounded cache that many threads share; the least recently used result gives way to a new one.

    Args:
        size: the number of results to keep.
        seconds: how long to keep a result after its last use; None keeps it until it gives way.
    """

    def __init__(self, size: int = 64, seconds: float | None = None):
        self._kept = LRUCache(size) if seconds is None else TTLCache(size, seconds)
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable) -> Any | None:
        """The result kept under this key, or None."""
        with self._lock:
            made = self._kept.get(key)
            if made is not None:
                self._kept[key] = made  # its time begins again
            return made

    def keep(self, key: Hashable, made: Any) -> None:
        """Keep a result."""
        with self._lock:
            self._kept[key] = made

    def recall(self, key: Hashable, make: Callable[[], Result]) -> Result:
        """The result kept under this key, made by `make` where there is none."""
        made = self.get(key)
        if made is None:
            made = make()
            self.keep(key, made)
        return made

    def expire(self) -> None:
        """Drop what was not used for `seconds`."""
        with self._lock:
            if isinstance(self._kept, TTLCache):
                self._kept.expire()
