"""Measure every method on every protocol, and compare with the papers' figures: `python -m train evaluate`.

Every figure is the mean over test images of the mean over mask seeds; its standard error treats images, not masks, as
the independent draws. The median's standard error is bootstrapped over images.

Figures of a method are in checkpoints/DATASET/METHOD/metrics.json; checkpoints/DATASET/results.json has all of them, with
the papers' figures, for the page. The values of each image are in checkpoints/DATASET/METHOD/scores/PROTOCOL.npz, which git
ignores; `python -m train compare` compares methods with them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import ClassVar, cast

import torch
from torch import Tensor
from tqdm import tqdm

from dmfa_demo import metrics
from dmfa_demo.data.datasets import DATASETS, is_folder, load_split, to_float
from dmfa_demo.data.masks import mask_family
from dmfa_demo.imputation import Imputer, flatten, flatten_missing
from dmfa_demo.models.baselines import KNNImputer
from dmfa_demo.models.walks import DynamicsImputer, KNNDynamicsImputer, KNNPseudoGibbsImputer, PseudoGibbsImputer
from dmfa_demo.options import PositiveInt
from dmfa_demo.registry import available_methods, load_imputer, method_class
from dmfa_demo.storage.checkpoints import ROOT, digest
from train.engine.run import DatasetConfig
from train.report.only_measured import mice, nearest
from train.report.papers import REPORTED
from train.report.rows import Row, gather, read_rows, table, write_rows
from train.report.scores import scores_path, write_scores

BATCH = 100
# The number of samples for the CRPS, whose estimate is unbiased for any number.
SAMPLES = 16
BOOTSTRAPS = 200

# Measured on this many test images only, with one mask each: MICE, which is fitted anew for each kind of hole, and methods whose samples are slow.
FEWER = {"mice": 1_000, "diffusion": 40, "acflow": 200, "circuit": 500}

GFC = tuple(f"gfc-o{number}" for number in range(1, 7))
PROTOCOLS = ("square14", "rect10x15", "square13", "arbitrary", "half", "noise75", "line3", "strokes")
# Of a folder of images, beside a square of half its size.
OWN_PROTOCOLS = ("half", "noise75", "strokes")

# In the order of the tables.
MEASURES = ("nll", "nll_median", "nll_wide_floor", "sse", "sse_sample", "psnr", "psnr_image", "psnr_sample", "psnr_sample_image", "psnr_best10", "psnr_best10_image", "distance", "ssim", "coverage90", "crps", "milliseconds", "milliseconds_100")  # fmt: skip


@dataclass(frozen=True)
class Evaluation(DatasetConfig):
    """Measure methods on protocols, and compare with the papers' figures."""

    method: tuple[str, ...] = ()
    """the methods; by default all with a checkpoint, and MICE"""
    protocol: tuple[str, ...] = ()
    """mask families, see dmfa_demo/data/masks.py; by default those of the papers, or some that fit a folder of images"""
    test_set: str = ""
    """the name of another test set, such as official, in --data-root; it is appended to the protocols' names"""
    seeds: PositiveInt = 3
    """masks per image"""
    limit: PositiveInt | None = None
    """the number of test images, for a quick look; nothing is written then"""
    again: bool = False
    """repeat measurements already made with these weights"""

    recipes: ClassVar = {
        "celeba": {"protocol": ("square32", "square25", "centre", "pattern", "noise80", "half", "strokes", *GFC)},
        "celeba32": {"protocol": ("square16", "rect12x20")},
        "omniglot": {"protocol": ("square14", "arbitrary", "half"), "seeds": 1},
        "cifar10": {"protocol": ("square16",), "seeds": 1},
        "svhn": {"protocol": ("square16",), "seeds": 1},
    }


def evaluate(config: Evaluation) -> None:
    """Measure; print and write each table as soon as it is complete; skip previous measurements.

    Raises:
        ValueError: If a method or protocol does not exist.
    """
    if not config.protocol:
        half = DATASETS[config.dataset].shape[-1] // 2
        usual = (f"square{half}", *OWN_PROTOCOLS) if is_folder(config.dataset) else PROTOCOLS
        config = replace(config, protocol=usual)
    offline = {} if config.test_set else _offline(config)  # they need the training images
    methods = config.method or (*available_methods(config.dataset), *offline)
    for method in methods:
        method_class(method)
    families = [mask_family(protocol) for protocol in config.protocol]
    test = to_float(load_split(config.dataset, "test", config.data_root).images)
    for family in families:  # report a hole that does not fit before computing anything
        family(1, test.shape[-2], test.shape[-1], torch.Generator())
    for family in config.protocol:
        protocol = f"{family}-{config.test_set}" if config.test_set else family
        for method in methods:
            folder = ROOT / config.dataset / method
            images = test[: min(config.limit or len(test), FEWER.get(method, len(test)))]
            seeds = 1 if method in FEWER else config.seeds
            weights, make = offline.get(method, (digest(folder), None))
            wanted = (protocol, len(images), seeds, weights)
            if not (config.again or config.limit) and wanted in {
                (row.protocol, row.n, row.seeds, row.weights) for row in read_rows(folder)
            }:
                print(f"{method} on {protocol}: already measured (--again repeats it)", flush=True)
                continue
            imputer = make(family) if make else load_imputer(method, config.dataset)
            scores = score(imputer, images=images, family=family, seeds=seeds)
            rows = summarise(scores, imputer, dataset=config.dataset, family=family, protocol=protocol, weights=weights)
            print(table(rows), flush=True)
            if config.limit is None:
                write_rows(folder, rows)
                write_scores(scores_path(folder, protocol), scores.columns, weights)
                gather(config.dataset)


def _offline(config: Evaluation) -> dict[str, tuple[str, Callable[[str], Imputer]]]:
    """Return the methods without a checkpoint: the digest of the weights they use, if any, and a function that makes one for a protocol.

    These are MICE and methods that would contain images that may not be distributed.
    """
    if is_folder(config.dataset):
        return {}
    if DATASETS[config.dataset].shareable:
        return {"mice": ("", lambda protocol: mice(config.dataset, protocol, config.data_root))}
    neighbours = cache(lambda: nearest(config.dataset, config.data_root))
    ways: dict[str, tuple[str, Callable[[str], Imputer]]] = {KNNImputer.name: ("", lambda _: neighbours())}
    # They use the step size and number of steps that were chosen for starts from noise.
    for random, start in ((DynamicsImputer, KNNDynamicsImputer), (PseudoGibbsImputer, KNNPseudoGibbsImputer)):
        if random.name in available_methods(config.dataset):
            weights, model = (
                digest(ROOT / config.dataset / random.name),
                cast(DynamicsImputer, load_imputer(random.name, config.dataset)).model,
            )
            ways[start.name] = weights, lambda _, start=start, model=model: start(model, neighbours())
    return ways


@dataclass(frozen=True)
class Scores:
    """The figures of one method on one protocol, image by image.

    Attributes:
        columns: the values of each measure `(seeds, N)`, float64, NaN where a mask hid nothing.
        milliseconds: the time for one image.
    """

    columns: dict[str, Tensor]
    milliseconds: float


def measure(imputer: Imputer, *, images: Tensor, dataset: str, family: str, seeds: int) -> list[Row]:
    """Return the rows of one method on the protocol of a mask family; see `score` and `summarise`."""
    return summarise(score(imputer, images=images, family=family, seeds=seeds), imputer, dataset=dataset, family=family)


def score(imputer: Imputer, *, images: Tensor, family: str, seeds: int) -> Scores:
    """Return the figures of one method for each image and mask.

    Args:
        images: float32 `(N, C, H, W)` in [0, 1].
        family: the mask family.
        seeds: masks are drawn with seeds 0 to seeds - 1, for all images at once, in order.
    """
    values: dict[str, list[Tensor]] = {}
    spent = 0.0
    batches = _batches(images, family, seeds)
    for seed, batch, missing in tqdm(
        batches, total=seeds * math.ceil(len(images) / BATCH), desc=f"{imputer.name} {family}", leave=False
    ):
        started = time.perf_counter()
        imputation = imputer.impute(batch, missing, seed=seed)
        spent += time.perf_counter() - started
        truth, mask = flatten(batch), flatten_missing(missing, batch.shape[1])
        mean, density = flatten(imputation.mean), imputation.density
        with torch.inference_mode():
            found = {
                "sse": metrics.sse(mean, truth, mask),
                "psnr": metrics.psnr(mean, truth, mask),
                "psnr_image": metrics.psnr_image(imputation.mean, batch),
                "ssim": metrics.ssim(imputation.mean, batch),
            }
            if imputer.draws_quickly:
                samples = imputation.mean[None] if imputation.sampler is None else imputation.sample(SAMPLES)
                found["crps"] = metrics.crps(flatten(samples), truth, mask)
                if imputation.sampler is not None:
                    found["sse_sample"] = metrics.sse(flatten(samples[0]), truth, mask)
                    found |= _of_samples(imputation.sample(10, noise=False), batch, mask)
            if density is not None:
                found["nll"] = metrics.nll(density, truth, mask)
                if (wide := density.with_noise_floor(metrics.WIDE_FLOOR)) is not None:
                    found["nll_wide_floor"] = metrics.nll(wide, truth, mask)
                found["coverage90"] = metrics.coverage(density, truth, mask)
        measurable = mask.any(1)  # not where a draw hid nothing
        for metric, value in found.items():
            values.setdefault(metric, []).append(torch.where(measurable, value, torch.nan))
    columns = {metric: torch.cat(parts).view(seeds, -1).double() for metric, parts in values.items()}
    return Scores(columns, 1000 * spent / (seeds * len(images)))


def summarise(
    scores: Scores, imputer: Imputer, *, dataset: str, family: str, protocol: str | None = None, weights: str = ""
) -> list[Row]:
    """Return the rows of one method on one protocol, with means and standard errors.

    Args:
        family: the mask family.
        protocol: the name of the protocol, if it differs from the family's.
        weights: the digest to record in each row.
    """
    protocol, columns = protocol or family, scores.columns
    seeds, count = columns["sse"].shape
    summary = {metric: _mean(column) for metric, column in columns.items()}
    if "nll" in columns:
        summary["nll_median"] = _median(columns["nll"])
    summary["milliseconds"] = scores.milliseconds, None
    rows = []
    for metric in MEASURES:
        if metric in summary:
            paper, source = REPORTED.get((imputer.paper or "", dataset, family, metric), (None, None))
            value, stderr = summary[metric]
            row = Row(
                dataset=dataset,
                method=imputer.name,
                protocol=protocol,
                metric=metric,
                value=value,
                stderr=stderr,
                n=count,
                seeds=seeds,
                paper=paper,
                source=source,
                weights=weights,
            )
            rows.append(row)
    return rows


def _of_samples(samples: Tensor, images: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """Return PSNR of the first of samples `(S, B, C, H, W)` and of the nearest to the truth, over hole and image, and the distance between samples.

    All `(B,)`.
    """
    truth = flatten(images)
    over = {
        "": torch.stack([metrics.psnr(flatten(sample), truth, mask) for sample in samples]),
        "_image": torch.stack([metrics.psnr_image(sample, images) for sample in samples]),
    }
    kinds = {"psnr_sample": lambda values: values[0], f"psnr_best{len(samples)}": lambda values: values.amax(0)}
    figures = {f"{name}{suffix}": of(values) for name, of in kinds.items() for suffix, values in over.items()}
    return {**figures, "distance": metrics.distance(samples.flatten(2), mask)}


def _batches(images: Tensor, family: str, seeds: int) -> Iterator[tuple[int, Tensor, Tensor]]:
    for seed in range(seeds):
        height, width = images.shape[-2:]
        missing = mask_family(family)(len(images), height, width, torch.Generator().manual_seed(seed))
        for batch, holes in zip(images.split(BATCH), missing.split(BATCH)):
            yield seed, batch, holes


def _mean(column: Tensor) -> tuple[float, float | None]:
    by_image = column.nanmean(0)
    by_image = by_image[~by_image.isnan()]
    return by_image.mean().item(), (by_image.std() / math.sqrt(len(by_image))).item() if len(by_image) > 1 else None


def _median(column: Tensor) -> tuple[float, float]:
    generator = torch.Generator().manual_seed(0)
    draws = [
        column[:, torch.randint(column.shape[1], (column.shape[1],), generator=generator)].nanmedian()
        for _ in range(BOOTSTRAPS)
    ]
    return column.nanmedian().item(), torch.stack(draws).std().item()
