"""`python -m train universal-marginalizer`: its masks, and the command as a user runs it, on a stand-in for MNIST."""

import json
from pathlib import Path

import torch

from dmfa_demo.data.masks import mask_family
from dmfa_demo.models.universal_marginalizer import UniversalMarginalizerImputer
from tests.command import train
from train.methods.universal_marginalizer import part_of


def test_part_of_gives_holes_partly_filled_in_random_order():
    """The share left of a hole is uniform between nothing and all."""
    generator = torch.Generator().manual_seed(0)
    hole = mask_family("square14")(4_000, 28, 28, generator)
    left = part_of(hole, generator)
    assert not (left & ~hole).any()
    share = left.sum((1, 2, 3)) / 196
    counts = (share * 0.9999 * 10).long().bincount(minlength=10) / 4_000
    assert ((counts - 0.1).abs() < 5 * (0.09 / 4_000) ** 0.5 + 0.005).all()


def test_command_writes_a_complete_checkpoint(small_mnist: Path, tmp_path: Path):
    small = "--widths 8 16 --blocks 1 --steps 4 --batch-size 32 --validate-every 2 --precision no --masks rect6x6 --chains 2".split()
    folders = ["--run-folder", str(tmp_path / "run"), "--output", str(tmp_path / "out")]
    words = ["universal-marginalizer", "--data-root", str(small_mnist), *small, *folders]
    done = train(*words)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert {"validation", "nll"} <= set(rows[-1]) and rows[-1]["nll"] > 0
    images, missing = torch.rand(2, 1, 28, 28).round(), torch.zeros(2, 1, 28, 28, dtype=torch.bool)
    missing[..., 10:13, 10:13] = True
    imputation = UniversalMarginalizerImputer.load(tmp_path / "out").impute(images, missing, seed=0)
    samples = imputation.sample(3)
    assert torch.equal(samples, imputation.sample(3)) and set(samples[:, missing].unique().tolist()) <= {0.0, 1.0}
    assert torch.equal(samples[:, ~missing], images[~missing].expand(3, -1))
