"""Settings and decorators of event handlers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import wraps
from html import escape
from typing import Any

import gradio as gr

from dmfa_demo.app.widgets.answered import ASKED, SETTLED
from dmfa_demo.workers import Gather, Request, workers

# Handlers in `in_turn`, which wait for the workers, not in Gradio's queue.
ONCE: dict[str, Any] = dict(show_progress="hidden", concurrency_limit=None, api_visibility="private")
# Strokes made while one is answered collapse into the last.
LATEST = dict(ONCE, trigger_mode="always_last")
# Every click is answered at once: a waiting one would find the previous answer in place of its value.
EVERY = dict(ONCE, trigger_mode="multiple")
# Streams of answers, in parallel with all others.
STREAMED: dict[str, Any] = dict(
    show_progress="hidden",
    concurrency_id="streams",
    concurrency_limit=4,
    trigger_mode="once",
    api_visibility="private",
)
# Handlers that need no model do not wait for others.
AT_ONCE = LATEST


def on_input(control: gr.components.Component) -> Any:
    """Return the `input` listener of a control, which Gradio declares for each kind of control separately."""
    return control.input  # pyright: ignore[reportAttributeAccessIssue]


def on_canvas(
    listener: Callable[..., Any], handler: Callable[..., Any], inputs: Any, outputs: list[Any], **options: Any
) -> None:
    """Listen to an event that puts another picture or mask on the canvas; until it arrives, the page shows results as pending."""
    listener(None, [], [], js=ASKED, api_visibility="private")
    answer = listener(in_turn(handler), inputs, outputs, **options)
    answer.then(None, [], [], js=SETTLED, api_visibility="private")


def in_turn(handler: Callable[..., Any], gather: Gather | None = None) -> Callable[..., Any]:
    """Wrap a handler to be called by the workers, one at a time for each visitor, and to show a ValueError as a message.

    Args:
        handler: called with the values of an event, and with what `gather` returned for them, if that is given.
        gather: computes what several visitors' requests need, see `workers.Request`; it requires an event with a set of inputs.
    """
    warned = with_user_warnings(handler)

    async def answered(request: gr.Request, *values: Any) -> Any:
        def answer(gathered: Any) -> Any:
            return warned(*values) if gather is None else warned(*values, gathered)

        waiting = Request(request.session_hash or "", answer, gather, content=values[0] if values else None)
        return await asyncio.wrap_future(workers().submit(waiting))

    return answered


def with_user_warnings(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a handler to show a ValueError as a message and leave the page unchanged."""

    @wraps(handler)
    def warning(*arguments: Any) -> Any:
        try:
            return handler(*arguments)
        except ValueError as error:
            warn(str(error))
            return gr.skip()

    return warning


def stream_with_user_warnings(handler: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """Do the same for a handler that yields several answers."""

    @wraps(handler)
    def warning(*arguments: Any) -> Iterator[Any]:
        try:
            yield from handler(*arguments)
        except ValueError as error:
            warn(str(error))
            yield gr.skip()

    return warning


def warn(message: str) -> None:
    """Show a message for eight seconds; HTML in it, such as in the name of a visitor's file, is shown as text."""
    gr.Warning(escape(message[:1].upper() + message[1:], quote=False), duration=8)
