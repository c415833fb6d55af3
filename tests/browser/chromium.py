"""Find a Chromium or Chrome for the browser tests; `python -m tests.browser.chromium` installs one where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Playwright, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")

# Without the last ones a headless browser calls home at every start.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find(playwright: Playwright | None = None) -> str | None:
    """The path of an installed browser, or None; there is one Playwright a process."""
    for name in _NAMES:
        if path := shutil.which(name):
            return path
    if _MAC.is_file():
        return str(_MAC)
    if playwright is None:
        with sync_playwright() as playwright:
            return find(playwright)
    own = playwright.chromium.executable_path
    return own if Path(own).is_file() else None


def install() -> None:
    """Install Chromium: Debian's package when root on Debian, else Playwright's own build."""
    if shutil.which("apt-get") and os.geteuid() == 0:
        print("No Chromium found: installing Debian's package for the browser tests.", flush=True)
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "chromium", "fonts-dejavu"], check=True, stdout=subprocess.DEVNULL
        )
    else:
        print("No Chromium found: installing Playwright's own for the browser tests.", flush=True)
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)


if __name__ == "__main__":
    if find() is None:
        install()
