"""What is left of a visit: nothing, some minutes after its end."""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Timer

import gradio as gr

# So long a visitor may be away, with a telephone in the pocket, and find everything as it was.
MINUTES = 10


def forget_after_leaving(page: gr.Blocks) -> None:
    """Let go of all that a visitor put on the page and all that was computed of it, `MINUTES` after they left.

    Gradio itself keeps the last value of every component for as long as the server runs.
    """

    def left(request: gr.Request) -> None:
        timer = Timer(60 * MINUTES, forget, (page, request.session_hash, timedelta(minutes=MINUTES)))
        timer.daemon = True
        timer.start()

    page.unload(left)


def forget(page: gr.Blocks, session: str, away: timedelta) -> None:
    """Drop a session that nobody has used for as long as `away`, but for a second."""
    holder = page.state_holder
    used = holder.time_last_used.get(session)
    if used is not None and datetime.now() - used >= away - timedelta(seconds=1):
        holder.session_data.pop(session, None)
        holder.time_last_used.pop(session, None)
