"""Train and measure the WAEs of the MisConv paper (appendix A.3): `python -m train wae --treatment misconv-dmfa`.

As with the classifiers, each training image has one hole, the same in all epochs, for all treatments, and for the source of a treatment.
The reconstruction error is taken over the observed pixels only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, cast

import numpy as np
import torch
import tyro
from torch import Tensor, nn

from dmfa_demo import metrics
from dmfa_demo.data.datasets import DATASETS, LabelledImages, given_as, load_split, to_float
from dmfa_demo.models.classifier import CLASSIFIERS, CompleteClassifier, ConvNet
from dmfa_demo.models.classifier import folder_of as folder_of_classifier
from dmfa_demo.models.wae import COMPONENTS, WAE, WAEConfig, WAENetwork, folder_of
from dmfa_demo.options import NonNegativeFloat
from dmfa_demo.storage.checkpoints import CONFIG, ROOT, digest
from train.engine.loop import LoopConfig
from train.engine.network_run import NetworkRunConfig, fit_network
from train.engine.run import absent_pixels, finish
from train.methods.autoencoder import Critic, mmd
from train.methods.classifier import CHUNK, HOLES_SEED, SHIPPED, VALIDATED, mirror_some, prepare, source_name, source_of
from train.report.papers import REPORTED
from train.report.rows import Row, gather, read_rows, table, write_rows

if TYPE_CHECKING:
    from torchmetrics.image.fid import FrechetInceptionDistance

# The number of training images to whose latents their distribution is fitted.
DESCRIBED = 10_000

MEASURES = ("ssim", "psnr_image", "frechet", "fid")


@dataclass(frozen=True)
class WAETraining(NetworkRunConfig):
    """A Wasserstein auto-encoder of images with holes, measured on the test images."""

    treatment: Literal["complete", "misconv-dmfa", "dmfa-mean", "knn", "acflow", "mask", "zero", "partial-conv"] = (
        "misconv-dmfa"
    )
    """the treatment of missing pixels"""
    incomplete: str = "square14"
    """a mask family: these pixels of training and test images are never known"""
    match: NonNegativeFloat = 1.0
    """weight of the match between latents and a standard normal"""
    by: Literal["gan", "mmd"] = "gan"
    """what matches them: an adversary (WAE-GAN) or a kernel (WAE-MMD)"""
    inception: bool = False
    """also measure the FID with Inception features, whose weights torchmetrics downloads (needs torch-fidelity)"""
    network: tyro.conf.Suppress[WAEConfig] = field(default_factory=WAEConfig)
    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(steps=12_000, batch_size=128, validate_every=1_000, warmup_steps=100)
    )

    method: ClassVar[str] = "wae"
    without_effect: ClassVar = ("inception",)
    recipes: ClassVar = {
        "celeba": {
            "network": WAEConfig(latents=64, widths=(32, 64, 128, 256, 256), hidden=256),
            "loop": LoopConfig(steps=12_000, batch_size=64, validate_every=1_000, warmup_steps=100),
            "incomplete": "square32",
        },
    }

    def __post_init__(self):
        super().__post_init__()
        source = source_name(CLASSIFIERS[self.treatment], self.dataset, self.incomplete)
        object.__setattr__(self, "network", replace(self.network, treatment=self.treatment, source=source))

    @property
    def checkpoint(self) -> Path:
        return self.output or ROOT / self.dataset / folder_of(self.treatment)

    @property
    def folder(self) -> Path:
        return self.run_folder or Path("runs") / self.dataset / folder_of(self.treatment)

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.network.source,) if self.network.source else ()


class WAEObjective(nn.Module):
    """The loss of a WAE: the squared error over observed pixels, and the match of its latents with a standard normal distribution."""

    def __init__(self, wae: WAE, match: float, by: Literal["gan", "mmd"]):
        super().__init__()
        self.wae, self.network, self.match = wae, wae.network, match
        self.critic = Critic(wae.config.latents) if by == "gan" else None

    def forward(self, images: Tensor, observed: Tensor, latent_noise: Tensor, *prepared: Tensor) -> Tensor:
        """Return the mean loss of images `(B, C, H, W)` with observed pixels, bool `(B, 1, H, W)`, and standard normal noise `(B, d)`."""
        z = self.wae.encode(self.network, *prepared)
        error = squared_error(self.network.decoder(z), images, observed).mean()
        return error + self.match * (mmd(z, latent_noise) if self.critic is None else self.critic.loss(z, latent_noise))


def squared_error(found: Tensor, images: Tensor, where: Tensor) -> Tensor:
    """Return the squared error over some pixels, `(B,)`."""
    return torch.where(where, found - images, 0).square().sum((1, 2, 3))


def train(config: WAETraining) -> None:
    """Train, write the checkpoint with its model card and graphs, measure, and write the figures.

    Raises:
        FileNotFoundError: If the treatment's source is not trained yet.
    """
    config.check_output()
    kind, beside = CLASSIFIERS[config.treatment], ROOT / config.dataset
    training, validation, test = (
        load_split(config.dataset, part, config.data_root) for part in ("train", "validation", "test")
    )
    size, mirrored = training.images.shape[-2:], DATASETS[config.dataset].mirrored
    absent = absent_pixels(config.incomplete, len(training), size, HOLES_SEED)
    source = source_of(kind, beside, name=config.network.source, images=training.images, absent=absent)
    wae = WAE(config.network, source)
    inputs = prepare(wae.treatment, training.images, absent)
    validation = validation.first(VALIDATED)
    holes = absent_pixels(config.incomplete, len(validation), size, 1)
    held_out, known = to_float(validation.images), prepare(wae.treatment, validation.images, holes)
    everything = kind.takes_complete

    def draw(rows: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        images, observed = to_float(training.images[rows]), ~absent[rows] | everything
        chosen = tuple(part[rows] for part in inputs)
        if mirrored:
            turned = torch.rand(len(rows), generator=generator) < 0.5
            images, observed = (torch.where(turned.view(-1, 1, 1, 1), x.flip(-1), x) for x in (images, observed))
            chosen = mirror_some(wae.treatment, chosen, turned)
        return images, observed, torch.randn(len(rows), config.network.latents, generator=generator), *chosen

    def loss(network: nn.Module, step: int, *batch: Tensor) -> Tensor:
        return network(*batch)

    @torch.inference_mode()
    def validate(network: nn.Module) -> dict[str, float]:
        found = reconstruct(wae, cast(WAEObjective, network).network, known)
        return {
            # Over observed pixels only: nobody knows the others.
            "validation": squared_error(found, held_out, ~holes | everything).mean().item(),
            "psnr_image": metrics.psnr_image(found, held_out).mean().item(),
            "ssim": metrics.ssim(found, held_out).mean().item(),
        }

    torch.manual_seed(config.loop.seed)
    objective = WAEObjective(WAE(config.network, wae.treatment.source), config.match, config.by)
    weights = config.network.source and digest(beside / config.network.source)
    seconds = fit_network(config, objective, training, draw=draw, loss=loss, validate=validate, source=weights)
    trained = objective.wae
    trained.network.cpu().eval()
    describe_latents(trained, tuple(part[:DESCRIBED] for part in inputs))
    finish(config, trained.network.state_dict(), seconds, training)
    rows = _measure(config, trained, test)
    print(table(rows), flush=True)
    write_rows(config.checkpoint, [*read_rows(config.checkpoint), *rows])
    if config.output is None:
        gather(config.dataset)


@torch.no_grad()
def describe_latents(wae: WAE, inputs: tuple[Tensor, ...]) -> None:
    """Fit the distribution of latents to those of prepared inputs, in place."""
    from sklearn.mixture import GaussianMixture  # slow to import

    batches = zip(*(part.split(CHUNK) for part in inputs))
    z = torch.cat([wae.encode(wae.network, *batch) for batch in batches]).double().numpy()
    fitted = GaussianMixture(COMPONENTS, reg_covar=1e-4, random_state=0).fit(z)
    found = fitted.weights_, fitted.means_, np.linalg.cholesky(np.asarray(fitted.covariances_))
    for buffer, values in zip((wae.network.weights, wae.network.means, wae.network.scales), found):
        buffer.copy_(torch.from_numpy(values))


@torch.inference_mode()
def reconstruct(wae: WAE, network: WAENetwork, inputs: tuple[Tensor, ...]) -> Tensor:
    """Return the reconstructions `(N, C, H, W)` of prepared inputs by a network with the architecture of `wae`."""
    device = next(network.parameters()).device
    parts = zip(*(part.split(CHUNK) for part in inputs))
    return torch.cat([network.decoder(wae.encode(network, *(one.to(device) for one in part))).cpu() for part in parts])


def _measure(config: WAETraining, wae: WAE, test: LabelledImages) -> list[Row]:
    """Return SSIM and PSNR of reconstructions against the complete images, and Fréchet distances of drawn images."""
    from torchmetrics.image.fid import FrechetInceptionDistance  # slow to import

    images, paper = to_float(test.images), wae.treatment.paper
    holes = absent_pixels(config.incomplete, len(images), images.shape[-2:], 0)
    found = reconstruct(wae, wae.network, prepare(wae.treatment, test.images, holes))
    dreams = wae.dream(len(images), torch.Generator().manual_seed(0))
    figures: dict[str, tuple[float, float | None]] = {
        name: (values.mean().item(), (values.std() / math.sqrt(len(values))).item())
        for name, values in (
            ("ssim", metrics.ssim(found, images)),
            ("psnr_image", metrics.psnr_image(found, images)),
        )
    }
    complete = ROOT / config.dataset / folder_of_classifier("complete")
    if (complete / CONFIG).is_file():
        features = FrechetInceptionDistance(_Features(CompleteClassifier.load(complete)), normalize=True)
        figures["frechet"] = frechet_distance(features, images, dreams), None
    else:
        print(
            f"no Fréchet distance: it needs the features of a classifier of complete images in {complete}; make it with "
            f"python -m train classifier --dataset {given_as(config.dataset)} --treatment complete --incomplete {SHIPPED} --seeds 1"
        )
    if config.inception:
        inception = FrechetInceptionDistance(normalize=True)
        figures["fid"] = frechet_distance(inception, *(x.expand(-1, 3, -1, -1) for x in (images, dreams))), None
    protocol, rows = f"reconstruct-{config.incomplete}", []
    for metric in (name for name in MEASURES if name in figures):
        reported, source = REPORTED.get((paper, config.dataset, protocol, metric), (None, None))
        value, error = figures[metric]
        row = Row(
            dataset=config.dataset,
            method=folder_of(config.treatment),
            protocol=protocol,
            metric=metric,
            value=value,
            stderr=error,
            n=len(images),
            seeds=1,
            paper=reported,
            source=source,
            weights=digest(config.checkpoint),
            title=wae.treatment.title,
        )
        rows.append(row)
    return rows


class _Features(nn.Module):
    """What the classifier of complete images computes before its last layer."""

    def __init__(self, classifier: CompleteClassifier):
        super().__init__()
        network = cast(ConvNet, classifier.network)
        self.network = nn.Sequential(network.features, nn.Flatten(), *list(network.head)[:-1])
        self.num_features = classifier.config.hidden

    def forward(self, images: Tensor) -> Tensor:
        """Map images `(B, C, H, W)`, uint8 or in [0, 1], to features `(B, num_features)`."""
        images = to_float(images) if images.dtype == torch.uint8 else images
        return self.network(images)


@torch.inference_mode()
def frechet_distance(distance: FrechetInceptionDistance, real: Tensor, drawn: Tensor) -> float:
    """Return the Fréchet distance between Gaussians fitted to the features of real and drawn images `(N, C, H, W)` in [0, 1]."""
    for images, are_real in ((real, True), (drawn, False)):
        for part in images.split(CHUNK):
            distance.update(part, real=are_real)
    return distance.compute().item()
