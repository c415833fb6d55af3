"""Disable features of Gradio's server that the page does not use."""

from __future__ import annotations

from typing import NoReturn

import gradio as gr
from gradio import processing_utils
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

# Gradio's function that downloads a file by its address; it is private, so other versions may have another.
DOWNLOAD = "async_ssrf_protected_download"

# Would fetch other addresses for a page made of several Spaces.
REFUSED = ("/gradio_api/proxy=", "/proxy=")
# Calls an endpoint with named arguments.
BY_NAME = "/gradio_api/call/v2/"


def fetch_nothing() -> None:
    """Keep Gradio from downloading anything: it would fetch a file of any size by an address sent in place of a picture.

    Raises:
        RuntimeError: If this version of Gradio downloads by another function, so that nothing would be refused.
    """
    if not hasattr(processing_utils, DOWNLOAD):
        raise RuntimeError(
            f"Gradio {gr.__version__} has no gradio.processing_utils.{DOWNLOAD}, so this page cannot keep it from fetching "
            "addresses; install gradio==6.31.0, or fix dmfa_demo/app/server/guard.py"
        )
    setattr(processing_utils, DOWNLOAD, _refuse)


async def _refuse(url: str, cache_dir: str) -> NoReturn:
    raise gr.Error("this server fetches no addresses; send the picture itself", print_exception=False)


class Guard:
    """Middleware that answers `REFUSED` paths with 404, names missing or unknown arguments, and completes answers that Gradio
    breaks off."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(REFUSED):
            await PlainTextResponse("There is nothing here.", 404)(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        except (TypeError, KeyError) as error:
            # Gradio's message for a named argument, or a KeyError for an unknown endpoint.
            if scope["type"] != "http" or not scope["path"].startswith(BY_NAME):
                raise
            unknown = isinstance(error, KeyError)
            answer = {"error": "There is no such endpoint." if unknown else str(error).partition(". Please")[0]}
            await JSONResponse(answer, 404 if unknown else 422)(scope, receive, send)
        except RuntimeError as error:
            # For an unknown request Gradio answers "not found", and then also raises.
            if not isinstance(error.__cause__, HTTPException):
                raise
            await send({"type": "http.response.body"})
