"""A cache of recent results."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

from cachetools import LRUCache, TTLCache

Result = TypeVar("Result")


class Memory:
    """A bounded, thread-safe cache that drops the least recently used result.

    Args:
        size: the number of results to keep.
        seconds: how long to keep a result after its last use; None for no limit.
    """

    def __init__(self, size: int = 64, seconds: float | None = None):
        self._kept = LRUCache(size) if seconds is None else TTLCache(size, seconds)
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable) -> Any | None:
        """Return the result for this key, or None."""
        with self._lock:
            made = self._kept.get(key)
            if made is not None:
                self._kept[key] = made  # restarts its time
            return made

    def keep(self, key: Hashable, made: Any) -> None:
        """Store a result."""
        with self._lock:
            self._kept[key] = made

    def recall(self, key: Hashable, make: Callable[[], Result]) -> Result:
        """Return the result for this key; compute it by `make` if there is none."""
        made = self.get(key)
        if made is None:
            made = make()
            self.keep(key, made)
        return made

    def expire(self) -> None:
        """Drop results that were not used for `seconds`."""
        with self._lock:
            if isinstance(self._kept, TTLCache):
                self._kept.expire()
