"""The format of training depends on the machine, unless it is given."""

import pytest
import torch

from dmfa_demo.storage.checkpoints import CONFIG
from train.engine import run
from train.engine.loop import LoopConfig
from train.engine.precision import choose_precision
from train.engine.run import write_json
from train.methods.dmfa import DMFATraining


@pytest.mark.parametrize("amx", [True, False])
@pytest.mark.parametrize("avx512", [True, False])
def test_auto_is_bfloat16_only_on_processors_that_multiply_it(monkeypatch, amx, avx512):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    capabilities = {"avx512": True, "avx512_bf16": avx512, "amx_bf16": amx}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    precision, explanation = choose_precision("auto")
    assert precision == ("bf16" if amx or avx512 else "no")
    assert ("bfloat16, which this processor supports" in explanation) == (amx or avx512)


def test_auto_is_float32_where_torch_reports_no_capabilities(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert choose_precision("auto")[0] == "no"


@pytest.mark.parametrize("native, expected", [(True, "bf16"), (False, "no")])
def test_auto_is_bfloat16_on_gpus_that_support_it(monkeypatch, native, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native or including_emulation)
    assert choose_precision("auto")[0] == expected


@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_given_precision_is_kept(precision):
    assert choose_precision(precision)[0] == precision


def test_precision_makes_checkpoints_differ_only_if_both_are_given(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "ROOT", tmp_path)
    (tmp_path / "mnist" / "dmfa").mkdir(parents=True)
    write_json(tmp_path / "mnist" / "dmfa" / CONFIG, DMFATraining(loop=LoopConfig(precision="bf16")).settings)
    assert DMFATraining().is_finished() and DMFATraining(loop=LoopConfig(precision="bf16")).is_finished()
    assert "precision" in DMFATraining(loop=LoopConfig(precision="no")).differences()
