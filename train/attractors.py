"""Draw the map of an auto-encoder with two latents: field, basins and attractors (AE-dynamics paper, figure 1)."""

from __future__ import annotations

import json
from dataclasses import dataclass

import torch

from dmfa_demo.checkpoints import CONFIG, ROOT, load_network
from dmfa_demo.data import load_split, to_float
from dmfa_demo.models.attractors import latent_map
from dmfa_demo.models.autoencoder import Autoencoder, AutoencoderConfig
from train.model_card import write_model_card
from train.run import DatasetConfig


@dataclass(frozen=True)
class Attractors(DatasetConfig):
    """Map the latent plane of an auto-encoder with two latents."""

    folder: str = "autoencoder-2d"
    """the checkpoint, which `python -m train autoencoder --latents 2 --output ...` made"""
    resolution: int = 120
    """points a side"""
    steps: int = 500
    """a walk that has not arrived after so many has no basin"""
    images: int = 1_000
    """training images that are shown in the plane"""


@torch.no_grad()
def draw(config: Attractors) -> None:
    """Write the map beside the weights and say what is on it.

    Raises:
        ValueError: when the auto-encoder has another number of latents, or no attractor.
    """
    folder = ROOT / config.dataset / config.folder
    model = load_network(folder, Autoencoder, AutoencoderConfig)
    if model.config.latents != 2:
        raise ValueError(f"a map has two latents, and {folder} has {model.config.latents}; train one with --latents 2")
    training = load_split(config.dataset, "train", config.data_root)
    labels = json.loads((folder / CONFIG).read_text())["training"]["labels"]
    training = training.only(labels) if labels else training
    images = to_float(training.images[: config.images])
    points = model.encode(images)
    # Lengths on the map are in units of how far the images' latents spread.
    spread = points.std(0).mean().item()
    found = latent_map(
        model.encode,
        model.decode,
        points,
        training.labels[: config.images],
        config.resolution,
        config.steps,
        tolerance=1e-3 * spread,
        apart=0.05 * spread,
    )
    if not len(found.attractors):
        raise ValueError(f"no walk in {folder} ends at an attractor within {config.steps} steps; train it longer")
    found.save(folder)
    write_model_card(folder)
    lost = (found.basins < 0).double().mean()
    print(f"wrote {folder}: {len(found.attractors)} attractors, {lost:.1%} of the plane leads to none")
