"""What of Gradio's own server this page has no use for, and does not answer."""

from __future__ import annotations

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

# Would fetch other addresses for a page that is made of several Spaces.
REFUSED = ("/gradio_api/proxy=", "/proxy=")


class Guard:
    """Says of `REFUSED` addresses that there is nothing."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(REFUSED):
            await PlainTextResponse("There is nothing here.", 404)(scope, receive, send)
        else:
            await self.app(scope, receive, send)
