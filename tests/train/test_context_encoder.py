"""Training of the context encoder: the loss over the hole, and a command that writes a complete checkpoint."""

import json
from pathlib import Path

import torch

from dmfa_demo.models.context_encoder import ContextEncoderImputer
from tests.command import train
from train.methods.context_encoder import _error


def test_error_counts_only_the_hole():
    images, filled, missing = torch.rand(3, 1, 4, 4), torch.rand(3, 1, 4, 4), torch.rand(3, 1, 4, 4) < 0.5
    twin = torch.stack([(f - x)[m].square().sum() for f, x, m in zip(filled, images, missing)])
    torch.testing.assert_close(_error(filled, images, missing), twin)


def test_command_writes_a_complete_checkpoint(small_mnist: Path, tmp_path: Path):
    small = "--latents 4 --widths 8 16 --steps 4 --batch-size 32 --validate-every 2".split()
    folders = ["--run-folder", str(tmp_path / "run"), "--output", str(tmp_path / "out")]
    words = ["context-encoder", "--data-root", str(small_mnist), *small, *folders]
    done = train(*words)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert {"validation", "square_sse", "square_ssim"} <= set(rows[-1])
    images, missing = torch.rand(2, 1, 28, 28), torch.rand(2, 1, 28, 28) < 0.5
    assert ContextEncoderImputer.load(tmp_path / "out").impute(images, missing).mean.isfinite().all()
