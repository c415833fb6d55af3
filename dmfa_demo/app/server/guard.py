"""What of Gradio's own server this page has no use for, and does not do."""

from __future__ import annotations

from typing import NoReturn

import gradio as gr
from gradio import processing_utils
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

# What Gradio fetches a file with when it is sent an address: none of its public names, so another version may have another.
DOWNLOAD = "async_ssrf_protected_download"

# Would fetch other addresses for a page that is made of several Spaces.
REFUSED = ("/gradio_api/proxy=", "/proxy=")
# Calls an endpoint with its arguments by name.
BY_NAME = "/gradio_api/call/v2/"


def fetch_nothing() -> None:
    """Keep Gradio from downloading anything: it would fetch the address of a file that is sent in place of a picture, of any size.

    Raises:
        RuntimeError: when this version of Gradio downloads by something else, so that nothing would be refused.
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
    """Says of `REFUSED` addresses that there is nothing, names arguments that are missing or unknown, and lets an answer end that
    Gradio breaks off."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(REFUSED):
            await PlainTextResponse("There is nothing here.", 404)(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        except (TypeError, KeyError) as error:
            # Gradio's own words for an argument by name, and a KeyError for an endpoint that there is not.
            if scope["type"] != "http" or not scope["path"].startswith(BY_NAME):
                raise
            unknown = isinstance(error, KeyError)
            answer = {"error": "There is no such endpoint." if unknown else str(error).partition(". Please")[0]}
            await JSONResponse(answer, 404 if unknown else 422)(scope, receive, send)
        except RuntimeError as error:
            # For an unknown request Gradio answers that it is not found, and then also raises.
            if not isinstance(error.__cause__, HTTPException):
                raise
            await send({"type": "http.response.body"})
