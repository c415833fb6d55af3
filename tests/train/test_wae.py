"""Training and measuring a WAE on a few digits."""

import json

import pytest
import torch
from torchmetrics.image.fid import FrechetInceptionDistance

from dmfa_demo.data.datasets import LabelledImages
from dmfa_demo.models.wae import WAE, WAEConfig
from train.commands import parse
from train.methods import wae
from train.methods.wae import WAEObjective, frechet_distance, squared_error


@pytest.fixture
def few(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (60, 1, 28, 28), generator=generator, dtype=torch.uint8)
    found = LabelledImages(images, torch.arange(60) % 10, torch.arange(60))
    monkeypatch.setattr(wae, "load_split", lambda *place: found)
    return found


def config(tmp_path, *words: str):
    return parse(
        [
            "wae",
            "--steps",
            "3",
            "--batch-size",
            "8",
            "--run-folder",
            str(tmp_path / "run"),
            "--output",
            str(tmp_path / "wae"),
            *words,
        ]
    )


@pytest.mark.parametrize("words", [("--treatment", "mask"), ("--treatment", "complete", "--by", "mmd")])
def test_training_writes_a_checkpoint_and_its_figures(tmp_path, few, words):
    wae.train(config(tmp_path, *words))
    rows = json.loads((tmp_path / "wae" / "metrics.json").read_text())
    assert {row["metric"] for row in rows} == {"ssim", "psnr_image", "frechet"}
    assert {row["protocol"] for row in rows} == {"reconstruct-square14"} and {row["n"] for row in rows} == {60}
    loaded = WAE.load(tmp_path / "wae")
    images, missing = torch.rand(2, 1, 28, 28), torch.rand(2, 1, 28, 28) < 0.3
    assert loaded.reconstruct(images, missing).isfinite().all()
    assert "never known" in (tmp_path / "wae" / "README.md").read_text().lower()


def test_without_a_complete_classifier_only_the_drawn_images_are_not_measured(tmp_path, few, monkeypatch, capsys):
    monkeypatch.setattr(wae, "ROOT", tmp_path / "checkpoints")
    wae.train(config(tmp_path, "--treatment", "zero"))
    rows = json.loads((tmp_path / "wae" / "metrics.json").read_text())
    assert {row["metric"] for row in rows} == {"ssim", "psnr_image"}
    assert "no Fréchet distance: it needs" in capsys.readouterr().out


def test_described_latents_have_the_moments_of_the_images():
    torch.manual_seed(0)
    trained = WAE(WAEConfig(treatment="zero", latents=3, widths=(8, 8)), None)
    trained.network.eval()
    inputs = trained.treatment.prepare(torch.rand(500, 1, 28, 28), torch.zeros(500, 1, 28, 28, dtype=torch.bool), None)
    wae.describe_latents(trained, inputs)
    with torch.no_grad():
        z, drawn = (
            trained.encode(trained.network, *inputs),
            trained.network.draw(20_000, torch.Generator().manual_seed(0)),
        )
    torch.testing.assert_close(drawn.mean(0), z.mean(0), atol=0.1 * z.std().item(), rtol=0)
    torch.testing.assert_close(drawn.std(0), z.std(0), atol=2e-2, rtol=0.1)


def test_loss_counts_observed_pixels_only():
    torch.manual_seed(0)
    objective = WAEObjective(
        WAE(WAEConfig(treatment="mask", latents=4, widths=(8, 8)), None), match=1.0, by="mmd"
    ).eval()
    images, missing = torch.rand(4, 1, 28, 28), torch.rand(4, 1, 28, 28) < 0.5
    prepared = objective.wae.treatment.prepare(images, missing, None)
    noise = torch.randn(4, 4)
    losses = [
        objective(torch.where(missing, other, images), ~missing, noise, *prepared) for other in (images, 0.0, 1.0)
    ]
    assert losses[0] == losses[1] == losses[2]
    assert squared_error(images, 1 - images, ~missing)[0].item() == pytest.approx(
        (2 * images[0] - 1)[~missing[0]].square().sum().item(), rel=1e-4
    )


def test_frechet_distance_of_known_gaussians():
    """Of one-dimensional features the distance is (difference of means)^2 + (difference of deviations)^2."""

    class Mean(torch.nn.Module):
        num_features = 2

        def forward(self, images):
            return images.flatten(1)[:, :2].float()

    generator = torch.Generator().manual_seed(0)
    a = torch.randn(4_000, 1, 1, 2, generator=generator)
    b = 3 + 2 * torch.randn(4_000, 1, 1, 2, generator=generator)
    found = frechet_distance(FrechetInceptionDistance(Mean(), normalize=False), a, b)
    means = (a.mean(0) - b.mean(0)).square().sum()
    deviations = (a.std(0) - b.std(0)).square().sum()
    assert found == pytest.approx((means + deviations).item(), rel=0.02)
