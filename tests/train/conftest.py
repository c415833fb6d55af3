"""Fixtures for the tests of training."""

import pytest

from tests.command import forget_precision


@pytest.fixture(autouse=True)
def any_precision():
    """Let each test train in the precision of its own choice, in a process shared with others."""
    forget_precision()
