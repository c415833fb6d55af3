"""Fit MFA: initial clusters, then expectation maximisation, monitored on validation images with holes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from dmfa_demo.data.datasets import load_split, to_float
from dmfa_demo.data.masks import mask_family
from dmfa_demo.densities.shared_mixture import SharedMixture
from dmfa_demo.figures import sheet
from dmfa_demo.imputation import flatten, flatten_missing
from dmfa_demo.models.mfa import MFAConfig, MFAImputer, mixture_from, tensors_of
from dmfa_demo.options import PositiveInt, Seed, Temperature
from train.engine.em import CHUNK_NUMBERS, Rows, expectation, initialise, maximization, reseed
from train.engine.loop import METRICS, Interrupted, forget_after, read_state, write_state
from train.engine.model_card import DRAWN, write_model_card
from train.engine.run import RunConfig, absent_pixels, finish, load_training

# The settings for CIFAR-10 and SVHN.
_SMALL_PHOTOS: dict[str, Any] = {"network": MFAConfig(components=1, factors=300, temperature=5.0), "em": False}


@dataclass(frozen=True)
class MFATraining(RunConfig):
    """MFA, the mixture of factor analysers."""

    network: MFAConfig = field(default_factory=MFAConfig)
    iterations: PositiveInt = 20
    """EM iterations"""
    em: bool = True
    """whether to run EM; otherwise the clusters and their principal axes are final"""
    validate_every: PositiveInt = 5
    seed: Seed = 0
    incomplete: str | None = None
    """a mask family: these pixels of each training image are never known"""
    temperatures: tuple[Temperature, ...] = ()
    """print the figures of validation images at these temperatures, to choose --temperature"""

    method = "mfa"
    without_effect = ("temperatures",)
    recipes: ClassVar = {
        # Principal axes without EM, which moves hundreds of factors little. The temperature, of 1, 5, 15, 30 and 60, with the smallest
        # squared error of validation faces; beyond it their likelihood changes by one per cent.
        "celeba": {"network": MFAConfig(components=1, factors=600, temperature=15.0), "em": False},
        "celeba32": {"network": MFAConfig(components=1, factors=600, temperature=15.0), "em": False},
        # Few images: more components or factors fit them better and others worse.
        "omniglot": {"network": MFAConfig(components=10, factors=10)},
        "cifar10": _SMALL_PHOTOS,
        "svhn": _SMALL_PHOTOS,
    }


def train(config: MFATraining) -> None:
    """Fit, then write the checkpoint with its model card."""
    config.check_output()
    training = load_training(config, incomplete=config.incomplete is not None)
    validation = load_split(config.dataset, "validation", config.data_root)
    size = training.images.shape[-2:]
    observed = torch.ones(1, flatten(training.images).shape[1], dtype=torch.bool)
    if config.incomplete:
        absent = absent_pixels(config.incomplete, len(training), size, config.seed)
        observed = ~flatten_missing(absent, training.images.shape[1])
    rows = Rows(flatten(training.images), observed)
    held_out = flatten(to_float(validation.images[:2_000]))
    squares = mask_family(f"square{size[0] // 2}")(len(held_out), size[0], size[1], torch.Generator().manual_seed(2))
    squares = flatten_missing(squares, training.images.shape[1])

    identity = json.dumps([config.settings, len(training)])
    temperature = config.network.temperature
    mixture, seconds = fit(config, rows, lambda mixture: score(mixture, held_out, squares, temperature), identity)
    for other in config.temperatures:
        found = score(mixture, held_out, squares, other)
        print(f"temperature {other:g}:", "  ".join(f"{key} {number:.6g}" for key, number in found.items()), flush=True)
    finish(config, tensors_of(mixture), seconds, training)
    draw(config.checkpoint)
    write_model_card(config.checkpoint)


def draw(folder: Path, count: int = 40, columns: int = 10) -> None:
    """Draw random images, with everything hidden, from the mixture in `folder`, without pixel noise, as a picture beside it."""
    imputer = MFAImputer.load(folder)
    images = torch.zeros(1, *imputer.shape)
    imputation = imputer.impute(images, torch.ones_like(images[:, :1], dtype=torch.bool), seed=0)
    Image.fromarray(sheet(imputation.sample(count, noise=False)[:, 0], columns)).save(folder / DRAWN)


def fit(
    config: MFATraining, rows: Rows, validate: Callable[[SharedMixture], dict[str, float]], identity: str
) -> tuple[SharedMixture, float]:
    """Fit clusters and run EM, resuming from the state in the run's folder if there is one.

    Returns:
        The mixture, and seconds over all sessions.

    Raises:
        Interrupted: After Ctrl-C; every finished iteration is on disk.
    """
    state = read_state(config.folder, identity)
    about, mixture = (state[0], mixture_from(state[1])) if state else ({"step": 0, "seconds": 0.0}, None)
    iteration, started = about["step"], time.monotonic() - about["seconds"]
    config.folder.mkdir(parents=True, exist_ok=True)
    forget_after(config.folder, iteration)
    shape = config.network
    iterations = config.iterations if config.em else 0
    progress = tqdm(total=iterations, initial=iteration, unit="iteration")
    try:
        if mixture is None:
            progress.write("finding clusters …")
            mixture = initialise(
                rows,
                components=shape.components,
                factors=shape.factors,
                noise=shape.noise,
                noise_floor=shape.noise_floor,
                seed=config.seed,
            )
        while iteration < iterations:
            statistics = expectation(mixture, rows)
            mixture = maximization(statistics, shape.noise, shape.noise_floor)
            iteration += 1
            last = iteration == iterations
            row = {
                "step": iteration,
                "seconds": round(time.monotonic() - started, 1),
                "log_likelihood": statistics.log_likelihood / len(rows),
                **(validate(mixture) if last or iteration % config.validate_every == 0 else {}),
            }
            if not last:  # moved components must be fitted before use
                generator = torch.Generator().manual_seed(1_000_003 * config.seed + iteration)
                mixture = reseed(mixture, statistics.responsible, generator)
            with (config.folder / METRICS).open("a") as file:
                file.write(json.dumps(row) + "\n")
            about = {"step": iteration, "seconds": row["seconds"], "run": identity}
            write_state(config.folder, tensors_of(mixture), about)
            progress.update()
            progress.write("  ".join(f"{key} {number:.6g}" for key, number in row.items()))
        if not iterations:
            progress.write("  ".join(f"{key} {number:.6g}" for key, number in validate(mixture).items()))
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped after iteration {about['step']} of {iterations}; the same command resumes from {config.folder}"
        ) from None
    progress.close()
    return mixture, time.monotonic() - started


def score(mixture: SharedMixture, images: Tensor, missing: Tensor, temperature: float = 1.0) -> dict[str, float]:
    """Return negative log-likelihood in nats and squared error of hidden pixels, averaged over images; images and missing are `(B, n)`."""
    nll, sse = [], []
    matrices = mixture.latents.precision[0].numel()  # of each row
    rows = max(1, min(500, CHUNK_NUMBERS // max(1, matrices)))
    for x, hidden in zip(images.split(rows), missing.split(rows)):
        density = mixture.condition(x, hidden, temperature)
        nll.append(-density.log_prob(x, hidden))
        sse.append((density.mean - x).square().sum(1))
    nll, sse = torch.cat(nll), torch.cat(sse)
    return {
        "square_nll": nll.mean().item(),
        "square_nll_median": nll.median().item(),
        "square_sse": sse.mean().item(),
    }
