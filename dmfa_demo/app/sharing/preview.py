"""The preview of a link to the page: title, description and picture."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import FileResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TITLE = "What is behind the paint?"
DESCRIPTION = "Hide part of a digit, a piece of clothing or a face and see, while you draw, what different models of missing data believe is there."

PICTURE = Path(__file__).parent / "page.png"
PICTURE_PATH = "/preview.png"

# Gradio's tags, which are the same for every page.
_THEIRS = re.compile(rb'<meta\s+(?:property|name)="(?:og|twitter|description)[^"]*"\s+content="[^"]*"\s*/?>')


class Preview:
    """Middleware that replaces Gradio's tags in the head of the page by ours, and serves the preview picture."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in ("/", PICTURE_PATH):
            await self.app(scope, receive, send)
        elif scope["path"] == PICTURE_PATH:
            await FileResponse(PICTURE)(scope, receive, send)
        else:
            await self._page(scope, receive, send)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message | None = None
        body = b""

        async def collect(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body") or start is None:
                return
            headers = MutableHeaders(raw=start["headers"])
            if headers.get("content-type", "").startswith("text/html"):
                body = _THEIRS.sub(b"", body).replace(b"<head>", b"<head>" + tags(scope).encode(), 1)
                headers["content-length"] = str(len(body))
            await send(start)
            await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, collect)


def tags(scope: Scope) -> str:
    """Return the tags of the page at this address as HTML."""
    headers = Headers(scope=scope)
    scheme, host = headers.get("x-forwarded-proto", scope["scheme"]), headers.get("host", "")
    picture = f"{scheme}://{host}{scope.get('root_path', '')}{PICTURE_PATH}"
    values = {
        "og:title": TITLE,
        "og:description": DESCRIPTION,
        "og:type": "website",
        "og:image": picture,
        "twitter:card": "summary_large_image",
    }
    meta = "".join(f'<meta property="{name}" content="{escape(value)}">' for name, value in values.items())
    return f'<meta name="description" content="{escape(DESCRIPTION)}">{meta}'
