"""Rooms: an audience's phones follow the picture, the mask and the tab of one page, and vote.

    POST   /rooms               opens a room: {code, key}. Who has the key leads it, who has the code follows.
    GET    /rooms/CODE          its state, once it is newer than ?after=REVISION or some seconds have passed; with the key also the votes
    POST   /rooms/CODE          {key, query, question}: the state that all follow
    POST   /rooms/CODE/vote     {voter, option}: one vote a voter, which may change until the next question
    DELETE /rooms/CODE          {key}: closes it

Rooms are in memory, hold no names and no pictures, and are forgotten when they are closed, after `IDLE` seconds, and with the server.
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
# Seconds that a request waits for a new state, between two looks whether the server stops, and after which a room is forgotten.
WAIT, LOOK, IDLE = 25.0, 0.5, 3 * 3600.0
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
        votes: the option of each voter.
        used: when its leader last wrote or asked, in seconds of a monotonic clock.
    """

    key: str
    revision: int = 0
    query: str = ""
    question: dict[str, Any] | None = None
    votes: dict[str, int] = field(default_factory=dict)
    used: float = field(default_factory=time.monotonic)


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
        """Drop the rooms that nobody has led for `IDLE` seconds."""
        now = time.monotonic()
        for code in [code for code, room in self.rooms.items() if now - room.used > IDLE]:
            del self.rooms[code]

    async def _open(self, request: Request, code: str) -> dict[str, Any]:
        if len(self.rooms) >= MAX_ROOMS:
            raise Problem(429, f"this server has {MAX_ROOMS} rooms already; try again later")
        while (code := "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))) in self.rooms:
            pass
        room = self.rooms[code] = Room(secrets.token_urlsafe(16))
        return {"code": code, "key": room.key}

    async def _follow(self, request: Request, code: str) -> dict[str, Any]:
        room, key = self._room(code), request.query_params.get("key")
        leads = key is not None and secrets.compare_digest(key.encode(), room.key.encode())
        if leads:
            room.used = time.monotonic()
        after = request.query_params.get("after", "")
        known = int(after) if after.isdecimal() and len(after) < 10 else -1
        end = time.monotonic() + self.wait
        while not leads and room.revision <= known and time.monotonic() < end and not self.traffic.stopping.is_set():
            await asyncio.sleep(LOOK)
            self._room(code)
        state = {"revision": room.revision, "query": room.query, "question": room.question}
        if not leads:
            return state
        count = len(room.question["options"]) if room.question else 0
        chosen = list(room.votes.values())
        return {**state, "votes": [chosen.count(option) for option in range(count)]}

    async def _lead(self, request: Request, code: str) -> dict[str, Any]:
        room, body = self._room(code), await _body(request)
        self._check(room, body)
        query, question = body.get("query"), body.get("question")
        if not isinstance(query, str):
            raise Problem(422, "query is the part of an address behind the question mark")
        question = None if question is None else _question(question)
        if question != room.question:
            room.votes.clear()
        if (query, question) != (room.query, room.question):
            room.query, room.question, room.revision = query, question, room.revision + 1
        room.used = time.monotonic()
        return {"revision": room.revision}

    async def _vote(self, request: Request, code: str) -> dict[str, Any]:
        room, body = self._room(code), await _body(request)
        voter, option = body.get("voter"), body.get("option")
        if room.question is None:
            raise Problem(409, "there is no question to vote on")
        if not isinstance(voter, str) or not 8 <= len(voter) <= 64:
            raise Problem(422, "voter is a random text of 8 to 64 characters")
        if type(option) is not int or option not in range(len(room.question["options"])):
            raise Problem(422, f"option is a number from 0 to {len(room.question['options']) - 1}")
        if voter not in room.votes and len(room.votes) >= MAX_VOTERS:
            raise Problem(429, f"this room has {MAX_VOTERS} voters already")
        room.votes[voter] = option
        return {"option": option}

    async def _close(self, request: Request, code: str) -> dict[str, Any]:
        self._check(self._room(code), await _body(request))
        del self.rooms[code]
        return {}

    def _room(self, code: str) -> Room:
        if code not in self.rooms:
            raise Problem(404, f"there is no room {code:.10}; it was closed, or the server has restarted")
        return self.rooms[code]

    def _check(self, room: Room, body: dict[str, Any]) -> None:
        key = body.get("key")
        if not isinstance(key, str) or not secrets.compare_digest(key.encode(), room.key.encode()):
            raise Problem(403, "only who opened this room can change it")


async def _body(request: Request) -> dict[str, Any]:
    """Return the JSON object in a request."""
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MAX_BODY:
            raise Problem(413, f"a request has at most {MAX_BODY:,} bytes")
    try:
        body = json.loads(content)
    except ValueError:
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
