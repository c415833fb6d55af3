"""Train and measure the classifiers of the MisConv paper: `python -m train classifier --treatment misconv-dmfa`.

The training images are incomplete: each has one hole, the same in all epochs, for all treatments, and for the source of a
treatment (`--incomplete` of `python -m train dmfa`, `mfa` and `knn`). Seeds differ in initial weights, the order of images, and
the holes of the test images.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
import tyro
from torch import Tensor, nn
from torch.nn import functional as F

from dmfa_demo import metrics
from dmfa_demo.data.celeba import ATTRIBUTES
from dmfa_demo.data.datasets import DATASETS, given_as, load_split, to_float
from dmfa_demo.imputation import Imputer
from dmfa_demo.models.baselines import KNNConfig, KNNImputer
from dmfa_demo.models.classifier import CLASSIFIERS, Classifier, ClassifierConfig, folder_of, load_source
from dmfa_demo.models.incomplete_knn import IncompleteKNNImputer
from dmfa_demo.options import OptionError, PositiveInt
from dmfa_demo.storage.checkpoints import CONFIG, ROOT, digest
from train.engine.device import on_training_device
from train.engine.loop import LoopConfig, fit
from train.engine.run import RunConfig, absent_pixels, finish
from train.report.papers import REPORTED
from train.report.rows import Row, gather, read_rows, table, write_rows

CHUNK = 1_000

# In the order of the tables. Where an image may be in several classes: also the balanced accuracy of each, and their mean.
MEASURES = (
    "accuracy",
    "label_nll",
    "balanced_accuracy",
    *(f"balanced_accuracy_{number}" for number in range(1, 1 + len(ATTRIBUTES))),
    "ece",
)

# The seed of the holes in training images, equal to that of the sources, so that no source was trained on pixels hidden from a classifier.
HOLES_SEED = 0

# The holes with which the page's classifiers are trained; classifiers for other holes are measured but not kept.
SHIPPED = "mixed"

Inputs = tuple[Tensor, ...]


# The number of validation images that choose the weights, as with DMFA.
VALIDATED = 2_000


def _loop(**settings: Any) -> LoopConfig:
    usual = dict(steps=1_600, batch_size=64, learning_rate=2e-3, warmup_steps=50, ema_decay=0.995, validate_every=800)
    return LoopConfig(**{**usual, **settings})


# The settings for CIFAR-10 and SVHN.
_SMALL_PHOTOS: dict[str, Any] = {
    "network": ClassifierConfig(early=2, late=3, hidden=128, dropout=0.3),
    "loop": _loop(steps=6_000, batch_size=256, validate_every=1_000),
    "incomplete": "square16",
}


@dataclass(frozen=True)
class ClassifierTraining(RunConfig):
    """A classifier of images with holes, trained several times and measured on the test images."""

    treatment: Literal[
        "complete", "misconv-dmfa", "misconv-mfa", "dmfa-mean", "knn", "acflow", "mask", "zero", "partial-conv"
    ] = "misconv-dmfa"
    """the treatment of missing pixels"""
    incomplete: str = "square14"
    """a mask family: these pixels of training and test images are never known"""
    seeds: PositiveInt = 3
    """how many times to train"""
    network: tyro.conf.Suppress[ClassifierConfig] = field(default_factory=ClassifierConfig)
    loop: LoopConfig = field(default_factory=lambda: _loop())

    method: ClassVar[str] = "classifier"
    without_effect: ClassVar = ("seeds",)
    recipes: ClassVar = {
        "celeba": {
            "network": ClassifierConfig(halvings=3),
            "loop": _loop(steps=4_000, batch_size=128, validate_every=500),
            "incomplete": "mixed",
        },
        "cifar10": _SMALL_PHOTOS,
        "svhn": _SMALL_PHOTOS,
    }

    def __post_init__(self):
        super().__post_init__()
        about = DATASETS[self.dataset]
        if not about.classes:
            raise OptionError(f"{self.dataset} has no classes; put the images of each class in a folder of its own")
        source = source_name(CLASSIFIERS[self.treatment], self.dataset, self.incomplete)
        network = replace(self.network, classes=len(about.classes), several=about.several, source=source)
        object.__setattr__(self, "network", network)

    @property
    def checkpoint(self) -> Path:
        return self.output or ROOT / self.dataset / folder_of(self.treatment)

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.network.source,) if self.network.source else ()

    def differences(self) -> str:
        # A classifier that is not kept has only figures, which do not record its settings.
        return super().differences() if self.incomplete == SHIPPED else ""

    def is_finished(self) -> bool:
        """Return whether it is measured and, if it is one of those kept, made with the same settings."""
        rows = [row for row in read_rows(self.checkpoint) if row.protocol == f"classify-{self.incomplete}"]
        measured = bool(rows) and all(row.seeds == self.seeds for row in rows)
        if self.incomplete != SHIPPED:
            return measured
        return super().is_finished() and measured and rows[0].weights == digest(self.checkpoint)


def train(config: ClassifierTraining) -> None:
    """Train, measure and write the figures and, for classifiers on the page, the first one's checkpoint.

    Raises:
        FileNotFoundError: If the treatment's source is not trained yet.
    """
    config.describe_data()
    kind, beside = CLASSIFIERS[config.treatment], ROOT / config.dataset
    folder = config.checkpoint
    training, validation, test = (
        load_split(config.dataset, part, config.data_root) for part in ("train", "validation", "test")
    )
    size, about = training.images.shape[-2:], identity(config)
    # Drawn for all images, so that those with labels have the same holes as in the training of the source.
    absent = absent_pixels(config.incomplete, len(training), size, HOLES_SEED)
    source = source_of(kind, beside, name=config.network.source, images=training.images, absent=absent)
    absent = absent[training.has_labels]
    training, validation, test = training.labelled(), validation.labelled().first(VALIDATED), test.labelled()
    warn_of_empty_classes(config.dataset, training=training.labels, test=test.labels)
    preparing = kind(config.network, source)
    inputs = prepare(preparing, training.images, absent)
    held_out = prepare(preparing, validation.images, absent_pixels(config.incomplete, len(validation), size, 1))
    complete = prepare(preparing, test.images, absent_pixels(None, len(test), size, 0))

    classifiers, seconds = [], []
    figures: dict[str, list[dict[str, float]]] = {"": [], "-complete": []}
    for seed in range(config.seeds):
        torch.manual_seed(config.loop.seed + seed)
        classifier = kind(config.network, source)
        seconds.append(
            _fit(
                classifier,
                config=config,
                seed=seed,
                about=about,
                training=(inputs, training.labels),
                validation=(held_out, validation.labels),
            )
        )
        holes = prepare(preparing, test.images, absent_pixels(config.incomplete, len(test), size, seed))
        figures[""].append(measure(classifier, holes, test.labels))
        figures["-complete"].append(measure(classifier, complete, test.labels))
        classifiers.append(classifier)

    known = read_rows(folder)
    if config.incomplete == SHIPPED:
        finish(replace(config, output=folder), classifiers[0].network.state_dict(), seconds[0], training)
    for suffix, found in figures.items():
        weights = digest(folder) if config.incomplete == SHIPPED else hashlib.sha256(about.encode()).hexdigest()[:12]
        rows = _rows(
            config,
            kind=kind,
            protocol=f"classify-{config.incomplete}{suffix}",
            found=found,
            n=len(test),
            weights=weights,
        )
        print(table(rows), flush=True)
        known = [row for row in known if row.protocol != rows[0].protocol] + rows
    write_rows(folder, known)
    if config.output is None:
        gather(config.dataset)


def warn_of_empty_classes(dataset: str, *, training: Tensor, test: Tensor) -> None:
    """Print the classes that have no training image, and those that have no test image, for labels int64 `(N,)`.

    Labels `(N, classes)`, of images that may be in several classes, are not examined.
    """
    for name, labels in (("training", training), ("test", test)):
        there = set(labels.unique().tolist()) if labels.dim() == 1 else range(len(DATASETS[dataset].classes))
        if empty := [label for number, label in enumerate(DATASETS[dataset].classes) if number not in there]:
            print(f"Without a {name} image: {', '.join(empty)}.", flush=True)


def source_name(kind: type[Classifier], dataset: str, incomplete: str) -> str:
    """Return the name of the checkpoint with a treatment's source; "" for none.

    A source that would contain images that may not be distributed has no checkpoint.
    """
    if kind.source_method is None or (kind.source_method == KNNImputer.name and not DATASETS[dataset].shareable):
        return ""
    return kind.source_method if kind.source_saw_everything else f"{kind.source_method}-{incomplete}"


def source_of(kind: type[Classifier], beside: Path, *, name: str, images: Tensor, absent: Tensor) -> Imputer | None:
    """Load a treatment's source from its checkpoint or, if it has none, make it from the training images.

    Raises:
        FileNotFoundError: If it has no checkpoint yet; the message names the command that makes it.
    """
    if kind.source_method == KNNImputer.name and not name:
        return IncompleteKNNImputer(images, ~absent, KNNConfig().neighbours)
    if name and not (beside / name / CONFIG).is_file():
        command = f"python -m train {kind.source_method} --dataset {given_as(beside.name)}"
        if holes := name.removeprefix(str(kind.source_method)).removeprefix("-"):
            command += f" --incomplete {holes} --run-folder runs/{beside.name}/{name} --output {beside / name}"
        raise FileNotFoundError(f"{kind.title} needs a checkpoint in {beside / name}; make it with {command}")
    return load_source(kind, beside / name)


@torch.inference_mode()
def prepare(classifier: Classifier, images: Tensor, missing: Tensor) -> Inputs:
    """Return the network's inputs for uint8 images `(N, C, H, W)` with missing `(N, 1, H, W)`, all at once."""
    prepared: list[Tensor] = []
    with on_training_device(classifier.source) as device:
        for first in range(0, len(images), CHUNK):
            rows = slice(first, first + CHUNK)
            x, hidden = to_float(images[rows]).to(device), missing[rows].to(device)
            found = classifier.prepare(x, hidden, classifier.believe(x, hidden))
            if not prepared:  # no torch.cat at the end, which would need twice the memory
                prepared = [part.new_empty(len(images), *part.shape[1:], device="cpu") for part in found]
            for whole, part in zip(prepared, found):
                whole[rows] = part
    return tuple(prepared)


def mirror_some(classifier: Classifier, inputs: Inputs, turned: Tensor) -> Inputs:
    """Return a batch of a classifier's inputs with the mirror images in the rows where `turned`, bool `(B,)`, is True."""
    return tuple(
        torch.where(turned.view(-1, *[1] * (part.dim() - 1)), other, part)
        for part, other in zip(inputs, classifier.mirror(*inputs))
    )


@torch.inference_mode()
def measure(classifier: Classifier, inputs: Inputs, labels: Tensor) -> dict[str, float]:
    """Measure accuracy, negative log-likelihood of the label in nats, and expected calibration error."""
    return _figures(_logits(classifier, classifier.network.eval(), inputs), labels)


def _fit(
    classifier: Classifier,
    config: ClassifierTraining,
    seed: int,
    about: str,
    training: tuple[Inputs, Tensor],
    validation: tuple[Inputs, Tensor],
) -> float:
    """Train the classifier's network in place; return the seconds it took."""

    mirrored = DATASETS[config.dataset].mirrored

    def draw(rows: Tensor, generator: torch.Generator) -> Inputs:
        inputs = tuple(part[rows] for part in training[0])
        if mirrored:  # at random, with their holes
            inputs = mirror_some(classifier, inputs, torch.rand(len(rows), generator=generator) < 0.5)
        return *inputs, training[1][rows]

    def loss(network: nn.Module, step: int, *batch: Tensor) -> Tensor:
        *inputs, labels = batch
        return label_nll(classifier.logits(network, *inputs).float(), labels)

    @torch.inference_mode()
    def validate(network: nn.Module) -> dict[str, float]:
        found = _figures(_logits(classifier, network, validation[0]), validation[1])
        return {"validation": found["label_nll"], **found}

    name = f"classifier-{config.treatment}-{config.incomplete}-{seed}"
    folder = (config.run_folder or Path("runs") / config.dataset) / name
    loop = replace(config.loop, seed=config.loop.seed + seed)
    return fit(
        classifier.network,
        rows=len(training[1]),
        draw=draw,
        loss=loss,
        validate=validate,
        config=loop,
        folder=folder,
        identity=f"{about} {len(training[1])}",
    )


def identity(config: ClassifierTraining) -> str:
    """Return all that affects a network except its seed: settings, and the weights of its source."""
    settings = config.settings
    del settings["training"]["seeds"]
    source = config.network.source and digest(ROOT / config.dataset / config.network.source)
    return json.dumps([settings, source])


def _logits(classifier: Classifier, network: nn.Module, inputs: Inputs) -> Tensor:
    device = next(network.parameters()).device
    batches = zip(*(part.split(CHUNK) for part in inputs))
    return torch.cat([classifier.logits(network, *(part.to(device) for part in batch)).cpu() for batch in batches])


def _figures(logits: Tensor, labels: Tensor) -> dict[str, float]:
    if labels.dim() > 1:  # each class is a separate question
        probability, right = logits.sigmoid(), (logits > 0) == labels.bool()
        both = torch.stack([1 - probability, probability], -1).flatten(0, 1)
        ece = metrics.calibration_error(both, labels.flatten()).item()
    else:
        right, ece = logits.argmax(1) == labels, metrics.calibration_error(logits.softmax(1), labels).item()
    found = {"accuracy": right.float().mean().item(), "label_nll": label_nll(logits, labels).item(), "ece": ece}
    if labels.dim() > 1:
        balanced = metrics.balanced_accuracy(logits > 0, labels.bool()).tolist()
        found |= {f"balanced_accuracy_{number + 1}": value for number, value in enumerate(balanced)}
        found["balanced_accuracy"] = sum(balanced) / len(balanced)
    return found


def label_nll(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the negative log-likelihood of the labels in nats, averaged over images and, if there are several, over classes."""
    if labels.dim() > 1:
        return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
    return F.cross_entropy(logits, labels)


def _rows(
    config: ClassifierTraining,
    kind: type[Classifier],
    protocol: str,
    found: list[dict[str, float]],
    n: int,
    weights: str,
) -> list[Row]:
    """Return rows with each figure's mean and standard error over seeds, and the paper's figure."""
    rows = []
    for metric in (name for name in MEASURES if name in found[0]):
        values = torch.tensor([figures[metric] for figures in found], dtype=torch.float64)
        error = (values.std() / math.sqrt(len(values))).item() if len(values) > 1 else None
        paper, source = REPORTED.get((kind.paper, config.dataset, protocol, metric), (None, None))
        name = folder_of(config.treatment)
        row = Row(
            dataset=config.dataset,
            method=name,
            protocol=protocol,
            metric=metric,
            value=values.mean().item(),
            stderr=error,
            n=n,
            seeds=len(values),
            paper=paper,
            source=source,
            weights=weights,
            title=kind.title,
        )
        rows.append(row)
    return rows
