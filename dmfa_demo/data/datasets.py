"""The data sets: MNIST, Fashion-MNIST, Omniglot, CIFAR-10 and SVHN through torchvision, CelebA, the small sample set in the repository, and folders of images."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from dmfa_demo.data.celeba import ATTRIBUTES, VIEWS, read_celeba
from dmfa_demo.data.folder import Folder
from dmfa_demo.data.omniglot import ALPHABETS, read_omniglot

Split = Literal["train", "validation", "test"]

# The last images of the official training part are for validation; the official test part is for the final figures only.
VALIDATION_SIZE = 5_000


@dataclass(frozen=True)
class Dataset:
    """The description of a data set, available before its images are read.

    Attributes:
        title: its name on the page.
        shape: (C, H, W) of its images.
        classes: names of a classifier's outputs: one of these for each image, or any number of them (`several`).
        licence: the licence of its images, and their authors; "" if it is not stated.
        several: whether an image may be in several classes, or none; its label is then a row of 0 and 1.
        mirrored: whether mirror images are as plausible as images.
        shareable: whether its images may be distributed, alone or inside a checkpoint.
        caution: what its images leave out and what models therefore get wrong, for visitors; "" where that does no harm.
        samples: the file with its samples, if it is not bundled.
    """

    title: str
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    licence: str
    several: bool = False
    mirrored: bool = False
    shareable: bool = True
    caution: str = ""
    samples: Path | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of disjoint groups of the images: the classes or, where an image may be in several, whether it is in the first; () without classes."""
        return (f"not {self.classes[0]}", self.classes[0]) if self.several else self.classes


_FACES = tuple(ATTRIBUTES)
_CELEBA = "CelebA (non-commercial research only, Liu, Luo, Wang, Tang)"
_CAUTION = (
    "The models learnt from press photographs of celebrities, mostly young, light-skinned and smiling. Behind a hole they "
    "put what is common in those photographs, not what this person looks like."
)

DATASETS: dict[str, Dataset] = {
    "mnist": Dataset(
        title="MNIST",
        shape=(1, 28, 28),
        classes=tuple("0123456789"),
        licence="MNIST (CC BY-SA 3.0, LeCun, Cortes, Burges)",
    ),
    "fashion-mnist": Dataset(
        title="Fashion-MNIST",
        shape=(1, 28, 28),
        classes=("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"),
        licence="Fashion-MNIST (MIT, Zalando)",
    ),
    "omniglot": Dataset(
        title="Omniglot",
        shape=(1, 28, 28),
        classes=tuple(name.replace("_", " ") for name in ALPHABETS),
        licence="Omniglot (MIT, Brenden Lake)",
    ),
    "celeba": Dataset(
        title="CelebA",
        shape=(3, 64, 64),
        classes=_FACES,
        licence=_CELEBA,
        several=True,
        mirrored=True,
        shareable=False,
        caution=_CAUTION,
    ),
    "celeba32": Dataset(
        title="CelebA, 32 x 32",
        shape=(3, 32, 32),
        classes=_FACES,
        licence=_CELEBA,
        several=True,
        mirrored=True,
        shareable=False,
        caution=_CAUTION,
    ),
    "cifar10": Dataset(
        title="CIFAR-10",
        shape=(3, 32, 32),
        classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        licence="CIFAR-10 (no licence stated, Krizhevsky)",
        mirrored=True,
        shareable=False,
    ),
    "svhn": Dataset(
        title="SVHN",
        shape=(3, 32, 32),
        classes=tuple("0123456789"),
        licence="SVHN (non-commercial use only, Netzer et al.)",
        shareable=False,
    ),
}

# Those of the project; `DATASETS` may have others later.
BUILT_IN = tuple(DATASETS)

# The folders that `use_folder` has named, by data set.
_FOLDERS: dict[str, Folder] = {}

SAMPLES = Path(__file__).parent / "samples"

# The bundled portraits, all in the public domain: photographs by NASA and the US federal government, and a painting.
PORTRAITS = (
    "Eileen Collins (NASA)",
    "Barack Obama (US government)",
    "Barack Obama, speaking (US government)",
    "Joe Biden (US government)",
    "Mona Lisa (Leonardo): a painting, while the models learnt from photographs",
    "Andy Barr (US House)",
    "Ann Wagner (US House)",
    "Ben Cardin (US Senate)",
    "Brian Mast (US House)",
    "Catherine Cortez Masto (US Senate)",
    "Cedric Richmond (US House)",
    "David McKinley (US House)",
    "Debbie Stabenow (US Senate)",
    "Ernest Gonzales (US House)",
    "Joe Neguse (US House)",
    "John Moolenaar (US House)",
    "Josh Gottheimer (US House)",
    "Julia Brownley (US House)",
    "Kirsten Gillibrand (US Senate)",
    "Kweisi Mfume (US House)",
    "Louie Gohmert (US House)",
    "Marcy Kaptur (US House)",
    "Nydia Velázquez (US House)",
    "Patty Murray (US Senate)",
    "Pete Stauber (US House)",
    "Rob Portman (US Senate)",
    "Stephanie Murphy (US House)",
    "Steve Scalise (US House)",
    "Tammy Duckworth (US Senate)",
    "Teresa Leger Fernández (US House)",
    "Tony Cárdenas (US House)",
    "Virginia Foxx (US House)",
)

# The environment variable that names a folder with CelebA, and how many of its test images the page then shows.
CELEBA_VARIABLE, CELEBA_SAMPLES = "DMFA_DEMO_CELEBA", 45


@dataclass(frozen=True)
class LabelledImages:
    """The images of one split, with labels.

    Attributes:
        images: uint8 `(N, C, H, W)`, as stored: 255 is white (in MNIST, ink).
        labels: int64 `(N,)`, positions in the data set's classes; `(N, classes)` of 0 and 1 where an image may be in several.
        indices: int64 `(N,)`, each image's position in its official split; for CelebA, the number of its file.
    """

    images: Tensor
    labels: Tensor
    indices: Tensor

    def __len__(self) -> int:
        return len(self.images)

    @property
    def kinds(self) -> Tensor:
        """Positions in the data set's `kinds`, int64 `(N,)`."""
        return self.labels[:, 0] if self.labels.dim() > 1 else self.labels

    def only(self, classes: Sequence[int]) -> LabelledImages:
        """Select the images of some classes.

        Raises:
            ValueError: If an image may be in several classes, or none is in these.
        """
        if self.labels.dim() > 1:
            raise ValueError("these images may be in several classes, so they cannot be selected by class")
        rows = torch.isin(self.labels, torch.tensor(list(classes)))
        if not rows.any():
            raise ValueError(
                f"no image is in one of the classes {tuple(classes)}; available: {sorted(set(self.labels.tolist()))}"
            )
        return LabelledImages(self.images[rows], self.labels[rows], self.indices[rows])

    @property
    def has_labels(self) -> Tensor:
        """Whether the labels of each image are known, bool `(N,)`; unknown ones are negative."""
        return (self.labels >= 0).flatten(1).all(1) if self.labels.dim() > 1 else self.labels >= 0

    def labelled(self) -> LabelledImages:
        """Select the images whose labels are known."""
        rows = self.has_labels
        return LabelledImages(self.images[rows], self.labels[rows], self.indices[rows])

    def first(self, count: int | None) -> LabelledImages:
        """Select the first `count` images; None selects all."""
        return LabelledImages(self.images[:count], self.labels[:count], self.indices[:count])

    def with_mirrored(self) -> LabelledImages:
        """Append the mirror image of each image."""
        images = torch.cat([self.images, self.images.flip(-1)])
        return LabelledImages(images, torch.cat([self.labels] * 2), torch.cat([self.indices] * 2))


def to_float(images: Tensor) -> Tensor:
    """Convert uint8 images to float32 in [0, 1]."""
    return images.float() / 255


def dataset_named(name: str) -> Dataset:
    """Return a data set of `DATASETS`.

    Raises:
        ValueError: If the name is unknown; the message lists the known ones.
    """
    if name not in DATASETS:
        raise ValueError(f"unknown data set {name!r}; accepted: {', '.join(DATASETS)}")
    return DATASETS[name]


def use_folder(folder: Folder, licence: str = "") -> str:
    """Add a folder of images to `DATASETS`; return the name of the data set, which `load_split` then reads.

    Raises:
        ValueError: If a data set of the project has this name.
    """
    if folder.name in BUILT_IN:
        raise ValueError(f"{folder.name} is a data set of the project; rename the folder {folder.path}")
    DATASETS[folder.name] = Dataset(title=folder.title, shape=folder.shape, classes=folder.classes, licence=licence)
    _FOLDERS[folder.name] = folder
    return folder.name


def given_as(dataset: str) -> str:
    """Return the value of `--dataset` for a data set; the path of a folder of images is unknown, and is PATH."""
    return dataset if dataset in BUILT_IN else "folder:PATH"


def is_folder(dataset: str) -> bool:
    """Return whether a data set is a folder of images named by `use_folder`."""
    return dataset in _FOLDERS


def load_split(dataset: str, split: Split, root: Path | str = "data") -> LabelledImages:
    """Load a split: 5,000 of the official training images of MNIST, Fashion-MNIST, CIFAR-10 and SVHN are for validation; CelebA has its own partition.

    The splits of Omniglot and of a folder of images are described in omniglot.py and folder.py.

    Args:
        dataset: a key of `DATASETS`.
        split: `train`, `validation` or `test`.
        root: torchvision's data folder, with `MNIST/raw`, `FashionMNIST/raw`, `cifar-10-batches-py` and SVHN's `*_32x32.mat`, which are
            downloaded if they are missing, like `omniglot-py`, and `celeba`, which no program can download. CIFAR-10 may also be a folder
            `cifar10` of image files, `train/CLASS` and `test/CLASS`.

    Raises:
        ValueError: If the data set is unknown, or files are damaged or have too few images.
        FileNotFoundError: If the data are missing and cannot be downloaded.
    """
    dataset_named(dataset)
    if is_folder(dataset):
        return LabelledImages(*_FOLDERS[dataset].read(split))
    if dataset == "omniglot":
        return LabelledImages(*read_omniglot(Path(root), split))
    if dataset in VIEWS:
        return LabelledImages(*read_celeba(Path(root) / "celeba", split, VIEWS[dataset]))
    part = _official(dataset, train=split != "test", root=root)
    if split == "test":
        return part
    rows = slice(0, -VALIDATION_SIZE) if split == "train" else slice(-VALIDATION_SIZE, None)
    return LabelledImages(part.images[rows], part.labels[rows], part.indices[rows])


def _official(dataset: str, *, train: bool, root: Path | str) -> LabelledImages:
    """Load all images of the official training or test part."""
    files = Path(root) / "cifar10"
    if dataset == "cifar10" and files.is_dir():
        images, labels, _ = Folder(files, 32).read_all("train" if train else "test")
    else:
        images, labels = _torchvision(dataset, train=train, root=root)
    if dataset == "cifar10":
        # In the order of a hash, so that the split does not depend on the form in which the images are stored.
        order = sorted(range(len(images)), key=lambda row: hashlib.sha256(images[row].numpy().tobytes()).digest())
        images, labels = images[order], labels[order]
    return LabelledImages(images, labels, torch.arange(len(images)))


def _torchvision(dataset: str, *, train: bool, root: Path | str) -> tuple[Tensor, Tensor]:
    """Return the images of a part, uint8 `(N, C, H, W)`, and their labels."""
    from torchvision import datasets  # only training and measuring need torchvision

    kind, where = {
        "mnist": (datasets.MNIST, "MNIST/raw"),
        "fashion-mnist": (datasets.FashionMNIST, "FashionMNIST/raw"),
        "cifar10": (datasets.CIFAR10, "cifar-10-batches-py"),
        "svhn": (datasets.SVHN, "*_32x32.mat"),
    }[dataset]
    place = Path(root).resolve() / where
    remedy = "delete them, and they are downloaded again, or name another folder with --data-root"
    which = {"split": "train" if train else "test"} if dataset == "svhn" else {"train": train}
    try:
        part = kind(str(root), **which, download=True)
    except (OSError, RuntimeError) as error:
        raise FileNotFoundError(
            f"{dataset} is not in {Path(root).resolve()} and could not be downloaded ({error}). Name a folder with "
            f"torchvision's {where} with --data-root, or run once with network access."
        ) from error
    except (ValueError, AssertionError) as error:  # from files that are empty or not images and labels
        raise ValueError(f"the files in {place} are damaged ({error!r:.200}); {remedy}") from error
    least = VALIDATION_SIZE + 1 if train else 1
    if len(part.data) < least:
        raise ValueError(
            f"there are {len(part.data)} images in the {'training' if train else 'test'} part in {place}, which needs "
            f"at least {least:,}"
            + (f": its last {VALIDATION_SIZE:,} are for validation" if train else "")
            + f"; {remedy}"
        )
    images, labels = torch.as_tensor(part.data), torch.as_tensor(part.labels if dataset == "svhn" else part.targets)
    if images.dim() == 3:  # grey
        return images.unsqueeze(1), labels
    return (images if images.shape[1] == 3 else images.movedim(-1, 1).contiguous()), labels.long()


@cache
def load_samples(dataset: str) -> LabelledImages:
    """Load the bundled samples: the first ten test images of each class, class by class; five characters of each of Omniglot's test alphabets;
    for `celeba` the portraits.

    Where `CELEBA_VARIABLE` names a folder with CelebA, some of its test images follow the portraits.

    Raises:
        ValueError: If there are no bundled samples of `dataset`.
        FileNotFoundError: If `CELEBA_VARIABLE` names a folder without CelebA.
    """
    path = (dataset in DATASETS and DATASETS[dataset].samples) or SAMPLES / f"{dataset}.npz"
    if dataset not in DATASETS or not path.is_file():
        known = sorted(path.stem for path in SAMPLES.glob("*.npz"))
        raise ValueError(f"no bundled samples of {dataset!r:.40}; available: {', '.join(known)}")
    with np.load(path, allow_pickle=False) as archive:
        bundled = LabelledImages(*(torch.from_numpy(archive[key]) for key in ("images", "labels", "indices")))
    if dataset == "celeba" and (folder := os.environ.get(CELEBA_VARIABLE)):
        found = LabelledImages(*read_celeba(Path(folder), "test", VIEWS["celeba"], limit=CELEBA_SAMPLES))
        return LabelledImages(
            *(torch.cat([getattr(part, key) for part in (bundled, found)]) for key in ("images", "labels", "indices"))
        )
    return bundled


def sample_caption(dataset: str, number: int) -> str:
    """Return a caption for the `number`-th bundled sample: whose portrait it is, or its class and its position in the test part."""
    samples = load_samples(dataset)
    if dataset == "celeba":
        return PORTRAITS[number] if number < len(PORTRAITS) else f"CelebA {samples.indices[number]:06d}"
    name = f"test image {samples.indices[number]}"
    return f"{DATASETS[dataset].classes[samples.labels[number]]}, {name}" if samples.has_labels[number] else name
