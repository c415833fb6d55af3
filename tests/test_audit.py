"""No known vulnerability in anything that is installed, where PyPI can be asked."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import httpx
import pytest

from tests.conftest import REPOSITORY


def test_nothing_installed_is_known_to_be_vulnerable():
    try:
        told = httpx.get(f"https://pypi.org/pypi/gradio/{version('gradio')}/json", timeout=10).status_code
    except httpx.HTTPError:
        told = None
    if told != 200:
        pytest.skip("PyPI does not say here what is known of a version")
    command = [sys.executable, "-m", "pip_audit", "--local", "--skip-editable"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
