"""Health checks, a log of requests, and a graceful stop, for servers behind a load balancer."""

from __future__ import annotations

import logging
import os
import signal
import time
from dataclasses import dataclass, field
from threading import Event

from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dmfa_demo import __version__
from dmfa_demo.storage.checkpoints import loaded

HEALTH = "/health"
# The path of answer streams, which are open while their visitors wait.
ANSWERS = "/gradio_api/queue/data"
# The path that Gradio requests from itself while it starts; if it is refused, the start ends with a traceback.
STARTUP = "/gradio_api/startup-events"
# Seconds that a stopping server waits for open answers.
PATIENCE = 20.0

# The environment variable that enables the log of requests if it is not empty.
SETTING = "DMFA_DEMO_LOG"
log = logging.getLogger("dmfa_demo.requests")


def log_requests() -> None:
    """Write the log of requests to standard error if `DMFA_DEMO_LOG` is set."""
    if os.environ.get(SETTING):
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)


@dataclass
class Traffic:
    """The state of a server.

    Attributes:
        answering: the number of open answer streams.
        stopping: set once the server accepts no further requests.
    """

    answering: int = 0
    stopping: Event = field(default_factory=Event)

    def stop_on_sigterm(self) -> None:
        """Let SIGTERM set `stopping` instead of ending the process. Call it from the main thread."""
        signal.signal(signal.SIGTERM, lambda *_: self.stopping.set())

    def drain(self, patience: float = PATIENCE) -> None:
        """Wait until all answers are finished, at most `patience` seconds."""
        end = time.monotonic() + patience
        while self.answering and time.monotonic() < end:
            time.sleep(0.05)


class Operation:
    """ASGI middleware that answers `GET /health`, logs each request in a line, and refuses requests while the server stops.

    `/health` returns 200 with the version and the loaded models, and 503 while the server stops. The log has method, path, status and
    milliseconds. It omits query strings and bodies, which contain masks and pictures.
    """

    def __init__(self, app: ASGIApp, traffic: Traffic):
        self.app, self.traffic = app, traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        answers = scope["path"].endswith(ANSWERS)
        self.traffic.answering += answers
        try:
            await self._app_for(scope)(scope, receive, note)
        finally:
            self.traffic.answering -= answers
            spent = 1000 * (time.perf_counter() - started)
            log.info("%s %s %d %.0f ms", scope["method"], scope["path"], status, spent)

    def _app_for(self, scope: Scope) -> ASGIApp:
        stopping = self.traffic.stopping.is_set()
        if scope["path"] == HEALTH:
            state = {"status": "stopping" if stopping else "ok", "version": __version__, "models": loaded()}
            return JSONResponse(state, 503 if stopping else 200)
        if stopping and not scope["path"].endswith(STARTUP):
            return PlainTextResponse("This server is stopping; try again.", 503, {"Retry-After": "1"})
        return self.app
