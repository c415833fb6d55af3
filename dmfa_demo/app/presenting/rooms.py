"""Rooms: an audience's phones follow the picture, the mask and the tab of one page, and vote.

    POST   /rooms               opens a room, and returns its code and its key. Who has the key leads it, who has the code follows.
    GET    /rooms/CODE          returns its state, once it is newer than ?after=REVISION or some seconds have passed; with the key, the votes
    POST   /rooms/CODE          {query, question}: sets the state that all follow; with the key
    POST   /rooms/CODE/vote     {voter, question, option}: one vote a voter, which may change until the next question
    DELETE /rooms/CODE          closes it; with the key

The key is in the header `X-Room-Key`. Requests with a body are JSON by their content type, so that the pages of other sites cannot send them.
Rooms are in memory and hold no names and no pictures. They are forgotten when they are closed, after `UNUSED` seconds if nobody has led them,
after `IDLE` seconds if nobody leads them any more, and with the server.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from dmfa_demo.app.server.operation import Traffic

PATH = "/rooms"
# Letters and digits that cannot be confused on a projector.
ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
CODE_LENGTH = 5
# The header with the secret of who leads a room.
KEY = "X-Room-Key"
# Seconds that a request waits for a new state, and between two checks whether the server stops.
WAIT, LOOK = 25.0, 0.5
# Seconds after which a room is forgotten that nobody has led yet, or that nobody leads any more.
UNUSED, IDLE = 60.0, 3 * 3600.0
# Limits of the memory that strangers can fill.
MAX_ROOMS, MAX_VOTERS, MAX_BODY, MAX_OPTIONS = 200, 2_000, 16_384, 6


@dataclass
class Room:
    """The state of a room.

    Attributes:
        key: the secret of who leads it.
        revision: grows with every change of query or question.
        query: the query of the leader's address.
        question: {text, options}, or None.
        asked: the revision that the question arrived with, which votes name.
        votes: the option of each voter.
        led: whether anybody has led it.
        used: when its leader last wrote or asked, in seconds of a monotonic clock.
    """

    key: str
    revision: int = 0
    query: str = ""
    question: dict[str, Any] | None = None
    asked: int = 0
    votes: dict[str, int] = field(default_factory=dict)
    led: bool = False
    used: float = field(default_factory=time.monotonic)

    def state(self) -> dict[str, Any]:
        """Return what followers see."""
        question = self.question and {**self.question, "id": self.asked}
        return {"revision": self.revision, "query": self.query, "question": question}

    def is_led_by(self, request: Request) -> bool:
        """Return whether a request has the key."""
        return secrets.compare_digest(request.headers.get(KEY, "").encode(), self.key.encode())


class Problem(ValueError):
    """A request that is refused, with the status of the answer."""

    def __init__(self, status: int, text: str):
        super().__init__(text)
        self.status = status


class Rooms:
    """ASGI middleware that answers the requests of this module."""

    def __init__(self, app: ASGIApp, traffic: Traffic, wait: float = WAIT):
        self.app, self.traffic, self.wait = app, traffic, wait
        self.rooms: dict[str, Room] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not (scope["path"] == PATH or scope["path"].startswith(f"{PATH}/")):
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response: Response = JSONResponse(await self._answer(request))
        except Problem as problem:
            response = JSONResponse({"error": str(problem)}, problem.status)
        response.headers["Cache-Control"] = "no-store"
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> dict[str, Any]:
        self._forget()
        code, *rest = request.url.path.removeprefix(PATH).strip("/").split("/")
        ways: dict[tuple[str, bool, tuple[str, ...]], Callable[[Request, str], Awaitable[dict[str, Any]]]] = {
            ("POST", False, ()): self._open,
            ("GET", True, ()): self._follow,
            ("POST", True, ()): self._lead,
            ("POST", True, ("vote",)): self._vote,
            ("DELETE", True, ()): self._close,
        }
        way = ways.get((request.method, bool(code), tuple(rest)))
        if way is None:
            raise Problem(404, "there is no such request; see dmfa_demo/app/presenting/rooms.py")
        return await way(request, code.upper())

    def _forget(self) -> None:
        """Drop the rooms that nobody leads."""
        now = time.monotonic()
        for code, room in list(self.rooms.items()):
            if now - room.used > (IDLE if room.led else UNUSED):
                del self.rooms[code]

    async def _open(self, request: Request, code: str) -> dict[str, Any]:
        await _body(request)
        if len(self.rooms) >= MAX_ROOMS:
            raise Problem(429, f"this server has {MAX_ROOMS} rooms already; try again later")
        while (code := "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))) in self.rooms:
            pass
        room = self.rooms[code] = Room(secrets.token_urlsafe(16))
        return {"code": code, "key": room.key}

    async def _follow(self, request: Request, code: str) -> dict[str, Any]:
        room = self._room(code)
        if room.is_led_by(request):
            room.used = time.monotonic()
            chosen = list(room.votes.values())
            count = len(room.question["options"]) if room.question else 0
            return {**room.state(), "votes": [chosen.count(option) for option in range(count)]}
        after = request.query_params.get("after", "")
        known = int(after) if after.isdecimal() and len(after) < 10 else -1
        end = time.monotonic() + self.wait
        while room.revision <= known and time.monotonic() < end and not self.traffic.stopping.is_set():
            await asyncio.sleep(LOOK)
            self._room(code)
        return room.state()

    async def _lead(self, request: Request, code: str) -> dict[str, Any]:
        room = self._led(code, request)
        body = await _body(request)
        query, question = body.get("query"), body.get("question")
        if not isinstance(query, str):
            raise Problem(422, "query is the part of an address behind the question mark")
        question = None if question is None else _question(question)
        if (query, question) != (room.query, room.question):
            room.revision += 1
        if question != room.question:
            room.votes.clear()
            room.asked = room.revision
        room.query, room.question, room.led = query, question, True
        room.used = time.monotonic()
        return {"revision": room.revision}

    async def _vote(self, request: Request, code: str) -> dict[str, Any]:
        room, body = self._room(code), await _body(request)
        voter, option = body.get("voter"), body.get("option")
        if room.question is None or body.get("question") != room.asked:
            raise Problem(409, "this question is closed")
        if not isinstance(voter, str) or not 8 <= len(voter) <= 64:
            raise Problem(422, "voter is a random text of 8 to 64 characters")
        if type(option) is not int or option not in range(len(room.question["options"])):
            raise Problem(422, f"option is a number from 0 to {len(room.question['options']) - 1}")
        if voter not in room.votes and len(room.votes) >= MAX_VOTERS:
            raise Problem(429, f"this room has {MAX_VOTERS} voters already")
        room.votes[voter] = option
        return {"option": option}

    async def _close(self, request: Request, code: str) -> dict[str, Any]:
        self._led(code, request)
        del self.rooms[code]
        return {}

    def _room(self, code: str) -> Room:
        if code not in self.rooms:
            raise Problem(404, f"there is no room {code:.10}; it was closed, or the server has restarted")
        return self.rooms[code]

    def _led(self, code: str, request: Request) -> Room:
        room = self._room(code)
        if not room.is_led_by(request):
            raise Problem(403, "only who opened this room can change it")
        return room


async def _body(request: Request) -> dict[str, Any]:
    """Return the JSON object in a request."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Problem(415, "the content type is application/json")
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MAX_BODY:
            raise Problem(413, f"a request has at most {MAX_BODY:,} bytes")
    try:
        body = json.loads(content)
        json.dumps(body, ensure_ascii=False).encode()  # not every text in JSON can be sent on
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Problem(422, "send a JSON object")
    return body


def _question(given: Any) -> dict[str, Any]:
    """Return a question with its options, if it is one."""
    text, options = (given.get("text"), given.get("options")) if isinstance(given, dict) else (None, None)
    if isinstance(text, str) and isinstance(options, list) and _are_options(options):
        return {"text": text, "options": options}
    raise Problem(422, f"a question is a text and 2 to {MAX_OPTIONS} options")


def _are_options(options: list[Any]) -> bool:
    return 2 <= len(options) <= MAX_OPTIONS and all(isinstance(option, str) and option for option in options)
