"""Worker threads that answer visitors: one for each core that the process may use, shared by all handlers.

Gradio starts every handler at once, and the handlers wait here for a thread. Therefore no visitor is refused, waiting requests can
be combined, and the waiting time of each is known.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from typing import Any, TypeVar

Result = TypeVar("Result")
Gather = Callable[[Sequence[Any], Sequence[float]], Sequence[Any]]
"""(contents of several requests, seconds that each has waited) -> what each `answer` needs."""

# The maximum number of requests per pass; with more, the first would wait too long for the last.
MOST = 16


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, eq=False)
class Request:
    """A request of a visitor.

    Attributes:
        visitor: whose requests are answered one at a time, in order.
        answer: computes the answer; its argument is what `gather` returned for the request, or None.
        gather: computes what several requests need in one pass; requests with the same one are gathered.
        content: what `gather` needs of the request.
    """

    visitor: str
    answer: Callable[[Any], Any]
    gather: Gather | None = None
    content: Any = None
    arrived: float = field(default_factory=time.monotonic)
    result: Future = field(default_factory=Future)
    context: Context = field(default_factory=copy_context)


@dataclass(frozen=True, eq=False)
class _Piece:
    """One call of `map`."""

    compute: Callable[[], Any]
    result: Future = field(default_factory=Future)

    def run(self) -> None:
        try:
            self.result.set_result(self.compute())
        except BaseException as error:
            self.result.set_exception(error)


class Workers:
    """Threads that take the oldest request whose visitor has no other one in progress."""

    def __init__(self, count: int):
        self._threads = ThreadPoolExecutor(count, "worker")
        self._lock = Lock()
        self._requests, self._pieces = deque[Request](), deque[_Piece]()
        self._in_progress: set[str] = set()

    def submit(self, request: Request) -> Future:
        """Return the future answer to a request; its exception is that of `request.answer`."""
        with self._lock:
            self._requests.append(request)
        self._threads.submit(self._work)
        return request.result

    def map(self, function: Callable[..., Result], *arguments: Sequence[Any]) -> list[Result]:
        """Return the results of a function for several arguments, computed by all threads that are free and by this one."""
        pieces = [_Piece(lambda one=one: function(*one)) for one in zip(*arguments, strict=True)]
        with self._lock:
            self._pieces.extend(pieces)
        for _ in pieces[1:]:
            self._threads.submit(self._work)
        for piece in pieces:
            if self._claim(piece):
                piece.run()
        return [piece.result.result() for piece in pieces]

    def _work(self) -> None:
        """Compute a piece of an answer in progress if there is one, otherwise the next answers."""
        with self._lock:
            piece = self._pieces.popleft() if self._pieces else None
            requests = [] if piece else self._next()
        if piece:
            piece.run()
        elif requests:
            self._answer(requests)

    def _claim(self, piece: _Piece) -> bool:
        with self._lock:
            if piece not in self._pieces:
                return False
            self._pieces.remove(piece)
            return True

    def _next(self) -> list[Request]:
        """Take the oldest request whose turn it is, and those that can be gathered with it."""
        taken: list[Request] = []
        waiting = set(self._in_progress)
        for request in self._requests:
            if request.visitor not in waiting and (
                not taken or (request.gather is not None and request.gather == taken[0].gather)
            ):
                taken.append(request)
                if request.gather is None or len(taken) == MOST:
                    break
            waiting.add(request.visitor)
        for request in taken:
            self._requests.remove(request)
            self._in_progress.add(request.visitor)
        return taken

    def _answer(self, requests: list[Request]) -> None:
        gathered: Sequence[Any] = [None] * len(requests)
        if requests[0].gather is not None:
            now = time.monotonic()
            waited = [now - request.arrived for request in requests]
            # After an error each is computed alone, so that an error in one does not affect the others.
            with suppress(Exception):
                gathered = requests[0].gather([request.content for request in requests], waited)
        self.map(self._finish, requests, gathered)

    def _finish(self, request: Request, gathered: Any) -> None:
        found, error = None, None
        wanted = request.result.set_running_or_notify_cancel()  # not if the visitor left
        if wanted:
            try:
                found = request.context.run(request.answer, gathered)
            except BaseException as raised:
                error = raised
        with self._lock:
            self._in_progress.remove(request.visitor)
            more = bool(self._requests)
        if more:
            self._threads.submit(self._work)  # the visitor's next request may be what was waiting
        if error is not None:
            request.result.set_exception(error)
        elif wanted:
            request.result.set_result(found)


@cache
def workers() -> Workers:
    """The workers of this process."""
    return Workers(usable_cores())
