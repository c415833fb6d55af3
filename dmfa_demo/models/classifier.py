"""Classifiers of images with holes: one small network with every treatment of the missing pixels (MisConv paper, section 4).

    image + missing mask  ->  believe  ->  prepare  ->  network  ->  probabilities of the classes

The steps before the network (`believe`, `prepare`) have nothing to learn, so training computes them once per image. Networks
differ only in their first layer, except for partial convolution, which differs in all layers.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, ClassVar, Self, cast

import torch
from torch import Tensor, nn

from dmfa_demo.densities.factor_analyzer import FactorAnalyzer, MixtureOfFactorAnalyzers
from dmfa_demo.imputation import ImageShape, Imputation, Imputer, check, hide
from dmfa_demo.models.acflow import ACFlowImputer
from dmfa_demo.models.incomplete_knn import IncompleteKNNImputer
from dmfa_demo.models.misconv import FactorDensity, MisConv2d, MisConvNetwork, activation
from dmfa_demo.models.partial_conv import PartialConv2d
from dmfa_demo.networks.engine import graph
from dmfa_demo.networks.unet import observe
from dmfa_demo.options import PositiveInt, Range, Width
from dmfa_demo.registry import method_class
from dmfa_demo.storage.checkpoints import (
    ROOT,
    beside,
    fill,
    is_usable,
    load_checkpoint,
    load_chosen,
    load_once,
)

# The number of components of a mixture that a classifier averages over; the others have little weight.
LEADING = 2


@dataclass(frozen=True)
class ClassifierConfig(ImageShape):
    """The shape of a classifier and the source of its imputations."""

    classes: PositiveInt = 10
    several: bool = False
    """whether an image may be in several classes, or none, each with a separate probability"""
    halvings: PositiveInt = 1
    """how often the resolution is halved; once in the paper's network for MNIST"""
    widths: tuple[Width, ...] = (32, 64)
    """filters at each resolution, finest first; the last one holds for all that follow"""
    early: PositiveInt = 1
    """the number of [conv n] before the first halving"""
    late: PositiveInt = 2
    """the number of [conv n] after the last halving"""
    hidden: PositiveInt = 20
    """outputs of the first linear layer"""
    dropout: Annotated[float, Range(at_least=0, below=1)] = 0.0
    """the share of values dropped after each [conv n] and each linear layer but the last, in training"""
    source: str = ""
    """the sibling checkpoint that provides imputations or the density; empty for treatments that need none"""


class Dropout(nn.Dropout):
    """Dropout with its share rounded to a multiple of 1/256, so that one random byte decides whether a value is dropped.

    The random numbers of `nn.Dropout` take a third of the time of a training step on a processor.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return `input` of any shape, in training with some values set to zero and the others scaled, unbiased."""
        if not self.training:
            return input
        dropped = min(round(256 * self.p), 255)
        kept = torch.empty_like(input, dtype=torch.uint8).random_() >= dropped
        return torch.where(kept, input * (256 / (256 - dropped)), 0)


class ConvNet(nn.Module):
    """The paper's networks (appendix A.2): [conv 32], down, [conv 64] x 2, linear 20, linear for MNIST.

    [conv n] is a 3 x 3 convolution with n filters, ReLU and batch normalisation; down is a convolution with stride 2. Larger
    images are halved more often, with one more [conv n] each time.
    """

    def __init__(self, config: ClassifierConfig, in_channels: int):
        super().__init__()
        width, *wider = config.widths

        def block(channels: int, width: int) -> list[nn.Module]:
            drop = [Dropout(config.dropout)] if config.dropout else []
            return [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(width), *drop]

        layers = block(in_channels, width)
        for _ in range(config.early - 1):
            layers += block(width, width)
        for _ in range(config.halvings):
            before, width = width, wider.pop(0) if wider else width
            layers += [nn.Conv2d(before, before, 3, stride=2, padding=1), *block(before, width)]
        for _ in range(config.late - 1):
            layers += block(width, width)
        self.features = nn.Sequential(*layers)
        scale = 2**config.halvings
        positions = -(-config.height // scale) * -(-config.width // scale)
        drop = [Dropout(config.dropout)] if config.dropout else []
        self.head = nn.Sequential(nn.Linear(width * positions, config.hidden), nn.ReLU(), *drop, nn.Linear(config.hidden, config.classes))  # fmt: skip

    @graph("model")
    def forward(self, images: Tensor) -> Tensor:
        """Map `(B, in_channels, H, W)` to logits `(B, classes)`."""
        return self.head(self.features(images).flatten(1))


class PartialConvNet(ConvNet):
    """The same network with partial convolutions throughout, each passing on what is still missing."""

    def __init__(self, config: ClassifierConfig):
        super().__init__(config, config.channels)
        self.features = nn.ModuleList(
            PartialConv2d(layer) if isinstance(layer, nn.Conv2d) else layer for layer in self.features
        )

    @graph("model")
    def forward(self, images: Tensor, missing: Tensor) -> Tensor:
        """Map images `(B, C, H, W)` and missing, bool `(B, 1, H, W)`, to logits `(B, classes)`."""
        for layer in self.features:
            if isinstance(layer, PartialConv2d):
                images, missing = layer(images, missing)
            else:
                images = layer(images)
        return self.head(images.flatten(1))


class MisConvNet(ConvNet):
    """The same network whose first layer returns its expected activation over a density.

    Equal to the result of `replace_first_conv`, but written out: tracing would disturb networks in other threads.
    """

    def __init__(self, config: ClassifierConfig):
        super().__init__(config, config.channels)
        (_, conv), (_, relu), *rest = self.features.named_children()
        assert isinstance(conv, nn.Conv2d) and isinstance(relu, nn.ReLU)
        self.misconv = MisConv2d(conv)
        self.features = nn.Sequential(OrderedDict(rest))

    def forward(self, images: Tensor, missing: Tensor, density: MixtureOfFactorAnalyzers) -> Tensor:
        """Map images `(B, C, H, W)`, missing, bool `(B, 1, H, W)`, and a density over all values to logits `(B, classes)`."""
        parts = density.components
        return self.logits(images, missing, density.log_weights, parts.mean, parts.factors, parts.noise)

    @graph("model")
    def logits(
        self, images: Tensor, missing: Tensor, log_weights: Tensor, mean: Tensor, factors: Tensor, noise: Tensor
    ) -> Tensor:
        """Do the same for the density's log-weights `(B, K)`, means `(B, K, n)`, factors `(B, K, l, n)` and noise `(B, K, n)`."""
        density = MixtureOfFactorAnalyzers(log_weights, FactorAnalyzer(mean, factors, noise))
        return self.head(self.features(self.misconv(images, missing, density)).flatten(1))


MISCONV = "Przewięźlikowski, Śmieja, Struski, Tabor: MisConv: Convolutional neural networks for missing data (2022)"
MISCONV_URL = "https://arxiv.org/abs/2110.14010"
EXPECTED_RELU = "E[max(u, 0)] = ½ m (1 + erf(m / (s √2))) + s / √(2π) · exp(−m² / (2 s²)), for u = w·x + b of mean m and deviation s"


class Classifier(ABC):
    """A treatment of missing pixels with the network behind it. Subclasses describe themselves in the attributes.

    Attributes:
        name: on the command line, in folders and in addresses.
        title, summary, limits, formula, citation, url, colour: for the page, as in an `Imputer`.
        paper: the row of the MisConv paper's tables to compare it with.
        source_method: the method that provides imputations or a density, or None; `source` in the config is its checkpoint.
        source_saw_everything: whether that method was trained on complete images; others know only what the classifier knows.
        takes_complete: whether it receives the complete image, as a reference.
        fills_in: whether it treats one imputation as the truth.
        sees_mask: whether it can tell a hidden pixel from a visible one.
        network: `(B, ...)` of what `prepare` returns -> logits `(B, classes)`.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    limits: ClassVar[str]
    formula: ClassVar[str] = ""
    citation: ClassVar[str] = MISCONV
    url: ClassVar[str] = MISCONV_URL
    colour: ClassVar[str]
    paper: ClassVar[str]
    source_method: ClassVar[str | None] = None
    source_saw_everything: ClassVar[bool] = False
    takes_complete: ClassVar[bool] = False
    fills_in: ClassVar[bool] = False
    sees_mask: ClassVar[bool] = True

    def __init__(self, config: ClassifierConfig, source: Imputer | None):
        self.config, self.source = config, source
        self.network = self.build()

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load the trained classifier in a folder, and its source from a sibling folder."""
        config, tensors = load_checkpoint(folder, ClassifierConfig)
        classifier = cls(config, load_source_beside(cls, folder, config.source))
        fill(classifier.network, tensors, folder)
        return classifier

    def build(self) -> nn.Module:
        """Build the untrained network."""
        return ConvNet(self.config, self.config.channels)

    def believe(self, images: Tensor, missing: Tensor) -> Imputation | None:
        """Return the source's imputation; None without a source."""
        return None if self.source is None else self.source.impute(images, missing, seed=0)

    @abstractmethod
    def prepare(self, images: Tensor, missing: Tensor, belief: Imputation | None) -> tuple[Tensor, ...]:
        """Return the network's inputs: tensors with leading size B, without gradients."""

    def mirror(self, *prepared: Tensor) -> tuple[Tensor, ...]:
        """Return the result of `prepare` for the mirror images."""
        return tuple(part.flip(-1) for part in prepared)

    def logits(self, network: nn.Module, *prepared: Tensor) -> Tensor:
        """Return logits `(B, classes)` of `network` (its own, or one wrapped by training) for the result of `prepare`."""
        return network(*prepared)

    @torch.inference_mode()
    def predict(self, images: Tensor, missing: Tensor, belief: Imputation | None = None) -> Tensor:
        """Return the probability of each class, `(B, classes)`; they sum to one unless an image may be in several classes.

        Args:
            images: float32 `(B, C, H, W)` in [0, 1]; values under `missing` are ignored, unless `takes_complete`: then they
                must be in [0, 1] as well.
            missing: bool `(B, 1, H, W)`.
            belief: the result of `believe`, if already computed.

        Raises:
            ValueError: If an argument breaks the contract or has another size.
        """
        check(images, missing)
        if self.takes_complete and not ((images >= 0) & (images <= 1)).all():  # NaN is neither
            raise ValueError(
                f"the classifier {self.name!r} uses the complete image, so hidden pixels must be in [0, 1] too; "
                f"got {images.min():.3g} to {images.max():.3g}"
            )
        if images.shape[1:] != self.config.shape:
            raise ValueError(
                f"this classifier takes images of (C, H, W) = {self.config.shape}, got {tuple(images.shape[1:])}"
            )
        belief = belief or self.believe(images, missing)
        if self.network.training:  # eval() takes as long as a small layer
            self.network.eval()
        logits = self.logits(self.network, *self.prepare(images, missing, belief))
        return logits.sigmoid() if self.config.several else logits.softmax(1)


def predict_all(classifiers: Sequence[Classifier], images: Tensor, missing: Tensor) -> list[Tensor]:
    """Return each classifier's probabilities `(B, classes)`, in order; a source that several share runs once."""
    beliefs = believe_all(classifiers, images, missing)
    return [classifier.predict(images, missing, belief) for classifier, belief in zip(classifiers, beliefs)]


def believe_all(classifiers: Sequence[Classifier], images: Tensor, missing: Tensor) -> list[Imputation | None]:
    """Return what each classifier's source believes, in order; a source that several share runs once."""
    beliefs: dict[int, Imputation | None] = {}
    for classifier in classifiers:
        if id(classifier.source) not in beliefs:
            beliefs[id(classifier.source)] = classifier.believe(images, missing)
    return [beliefs[id(classifier.source)] for classifier in classifiers]


class CompleteClassifier(Classifier):
    """A reference that receives the complete image."""

    name = "complete"
    title = "Complete image"
    summary = "The same network, trained and tested on complete images: the best to expect if nothing were hidden."
    limits = "It is a reference, not a method: it sees what the others must guess."
    colour = "#8a8f98"
    paper = "GT"
    takes_complete = True

    def prepare(self, images: Tensor, missing: Tensor, belief: Imputation | None) -> tuple[Tensor, ...]:
        return (images,)


class ZeroClassifier(Classifier):
    """Zeros in the missing pixels."""

    name = "zero"
    title = "Zero"
    summary = "Hidden pixels are set to zero, which on a digit is blank paper, and the network learns to cope."
    limits = "It cannot tell a hidden pixel from a blank one."
    sees_mask = False
    colour = "#75695c"
    paper = "zero"

    def prepare(self, images: Tensor, missing: Tensor, belief: Imputation | None) -> tuple[Tensor, ...]:
        return (hide(images, missing),)


class MaskClassifier(Classifier):
    """Zeros in the missing pixels, and the mask as an extra channel."""

    name = "mask"
    title = "Mask channel"
    summary = "Hidden pixels are set to zero, and the network receives the mask along with the image."
    limits = "The network must learn what hidden pixels may be together with the classes."
    colour = "#8b4bb8"
    paper = "mask"

    def build(self) -> nn.Module:
        return ConvNet(self.config, self.config.channels + 1)

    def prepare(self, images: Tensor, missing: Tensor, belief: Imputation | None) -> tuple[Tensor, ...]:
        return (observe(images, missing),)


class ImputingClassifier(Classifier):
    """The source's mean in the missing pixels."""

    fills_in = True
    sees_mask = False

    def prepare(self, images: Tensor, missing: Tensor, belief: Imputation | None) -> tuple[Tensor, ...]:
        return (_known(belief).mean,)


class KNNClassifier(ImputingClassifier):
    """The mean of the nearest neighbours in the missing pixels."""

    name = "knn"
    title = "k-NN imputation"
    summary = "Hidden pixels are filled with the average of the nearest training images, which the network treats as the truth."
    limits = "A wrong guess looks as certain to the network as a visible pixel."
    colour = "#3f8f5f"
    paper = "k-NN"
    source_method = "knn"


class DMFAMeanClassifier(ImputingClassifier):
    """DMFA's mean in the missing pixels."""

    name = "dmfa-mean"
    title = "DMFA's mean"
    summary = "Hidden pixels are filled with DMFA's mean, which the network treats as the truth."
    limits = "A wrong guess looks as certain to the network as a visible pixel."
    colour = "#1d8a99"
    paper = "MFA imputation"
    source_method = "dmfa"


class ACFlowClassifier(ImputingClassifier):
    """One sample of ACFlow in the missing pixels; as in the paper, the flow was trained on complete images."""

    name = "acflow"
    title = "ACFlow's sample"
    summary = "Hidden pixels are filled with one sample of ACFlow, which the network treats as the truth."
    limits = "A sample is one possibility among many, and looks as certain to the network as a visible pixel."
    colour = "#c93ccf"
    paper = "ACFlow"
    source_method = "acflow"
    source_saw_everything = True

    def believe(self, images: Tensor, missing: Tensor) -> Imputation:
        """Return one sample, with noise that depends on a row's visible pixels only; the method's own answer averages several."""
        return _OneSample(cast(ACFlowImputer, self.source).model).impute(images, missing)


class _OneSample(ACFlowImputer):
    """ACFlow with one sample as its answer."""

    def predict(self, images: Tensor, missing: Tensor, generator: torch.Generator) -> Imputation:
        flow = self.model(images, missing)
        noise = torch.stack([_noise_for(row) for row in flow.seen.cpu()])[:, : images.shape[1]]
        return Imputation(flow.model.draw(flow.base.at(noise.to(images)), flow.seen, missing))


class PartialConvClassifier(Classifier):
    """Partial convolutions over the visible pixels."""

    name = "partial-conv"
    title = "Partial convolution"
    summary = (
        "Every convolution uses only the known pixels in its window, and scales its response up when they are few."
    )
    limits = "It takes into account that pixels are missing, but not what they may be."
    colour = "#b04a6f"
    formula = "y = (k² / known pixels in the window) Σ w x over the known pixels + b"
    citation = "Liu et al.: Image inpainting for irregular holes using partial convolutions (2018)"
    url = "https://arxiv.org/abs/1804.07723"
    paper = "PC"

    def build(self) -> nn.Module:
        return PartialConvNet(self.config)

    def prepare(self, images: Tensor, missing: Tensor, belief: Imputation | None) -> tuple[Tensor, ...]:
        return hide(images, missing), missing


class MisConvClassifier(Classifier):
    """The expected first activation over the source's density."""

    def build(self) -> nn.Module:
        return MisConvNetwork(MisConvNet(self.config), self.density)

    def density(self, images: Tensor, missing: Tensor) -> FactorDensity:
        """Return the source's density; of a mixture with many components, the heaviest."""
        return _leading(_known(self.believe(images, missing)))

    def prepare(self, images: Tensor, missing: Tensor, belief: Imputation | None) -> tuple[Tensor, ...]:
        density = _leading(_known(belief))
        parts = density.components
        tensors = (density.log_weights, parts.mean, parts.factors, parts.noise)
        return hide(images, missing), missing, *(tensor.float() for tensor in tensors)

    def mirror(self, *prepared: Tensor) -> tuple[Tensor, ...]:
        images, missing, log_weights, *parts = prepared
        parts = (part.unflatten(-1, images.shape[1:]).flip(-1).flatten(-3) for part in parts)
        return *super().mirror(images, missing), log_weights, *parts

    def logits(self, network: nn.Module, *prepared: Tensor) -> Tensor:
        images, missing, log_weights, *parts = prepared
        return network(images, missing, MixtureOfFactorAnalyzers(log_weights, FactorAnalyzer(*parts)))

    @torch.inference_mode()
    def first_layer(self, images: Tensor, missing: Tensor, belief: Imputation) -> tuple[Tensor, Tensor]:
        """Return the first activation at the density's mean, and its expectation over the density, both `(B, 32, H, W)` (figure 3)."""
        layer = cast(MisConvNet, cast(MisConvNetwork, self.network).network).misconv
        return activation(layer.conv(belief.mean), layer.slope), layer(images, missing, _leading(belief))


class DMFAMisConvClassifier(MisConvClassifier):
    """MisConv over DMFA's density."""

    name = "misconv-dmfa"
    title = "MisConv (DMFA)"
    summary = "The first layer averages its activation over everything that DMFA believes may be in the hole."
    limits = "Only the first layer averages; correlations between distant pixels are lost after it."
    colour = "#2f6db5"
    formula = EXPECTED_RELU
    paper = "MisConv"
    source_method = "dmfa"


class MFAMisConvClassifier(MisConvClassifier):
    """MisConv over MFA's density."""

    name = "misconv-mfa"
    title = "MisConv (MFA)"
    summary = "The first layer averages its activation over everything that MFA believes may be in the hole."
    limits = DMFAMisConvClassifier.limits
    colour = "#c2702a"
    formula = EXPECTED_RELU
    paper = "MisConv, SMFA"
    source_method = "mfa"


# In the order of the page.
CLASSIFIERS: dict[str, type[Classifier]] = {
    kind.name: kind
    for kind in (
        CompleteClassifier,
        DMFAMisConvClassifier,
        MFAMisConvClassifier,
        DMFAMeanClassifier,
        KNNClassifier,
        ACFlowClassifier,
        MaskClassifier,
        ZeroClassifier,
        PartialConvClassifier,
    )
}


def folder_of(name: str) -> str:
    """Return the name of a classifier's checkpoint folder, beside those of the methods."""
    return f"classifier-{name}"


def available_classifiers(dataset: str) -> list[str]:
    """Return the classifiers with a checkpoint for `dataset`, in the page's order, the one for complete images first.

    Returns none without that classifier, which labels unlabelled pictures, or without another beside it.
    """
    names = [name for name in CLASSIFIERS if is_usable(ROOT / dataset / folder_of(name))]
    return names if len(names) > 1 and CLASSIFIERS[names[0]].takes_complete else []


@cache
def load_classifier(name: str, dataset: str) -> Classifier:
    """Load the trained classifier `name` from the repository's checkpoints, once per process.

    Raises:
        ValueError: If it does not exist; the message lists those available.
    """
    return load_chosen(
        name,
        kind="classifier",
        dataset=dataset,
        known=available_classifiers(dataset),
        load=lambda folder: CLASSIFIERS[name].load(folder),
        folder=ROOT / dataset / folder_of(name),
    )


def load_source(kind: type[Classifier], folder: Path) -> Imputer | None:
    """Load the imputer in `folder`, shared by all callers; return None for a classifier without a source."""
    if kind.source_method is None:
        return None
    return load_once(IncompleteKNNImputer if kind.source_method == "knn" else method_class(kind.source_method), folder)


def load_source_beside(kind: type[Classifier], folder: Path, name: str) -> Imputer | None:
    """Return `load_source` of the sibling checkpoint called `name`.

    Raises:
        FileNotFoundError: If the name is empty, as for a k-NN among images that may not be distributed.
    """
    if kind.source_method is None:
        return None
    if not name:
        raise FileNotFoundError(
            f"{folder} cannot be used: the {kind.source_method} that it needs contains images that may not be distributed, and was not kept"
        )
    return load_source(kind, beside(folder, name))


def _known(belief: Imputation | None) -> Imputation:
    """Return the belief of a classifier with a source."""
    assert belief is not None, "a classifier with a source has a belief"
    return belief


def _noise_for(seen: Tensor) -> Tensor:
    """Return standard normal noise of the shape of a row, the same for the same row."""
    seed = zlib.crc32(seen.contiguous().numpy().tobytes())
    return torch.randn(seen.shape, generator=torch.Generator().manual_seed(seed))


def _leading(belief: Imputation) -> MixtureOfFactorAnalyzers:
    return belief.mixture.leading(LEADING)
