"""Rooms that phones follow: their requests, limits and secrets, and the pages beside them."""

import time
from threading import Thread

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from dmfa_demo.app.lessons.lessons import LESSONS
from dmfa_demo.app.presenting import rooms
from dmfa_demo.app.presenting.presenter import PresenterPages, speaking
from dmfa_demo.app.presenting.rooms import MAX_BODY, Rooms
from dmfa_demo.app.server.operation import Traffic
from dmfa_demo.app.sharing.address_bar import AddressBar
from dmfa_demo.app.sharing.examples import EXAMPLES

QUESTION = {"text": "Which?", "options": ["a", "b", "c"]}


@pytest.fixture
def traffic() -> Traffic:
    return Traffic()


@pytest.fixture
def client(traffic):
    page = Starlette(routes=[Route("/{path:path}", lambda request: PlainTextResponse("the page"))])
    with TestClient(Rooms(PresenterPages(page), traffic, wait=0.2)) as client:
        yield client


@pytest.fixture
def room(client) -> dict:
    return client.post("/rooms").json()


def lead(client, room, **state):
    return client.post(f"/rooms/{room['code']}", json={"key": room["key"], "query": "dataset=mnist", **state})


def test_followers_get_what_the_leader_shows(client, room):
    path = f"/rooms/{room['code']}"
    assert client.get(path).json() == {"revision": 0, "query": "", "question": None}
    assert lead(client, room).json() == {"revision": 1}
    assert lead(client, room).json() == {"revision": 1}  # nothing new
    assert client.get(path.lower()).json()["query"] == "dataset=mnist"
    assert client.get(f"{path}?after=1").json()["revision"] == 1  # after a while


def test_waiting_follower_hears_of_a_change(traffic):
    app = Rooms(Starlette(), traffic, wait=30)
    with TestClient(app) as client, TestClient(app) as leader:
        room = leader.post("/rooms").json()
        answers = []
        waiting = Thread(target=lambda: answers.append(client.get(f"/rooms/{room['code']}?after=0").json()))
        waiting.start()
        lead(leader, room, query="tab=samples")
        waiting.join(20)
        assert answers and answers[0]["query"] == "tab=samples"


def test_votes_are_counted_once_a_voter_and_only_the_leader_sees_them(client, room):
    path = f"/rooms/{room['code']}"
    assert client.post(f"{path}/vote", json={"voter": "somebody", "option": 0}).status_code == 409
    lead(client, room, question=QUESTION)
    for voter, option in (("voter-one", 0), ("voter-two", 1), ("voter-one", 1)):
        assert client.post(f"{path}/vote", json={"voter": voter, "option": option}).json() == {"option": option}
    assert client.get(f"{path}?key={room['key']}").json()["votes"] == [0, 2, 0]
    assert "votes" not in client.get(path).json() and "votes" not in client.get(f"{path}?key=guess").json()
    lead(client, room, question={**QUESTION, "text": "And now?"})
    assert client.get(f"{path}?key={room['key']}").json()["votes"] == [0, 0, 0]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"voter": "voter-one", "option": 3}, 422, "from 0 to 2"),
        ({"voter": "voter-one", "option": True}, 422, "from 0 to 2"),
        ({"voter": "voter-one"}, 422, "from 0 to 2"),
        ({"voter": "me", "option": 0}, 422, "8 to 64"),
        ({"voter": "x" * 65, "option": 0}, 422, "8 to 64"),
        ({"option": 0}, 422, "8 to 64"),
        ([], 422, "JSON object"),
    ],
)
def test_wrong_votes_are_refused(client, room, body, status, message):
    lead(client, room, question=QUESTION)
    answer = client.post(f"/rooms/{room['code']}/vote", json=body)
    assert answer.status_code == status and message in answer.json()["error"]


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ({"key": "guess"}, 403),
        ({"key": None}, 403),
        ({"query": 5}, 422),
        ({"question": "Which?"}, 422),
        ({"question": {"text": "Which?", "options": ["one"]}}, 422),
        ({"question": {"text": "Which?", "options": ["one", ""]}}, 422),
        ({"question": {"text": "Which?", "options": list("abcdefg")}}, 422),
        ({"query": "x" * MAX_BODY}, 413),
    ],
)
def test_wrong_states_are_refused(client, room, state, status):
    assert lead(client, room, **state).status_code == status
    assert client.get(f"/rooms/{room['code']}").json()["revision"] == 0


def test_rooms_end(client, room, monkeypatch):
    path = f"/rooms/{room['code']}"
    assert client.request("DELETE", path, json={"key": "guess"}).status_code == 403
    assert client.request("DELETE", path, json={"key": room["key"]}).status_code == 200
    gone = client.get(path)
    assert gone.status_code == 404 and "it was closed" in gone.json()["error"]
    code = client.post("/rooms").json()["code"]
    now = time.monotonic()
    monkeypatch.setattr(rooms.time, "monotonic", lambda: now + rooms.IDLE + 60)
    assert client.get(f"/rooms/{code}").status_code == 404


def test_rooms_are_limited(client, monkeypatch):
    monkeypatch.setattr(rooms, "MAX_ROOMS", 2)
    monkeypatch.setattr(rooms, "MAX_VOTERS", 1)
    opened = [client.post("/rooms") for _ in range(3)]
    assert [answer.status_code for answer in opened] == [200, 200, 429]
    room = opened[0].json()
    lead(client, room, question=QUESTION)
    voted = [
        client.post(f"/rooms/{room['code']}/vote", json={"voter": f"one-voter-{n}", "option": 0}) for n in range(2)
    ]
    assert [answer.status_code for answer in voted] == [200, 429]


def test_follower_does_not_delay_a_stopping_server(traffic):
    traffic.stopping.set()
    with TestClient(Rooms(Starlette(), traffic, wait=600)) as client:
        room = client.post("/rooms").json()
        assert client.get(f"/rooms/{room['code']}?after=0").json()["revision"] == 0


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/rooms"), ("PUT", "/rooms/ABCDE"), ("POST", "/rooms/ABCDE/vote/x")]
)
def test_other_requests_find_nothing(client, method, path):
    assert client.request(method, path).status_code == 404


def test_other_paths_reach_the_page(client):
    assert client.get("/roomsize").text == client.get("/").text == client.get("/?notes=0").text == "the page"


def test_codes_are_easy_to_type(client):
    codes = {client.post("/rooms").json()["code"] for _ in range(20)}
    assert len(codes) == 20 and all(len(code) == 5 and not set(code) & set("01OIL") - {"L"} for code in codes)


def test_qr_code_is_drawn_for_addresses_only(client):
    answer = client.get("/qr", params={"text": "https://example.org/?mask=abc&tab=samples"})
    assert answer.headers["content-type"].startswith("image/svg+xml") and answer.text.startswith("<svg xmlns=")
    for text in ("", "javascript:alert(1)", "https://" + "x" * 2000):
        assert client.get("/qr", params={"text": text}).status_code == 422


def test_notes_are_a_page_of_their_own(client):
    answer = client.get("/?notes=1")
    assert "BroadcastChannel" in answer.text and "text/html" in answer.headers["content-type"]


def test_every_scene_and_chapter_has_notes():
    notes = speaking()
    assert len(notes["scenes"]) == len(EXAMPLES) and len(notes["chapters"]) == len(LESSONS)
    for one in notes["scenes"]:
        assert one["ask"].endswith("?") and 2 <= len(one["options"]) <= 6 and one["see"]


def test_address_bar_takes_a_query():
    bar = AddressBar()
    address = bar.preprocess({"go": "dataset=celeba&tab=samples&nonsense=1"})
    assert address is not None and (address.dataset, address.tab) == ("celeba", "samples")
    assert bar.preprocess({"dataset": "mnist"}) is bar.preprocess(None) is bar.preprocess({"go": 5}) is None
