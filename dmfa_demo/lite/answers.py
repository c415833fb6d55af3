"""Answers as functions of tensors, which the light page computes in the browser.

`Imputer.impute` returns an `Imputation`, which computes samples and likelihoods when they are needed, with a random generator. A
graph has no such steps: it maps tensors to tensors. Each class here does the same as a method in this form, with random numbers as
an input, and `python -m train export` writes it as a graph beside the method's weights. See functions.py for those of a checkpoint.

    Answer       images, missing, normals      ->  filled, deviation, nll, samples, psnr, ssim
    WalkStep     images, missing, points, ...  ->  the next point of a walk along an auto-encoder's field
    MapStep      places                        ->  the next places of walks on an auto-encoder's map
    Belief       images, missing               ->  what the source of a classifier returns
    Prediction   images, missing, belief       ->  the probabilities of the classes

`images` are complete: as in `impute`, a method ignores the values under `missing`, and scores compare its answer with them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from dmfa_demo import metrics
from dmfa_demo.densities.factor_analyzer import FactorAnalyzer, MixtureOfFactorAnalyzers
from dmfa_demo.imputation import Imputation, flatten, flatten_missing
from dmfa_demo.models.autoencoder import Autoencoder
from dmfa_demo.models.baselines import MeanImputer
from dmfa_demo.models.classifier import LEADING, Classifier, ImputingClassifier, MisConvClassifier
from dmfa_demo.models.context_encoder import ContextEncoderImputer
from dmfa_demo.models.dmfa import DMFAImputer
from dmfa_demo.models.latent_map import LatentPlane
from dmfa_demo.models.mfa import MFAImputer, tensors_of
from dmfa_demo.models.posterior_matching import PosteriorMatchingImputer
from dmfa_demo.models.universal_marginalizer import UniversalMarginalizerImputer
from dmfa_demo.models.vaeac import ImageGenerator, VAEACImputer

Tensors = dict[str, Tensor]


class TensorFunction(ABC):
    """A function of tensors with the weights of a checkpoint.

    Attributes:
        name: the name of its graph.
        network: the module with the weights, under the same names as in the checkpoint.
        shape: (C, H, W) of the images.
    """

    name: ClassVar[str]
    network: nn.Module
    shape: tuple[int, ...]

    @abstractmethod
    def __call__(self, **inputs: Tensor) -> Tensors:
        """Map the inputs, named as in `examples`, to the outputs by name."""

    def examples(self, rows: int, draws: int) -> Tensors:
        """Return inputs of the right shapes for this many images and draws: `images` `(B, C, H, W)`, bool `missing` `(B, 1, H, W)`, and others."""
        images = torch.rand(rows, *self.shape)
        return {"images": images, "missing": torch.rand(images[:, :1].shape) < 0.5}


class Answer(TensorFunction):
    """A method's answer. Its inputs are images, missing and, for a method with samples, S standard normal `normals` `(S, d)`.

    Returns `filled` `(B, C, H, W)`, `psnr` and `ssim` `(B,)`. If the method has them: `deviation` `(B, C, H, W)`, `nll` in nats `(B,)`,
    and `samples` `(S, B, C, H, W)` with the same draws for every image.

    Attributes:
        draws: d, the number of standard normal values of one sample; 0 for a method with a single answer.
    """

    name = "answer"
    draws: int = 0

    def __call__(self, images: Tensor, missing: Tensor, normals: Tensor | None = None, **more: Tensor) -> Tensors:
        found = self.predict(images, missing, images.new_empty(0, 0) if normals is None else normals, **more)
        filled = found.pop("filled")
        if "deviation" in found:
            found["deviation"] = torch.where(missing, found["deviation"], 0)
        if "samples" in found:
            found["samples"] = pasted(found["samples"], images, missing)
        return {**scored(filled, images, missing), **found}

    @abstractmethod
    def predict(self, images: Tensor, missing: Tensor, normals: Tensor, **more: Tensor) -> Tensors:
        """Return the outputs other than scores; observed pixels may be anything."""

    def examples(self, rows: int, draws: int) -> Tensors:
        normals = {"normals": torch.randn(draws, self.draws)} if self.draws else {}
        return {**super().examples(rows, draws), **normals}


class SingleAnswer(Answer):
    """The answer of a method without samples: its mean and, if it has one, its marginal deviation."""

    def __init__(self, imputer: UniversalMarginalizerImputer | ContextEncoderImputer):
        self.imputer, self.network, self.shape = imputer, imputer.model, imputer.shape

    def predict(self, images: Tensor, missing: Tensor, normals: Tensor) -> Tensors:
        found = self.imputer.predict(images, missing, torch.Generator())
        variance = found.marginal_variance
        return {"filled": found.mean, **({} if variance is None else {"deviation": variance.sqrt()})}


class ConstantAnswer(Answer):
    """The answer of a method that gives the same image for every picture: zero, or the image in its checkpoint."""

    def __init__(self, imputer: MeanImputer):
        self.network, self.shape = nn.Module(), imputer.shape
        if imputer.needs_checkpoint:
            self.network.register_buffer("image", imputer.image)

    def predict(self, images: Tensor, missing: Tensor, normals: Tensor) -> Tensors:
        known = dict(self.network.named_buffers())
        return {"filled": known["image"].expand_as(images) if known else torch.zeros_like(images)}


class MixtureAnswer(Answer):
    """The answer of a method whose density is a mixture of factor analysers.

    The first normal value of a sample chooses its component by its quantile, the others are its latents. Samples leave out the noise
    that is independent in each pixel.
    """

    def predict(self, images: Tensor, missing: Tensor, normals: Tensor) -> Tensors:
        density = self.density(images, missing)
        return {
            "filled": density.mean.view_as(images),
            "deviation": density.variance.sqrt().view_as(images),
            "nll": metrics.nll(density, flatten(images), flatten_missing(missing, images.shape[1])),
            "samples": draw(density, normals).unflatten(-1, images.shape[1:]),
        }

    @abstractmethod
    def density(self, images: Tensor, missing: Tensor) -> MixtureOfFactorAnalyzers:
        """Return p(x_m | x_o), with observed values fixed."""


class DMFAAnswer(MixtureAnswer):
    """The answer of DMFA without a guide."""

    def __init__(self, imputer: DMFAImputer):
        self.imputer, self.network, self.shape = imputer, imputer.network, imputer.shape
        self.draws = 1 + imputer.network.config.factors

    def density(self, images: Tensor, missing: Tensor) -> MixtureOfFactorAnalyzers:
        return cast(MixtureOfFactorAnalyzers, self.imputer.predict(images, missing, torch.Generator()).mixture)


class MFAAnswer(MixtureAnswer):
    """The answer of MFA with exact conditioning."""

    def __init__(self, imputer: MFAImputer):
        assert imputer.temperature == 1, "a graph conditions exactly"
        self.network, self.shape = nn.Module(), imputer.shape
        for name, tensor in tensors_of(imputer.mixture).items():
            self.network.register_buffer(name, tensor.float())
        self.draws = 1 + imputer.mixture.components.factors.shape[1]

    def density(self, images: Tensor, missing: Tensor) -> MixtureOfFactorAnalyzers:
        weights = {name: buffer[None] for name, buffer in self.network.named_buffers()}
        mixture = MixtureOfFactorAnalyzers(weights.pop("log_weights"), FactorAnalyzer(**weights))
        return mixture.condition(flatten(images), flatten_missing(missing, images.shape[1]))


class VAEACAnswer(Answer):
    """The answer of VAEAC without a guide: mean and deviation of S samples, at least two. The normal values are the latents."""

    def __init__(self, imputer: VAEACImputer):
        self.imputer, self.network, self.shape = imputer, imputer.model, imputer.shape
        self.draws = cast(ImageGenerator, imputer.model.generator).config.latents

    def predict(self, images: Tensor, missing: Tensor, normals: Tensor) -> Tensors:
        conditional = self.imputer.condition(images, missing)
        z = normals.unsqueeze(1).expand(-1, images.shape[0], -1)
        pixels = conditional.decode(conditional.prior.at(z))
        return averaged(pixels.mean, pixels.variance.mean(0))


class PosteriorMatchingAnswer(Answer):
    """The answer of Posterior Matching: mean and deviation of S samples, at least two.

    The first normal value of a sample chooses the component of its latents by its quantile, the others are the noise of the latents.
    """

    def __init__(self, imputer: PosteriorMatchingImputer):
        self.model = self.network = imputer.model
        self.shape = imputer.shape
        self.draws = 1 + imputer.model.config.latents

    def predict(self, images: Tensor, missing: Tensor, normals: Tensor) -> Tensors:
        z = self.model(images, missing).at(torch.special.ndtr(normals[:, 0]), normals[:, 1:])
        samples = self.model.decode(z.flatten(0, 1)).unflatten(0, z.shape[:2])
        return averaged(samples, self.model.config.deviation**2)


class WalkStep(TensorFunction):
    """One step of a walk along an auto-encoder's field, see `impute_along`.

    Its inputs are images, missing, the current `points` `(B, C, H, W)`, and `step_size` `(1,)`. Returns `residual`, the norm of the field at
    these points `(B,)`, and `filled`, `psnr` and `ssim` of the next ones. With the plane of a map, also `place`, where these points are on
    the map, `(B, 2)`.
    """

    name = "step"

    def __init__(self, model: Autoencoder, plane: LatentPlane | None = None):
        self.model = self.network = model
        self.plane, self.shape = plane, model.config.shape

    def __call__(self, images: Tensor, missing: Tensor, points: Tensor, step_size: Tensor) -> Tensors:
        latents = self.model.encode(points)
        force = torch.where(missing, self.model.decode(latents) - points, 0)
        residual = force.flatten(1).square().sum(1).sqrt()
        place = {} if self.plane is None else {"place": self.plane.place(latents)}
        return {**scored(points + step_size * force, images, missing), "residual": residual, **place}

    def examples(self, rows: int, draws: int) -> Tensors:
        found = super().examples(rows, draws)
        return {**found, "points": found["images"], "step_size": torch.ones(1)}


class MapStep(TensorFunction):
    """One step of a walk on the map of an auto-encoder, see `latent_field`.

    Its input is `places` `(B, 2)`. Returns their decoded pictures `filled` `(B, C, H, W)`, the next places `next` `(B, 2)`, and `residual`,
    the distance to them `(B,)`.
    """

    name = "map"

    def __init__(self, plane: LatentPlane):
        self.plane, self.network, self.shape = plane, plane.model, plane.model.config.shape

    def __call__(self, places: Tensor) -> Tensors:
        pictures = self.plane.decode(places)
        after = self.plane.encode(pictures)
        residual = (after - places).square().sum(1).sqrt()
        return {"filled": pictures.clamp(0, 1), "next": after, "residual": residual}

    def examples(self, rows: int, draws: int) -> Tensors:
        return {"places": torch.randn(rows, 2)}


class Belief(TensorFunction):
    """What a classifier's source returns, see `Classifier.believe`: `filled` `(B, C, H, W)`, and its heaviest components.

    These are `log_weights` `(B, J)`, `mean` `(B, J, n)`, `factors` `(B, J, l, n)` and `noise` `(B, J, n)`.
    """

    name = "belief"

    def __init__(self, answer: MixtureAnswer):
        self.answer, self.network, self.shape = answer, answer.network, answer.shape

    def __call__(self, images: Tensor, missing: Tensor) -> Tensors:
        density = self.answer.density(images, missing)
        leading = density.leading(LEADING)
        parts = leading.components
        filled = pasted(density.mean.view_as(images), images, missing)
        weights = {"log_weights": leading.log_weights}
        return {"filled": filled, **weights, "mean": parts.mean, "factors": parts.factors, "noise": parts.noise}


class Prediction(TensorFunction):
    """A classifier's answer: `probabilities` `(B, classes)`, given images, missing, and the parts of the `belief` that it uses."""

    name = "prediction"

    def __init__(self, classifier: Classifier, belief: Belief | None):
        self.classifier, self.belief = classifier, belief
        self.network, self.shape = classifier.network.eval(), classifier.config.shape

    @property
    def uses(self) -> tuple[str, ...]:
        """The names of the outputs of `Belief` that it uses."""
        if isinstance(self.classifier, ImputingClassifier):
            return ("filled",)
        return ("log_weights", "mean", "factors", "noise") if isinstance(self.classifier, MisConvClassifier) else ()

    def __call__(self, images: Tensor, missing: Tensor, **belief: Tensor) -> Tensors:
        believed = None
        if "filled" in belief:
            believed = Imputation(belief["filled"])
        elif belief:
            density = MixtureOfFactorAnalyzers(belief.pop("log_weights"), FactorAnalyzer(**belief))
            believed = Imputation(images, density)
        logits = self.classifier.logits(self.network, *self.classifier.prepare(images, missing, believed))
        return {"probabilities": logits.sigmoid() if self.classifier.config.several else logits.softmax(1)}

    def examples(self, rows: int, draws: int) -> Tensors:
        found = super().examples(rows, draws)
        believed = {} if self.belief is None else self.belief(**found)
        return {**found, **{name: believed[name] for name in self.uses}}


def pasted(values: Tensor, images: Tensor, missing: Tensor) -> Tensor:
    """Return values `(..., B, C, H, W)` within [0, 1], with the images' observed pixels."""
    return torch.where(missing, values.clamp(0, 1), images)


def averaged(samples: Tensor, within: Tensor | float) -> Tensors:
    """Return the outputs of a method that averages S samples `(S, B, C, H, W)`, whose pixels have a variance `within` of their own."""
    mean = samples.mean(0)
    between = (samples - mean).square().sum(0) / (samples.shape[0] - 1)
    return {"filled": mean, "deviation": (within + between).sqrt(), "samples": samples}


def scored(values: Tensor, images: Tensor, missing: Tensor) -> Tensors:
    """Return `filled`, values `(B, C, H, W)` with the images' observed pixels, and its `psnr` in the hole and `ssim`, `(B,)`."""
    filled = pasted(values, images, missing)
    psnr = metrics.psnr(flatten(filled), flatten(images), flatten_missing(missing, images.shape[1]))
    return {"filled": filled, "psnr": psnr, "ssim": metrics.ssim(filled, images)}


def draw(density: MixtureOfFactorAnalyzers, normals: Tensor) -> Tensor:
    """Return samples `(S, B, n)` without noise for S draws `(S, 1 + l)`: the quantile of the first value chooses a component."""
    parts, z = density.components, normals[:, None, None, 1:]
    if density.log_weights.shape[-1] == 1:  # ONNX Runtime Web cannot compare with an empty tensor
        return parts.mean[:, 0] + (z @ parts.factors[:, 0]).squeeze(-2)
    quantile, below = torch.special.ndtr(normals[:, 0]), density.weights.cumsum(-1)[:, :-1]  # (S,), (B, K - 1)
    chosen = (quantile[:, None, None] > below).sum(-1)  # (S, B)
    row = torch.arange(chosen.shape[1])
    return parts.mean[row, chosen] + (z @ parts.factors[row, chosen]).squeeze(-2)
