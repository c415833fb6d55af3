"""Memory between training steps."""

import platform
import subprocess
import sys

import pytest

COUNT = """
import resource, torch
from train.engine.allocation import keep_freed_memory

keep_freed_memory()
torch.ones(5_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
torch.ones(4_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_freed_memory_is_used_again_without_new_pages():
    # Sixteen megabytes are 3,900 pages.
    done = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1_000
