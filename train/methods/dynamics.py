"""Choose step size and number of steps along an auto-encoder's field on validation images (AE-dynamics paper, section 4).

The auto-encoder comes from `python -m train autoencoder`. Each method that follows its field gets a checkpoint that names its weights.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, cast

import torch
from torch import Tensor

from dmfa_demo import metrics
from dmfa_demo.data.datasets import load_split, to_float
from dmfa_demo.data.masks import mask_family
from dmfa_demo.models.dynamics import impute_along
from dmfa_demo.models.walks import DynamicsImputer, KNNDynamicsImputer
from dmfa_demo.options import PositiveInt
from dmfa_demo.registry import method_class
from dmfa_demo.storage.checkpoints import CONFIG, ROOT, read_config
from train.engine.model_card import METRICS, write_model_card
from train.engine.run import DatasetConfig, command_line, hardware, hide_the_same, write_json

AUTOENCODER, KNN = "autoencoder", "knn"

# The loss of SSIM that is acceptable for a shorter walk.
HARDLY = 0.003

# The settings to try. Pseudo-Gibbs sampling has step size 1 by definition.
STEPS = (3, 10, 30, 100)
STEP_SIZES = {
    "dynamics": (0.1, 0.3, 0.6),
    "dynamics-knn": (0.1, 0.3, 0.6),
    "pseudo-gibbs": (1.0,),
    "pseudo-gibbs-knn": (1.0,),
}


@dataclass(frozen=True)
class Dynamics(DatasetConfig):
    """Choose step size and number of steps of AE dynamics and pseudo-Gibbs sampling."""

    masks: str = "square45%"
    """the mask family to choose on, see dmfa_demo/data/masks.py"""
    images: PositiveInt = 1_000
    """the number of validation images, from the first"""

    recipes: ClassVar = {"celeba": {"masks": "square25", "images": 300}}

    @property
    def sources(self) -> tuple[str, ...]:
        return AUTOENCODER, KNN

    def settings_of(self, name: str) -> dict[str, Any]:
        """Return the part of a method's config about how its settings were chosen."""
        return {"method": name, "dataset": self.dataset, "chosen_on": self.masks, "images": self.images}

    def methods(self) -> list[str]:
        """Return the possible methods: those that start from k-NN need its checkpoint."""
        knn = (ROOT / self.dataset / KNN / CONFIG).is_file()
        return [name for name in STEP_SIZES if knn or not issubclass(method_class(name), KNNDynamicsImputer)]

    def is_finished(self) -> bool:
        folder = ROOT / self.dataset
        if not (folder / AUTOENCODER / CONFIG).is_file():
            return False
        followed = read_config(folder / AUTOENCODER)["network"]
        for name in self.methods():
            if not (folder / name / CONFIG).is_file():
                return False
            made = read_config(folder / name)
            of_autoencoder = {key: value for key, value in made["network"].items() if key in followed}
            chosen, size = made.get("training", {}), (followed["height"], followed["width"])
            if chosen | {"chosen_on": self.masks} != self.settings_of(name) or of_autoencoder != followed:
                return False
            if not hide_the_same(size, self.masks, chosen["chosen_on"]):
                return False
        return True


@torch.inference_mode()
def choose(config: Dynamics) -> None:
    """Print SSIM for all settings tried, and write the best of each method as its checkpoint.

    Raises:
        FileNotFoundError: If there is no auto-encoder yet.
    """
    images = to_float(load_split(config.dataset, "validation", config.data_root).images[: config.images])
    height, width = images.shape[-2:]
    missing = mask_family(config.masks)(len(images), height, width, torch.Generator().manual_seed(3))
    trained = ROOT / config.dataset / AUTOENCODER
    if not (trained / CONFIG).is_file():
        raise FileNotFoundError(f"no auto-encoder in {trained}; train one with python -m train autoencoder")
    settings = json.loads((trained / CONFIG).read_text())
    possible = config.methods()
    for name, step_sizes in STEP_SIZES.items():
        if name not in possible:
            print(f"{name} has no k-NN to start from, and is left out")
            continue
        started, imputer = time.monotonic(), cast(DynamicsImputer, method_class(name).load(trained))
        found = {
            (step_size, steps): ssim
            for step_size in step_sizes
            for steps, ssim in ssim_along(imputer, images, missing, step_size).items()
        }
        print(f"{name}, SSIM: " + ", ".join(f"h {h:g} T {t} {ssim:.4f}" for (h, t), ssim in found.items()), flush=True)
        step_size, steps = best_of(found)
        folder = ROOT / config.dataset / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / METRICS).unlink(missing_ok=True)
        minutes = round((time.monotonic() - started) / 60, 1)
        write_json(
            folder / CONFIG,
            {
                "network": asdict(replace(imputer.config, step_size=step_size, steps=steps)),
                "training": config.settings_of(name),
                "weights": AUTOENCODER,
                "about": {
                    **settings["about"],
                    "command": command_line(),
                    "minutes": minutes,
                    "hardware": hardware(),
                    "torch": torch.__version__,
                },
            },
        )
        write_model_card(folder)
        print(f"wrote {folder}: step size {step_size:g}, {steps} steps")


def best_of(found: dict[tuple[float, int], float]) -> tuple[float, int]:
    """Return step size and number of steps of the shortest walk close to the best, from a mapping of (h, T) to SSIM."""
    good = {key: ssim for key, ssim in found.items() if ssim >= max(found.values()) - HARDLY}
    return min(good, key=lambda key: (key[1], -good[key]))


def ssim_along(imputer: DynamicsImputer, images: Tensor, missing: Tensor, step_size: float) -> dict[int, float]:
    """Return the mean SSIM after each number of steps in `STEPS` of one walk; a walk that has arrived does not move."""
    start = imputer.start(images, missing, torch.Generator().manual_seed(4))
    walk = impute_along(
        imputer.model.reconstruct,
        start=start,
        missing=missing,
        step_size=step_size,
        steps=STEPS[-1],
        tolerance=imputer.config.tolerance,
    )
    found, points = {}, start
    for step, state in enumerate(walk):
        points = state.points
        if step in STEPS:
            found[step] = metrics.ssim(points, images).mean().item()
    return {steps: found.get(steps, metrics.ssim(points, images).mean().item()) for steps in STEPS}
