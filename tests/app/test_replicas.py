"""Two replicas behind nginx, one of which is killed while visitors paint."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import torch

from benchmarks.load import event_of, send_stroke
from dmfa_demo.data.masks import mask_family
from tests.conftest import PATIENCE, REPOSITORY, Server, server

VISITORS, BEFORE, AFTER = 32, 1, 2


@pytest.fixture
def replicas() -> Iterator[list[Server]]:
    with server() as one, server() as other:
        yield [one, other]


@pytest.fixture
def balancer(replicas: list[Server], tmp_path: Path) -> Iterator[str]:
    """Yield the address of nginx with the configuration in deploy/, except folders, ports and replicas."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if nginx is None:
        pytest.skip("needs nginx (Debian: apt install nginx-light)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    text = (REPOSITORY / "deploy" / "nginx.conf").read_text()
    for name, replica in zip(("page-1:7860", "page-2:7860"), replicas):
        assert name in text
        text = text.replace(name, replica.address.removeprefix("http://"))
    folders = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"    {name}_temp_path {tmp_path / name};\n" for name in folders)
    text = text.replace("listen 80;", f"listen 127.0.0.1:{port};")
    text = text.replace("http {\n", f"http {{\n    access_log off;\n{places}", 1)
    (tmp_path / "nginx.conf").write_text(f"daemon off;\npid {tmp_path / 'pid'};\n{text}")
    words = [nginx, "-c", str(tmp_path / "nginx.conf"), "-e", str(tmp_path / "errors"), "-p", str(tmp_path)]
    process = subprocess.Popen(words)
    address, until = f"http://127.0.0.1:{port}/", time.monotonic() + PATIENCE
    try:
        while True:
            try:
                urllib.request.urlopen(address, timeout=PATIENCE).close()
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < until, (tmp_path / "errors").read_text()
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(PATIENCE)


def test_no_stroke_is_lost_when_a_replica_is_killed(replicas: list[Server], balancer: str):
    killed = asyncio.Event()

    async def visit(number: int) -> tuple[str, str]:
        """Return the replica's cookie and the answer to the last stroke, which is sent again until it is answered, as on the page."""
        generator, answer, mask = torch.Generator().manual_seed(number), None, torch.zeros(28, 28, dtype=torch.bool)
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=balancer, timeout=PATIENCE, limits=limits) as client:
            config = await client.get("config")
            event = event_of(config.json(), "compare")
            for stroke in range(BEFORE + AFTER):
                if stroke == BEFORE:
                    await killed.wait()
                mask = mask_family("strokes")(1, 28, 28, generator)[0, 0]
                answer, until = None, time.monotonic() + PATIENCE
                while answer is None and time.monotonic() < until:
                    answer = await send_stroke(client, event, f"visitor{number}", mask)
            assert answer is not None and f"{int(mask.sum())} of 784" in answer
            return client.cookies["visitor"], answer

    async def kill() -> None:
        await asyncio.sleep(1)
        replicas[0].process.kill()
        killed.set()

    async def everybody() -> list[tuple[str, str]]:
        killing = asyncio.create_task(kill())
        answers = await asyncio.gather(*(visit(number) for number in range(VISITORS)))
        await killing
        return answers

    # In a thread of its own: the main thread may have a loop, that of a browser in another test.
    with ThreadPoolExecutor(1) as thread:
        answers = thread.submit(asyncio.run, everybody()).result()
    assert len(answers) == VISITORS and len({cookie for cookie, _ in answers}) == VISITORS


def test_visitors_of_a_stopping_replica_move_to_the_other(replicas: list[Server], balancer: str):
    replicas[1].stop()
    for _ in range(5):
        with urllib.request.urlopen(f"{balancer}health", timeout=PATIENCE) as health:
            assert health.status == 200
