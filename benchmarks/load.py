"""Simulate many visitors at once: the time from a stroke to its answer, and whether the last stroke is always answered.

python -m benchmarks.load [--seconds 60] [--visitors 1 8 32] [--tabs compare factors samples attractors predictions learn results]

Each visitor paints 2 strokes a second, all with the same tab open, and behaves like the page: of the strokes made while an answer is pending, only the last is
sent. Times are from the painting of a stroke to its answer. Results, which does not follow the canvas, is asked for the table of a kind of hole instead.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import psutil
import torch
from torch import Tensor

from benchmarks import quantiles, report
from benchmarks.page import TABS
from benchmarks.server import start_server
from dmfa_demo.app.canvas.mask_painter import encode_canvas
from dmfa_demo.app.canvas.presets import OFFERS, START
from dmfa_demo.app.layout import panel_of
from dmfa_demo.app.scene.canvas import Canvas
from dmfa_demo.app.scene.scene import Scene
from dmfa_demo.data.masks import mask_family

STROKES_A_SECOND = 2
# The number of an event of the page, and a function from a mask to its inputs.
Event = tuple[int, Callable[[Tensor], list[object]]]
_SCENE = Scene.sample(START, OFFERS[START].sample)
# The maximum time from the last stroke to its answer.
PATIENCE = 60


@dataclass
class Visit:
    """A visitor's log: milliseconds of each answer, errors, and whether the last stroke was answered."""

    spent: list[float] = field(default_factory=list)
    errors: int = 0
    lost: bool = False


def main() -> None:
    """Print a row for each number of visitors, and the growth of memory over 10,000 strokes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--visitors", type=int, nargs="+", default=(1, 8, 32))
    parser.add_argument("--tabs", nargs="+", default=(*TABS, "results"), choices=(*TABS, "results"))
    parser.add_argument("--strokes", type=int, default=10_000, help="to measure the growth of memory; 0 skips it")
    options = parser.parse_args()
    seconds, server, address = start_server()
    process = psutil.Process(server.pid)
    try:
        rows = []
        for tab in options.tabs:
            asyncio.run(_many(address, tab, 1, 5))  # loads the models
            for count in options.visitors:
                visits = asyncio.run(_many(address, tab, count, options.seconds))
                spent = [value for visit in visits for value in visit.spent]
                errors, lost = sum(visit.errors for visit in visits), sum(visit.lost for visit in visits)
                rows.append((tab, count, len(spent), *quantiles(spent), errors, lost))
        title = f"MNIST, {STROKES_A_SECOND} strokes a second each, {options.seconds:.0f} s, {os.cpu_count()} cores"
        report(
            title, ("tab", "visitors", "answers", "p50 ms", "p95 ms", "slowest ms", "errors", "last strokes lost"), rows
        )
        before = process.memory_info().rss / 2**20
        if options.strokes:
            asyncio.run(_many(address, tab="compare", count=8, seconds=None, strokes=options.strokes // 8))
        after = process.memory_info().rss / 2**20
        report(
            "Server",
            ("what", "value"),
            [
                ("start to first page, s", seconds),
                ("resident memory, MB", before),
                (f"after {options.strokes} more strokes, MB", after),
            ],
        )
    finally:
        server.terminate()
        server.wait()


async def _many(address: str, tab: str, count: int, seconds: float | None, strokes: int = 10**9) -> list[Visit]:
    """Run several visitors at once with a tab open, each for some seconds or strokes."""
    async with httpx.AsyncClient(
        base_url=address, timeout=PATIENCE, limits=httpx.Limits(max_connections=None)
    ) as client:
        event = event_of((await client.get("config")).json(), tab)
        visits = (
            _visit(client, event=event, session=f"{tab}{number}", number=number, seconds=seconds, strokes=strokes)
            for number in range(count)
        )
        return await asyncio.gather(*visits)


def event_of(config: dict[str, Any], tab: str) -> Event:
    """Return the page's event for a stroke with a tab open or, for Results, for a choice."""
    props = {one["id"]: one["props"] for one in config["components"]}
    numbers = {one.get("elem_id"): number for number, one in props.items()}

    def values(inputs: list[int], missing: Tensor, **chosen: Any) -> list[Any]:
        """Return the value of each input: the canvas, the choice by the control's `elem_id`, or the initial value."""
        known = {numbers[name.replace("_", "-")]: value for name, value in chosen.items()}
        known[numbers["painter"]] = encode_canvas(Canvas(_SCENE, missing, change="mask"))
        return [known[number] if number in known else props[number].get("value") for number in inputs]

    if tab == "results":
        table, kind = numbers["results-table"], numbers["results-protocol"]
        chosen = (one for one in config["dependencies"] if [kind, "input"] in one["targets"])
        choose = next(one for one in chosen if one["outputs"] == [table])
        kinds = [name for _, name in props[kind]["choices"]]
        return choose["id"], lambda missing: values(
            choose["inputs"], missing, results_protocol=kinds[int(missing.sum()) % len(kinds)]
        )
    paint = next(one for one in config["dependencies"] if panel_of(tab) in {event for _, event in one["targets"]})
    return paint["id"], lambda missing: values(paint["inputs"], missing)


async def _visit(
    client: httpx.AsyncClient,
    event: Event,
    session: str,
    number: int,
    seconds: float | None,
    strokes: int,
) -> Visit:
    """Simulate a visitor, who paints at a steady pace or, without one, as soon as there is an answer."""
    visit, generator = Visit(), torch.Generator().manual_seed(number)
    started, done, last, shown = time.perf_counter(), 0, None, None
    await asyncio.sleep(0 if seconds is None else number / 32 / STROKES_A_SECOND)
    while done < strokes and (seconds is None or time.perf_counter() - started < seconds):
        painted, last = time.perf_counter(), mask_family("strokes")(1, 28, 28, generator)[0, 0]
        if seconds is not None:  # the last of the strokes made meanwhile, which was made on the beat
            painted = max(started, painted - (painted - started) % (1 / STROKES_A_SECOND))
        shown = await send_stroke(client, event, session, last)
        done += 1
        visit.spent.append(1000 * (time.perf_counter() - painted))
        visit.errors += shown is None
        if seconds is not None:
            spent = time.perf_counter() - started
            if visit.spent[-1] < 1000 / STROKES_A_SECOND:
                await asyncio.sleep(1 / STROKES_A_SECOND - spent % (1 / STROKES_A_SECOND))
    # Only Compare shows in words how much is hidden.
    said = f"{int(last.sum())} of 784" if session.startswith("compare") and last is not None else ""
    visit.lost = last is None or shown is None or said not in shown
    return visit


async def send_stroke(client: httpx.AsyncClient, event: Event, session: str, missing: Tensor) -> str | None:
    """Return the answer to a stroke, or None."""
    function, inputs = event
    request = {"data": inputs(missing), "fn_index": function, "session_hash": session}
    try:
        joined = await client.post("gradio_api/queue/join", json=request)
        joined.raise_for_status()
        async with client.stream("GET", "gradio_api/queue/data", params={"session_hash": session}) as stream:
            async for line in stream.aiter_lines():
                if "process_completed" in line:
                    return line if '"success": true' in line or '"success":true' in line else None
    except httpx.HTTPError:
        return None
    return None


if __name__ == "__main__":
    main()
