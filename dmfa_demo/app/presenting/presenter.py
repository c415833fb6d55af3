"""The presenter: a mode for the projector, its notes, a QR code, and the room whose phones follow."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from dmfa_demo.app.lessons.explainer import LIGHT_VARIABLE
from dmfa_demo.app.lessons.lessons import LESSONS, query_of
from dmfa_demo.app.presenting.rooms import KEY
from dmfa_demo.app.sharing.examples import EXAMPLES
from dmfa_demo.app.widgets.own_component import files_of

QR = "/qr"
# Bytes. A QR code of a longer address is too fine for a projector.
MAX_ADDRESS = 1_200


class Presenter(gr.HTML):
    """The bar of the presenting mode. Its value, for the browser, is `speaking`."""

    def __init__(self, **kwargs: Any):
        super().__init__(value=speaking(), **files_of(__file__), **kwargs)


def speaking() -> dict[str, Any]:
    """Return each prepared scene and each chapter with its notes, the address of the light page, and the header of a room's key."""
    scenes = [
        {"title": one.title, "see": one.sentence, "ask": one.ask, "options": one.options, "query": one.query}
        for one in EXAMPLES
    ]
    chapters = [
        {
            "title": f"{number}. {lesson.title}",
            "see": lesson.sight,
            "query": query_of(number),
            "ask": lesson.question,
            "answer": lesson.options[lesson.answer],
        }
        for number, lesson in enumerate(LESSONS, 1)
    ]
    return {"scenes": scenes, "chapters": chapters, "light": os.environ.get(LIGHT_VARIABLE, ""), "header": KEY}


class PresenterPages:
    """ASGI middleware that serves the window of notes, `/?notes=1`, and QR codes, `/qr?text=...`."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_page = scope["type"] == "http" and scope["method"] == "GET"
        response = await _answer(Request(scope)) if is_page else None
        await (response or self.app)(scope, receive, send)


async def _answer(request: Request) -> Response | None:
    if request.url.path == "/" and request.query_params.get("notes") == "1":
        return HTMLResponse(Path(__file__).with_name("notes.html").read_text())
    if request.url.path != QR:
        return None
    text = request.query_params.get("text", "")
    host, hosts = _host_of(text), {request.headers.get(name) for name in ("host", "x-forwarded-host")}
    if not host or host not in {*hosts, _host_of(os.environ.get(LIGHT_VARIABLE, ""))}:
        return PlainTextResponse("text is an address of this page", 422)
    try:
        return Response(await run_in_threadpool(qr_code, text), media_type="image/svg+xml")
    except ValueError as error:
        return PlainTextResponse(str(error), 422)


def _host_of(address: str) -> str | None:
    with suppress(ValueError):  # brackets that are not an IPv6 address
        parts = urlsplit(address)
        return parts.netloc if parts.scheme in ("http", "https") else None
    return None


@lru_cache(maxsize=64)
def qr_code(address: str) -> str:
    """Return the QR code of an address as SVG.

    Raises:
        ValueError: If the address is too long.
    """
    import segno

    if len(address.encode()) > MAX_ADDRESS:
        raise ValueError(f"an address has at most {MAX_ADDRESS:,} bytes in a QR code, and this one has more")
    code = segno.make(address, error="l").svg_inline(scale=4, dark="#000", light="#fff", border=4)
    return code.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
