"""The picture on the canvas, and the figures of its imputations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from dmfa_demo import metrics
from dmfa_demo.data.datasets import load_samples, sample_caption, to_float
from dmfa_demo.data.masks import mask_family
from dmfa_demo.imputation import Imputation, flatten, flatten_missing

# The captions of visitors' pictures, for the data sets that accept them.
OWN_CAPTIONS = {"mnist": "your own digit", "celeba": "your own face"}


@dataclass(frozen=True, eq=False)
class Scene:
    """An image on the canvas.

    Attributes:
        dataset: the data set whose models are used.
        image: float32 `(C, H, W)` in [0, 1], complete; models see only its visible pixels.
        caption: a description for visitors.
        labels: its classes, positions in `DATASETS[dataset].classes`; None if unknown.
        number: the number of the bundled sample; None for a visitor's picture.
    """

    dataset: str
    image: Tensor
    caption: str
    labels: tuple[int, ...] | None = None
    number: int | None = None

    @cached_property
    def digest(self) -> bytes:
        """A digest of the data set and the image."""
        return blake2b(self.dataset.encode() + self.image.numpy().tobytes(), digest_size=16).digest()

    @classmethod
    def another(cls, dataset: str, shown: int | None, generator: torch.Generator) -> Scene:
        """Return a bundled sample at random, other than the one with the number `shown`."""
        numbers = [number for number in range(len(load_samples(dataset))) if number != shown]
        return cls.sample(dataset, numbers[int(torch.randint(len(numbers), (), generator=generator))])

    @classmethod
    def sample(cls, dataset: str, number: Any) -> Scene:
        """Return the `number`-th bundled sample.

        Raises:
            ValueError: If there is no such data set or number.
        """
        samples = load_samples(dataset)
        if not isinstance(number, int) or isinstance(number, bool) or number not in range(len(samples)):
            raise ValueError(
                f"there is no sample {number!r:.20} of {dataset}; samples are numbered 0 to {len(samples) - 1}"
            )
        label, labels = samples.labels[number], None
        if samples.has_labels[number]:
            labels = (int(label),) if label.dim() == 0 else tuple(label.nonzero().flatten().tolist())
        return cls(dataset, to_float(samples.images[number]), sample_caption(dataset, number), labels, number)

    @classmethod
    def own(cls, dataset: str, image: Tensor) -> Scene:
        """Return a scene of a visitor's picture `(C, H, W)`, rounded to the browser's 8 bits per channel."""
        return cls(dataset, to_float((image.clamp(0, 1) * 255).round().byte()), OWN_CAPTIONS[dataset])


@dataclass(frozen=True)
class Figures:
    """The figures of an imputation of a known image."""

    nll: float | None
    psnr: float
    ssim: float


def measure(imputation: Imputation, scene: Scene, missing: Tensor) -> Figures | None:
    """Measure an imputation of one scene against its image; return None if nothing is missing."""
    return measure_all(imputation, scene.image[None], missing[None, None])[0]


@torch.inference_mode()
def measure_all(imputation: Imputation, truth: Tensor, missing: Tensor) -> list[Figures | None]:
    """Measure an imputation of images `(B, C, H, W)` with `missing` `(B, 1, H, W)` hidden, one by one."""
    mask, density = flatten_missing(missing, truth.shape[1]), imputation.density
    nothing = [None] * len(truth)
    nll = nothing if density is None else metrics.nll(density, flatten(truth), mask).tolist()
    psnr = metrics.psnr(flatten(imputation.mean), flatten(truth), mask).tolist()
    ssim = metrics.ssim(imputation.mean, truth).tolist()
    rows = zip(mask.any(1).tolist(), nll, psnr, ssim)
    return [Figures(a, b, c) if hidden else None for hidden, a, b, c in rows]


def psnr_in_hole(images: Tensor, scene: Scene, missing: Tensor) -> Tensor:
    """Return the PSNR over the hole `(H, W)` of each of `(S, C, H, W)` in dB, `(S,)`."""
    mask = flatten_missing(missing[None, None], scene.image.shape[0])
    return metrics.psnr(flatten(images), flatten(scene.image[None]), mask)


def fitted(missing: Tensor, scene: Scene) -> Tensor:
    """Resize a mask `(H, W)` to a scene, by the nearest pixel."""
    size = scene.image.shape[1:]
    return F.interpolate(missing[None, None].float(), size, mode="nearest-exact")[0, 0] > 0.5


def draw_mask(name: str, scene: Scene, seed: int | None = None) -> Tensor:
    """Draw a mask `(H, W)` of the family called `name` for the scene's image; without a seed each call differs."""
    generator = torch.Generator()
    generator.seed() if seed is None else generator.manual_seed(seed)
    _, height, width = scene.image.shape
    return mask_family(name)(1, height, width, generator)[0, 0]


def check_size(scene: Scene, missing: Tensor) -> None:
    """Raise a ValueError if a mask `(H, W)` does not have the image's size."""
    if missing.shape != scene.image.shape[1:]:
        raise ValueError(f"the mask is {_size(missing)}, the image {_size(scene.image)}; both must have the same size")


def _size(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape[-2:]))
