"""The functions of tensors that a checkpoint has."""

from __future__ import annotations

from pathlib import Path

from dmfa_demo.imputation import Imputer
from dmfa_demo.lite.answers import (
    Answer,
    Belief,
    ConstantAnswer,
    DMFAAnswer,
    MapStep,
    MFAAnswer,
    MixtureAnswer,
    PosteriorMatchingAnswer,
    Prediction,
    SingleAnswer,
    TensorFunction,
    VAEACAnswer,
    WalkStep,
)
from dmfa_demo.lite.guided import GuidedAnswer, LinearAnswer, Products, Score
from dmfa_demo.models.autoencoder import Autoencoder, AutoencoderConfig
from dmfa_demo.models.baselines import MeanImputer
from dmfa_demo.models.classifier import CLASSIFIERS
from dmfa_demo.models.context_encoder import ContextEncoderImputer
from dmfa_demo.models.dmfa import DMFAImputer, GuidedDMFAImputer
from dmfa_demo.models.latent_map import MAP, LatentMap
from dmfa_demo.models.mfa import MFAImputer
from dmfa_demo.models.posterior_matching import PosteriorMatchingImputer
from dmfa_demo.models.universal_marginalizer import UniversalMarginalizerImputer
from dmfa_demo.models.vaeac import GuidedVAEACImputer, VAEACImputer
from dmfa_demo.models.wae import WAE
from dmfa_demo.registry import method_class
from dmfa_demo.storage.checkpoints import beside, load_network, read_config

# The names of their graphs.
GRAPHS = tuple(kind.name for kind in (Answer, WalkStep, MapStep, Belief, Prediction, Products, Score))


def functions_of(folder: Path) -> list[TensorFunction]:
    """Return the tensor functions with the weights of a checkpoint; none for what the light page does not have."""
    training = read_config(folder)["training"]
    if training["method"] == "autoencoder":
        model = load_network(folder, Autoencoder, AutoencoderConfig)
        if not (folder / MAP).is_file():
            return [WalkStep(model)]
        plane = LatentMap.load(folder).plane(model)
        return [WalkStep(model, plane), MapStep(plane)]
    if training["method"] == "classifier":
        classifier = CLASSIFIERS[training["treatment"]].load(folder)
        if classifier.source is None:
            return [Prediction(classifier, None)]
        answer = answer_of(classifier.source)
        return [Prediction(classifier, Belief(answer))] if isinstance(answer, MixtureAnswer) else []
    if training["method"] == WAE.name:
        return []
    imputer = method_class(training["method"]).load(folder)
    answer = answer_of(imputer)
    if answer is None or (isinstance(answer, GuidedAnswer) and not _uses_all_factors(folder)):
        return []
    if training.get("incomplete") is not None:
        return [Belief(answer)] if isinstance(answer, MixtureAnswer) else []
    if isinstance(answer, LinearAnswer):
        assert isinstance(imputer, MFAImputer)
        return [answer, Products(imputer), Score(imputer)]
    return [answer]


def answer_of(imputer: Imputer) -> TensorFunction | None:
    """Return a method's answer as a function of tensors; None if there is none.

    There is none without factors, for a guided VAEAC, whose latents need eigenvectors, which ONNX cannot compute, and for settings that no
    shipped checkpoint has, such as a temperature with several components.
    """
    if isinstance(imputer, GuidedDMFAImputer):
        guide, config = imputer.guide, imputer.network.config
        return GuidedAnswer(imputer) if guide.temperature != 1 and config.noise_share == 1 else None
    if isinstance(imputer, GuidedVAEACImputer):
        return None
    if isinstance(imputer, DMFAImputer):
        return DMFAAnswer(imputer) if imputer.network.config.factors else None
    if isinstance(imputer, MFAImputer):
        components, factors, _ = imputer.mixture.components.factors.shape
        if not factors:
            return None
        if imputer.temperature == 1:
            return MFAAnswer(imputer)
        return LinearAnswer(imputer) if components == 1 else None
    if isinstance(imputer, VAEACImputer):
        return VAEACAnswer(imputer)
    if isinstance(imputer, PosteriorMatchingImputer):
        return PosteriorMatchingAnswer(imputer)
    if isinstance(imputer, UniversalMarginalizerImputer | ContextEncoderImputer):
        return SingleAnswer(imputer)
    return ConstantAnswer(imputer) if isinstance(imputer, MeanImputer) else None


def _uses_all_factors(folder: Path) -> bool:
    """Return whether a guided method uses its guide as it is, like the guide's graph."""
    config = read_config(folder)["network"]
    return read_config(beside(folder, config["guide"]))["network"]["factors"] <= config["factors"]
