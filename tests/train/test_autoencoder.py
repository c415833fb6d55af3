"""Training of auto-encoders: each kind's loss against a second version, the adversary, and a run from data to checkpoint."""

import json
import math
import re
import shutil
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from dmfa_demo.data.datasets import load_split
from dmfa_demo.models.autoencoder import Autoencoder, AutoencoderConfig
from dmfa_demo.registry import method_class
from dmfa_demo.storage import checkpoints
from dmfa_demo.storage.checkpoints import ROOT
from train.engine.loop import LoopConfig
from train.engine.run import hardware
from train.methods import dynamics
from train.methods.autoencoder import AutoencoderObjective, AutoencoderTraining, Critic, masking_noise, mmd, train

SMALL = AutoencoderConfig(latents=3, widths=(8, 16))


def objective(kind: str) -> tuple[AutoencoderObjective, tuple[torch.Tensor, ...]]:
    torch.manual_seed(0)
    config = AutoencoderConfig(latents=3, widths=(8, 16), posterior="gaussian" if kind == "vae" else "point")
    images = torch.rand(6, 1, 28, 28)
    seen = images + 0.3 * torch.randn(images.shape) if kind == "dae" else images
    return AutoencoderObjective(Autoencoder(config), kind, match=2.0), (images, seen, torch.randn(6, 3))


@pytest.mark.parametrize("kind", ["ae", "dae"])
def test_plain_and_denoising_losses_are_squared_errors(kind):
    ours, (images, seen, z) = objective(kind)
    twin = (ours.model.reconstruct(seen) - images).square().sum() / 6
    torch.testing.assert_close(ours(images, seen, z), twin)


def test_masking_noise_changes_only_the_holes_and_erases_half_of_them():
    images, missing = torch.full((400, 3, 8, 8), 0.5), torch.rand(400, 1, 8, 8) < 0.5
    seen = masking_noise(images, missing, torch.Generator().manual_seed(0))
    inside = missing.expand_as(images)
    assert torch.equal(seen[~inside], images[~inside]) and seen.min() >= 0 and seen.max() <= 1
    # The deviation of uniform noise is 1 / sqrt(12); that of an image's hole is its share of this.
    share = torch.stack([row[hole].std() for row, hole in zip(seen, inside)]) * math.sqrt(12)
    assert 0.4 < (share > 0.9).float().mean() < 0.65 and share.min() < 0.1


def test_variational_loss_equals_the_explicit_bound():
    vae, (images, seen, z) = objective("vae")
    posterior = vae.model.posterior(images)
    mean = vae.model.decode(posterior.mean + posterior.deviation * z)
    fit = -0.5 * ((images - mean) / 0.1).square() - math.log(0.1) - 0.5 * math.log(2 * math.pi)
    kl = 0.5 * (posterior.mean.square() + posterior.deviation.square() - 1 - posterior.deviation.square().log())
    torch.testing.assert_close(vae(images, seen, z), (kl.sum(1) - fit.sum((1, 2, 3))).mean())


def test_mmd_equals_the_double_sum_and_vanishes_for_equal_distributions():
    x, y = torch.randn(5, 2), torch.randn(5, 2) + 1

    def kernel(a, b):
        distance = (a - b).square().sum()
        return sum(4 * s / (4 * s + distance) for s in (0.1, 0.2, 0.5, 1, 2, 5, 10))

    pairs = [(i, j) for i in range(5) for j in range(5)]
    within = sum(kernel(a[i], a[j]) for a in (x, y) for i, j in pairs if i != j) / 20
    between = sum(kernel(x[i], y[j]) for i, j in pairs) / 25
    torch.testing.assert_close(mmd(x, y), within - 2 * between, atol=1e-5, rtol=1e-5)
    generator = torch.Generator().manual_seed(0)
    draws = torch.tensor([mmd(*torch.randn(2, 50, 2, generator=generator)) for _ in range(200)])
    assert abs(draws.mean()) < 5 * draws.std() / 200**0.5


def test_critic_learns_to_distinguish_and_encoder_to_deceive():
    torch.manual_seed(0)
    critic, encoded, normal = Critic(3), torch.randn(6, 3, requires_grad=True), torch.randn(6, 3)
    critic.loss(encoded, normal).backward()
    ours, of_critic = encoded.grad.clone(), critic.layers[0].weight.grad.clone()
    encoded.grad, critic.layers[0].weight.grad = None, None
    guess = critic.layers(torch.cat([encoded, normal]))[:, 0]
    F.binary_cross_entropy_with_logits(guess, torch.tensor([0.0] * 6 + [1.0] * 6)).backward()
    torch.testing.assert_close(ours, -encoded.grad)
    torch.testing.assert_close(of_critic, critic.layers[0].weight.grad)


@pytest.mark.parametrize("kind", ["ae", "dae", "vae", "wae-mmd", "wae-gan"])
def test_every_kind_trains(kind):
    ours, batch = objective(kind)
    optimizer = torch.optim.Adam(ours.parameters(), 3e-3)
    errors = []
    for _ in range(60):
        optimizer.zero_grad()
        ours(*batch).backward()
        optimizer.step()
        errors.append((ours.model.reconstruct(batch[0]) - batch[0]).square().sum().item())
    assert all(map(math.isfinite, errors)) and errors[-1] < 0.9 * errors[0]


@pytest.fixture
def small_checkpoints(small_mnist: Path, tmp_path: Path, monkeypatch) -> Path:
    """Return a folder of checkpoints with an auto-encoder and k-NN, in place of the shipped ones."""
    for module in (checkpoints, dynamics):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    loop = LoopConfig(steps=4, batch_size=32, validate_every=2, precision="no")
    output = tmp_path / "mnist" / "autoencoder"
    train(AutoencoderTraining(network=SMALL, loop=loop, data_root=small_mnist, labels=(0, 1), run_folder=tmp_path / "run", output=output))  # fmt: skip
    shutil.copytree(ROOT / "mnist" / "knn", tmp_path / "mnist" / "knn")
    return tmp_path / "mnist"


def test_run_writes_a_checkpoint_that_the_dynamics_name(small_mnist, small_checkpoints, monkeypatch, capsys):
    config = json.loads((small_checkpoints / "autoencoder" / "config.json").read_text())
    labels = load_split("mnist", "train", small_mnist).labels
    assert config["about"]["training_images"] == int(((labels == 0) | (labels == 1)).sum())
    assert "# Auto-encoder on mnist" in (small_checkpoints / "autoencoder" / "README.md").read_text()
    config["about"] |= {"hardware": "another machine", "torch": "0"}
    (small_checkpoints / "autoencoder" / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr(dynamics, "STEPS", (1, 3))
    dynamics.choose(dynamics.Dynamics(images=20, data_root=small_mnist))
    output = capsys.readouterr().out
    images, missing = torch.rand(2, 1, 28, 28), torch.rand(2, 1, 28, 28) < 0.5
    for name, step_sizes in dynamics.STEP_SIZES.items():
        folder = small_checkpoints / name
        assert {path.name for path in folder.iterdir()} == {"config.json", "README.md"}
        about = json.loads((folder / "config.json").read_text())["about"]
        assert (about["hardware"], about["torch"]) == (hardware("cpu"), torch.__version__), (
            "the hardware of its own run"
        )
        imputer = method_class(name).load(folder)
        assert imputer.config.step_size in step_sizes and imputer.config.steps in (1, 3)
        values = re.search(rf"^{name}, SSIM: (.*)", output, re.MULTILINE)[1].split(", ")
        assert any(text.startswith(f"h {imputer.config.step_size:g} T {imputer.config.steps} ") for text in values)
        assert imputer.impute(images, missing, seed=0).mean.isfinite().all()


def test_best_of_chooses_the_shortest_walk_close_to_the_best():
    found = {(0.1, 30): 0.900, (0.1, 10): 0.899, (0.3, 10): 0.8985, (0.3, 3): 0.89, (0.3, 30): 0.9}
    assert dynamics.best_of(found) == (0.1, 10)
    assert dynamics.best_of({**found, (0.3, 100): 0.91}) == (0.3, 100)


def test_vae_needs_a_gaussian_encoder():
    with pytest.raises(ValueError, match="--kind vae and --posterior gaussian"):
        train(AutoencoderTraining(kind="vae"))
