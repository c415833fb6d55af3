"""Maps of small untrained auto-encoders, and cases without a map."""

import dataclasses

import pytest
import torch

from dmfa_demo.models.autoencoder import Autoencoder, AutoencoderConfig
from dmfa_demo.models.latent_map import LatentMap
from dmfa_demo.storage.checkpoints import save_checkpoint
from train.methods import attractors
from train.methods.attractors import Attractors, draw
from train.methods.autoencoder import AutoencoderTraining


def save(root, latents: int, labels: tuple[int, ...] = ()) -> Autoencoder:
    torch.manual_seed(0)
    small = AutoencoderConfig(latents=latents, widths=(8, 8))
    model = Autoencoder(small)
    settings = dataclasses.replace(AutoencoderTraining(), network=small, labels=labels).settings
    about = {"command": "python -m train", "training_images": 1, "minutes": 1, "hardware": "x", "torch": "x", "parameters": 1}  # fmt: skip
    save_checkpoint(root / "mnist" / "autoencoder-2d", model.state_dict(), {**settings, "about": about})
    return model.eval()


def test_map_is_beside_the_weights_with_training_images_of_the_right_classes(
    small_mnist, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(attractors, "ROOT", tmp_path)
    model = save(tmp_path, 2, (1, 4))
    draw(Attractors(resolution=8, images=20, steps=50, data_root=small_mnist))
    found = LatentMap.load(tmp_path / "mnist" / "autoencoder-2d")
    assert found.basins.shape == (8, 8) and found.points.shape == (20, 2) and set(found.labels.tolist()) == {1, 4}
    torch.testing.assert_close(found.pictures, model.decode(found.attractors).detach())
    assert f"{len(found.attractors)} attractors" in capsys.readouterr().out
    assert "map.safetensors" in (tmp_path / "mnist" / "autoencoder-2d" / "README.md").read_text()


def test_map_without_attractors_is_refused(small_mnist, tmp_path, monkeypatch):
    monkeypatch.setattr(attractors, "ROOT", tmp_path)
    save(tmp_path, 2)
    with pytest.raises(ValueError, match="no walk .* within 1 steps"):
        draw(Attractors(resolution=4, images=20, steps=1, data_root=small_mnist))
    assert not (tmp_path / "mnist" / "autoencoder-2d" / "map.safetensors").exists()


def test_more_than_two_latents_are_mapped_in_their_principal_plane(small_mnist, tmp_path, monkeypatch):
    monkeypatch.setattr(attractors, "ROOT", tmp_path)
    model = save(tmp_path, 3)
    draw(Attractors(resolution=8, images=20, steps=1_000, data_root=small_mnist))
    found = LatentMap.load(tmp_path / "mnist" / "autoencoder-2d")
    assert found.axes.shape == (2, 3) and found.points.shape == (20, 2)
    torch.testing.assert_close(found.axes @ found.axes.T, torch.eye(2))
    torch.testing.assert_close(found.points.mean(0), torch.zeros(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.plane(model).decode(found.attractors).detach(), found.pictures)
