"""Draw the map of an auto-encoder's latent plane: field, basins and attractors (AE-dynamics paper, figure 1)."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import torch

from dmfa_demo.data.datasets import load_split, to_float
from dmfa_demo.models.autoencoder import Autoencoder, AutoencoderConfig
from dmfa_demo.models.latent_map import CHUNK, MAP, LatentMap, LatentPlane, latent_map
from dmfa_demo.options import PositiveInt, Range
from dmfa_demo.storage.checkpoints import CONFIG, ROOT, load_network
from train.engine.model_card import write_model_card
from train.engine.run import DatasetConfig, export

# A single image has no spread and spans no plane.
Several = Annotated[int, Range(at_least=2)]


@dataclass(frozen=True)
class Attractors(DatasetConfig):
    """Map an auto-encoder's two latents, or the plane of the first two principal directions of more latents."""

    folder: str = "autoencoder-2d"
    """the checkpoint made by `python -m train autoencoder --latents 2 --output ...`"""
    resolution: Several = 120
    """points per side"""
    steps: PositiveInt = 500
    """the maximum number of steps; a walk that has not arrived by then has no basin"""
    images: Several = 1_000
    """training images to show in the plane"""

    recipes: ClassVar = {"celeba": {"folder": "autoencoder", "resolution": 60}}

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.folder,)

    def is_finished(self) -> bool:
        folder = ROOT / self.dataset / self.folder
        return (folder / MAP).is_file() and len(LatentMap.load(folder).basins) == self.resolution


@torch.no_grad()
def draw(config: Attractors) -> None:
    """Write the map beside the weights, and the graphs, which have steps on the map; print a summary.

    Raises:
        ValueError: If there is no attractor.
    """
    folder = ROOT / config.dataset / config.folder
    model = load_network(folder, Autoencoder, AutoencoderConfig)
    training = load_split(config.dataset, "train", config.data_root)
    labels = json.loads((folder / CONFIG).read_text())["training"]["labels"]
    training = training.only(labels) if labels else training
    images = to_float(training.images[: config.images])
    latents = torch.cat([model.encode(part) for part in images.split(CHUNK)])
    plane = LatentPlane.principal(model, latents)
    points = plane.place(latents)
    # Lengths on the map are in units of the spread of the images' latents.
    spread = points.std(0).mean().item()
    found = latent_map(
        plane.encode,
        decode=plane.decode,
        points=points,
        labels=training.kinds[: config.images],
        resolution=config.resolution,
        steps=config.steps,
        tolerance=1e-3 * spread,
        apart=0.05 * spread,
    )
    if not len(found.attractors):
        raise ValueError(
            f"no walk in {folder} reaches an attractor within {config.steps} steps; train the auto-encoder longer"
        )
    replace(found, centre=plane.centre, axes=plane.axes).save(folder)
    write_model_card(folder)
    export(folder)
    lost = (found.basins < 0).double().mean()
    print(f"wrote {folder}: {len(found.attractors)} attractors, {lost:.1%} of the plane leads to no attractor")
