"""What lies on the canvas, and what a method believes about it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

from dmfa_demo import metrics
from dmfa_demo.checkpoints import load_imputer
from dmfa_demo.data import load_samples, sample_caption, to_float
from dmfa_demo.imputation import Imputation, flatten, flatten_missing
from dmfa_demo.masks import mask_family

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Scene:
    """One image on the canvas.

    Attributes:
        dataset: whose models look at it.
        image: float32 `(C, H, W)` in [0, 1], complete; models see what the mask leaves.
        caption: what it is, for people.
        labels: the classes it is of, positions in `DATASETS[dataset].classes`; None where nobody has said.
        own: of a picture that a visitor brought, what was computed of it; None of samples.
    """

    dataset: str
    image: Tensor
    caption: str
    labels: tuple[int, ...] | None = None
    own: Memory | None = field(default=None, repr=False)

    @classmethod
    def sample(cls, dataset: str, number: int | None) -> Scene:
        """The `number`-th bundled sample.

        Raises:
            ValueError: for a data set or number that there is not.
        """
        samples = load_samples(dataset)
        if number not in range(len(samples)):
            raise ValueError(f"there is no sample {number} of {dataset}; samples are numbered 0 to {len(samples) - 1}")
        label = samples.labels[number]
        labels = (int(label),) if label.dim() == 0 else tuple(label.nonzero().flatten().tolist())
        return cls(dataset, to_float(samples.images[number]), sample_caption(dataset, number), labels)


@dataclass(frozen=True)
class Figures:
    """How good an imputation of a known image is; None where nothing is missing."""

    nll: float | None
    psnr: float
    ssim: float


class Memory:
    """The results that were asked for last, by key."""

    def __init__(self, size: int = 64):
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._size, self._lock = size, Lock()

    def recall(self, key: Hashable, make: Callable[[], Result]) -> Result:
        """What `make` returned for this key, now or before."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return made


class ImputationCache:
    """What was computed of scenes, so that tabs that look at the same one share a pass through a network, and visitors too.

    What is computed of a picture that somebody brought lies with the picture alone, and goes with it.
    """

    def __init__(self):
        self._shared = Memory()

    def impute(self, method: str, scene: Scene, missing: Tensor, seed: int = 0) -> Imputation:
        """`method`'s imputation of a scene with `missing` `(H, W)` hidden, batch size 1."""

        def make() -> Imputation:
            return load_imputer(method, scene.dataset).impute(scene.image[None], missing[None, None], seed=seed)

        return self.recall(scene, (method, seed, missing.numpy().tobytes()), make)

    def recall(self, scene: Scene, key: Hashable, make: Callable[[], Result]) -> Result:
        """What `make` returned for this scene and key, now or before."""
        if scene.own is not None:
            return scene.own.recall(key, make)
        return self._shared.recall((scene.dataset, scene.image.numpy().tobytes(), key), make)


@torch.inference_mode()
def measure(imputation: Imputation, scene: Scene, missing: Tensor) -> Figures | None:
    """The figures of an imputation against the scene's own image; None when nothing is missing."""
    if not missing.any():
        return None
    truth = scene.image[None]
    mask = flatten_missing(missing[None, None], truth.shape[1])
    density = imputation.density
    return Figures(
        nll=None if density is None else metrics.nll(density, flatten(truth), mask).item(),
        psnr=metrics.psnr(flatten(imputation.mean), flatten(truth), mask).item(),
        ssim=metrics.ssim(imputation.mean, truth).item(),
    )


def fitted(missing: Tensor, scene: Scene) -> Tensor:
    """A mask `(H, W)` on a scene of perhaps another size: each pixel is hidden where the nearest one was.

    Between two data sets the page may send the mask of the one it still shows.
    """
    size = scene.image.shape[1:]
    return F.interpolate(missing[None, None].float(), size, mode="nearest-exact")[0, 0] > 0.5


def draw_mask(name: str, scene: Scene, seed: int | None = None) -> Tensor:
    """A mask `(H, W)` of the family called `name` for the scene's image; another each time without a seed."""
    generator = torch.Generator()
    generator.seed() if seed is None else generator.manual_seed(seed)
    return mask_family(name)(1, *scene.image.shape[1:], generator)[0, 0]


def check_size(scene: Scene, missing: Tensor) -> None:
    """Raise a ValueError when a mask `(H, W)` belongs to an image of another size."""
    if missing.shape != scene.image.shape[1:]:
        raise ValueError(f"the mask is {_size(missing)}, the image {_size(scene.image)}; both must have the same size")


def _size(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape[-2:]))
