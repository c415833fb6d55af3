"""The server answers any request without a traceback and continues. `FUZZ_REQUESTS=10000 pytest tests/app/test_fuzz.py` takes long."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmfa_demo.app.server.api import ENDPOINTS
from dmfa_demo.app.sharing.address import NAMES
from tests.conftest import PATIENCE

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", 600))
MASK = {"height": 28, "width": 28, "runs": [200, 100, 400, 7]}
CANVAS = {**MASK, "dataset": "mnist", "sample": 42}

NASTY = st.sampled_from(
    [
        None,
        True,
        -1,
        10**400,
        1e308,
        "",
        "../../etc/passwd",
        "file:///etc/passwd",
        "http://127.0.0.1:1/x.png",
        "data:image/svg+xml;base64,PHN2Zy8+",
        "data:image/png;base64,UEsDBAoAAAAAAA==",
        "\x00\ud7ff",
        "<script>alert(1)</script>",
        [],
        {},
        [[]],
        [[None] * 28] * 28,
        [[[0.5] * 64] * 64] * 3,
        {"height": 10**9, "width": 10**9, "runs": [0, 10**18]},
        {"height": 28, "width": 28, "runs": [0] * 2_000},
        {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
        {"path": "http://93.184.215.14/", "meta": {"_type": "gradio.FileData"}},
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
GOOD = {
    "image": st.sampled_from([0, 42, 99]),
    "mask": st.just(MASK),
    "dataset": st.sampled_from(["mnist", "fashion-mnist", "omniglot", "celeba"]),
    "method": st.sampled_from(["dmfa", "mean", "knn", "zero"]),
    "seed": st.integers(0, 9),
    "count": st.integers(1, 3),
    "noise": st.booleans(),
    "component": st.integers(0, 3),
    "frames": st.integers(2, 5),
}
QUICK = [one for one in ENDPOINTS if one.__name__ not in ("evaluate", "predict")]


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, list]:
    """Draw an endpoint with arguments, most of them valid, so that some pass the first check."""
    endpoint = draw(st.sampled_from(6 * QUICK + [one for one in ENDPOINTS if one not in QUICK]))
    names = [name for name in endpoint.__annotations__ if name != "return"]
    return endpoint.__name__, [
        draw(st.one_of(GOOD[name], GOOD[name], GOOD[name], GOOD[name], NASTY, JSON)) for name in names
    ]


@pytest.fixture(scope="module")
def client(served: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served, timeout=PATIENCE) as client:
        yield client
        assert client.get("/").status_code == 200, "the server is alive"


@pytest.fixture(scope="module")
def dependencies(client: httpx.Client) -> list[dict]:
    """Return the page's events."""
    return client.get("/config").json()["dependencies"]


def fuzzed(examples: int):
    return settings(max_examples=examples, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


def accepted(answer: httpx.Response) -> bool:
    assert answer.status_code < 500, answer.text[:300]
    assert "Traceback" not in answer.text
    return answer.status_code == 200


@fuzzed(max(1, REQUESTS // 4))
@given(call=calls())
def test_endpoints_survive_any_arguments(client, call):
    name, arguments = call
    answer = client.post(f"/gradio_api/call/{name}", json={"data": arguments})
    if accepted(answer):
        accepted(client.get(f"/gradio_api/call/{name}/{answer.json()['event_id']}"))


@fuzzed(max(1, REQUESTS // 8))
@given(data=st.data())
def test_page_handlers_survive_any_arguments(client, dependencies, data):
    event = data.draw(st.sampled_from([one for one in dependencies if one["backend_fn"] and one["targets"]]))
    values = [data.draw(st.one_of(st.just(CANVAS), NASTY, JSON)) for _ in event["inputs"]]
    name = uuid4().hex  # a new one each time, since a stream takes a while to end
    session = {"fn_index": event["id"], "session_hash": name}
    if not accepted(client.post("/gradio_api/queue/join", json={"data": values, **session})):
        return
    with client.stream("GET", f"/gradio_api/queue/data?session_hash={name}") as stream:
        for line in stream.iter_lines():
            assert "Traceback" not in line
            if "process_completed" in line or "close_stream" in line:
                return


@fuzzed(max(1, REQUESTS // 8))
@given(query=st.dictionaries(st.sampled_from([*NAMES, "embed", "__theme", "x"]), st.text(max_size=30), max_size=6))
def test_any_address_shows_the_page(client, dependencies, query):
    assert accepted(client.get("/", params=query))
    arrival = next(one for one in dependencies if "load" in {event for _, event in one["targets"]})
    name = uuid4().hex
    request = {"data": [], "fn_index": arrival["id"], "session_hash": name}
    assert accepted(client.post("/gradio_api/queue/join", params=query, json=request))
    with client.stream("GET", f"/gradio_api/queue/data?session_hash={name}") as stream:
        done = next(line for line in stream.iter_lines() if "process_completed" in line)
    assert '"success":true' in done.replace(" ", "")


@fuzzed(max(1, REQUESTS // 8))
@given(
    path=st.one_of(
        st.sampled_from(["/etc/passwd", "../app.py", "..%2f..%2fetc%2fpasswd", "C:\\", "http://127.0.0.1:1/"]),
        st.text(),
    ),
    way=st.sampled_from(["file=", "file/", "stream/", "component_server", "upload", "call/", "proxy="]),
)
def test_no_path_serves_a_file(client, path, way):
    answer = client.get(f"/gradio_api/{way}{quote(path)}")
    assert not accepted(answer) or "root:" not in answer.text


@fuzzed(max(1, REQUESTS // 8))
@given(
    body=st.one_of(
        st.binary(max_size=200),
        st.sampled_from([b"", b"{", b"[" * 5_000, b'{"data": ' + b"[" * 900 + b"]" * 900 + b"}"]),
    ),
    name=st.sampled_from([one.__name__ for one in ENDPOINTS]),
)
def test_malformed_bodies_do_no_harm(client, body, name):
    accepted(client.post(f"/gradio_api/call/{name}", content=body, headers={"Content-Type": "application/json"}))


@pytest.mark.parametrize("endpoint", ["impute", "0"])
def test_stream_of_an_unknown_request_reports_an_error_and_ends(client, endpoint):
    answer = client.get(f"/gradio_api/call/{endpoint}/{'0' * 32}")
    assert answer.text.strip() == 'event: error\ndata: "404: Not Found"'
