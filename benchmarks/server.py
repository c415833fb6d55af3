"""Run the page in a separate process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path


def start_server() -> tuple[float, subprocess.Popen[bytes], str]:
    """Start `python app.py`; return the seconds to its first page, the process and the address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}/"
    environment = {**os.environ, "GRADIO_SERVER_PORT": str(port)}
    started = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "app.py"], cwd=Path(__file__).parent.parent, env=environment, stdout=subprocess.DEVNULL
    )
    while server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return time.perf_counter() - started, server, address
        except OSError:
            time.sleep(0.05)
    raise SystemExit("python app.py ended before serving a page")
