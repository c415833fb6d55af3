"""Spaces on ZeroGPU start, and nothing else changes."""

import sys
from types import ModuleType

from dmfa_demo.app.server.zero_gpu import SETTING, declare_gpu_function


def test_gpu_function_is_declared_only_on_zero_gpu(monkeypatch):
    declared = []
    spaces = ModuleType("spaces")
    monkeypatch.setattr(spaces, "GPU", declared.append, raising=False)
    monkeypatch.setitem(sys.modules, "spaces", spaces)
    monkeypatch.delenv(SETTING, raising=False)
    declare_gpu_function()
    assert not declared
    monkeypatch.setenv(SETTING, "true")
    declare_gpu_function()
    assert len(declared) == 1 and callable(declared[0])
