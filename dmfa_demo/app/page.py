"""The page: one canvas shared by all tabs, and results that follow each stroke."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import gradio as gr
import torch
from starlette.middleware import Middleware

from dmfa_demo.app.canvas.presets import OFFERS
from dmfa_demo.app.canvas.uploads import MAX_BYTES
from dmfa_demo.app.events.address_events import follow_address
from dmfa_demo.app.events.canvas_events import follow_canvas
from dmfa_demo.app.events.export_events import offer_take_away
from dmfa_demo.app.events.tab_events import follow_controls
from dmfa_demo.app.layout import Layout
from dmfa_demo.app.presenting.presenter import PresenterPages
from dmfa_demo.app.presenting.rooms import Rooms
from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene, draw_mask, measure
from dmfa_demo.app.server.api import ApiBlocks, offer_endpoints
from dmfa_demo.app.server.guard import Guard, fetch_nothing
from dmfa_demo.app.server.operation import Operation, Traffic, log_requests
from dmfa_demo.app.server.visits import forget_after_leaving
from dmfa_demo.app.server.zero_gpu import declare_gpu_function
from dmfa_demo.app.sharing.preview import TITLE, Preview
from dmfa_demo.app.tables.tables_page import build_tables
from dmfa_demo.app.tabs.attractors import mapped
from dmfa_demo.app.tabs.hole_walks import load_plane
from dmfa_demo.app.tabs.predictions import predict
from dmfa_demo.app.theme import theme
from dmfa_demo.data.datasets import load_samples
from dmfa_demo.networks import engine
from dmfa_demo.registry import available_methods, load_imputer, methods

# Requests at a time. A page has one or two, so only a program reaches this number.
MAX_REQUESTS = 2_000
# Constants from glibc's malloc.h.
M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -8, -3, -1
# Bytes. Smaller blocks are allocated with every stroke, and this much memory is kept for the next one.
LARGE_BLOCK, AT_HAND = 16 * 2**20, 64 * 2**20
# Seconds after which an uploaded file, which is read at once, may be deleted, and between two checks for such files.
KEEP_UPLOADS = 600
# Scripts of the whole page, which run before it is built.
SCRIPTS = (
    "server/event_stream.js",
    "sharing/query.js",
    "widgets/keys.js",
    "looking/cover_truth.js",
    "presenting/ask_room.js",
)
# Labels that change while the page is open. A browser that translates the page replaces their text by other elements, which Gradio
# would not update.
KEEP_CHANGING_LABELS = """<script>
const keep = (node) => node.querySelectorAll?.(".segments, [id^=preset-]").forEach((one) => one.setAttribute("translate", "no"));
keep(document);
new MutationObserver((changes) => changes.forEach(({ target, addedNodes }) => { if (addedNodes.length) keep(target); }))
    .observe(document.documentElement, { childList: true, subtree: true });
</script>"""


def build_page() -> gr.Blocks:
    """Build the page; it loads no model until a visitor opens it."""
    cache = ImputationCache()
    with ApiBlocks(title=TITLE, analytics_enabled=False, delete_cache=(KEEP_UPLOADS, KEEP_UPLOADS)) as page:
        # First, since Gradio's client uses the first handler for the endpoint "predict".
        offer_endpoints(concurrency_id="cpu", concurrency_limit=1)
        layout = Layout.build()
        changed = follow_canvas(layout, cache) + follow_controls(layout, cache)
        follow_address(layout, page, changed)
        offer_take_away(layout, cache)
        forget_after_leaving(page, cache)
    with page.route("Tables", "tables", show_in_navbar=False):
        build_tables()
    return page.queue(max_size=MAX_REQUESTS)


def launch() -> None:
    """Serve the page. Host and port come from Gradio's environment variables (`GRADIO_SERVER_PORT`, ...).

    Exits with a message if `DMFA_DEMO_CELEBA` names a folder without CelebA, `DMFA_DEMO_METHODS` something other than a method, or
    `DMFA_DEMO_ENGINE` something other than an engine.
    """
    _return_memory()
    fetch_nothing()
    declare_gpu_function()
    # Otherwise each of Gradio's threads would start its own helpers, which wait for each other more than they help.
    torch.set_num_threads(1)
    # A model needs the interpreter lock after every layer, and should not wait 5 ms for a thread that writes an answer.
    sys.setswitchinterval(0.0005)
    try:
        methods()
        engine.chosen()
        load_samples("celeba")
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")
    log_requests()
    traffic = Traffic()
    traffic.stop_on_sigterm()
    page = build_page()
    page.launch(
        prevent_thread_lock=True,
        theme=theme(),
        css=(Path(__file__).parent / "page.css").read_text(),
        max_file_size=MAX_BYTES,
        max_threads=MAX_REQUESTS,  # of handlers that wait; see `workers` for those that compute
        enable_monitoring=False,
        ssr_mode=False,
        footer_links=["api"],
        head="".join(f"<script>{(Path(__file__).parent / path).read_text()}</script>" for path in SCRIPTS)
        + KEEP_CHANGING_LABELS,
        app_kwargs={
            "middleware": [
                Middleware(Operation, traffic=traffic),
                Middleware(Rooms, traffic=traffic),
                Middleware(PresenterPages),
                Middleware(Guard),
                Middleware(Preview),
            ]
        },
        # Gradio would request the page from itself, and end the server when a busy machine takes three seconds to answer.
        _frontend=False,
    )
    # Not earlier: the page would be served later.
    warming = Thread(target=_warm_up, args=(traffic.stopping,))
    warming.start()
    with suppress(KeyboardInterrupt):
        traffic.stopping.wait()
        traffic.drain()
    traffic.stopping.set()
    page.close()
    warming.join()  # the interpreter cannot exit while torch computes


def _return_memory() -> None:
    """Configure malloc to keep little more memory than is in use.

    glibc gives each thread a separate heap, in which the memory of a large answer stays unused, so all threads share one. Large
    blocks are returned when freed, since glibc would otherwise keep ever larger ones; memory for the next stroke is kept.
    """
    with suppress(OSError, AttributeError):  # other C libraries have no such heaps
        settings = ctypes.CDLL("libc.so.6").mallopt
        settings(M_ARENA_MAX, 1)
        settings(M_MMAP_THRESHOLD, LARGE_BLOCK)
        settings(M_TRIM_THRESHOLD, AT_HAND)


def _warm_up(stopping: Event) -> None:
    """Load the models, and run those that are shown at first, while the first visitor's browser is still loading the page.

    Others may take long, and would compete with the first visitors. It ends early when the server stops.
    """
    for dataset, offer in OFFERS.items():
        scene, cache = Scene.sample(dataset, offer.sample), ImputationCache()
        missing = draw_mask("half", scene, seed=0)
        for name in available_methods(dataset):
            if stopping.is_set():
                return
            with _left_out():
                if load_imputer(name, dataset).shown_first:
                    measure(cache.impute(name, scene, missing), scene, missing)
        with _left_out():
            predict(scene, missing, cache)
        for name in mapped(dataset):
            with _left_out():
                load_plane(dataset, name)


@contextmanager
def _left_out() -> Iterator[None]:
    """Print an error about something that cannot be loaded, and continue without it."""
    try:
        yield
    except Exception as error:
        print(f"left out: {error}", file=sys.stderr)
