"""Rooms that phones follow: their requests, limits and secrets, and the pages beside them."""

import time
from threading import Thread

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from dmfa_demo.app.lessons.explainer import LIGHT_VARIABLE
from dmfa_demo.app.lessons.lessons import LESSONS
from dmfa_demo.app.presenting import rooms
from dmfa_demo.app.presenting.presenter import MAX_ADDRESS, PresenterPages, speaking
from dmfa_demo.app.presenting.rooms import KEY, MAX_BODY, Rooms
from dmfa_demo.app.server.operation import Traffic
from dmfa_demo.app.sharing.address import Address
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
    return client.post("/rooms", json={}).json()


def with_key(room) -> dict[str, str]:
    return {KEY: room["key"]}


def lead(client, room, **state):
    return client.post(f"/rooms/{room['code']}", json={"query": "dataset=mnist", **state}, headers=with_key(room))


def vote(client, room, **body):
    question = client.get(f"/rooms/{room['code']}").json()["question"]
    asked = {"question": question["id"]} if question else {}
    return client.post(f"/rooms/{room['code']}/vote", json={"voter": "somebody", "option": 0, **asked, **body})


def votes(client, room):
    return client.get(f"/rooms/{room['code']}", headers=with_key(room)).json()["votes"]


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
        room = leader.post("/rooms", json={}).json()
        answers = []
        waiting = Thread(target=lambda: answers.append(client.get(f"/rooms/{room['code']}?after=0").json()))
        waiting.start()
        lead(leader, room, query="tab=samples")
        waiting.join(20)
        assert answers and answers[0]["query"] == "tab=samples"


def test_votes_are_counted_once_a_voter_and_only_the_leader_sees_them(client, room):
    path = f"/rooms/{room['code']}"
    assert vote(client, room).status_code == 409
    lead(client, room, question=QUESTION)
    for voter, option in (("voter-one", 0), ("voter-two", 1), ("voter-one", 1)):
        assert vote(client, room, voter=voter, option=option).json() == {"option": option}
    assert votes(client, room) == [0, 2, 0]
    assert "votes" not in client.get(path).json() and "votes" not in client.get(path, headers={KEY: "guess"}).json()


def test_votes_belong_to_their_question(client, room):
    lead(client, room, question=QUESTION)
    first = client.get(f"/rooms/{room['code']}").json()["question"]["id"]
    assert vote(client, room).status_code == 200
    lead(client, room, question=QUESTION, query="tab=samples")
    assert votes(client, room) == [1, 0, 0]  # the same question about another picture
    lead(client, room, question={**QUESTION, "text": "And now?"})
    assert votes(client, room) == [0, 0, 0]
    late = vote(client, room, question=first)
    assert late.status_code == 409 and "closed" in late.json()["error"] and votes(client, room) == [0, 0, 0]
    lead(client, room)
    assert vote(client, room, question=first).status_code == 409


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
    number = client.get(f"/rooms/{room['code']}").json()["question"]["id"]
    body = {"question": number, **body} if isinstance(body, dict) else body
    answer = client.post(f"/rooms/{room['code']}/vote", json=body)
    assert answer.status_code == status and message in answer.json()["error"]


@pytest.mark.parametrize(
    ("state", "status"),
    [
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


@pytest.mark.parametrize("headers", [{}, {KEY: "guess"}, {KEY: "ä".encode("latin-1")}])
def test_only_the_leader_changes_a_room(client, room, headers):
    path = f"/rooms/{room['code']}"
    for answer in (
        client.post(path, json={"query": ""}, headers=headers),
        client.request("DELETE", path, headers=headers),
    ):
        assert answer.status_code == 403 and "only who opened this room" in answer.json()["error"]
    assert client.get(path).json()["revision"] == 0


LONE = r'"\ud800"'


@pytest.mark.parametrize(
    "content",
    ["[" * 16_000, f'{{"query": {LONE}}}', f'{{"query": "", "question": {{"text": {LONE}, "options": ["a", "b"]}}}}', "{", "\xff"],
)  # fmt: skip
def test_bodies_that_cannot_be_read_are_refused(client, room, content):
    headers = {**with_key(room), "Content-Type": "application/json"}
    for path in (f"/rooms/{room['code']}", f"/rooms/{room['code']}/vote", "/rooms"):
        answer = client.post(path, content=content.encode("latin-1"), headers=headers)
        assert answer.status_code == 422 and "JSON object" in answer.json()["error"]


def test_pages_of_other_sites_cannot_open_rooms(client):
    for content in ("text/plain", "application/x-www-form-urlencoded"):
        assert client.post("/rooms", content="{}", headers={"Content-Type": content}).status_code == 415


def test_rooms_that_nobody_has_led_are_forgotten_soon(client, room, monkeypatch):
    led = client.post("/rooms", json={}).json()
    assert lead(client, led, query="").json() == {"revision": 0}  # the page as it is at first
    now = time.monotonic()
    monkeypatch.setattr(rooms.time, "monotonic", lambda: now + rooms.UNUSED + 1)
    assert client.get(f"/rooms/{room['code']}").status_code == 404
    assert client.get(f"/rooms/{led['code']}").status_code == 200


def test_rooms_end(client, room, monkeypatch):
    path = f"/rooms/{room['code']}"
    assert client.request("DELETE", path, headers=with_key(room)).status_code == 200
    gone = client.get(path)
    assert gone.status_code == 404 and "it was closed" in gone.json()["error"]
    code = client.post("/rooms", json={}).json()["code"]
    now = time.monotonic()
    monkeypatch.setattr(rooms.time, "monotonic", lambda: now + rooms.IDLE + 60)
    assert client.get(f"/rooms/{code}").status_code == 404


def test_rooms_are_limited(client, monkeypatch):
    monkeypatch.setattr(rooms, "MAX_ROOMS", 2)
    monkeypatch.setattr(rooms, "MAX_VOTERS", 1)
    opened = [client.post("/rooms", json={}) for _ in range(3)]
    assert [answer.status_code for answer in opened] == [200, 200, 429]
    room = opened[0].json()
    lead(client, room, question=QUESTION)
    voted = [vote(client, room, voter=f"one-voter-{n}") for n in range(2)]
    assert [answer.status_code for answer in voted] == [200, 429]


def test_follower_does_not_delay_a_stopping_server(traffic):
    traffic.stopping.set()
    with TestClient(Rooms(Starlette(), traffic, wait=600)) as client:
        room = client.post("/rooms", json={}).json()
        assert client.get(f"/rooms/{room['code']}?after=0").json()["revision"] == 0


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/rooms"), ("PUT", "/rooms/ABCDE"), ("POST", "/rooms/ABCDE/vote/x")]
)
def test_other_requests_find_nothing(client, method, path):
    assert client.request(method, path).status_code == 404


def test_other_paths_reach_the_page(client):
    assert client.get("/roomsize").text == client.get("/").text == client.get("/?notes=0").text == "the page"


def test_codes_are_easy_to_type(client):
    codes = {client.post("/rooms", json={}).json()["code"] for _ in range(20)}
    assert len(codes) == 20 and all(len(code) == 5 and not set(code) & set("01OIL") - {"L"} for code in codes)


HERE = "http://testserver"


def test_qr_code_is_drawn_for_addresses_of_this_page_only(client, monkeypatch):
    monkeypatch.setenv(LIGHT_VARIABLE, "https://light.example/demo/")
    for text in (f"{HERE}/?mask=abc&tab=samples", "https://light.example/demo/?lesson=2"):
        answer = client.get("/qr", params={"text": text})
        assert answer.headers["content-type"].startswith("image/svg+xml") and answer.text.startswith("<svg xmlns=")
    for text in ("", "javascript:alert(1)", "https://example.org/", f"{HERE}.example.org/", f"http://user@testserver.x/{HERE}", "http://[", "https://light.example.org/"):  # fmt: skip
        answer = client.get("/qr", params={"text": text})
        assert answer.status_code == 422 and "of this page" in answer.text


@pytest.mark.parametrize("letter", ["x", "é", "字", "%", "\x00"])
def test_longest_qr_codes(client, letter):
    room = MAX_ADDRESS - len(f"{HERE}/?")
    fits = room // len(letter.encode()) * letter
    assert client.get("/qr", params={"text": f"{HERE}/?{fits}"}).status_code == 200
    assert client.get("/qr", params={"text": f"{HERE}/?{fits}{letter}"}).status_code == 422


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
    empty = bar.preprocess({"go": "methods="})
    assert empty is not None and empty["methods"] == Address.from_query({"methods": ""})["methods"]
    assert bar.preprocess({"dataset": "mnist"}) is bar.preprocess(None) is bar.preprocess({"go": 5}) is None
