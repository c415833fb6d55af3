"""How the events of the page are answered."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import gradio as gr

from dmfa_demo.app.scene.cache import MOST
from dmfa_demo.app.widgets.answered import ASKED, SETTLED

# One at a time, for two cores; what is asked meanwhile waits, or is dropped where it does not matter any more.
ONCE: dict[str, Any] = dict(show_progress="hidden", concurrency_id="cpu", concurrency_limit=1, api_visibility="private")
# Strokes made while one is answered collapse into the last.
LATEST = dict(ONCE, trigger_mode="always_last")
# Of several visitors at once, for they are answered together: while some are, the next gather.
STROKES = dict(LATEST, concurrency_id="strokes", concurrency_limit=2 * MOST)
# Every click is answered: one that waited would find the answer to the one before it in the place of its value.
EVERY = dict(ONCE, trigger_mode="multiple")
# Answers that come in many parts, beside all others.
STREAMED: dict[str, Any] = dict(
    show_progress="hidden",
    concurrency_id="streams",
    concurrency_limit=4,
    trigger_mode="once",
    api_visibility="private",
)
# Handlers that need no model do not wait for others.
AT_ONCE: dict[str, Any] = dict(
    show_progress="hidden", concurrency_limit=None, trigger_mode="always_last", api_visibility="private"
)


def on_input(control: gr.components.Component) -> Any:
    """The listener of a control that a visitor works; Gradio declares it for each kind of control, not for all."""
    return control.input  # pyright: ignore[reportAttributeAccessIssue]


def on_canvas(
    listener: Callable[..., Any], handler: Callable[..., Any], inputs: Any, outputs: list[Any], **options: Any
) -> None:
    """Listen to something that puts another picture or mask on the canvas; until it is there, the page shows that it is waiting."""
    listener(None, [], [], js=ASKED, api_visibility="private")
    answer = listener(with_user_warnings(handler), inputs, outputs, **options)
    answer.then(None, [], [], js=SETTLED, api_visibility="private")


def with_user_warnings(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler, which answers a ValueError with a message and leaves the page as it is."""

    @wraps(handler)
    def warning(*arguments: Any) -> Any:
        try:
            return handler(*arguments)
        except ValueError as error:
            gr.Warning(str(error)[:1].upper() + str(error)[1:], duration=8)
            return gr.skip()

    return warning
