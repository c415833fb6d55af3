"""`python -m train guided-dmfa` as a user runs it, after its guide, on a stand-in for MNIST."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dmfa_demo.densities.guide import Guidance
from dmfa_demo.models.dmfa import DMFAImputer, GuidedDMFAImputer
from dmfa_demo.models.guided import GuidedConfig, GuidedDMFA
from dmfa_demo.models.vaeac import VAEACImputer
from tests.command import train
from train.methods.guided import score

SMALL = "--widths 8 16 --blocks 1 --batch-size 32 --steps 4 --validate-every 2 --holes 20 --factors 5".split()


def command(root: Path, folder: Path, *options: str) -> list[str]:
    return ["guided-dmfa", "--data-root", str(root), *SMALL, "--run-folder", str(folder / "run"), "--output", str(folder / "dmfa"), *options]  # fmt: skip


@pytest.fixture(scope="module")
def guide(small_mnist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guided")
    words = "--components 1 --factors 120 --no-em --temperature 4 --temperatures 1 4".split()
    done = train("mfa", "--data-root", str(small_mnist), "--run-folder", str(folder / "run-mfa"), "--output", str(folder / "mfa"), *words)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "temperature 1: square_nll" in done.stdout and "temperature 4: square_nll" in done.stdout
    return folder


def test_command_writes_a_checkpoint_that_names_its_guide(guide: Path, small_mnist: Path):
    done = train(*command(small_mnist, guide))
    assert done.returncode == 0, done.stderr
    config = json.loads((guide / "dmfa" / "config.json").read_text())
    assert config["network"]["guide"] == "mfa" and config["network"]["factors"] == 5
    imputer, images = DMFAImputer.load(guide / "dmfa"), torch.rand(2, 1, 28, 28)
    assert isinstance(imputer, GuidedDMFAImputer)
    imputation = imputer.impute(images, torch.rand(2, 1, 28, 28) < 0.5, seed=0)
    assert imputation.mean.isfinite().all() and imputation.sample(3).isfinite().all()
    rows = [json.loads(line) for line in (guide / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4] and {"square_sse", "value_nll"} <= set(rows[0])


def test_training_starts_from_a_sibling_dmfa(guide: Path, small_mnist: Path, tmp_path: Path):
    plain = [
        "dmfa",
        "--data-root",
        str(small_mnist),
        "--run-folder",
        str(tmp_path / "plain"),
        "--output",
        str(guide / "plain"),
    ]
    done = train(*plain, *"--widths 8 16 --blocks 1 --components 1 --steps 2 --batch-size 32".split())
    assert done.returncode == 0, done.stderr
    options = "--start", "plain", "--steps", "1", "--learning-rate", "1e-12", "--ema-decay", "0"
    done = train(*command(small_mnist, guide, "--run-folder", str(tmp_path / "run"), *options, "--output", str(guide / "begun")))  # fmt: skip
    assert done.returncode == 0, done.stderr
    ours, theirs = (load_file(guide / name / "model.safetensors") for name in ("begun", "plain"))
    torch.testing.assert_close(ours["unet.stem.weight"][:, :8], theirs["unet.stem.weight"])
    torch.testing.assert_close(ours["head.weight"][:4], theirs["head.weight"][:4])


def test_vaeac_with_the_same_guide_starts_from_it(guide: Path, small_mnist: Path, tmp_path: Path):
    done = train(*command(small_mnist, guide, "--run-folder", str(tmp_path / "run"), "--output", str(guide / "first")))
    assert done.returncode == 0, done.stderr
    folders = "--data-root", str(small_mnist), "--run-folder", str(tmp_path / "vaeac"), "--output", str(guide / "vaeac")
    options = "--guide mfa --latents 3 --start first --precision no --learning-rate 1e-12 --ema-decay 0".split()
    done = train("vaeac", *folders, *SMALL, *options)
    assert done.returncode == 0, done.stderr
    ours, theirs = (load_file(guide / name / "model.safetensors") for name in ("vaeac", "first"))
    torch.testing.assert_close(ours["prior.network.unet.stem.weight"], theirs["unet.stem.weight"])
    torch.testing.assert_close(ours["generator.decoder.up.0.0.conv1.weight"], theirs["unet.up.0.0.conv1.weight"])
    rows = [json.loads(line) for line in (tmp_path / "vaeac" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4] and {"validation", "nll", "psnr_image", "square_sse_sample"} <= set(
        rows[0]
    )
    imputer, images = VAEACImputer.load(guide / "vaeac"), torch.rand(2, 1, 28, 28)
    assert imputer.impute(images, torch.rand(2, 1, 28, 28) < 0.5, seed=0).sample(2).isfinite().all()


def test_guide_with_incomplete_images_is_refused(guide: Path, small_mnist: Path, tmp_path: Path):
    folders = "--data-root", str(small_mnist), "--run-folder", str(tmp_path), "--output", str(guide / "lossy")
    done = train("vaeac", *folders, *SMALL, "--guide", "mfa", "--incomplete", "square14")
    assert done.returncode == 1 and "omit --incomplete or --guide" in done.stderr


def test_loss_is_that_of_independent_gaussians_over_missing_pixels():
    network = GuidedDMFA(GuidedConfig(widths=(8, 16), blocks=1)).eval()
    torch.nn.init.normal_(network.head.weight, std=0.1)
    images, missing = torch.rand(3, 1, 28, 28), torch.rand(3, 1, 28, 28) < 0.3
    guidance = Guidance(torch.rand(3, 784), torch.rand(3, 784))
    density = network(images, missing, guidance)
    nll, sse = score(network, images, missing, guidance)
    for row in range(3):
        m, truth = missing[row].flatten(), images[row].flatten()
        twin = torch.distributions.Normal(density.mean[row, m], density.deviation[row, m])
        torch.testing.assert_close(nll[row], -twin.log_prob(truth[m]).sum(), rtol=1e-4, atol=1e-3)
        torch.testing.assert_close(sse[row], (density.mean[row, m] - truth[m]).square().sum())
