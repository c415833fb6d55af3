"""The page starts and answers from the shipped checkpoints where there is no network."""

import os

from gradio_client import Client

from tests.conftest import PATIENCE, serving

BLOCKED = """
import socket, sys

def connect(self, address, _connect=socket.socket.connect):
    if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "localhost", "::1"):
        with open({log!r}, "a") as file:
            print(address, file=file)
        raise OSError("there is no network")
    return _connect(self, address)

def resolve(host, *arguments, _resolve=socket.getaddrinfo, **more):
    if host not in (None, "", "127.0.0.1", "localhost", "0.0.0.0", "::1"):
        with open({log!r}, "a") as file:
            print(host, file=file)
        raise socket.gaierror("there is no network")
    return _resolve(host, *arguments, **more)

socket.socket.connect, socket.getaddrinfo = connect, resolve
"""


def test_page_starts_and_answers_without_a_network(tmp_path):
    log = tmp_path / "log"
    (tmp_path / "sitecustomize.py").write_text(BLOCKED.format(log=str(log)))
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    with serving(PYTHONPATH=path) as address:
        mask = {"height": 28, "width": 28, "runs": [200, 100]}
        answer = Client(address, verbose=False, httpx_kwargs={"timeout": PATIENCE}).predict(
            42, mask, "mnist", "dmfa", 0, api_name="/impute"
        )
    assert answer["psnr"] > 5
    assert not log.exists(), log.read_text()
