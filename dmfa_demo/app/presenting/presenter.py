"""The presenter: a mode for the projector, its notes, a QR code, and the room whose phones follow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import gradio as gr
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from dmfa_demo.app.lessons.explainer import LIGHT_VARIABLE
from dmfa_demo.app.lessons.lessons import LESSONS
from dmfa_demo.app.sharing.examples import EXAMPLES
from dmfa_demo.app.widgets.own_component import files_of

QR = "/qr"
# A QR code with more characters is too fine for a projector.
MAX_ADDRESS = 1_200


class Presenter(gr.HTML):
    """The bar of the presenting mode and the audience's questions. Its value, for the browser, is `speaking`."""

    def __init__(self, **kwargs: Any):
        super().__init__(value=speaking(), **files_of(__file__), **kwargs)


def speaking() -> dict[str, Any]:
    """Return what the presenter's notes say of each prepared scene and each chapter, and the address of the light page."""
    scenes = [{"title": one.title, "see": one.sentence, "ask": one.ask, "options": one.options} for one in EXAMPLES]
    chapters = [
        {
            "title": f"{number}. {lesson.title}",
            "see": lesson.sight,
            "ask": lesson.question,
            "answer": lesson.options[lesson.answer],
        }
        for number, lesson in enumerate(LESSONS, 1)
    ]
    return {"scenes": scenes, "chapters": chapters, "light": os.environ.get(LIGHT_VARIABLE, "")}


class PresenterPages:
    """ASGI middleware that serves the window of notes, `/?notes=1`, and QR codes, `/qr?text=...`."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = self._response(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        await (response or self.app)(scope, receive, send)

    def _response(self, scope: Scope) -> Response | None:
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if scope["path"] == "/" and query.get("notes") == ["1"]:
            return HTMLResponse(Path(__file__).with_name("notes.html").read_text())
        if scope["path"] == QR:
            return _qr(query.get("text", [""])[0])
        return None


def _qr(text: str) -> Response:
    """Return the QR code of an address as SVG."""
    if not text.startswith(("http://", "https://")) or len(text) > MAX_ADDRESS:
        return PlainTextResponse(f"text is an address of at most {MAX_ADDRESS:,} characters", 422)
    import segno

    code = segno.make(text, error="l").svg_inline(scale=4, dark="#000", light="#fff", border=4)
    return Response(code.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1), media_type="image/svg+xml")
