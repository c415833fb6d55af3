"""Delete a visitor's data some minutes after the end of the visit."""

from __future__ import annotations

import time
from collections import deque
from datetime import datetime, timedelta
from threading import Thread

import gradio as gr

from dmfa_demo.app.scene.cache import KEEP_OWN, ImputationCache

# Seconds between two checks for ended visits.
PERIOD = 30


def forget_after_leaving(page: gr.Blocks, cache: ImputationCache) -> None:
    """Drop a visitor's inputs and all results computed from them, `KEEP_OWN` seconds after they left.

    Gradio would keep the last value of every component for as long as the server runs. One thread serves all visits.
    """
    departed: deque[str] = deque(maxlen=100_000)

    def left(request: gr.Request) -> None:
        if request.session_hash:
            departed.append(request.session_hash)

    def watch() -> None:
        while True:
            time.sleep(PERIOD)
            cache.expire()
            for _ in range(len(departed)):
                session = departed.popleft()
                if not forget(page, session, timedelta(seconds=KEEP_OWN)):
                    departed.append(session)

    page.unload(left)
    Thread(target=watch, daemon=True, name="visits").start()


def forget(page: gr.Blocks, session: str, away: timedelta) -> bool:
    """Drop a session that was not used for `away`; return True if nothing is left of it."""
    holder = page.state_holder
    used = holder.time_last_used.get(session)
    if used is not None and datetime.now() - used < away:
        return False
    holder.session_data.pop(session, None)
    holder.time_last_used.pop(session, None)
    return True
