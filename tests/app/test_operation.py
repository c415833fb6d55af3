"""Health checks, the log of requests, and the graceful stop."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from dmfa_demo import __version__, load_imputer
from dmfa_demo.app.server.operation import ANSWERS, STARTUP, Operation, Traffic
from tests.conftest import PATIENCE, Server


@pytest.fixture
def traffic() -> Traffic:
    return Traffic()


@pytest.fixture
def client(traffic: Traffic) -> TestClient:
    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse("an answer")

    app = Starlette(routes=[Route("/paint", answer, methods=["GET", "POST"]), Route(STARTUP, answer)])
    app.add_middleware(Operation, traffic=traffic)
    return TestClient(app)


def test_health_reports_the_version_and_the_loaded_models(client: TestClient):
    load_imputer("mean", "mnist")
    found = client.get("/health")
    assert found.status_code == 200
    assert found.json()["status"] == "ok" and found.json()["version"] == __version__
    assert "mnist/mean" in found.json()["models"]


def test_log_has_a_line_per_request_without_query_and_body(client: TestClient, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "dmfa_demo.requests")
    client.post("/paint?mask=secret", content="picture")
    client.get("/nowhere")
    lines = [record.getMessage() for record in caplog.records]
    assert [line.rsplit(" ", 2)[0] for line in lines] == ["POST /paint 200", "GET /nowhere 404"]
    assert not any(word in line for line in lines for word in ("secret", "picture"))


def test_stopping_server_refuses_requests_and_is_not_healthy(client: TestClient, traffic: Traffic):
    traffic.stopping.set()
    assert client.get("/health").status_code == 503 and client.get("/health").json()["status"] == "stopping"
    refused = client.get("/paint")
    assert refused.status_code == 503 and refused.headers["Retry-After"] == "1"


def test_server_that_stops_while_it_starts_finishes_its_start(client: TestClient, traffic: Traffic):
    traffic.stopping.set()
    assert client.get(STARTUP).status_code == 200


def test_stop_waits_for_open_answers(traffic: Traffic):
    half, finish = threading.Event(), threading.Event()

    async def stream(request: Request) -> StreamingResponse:
        async def parts():
            yield "first "
            half.set()
            while not finish.is_set():
                await asyncio.sleep(0.01)
            yield "last"

        return StreamingResponse(parts())

    app = Starlette(routes=[Route(ANSWERS, stream)])
    app.add_middleware(Operation, traffic=traffic)
    answers = []
    visitor = threading.Thread(target=lambda: answers.append(TestClient(app).get(ANSWERS).text))
    visitor.start()
    assert half.wait(PATIENCE)
    traffic.stopping.set()
    waiting = threading.Thread(target=traffic.drain, args=(PATIENCE,))
    waiting.start()
    time.sleep(0.2)
    assert waiting.is_alive() and traffic.answering == 1
    finish.set()
    waiting.join(PATIENCE)
    visitor.join(PATIENCE)
    assert answers == ["first last"] and traffic.answering == 0


def test_sigterm_ends_the_page_without_a_traceback(tmp_path: Path):
    server = Server({"DMFA_DEMO_LOG": "1"}, log=tmp_path / "log")
    server.start()
    with urllib.request.urlopen(f"{server.address}/health", timeout=PATIENCE) as health:
        assert json.loads(health.read())["status"] == "ok"
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE) == 0
    said = (tmp_path / "log").read_text()
    assert "GET /health 200" in said and "Traceback" not in said
