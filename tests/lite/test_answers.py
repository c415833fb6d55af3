"""Functions of tensors give what the methods and classifiers give, in PyTorch and as graphs."""

import json
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from dmfa_demo.densities.factor_analyzer import FactorAnalyzer, MixtureOfFactorAnalyzers
from dmfa_demo.densities.shared_mixture import SharedComponents, SharedMixture
from dmfa_demo.imputation import Imputation, flatten, flatten_missing
from dmfa_demo.lite.answers import (
    Belief,
    MapStep,
    PosteriorMatchingAnswer,
    Prediction,
    TensorFunction,
    VAEACAnswer,
    WalkStep,
    draw,
)
from dmfa_demo.lite.functions import GRAPHS, answer_of, functions_of
from dmfa_demo.lite.guided import GUIDING, GuidedAnswer, LinearAnswer, Products, Score
from dmfa_demo.models.baselines import MeanImputer
from dmfa_demo.models.classifier import CLASSIFIERS, ClassifierConfig
from dmfa_demo.models.dynamics import impute_along, latent_field
from dmfa_demo.models.latent_map import LatentMap
from dmfa_demo.models.mfa import MFAImputer
from dmfa_demo.networks import engine
from dmfa_demo.registry import load_imputer, method_class
from dmfa_demo.storage.checkpoints import ROOT, read_config
from tests.models.test_same_engines import scenes

FILES = sorted(path for name in GRAPHS for path in ROOT.glob(f"*/*/{name}.onnx"))


def named(path: Path) -> str:
    return "/".join(path.relative_to(ROOT).parts)


BATCHES = (1, 5, 16, 16, 16, 16, 16, 14)
# Those for one image, and the numbers of images with which they are tested.
SINGLE, ONES = (LinearAnswer, GuidedAnswer, Products, Score), (1,) * 8


def load(folder: Path, name: str = "answer") -> TensorFunction:
    """Return the function of a checkpoint with this name, or of a method without a checkpoint."""
    with engine.using("torch"):
        if (folder / "config.json").is_file():
            (function,) = (one for one in functions_of(folder) if one.name == name)
            return function
        found = answer_of(load_imputer(folder.name, folder.parent.name))
        assert found is not None
        return found


@cache
def guides(name: str, size: int) -> TensorFunction:
    """Return a function of the guide of faces of this size."""
    return load(ROOT / ("celeba" if size == 64 else "celeba32") / "mfa", name)


def inputs(function: TensorFunction, images: Tensor, missing: Tensor) -> dict[str, Tensor]:
    """Return the function's inputs for a scene, with random numbers where it has some."""
    torch.manual_seed(0)
    size = images.shape[-1]
    if isinstance(function, MapStep):
        return function.examples(len(images), 0)
    if isinstance(function, Products):
        return {"missing": missing}
    if isinstance(function, LinearAnswer):
        whole = guides("products", size)(missing=torch.ones_like(missing))["products"]
        return {"images": images, "missing": missing, "normals": torch.randn(10, function.draws), "whole": whole}
    if isinstance(function, GuidedAnswer):
        linear = guides("answer", size)(**inputs(guides("answer", size), images, missing))
        return {"images": images, "missing": missing, **{name: linear[name] for name in GUIDING}}
    if isinstance(function, Score):
        linear = guides("answer", size)(**inputs(guides("answer", size), images, missing))
        residual = linear["linear_deviation"] * torch.randn(linear["linear_deviation"].shape)
        measured = {name: linear[name] for name in ("inverse", "log_det")}
        return {"missing": missing, "residual": residual, "stretch": torch.ones(1), **measured}
    found = {**function.examples(len(images), 10), "images": images, "missing": missing}
    if isinstance(function, Prediction) and function.belief is not None:
        believed = function.belief(images, missing)
        found |= {name: believed[name] for name in function.uses}
    if isinstance(function, WalkStep):
        found["points"] = torch.where(missing, torch.rand(images.shape), images)
    return found


def test_graphs_name_no_file_of_the_machine_that_exported_them():
    graphs = list(ROOT.glob("*/*/*.onnx"))
    assert graphs and [named(path) for path in graphs if b".py" in path.read_bytes()] == []


# Absolute and relative tolerance of outputs other than pixels. PSNR is 0.02 dB off where the mean of a face is 0.0005 off.
WITHIN = {
    "nll": (1e-3, 1e-4),
    "psnr": (1e-3, 5e-4),
    "log_weights": (1e-3, 1e-3),
    "products": (0.1, 1e-5),
    "log_det": (1e-2, 1e-4),
    "stretch": (1e-2, 1e-4),
    "residual": (1e-3, 1e-3),
}


@pytest.mark.parametrize("path", FILES, ids=named)
@torch.inference_mode()
def test_a_graph_equals_its_function(path: Path):
    folder, function = path.parent, load(path.parent, path.stem)
    session = engine.open_session(path)
    for images, missing in scenes(folder.parent.name, ONES if isinstance(function, SINGLE) else BATCHES):
        given = inputs(function, images, missing)
        expected = function(**given)
        found = session.run(list(expected), {name: tensor.contiguous().numpy() for name, tensor in given.items()})
        # Components of MFA are weighted by likelihoods of hundreds of pixels, which single precision rounds, and so are products of its
        # factors for faces.
        pixel = 1e-3 if isinstance(function, SINGLE) else 2e-4 if folder.name.startswith("mfa") else 1e-4
        for name, values in zip(expected, map(torch.from_numpy, found)):
            ours = expected[name]
            if name == "deviation":  # of a pixel that hardly varies, it is the root of a tiny number
                values, ours = values.square(), ours.square()
            within = WITHIN.get(name, (pixel, 0))
            torch.testing.assert_close(values, ours, atol=within[0], rtol=within[1], equal_nan=True)


@pytest.mark.parametrize("folder", [path.parent for path in sorted(ROOT.glob("*/*/answer.onnx"))], ids=named)
@torch.inference_mode()
def test_a_function_equals_its_method(folder: Path):
    function = load(folder)
    name = read_config(folder)["training"]["method"] if (folder / "config.json").is_file() else folder.name
    with engine.using("torch"):
        kind = method_class(name)
        imputer = kind.load(folder) if kind.needs_checkpoint else kind.create(folder.parent.name)
    for images, missing in scenes(folder.parent.name, ONES if isinstance(function, SINGLE) else (1, 5, 16)):
        expected = imputer.impute(images, missing, seed=7)
        given = inputs(function, images, missing)
        if isinstance(function, VAEACAnswer):
            given["normals"] = torch.randn(10, 1, function.draws, generator=torch.Generator().manual_seed(7))[:, 0]
        if isinstance(function, PosteriorMatchingAnswer):
            generator = torch.Generator().manual_seed(7)
            quantiles = torch.special.ndtri(torch.rand(10, 1, generator=generator))
            given["normals"] = torch.cat([quantiles, torch.randn(10, function.draws - 1, generator=generator)], 1)
        found = function(**given)
        if isinstance(function, GuidedAnswer):
            score = guides("score", images.shape[-1])
            errors = {name: found[name] for name in ("residual", "stretch")}
            found |= score(**{**inputs(score, images, missing), **errors})
        pixel = 5e-4 if isinstance(function, SINGLE) else 1e-4
        torch.testing.assert_close(found["filled"], expected.mean.clamp(0, 1), atol=pixel, rtol=0)
        assert ("deviation" in found) == (expected.variance is not None)
        if expected.variance is not None:
            torch.testing.assert_close(found["deviation"], expected.variance.sqrt(), atol=pixel, rtol=1e-4)
        if expected.density is not None:
            nll = -expected.density.log_prob(flatten(images), flatten_missing(missing, images.shape[1]))
            # The methods compute the likelihood of hundreds of factors in double precision.
            torch.testing.assert_close(
                found["nll"], nll.float(), atol=1e-2, rtol=1e-3 if isinstance(function, SINGLE) else 1e-4
            )
        if isinstance(function, VAEACAnswer | PosteriorMatchingAnswer):
            torch.testing.assert_close(found["samples"], expected.sample(10, noise=False), atol=1e-5, rtol=0)


@torch.inference_mode()
def test_draws_have_the_weights_means_and_covariances_of_the_mixture():
    generator = torch.Generator().manual_seed(0)
    mean, factors = (torch.randn(size, generator=generator) for size in ((1, 3, 4), (1, 3, 2, 4)))
    weights = torch.tensor([[0.5, 0.2, 0.3]])
    density = MixtureOfFactorAnalyzers(weights.log(), FactorAnalyzer(10 * mean, factors, torch.ones(1, 3, 4)))
    samples = draw(density, torch.randn(40_000, 3, generator=generator))[:, 0]
    nearest = torch.cdist(samples, 10 * mean[0]).argmin(1)
    torch.testing.assert_close(nearest.bincount() / len(samples), weights[0], atol=0.02, rtol=0)
    for k in range(3):
        mine = samples[nearest == k]
        torch.testing.assert_close(mine.mean(0), 10 * mean[0, k], atol=0.2, rtol=0)
        torch.testing.assert_close(mine.T.cov(), factors[0, k].T @ factors[0, k], atol=0.3, rtol=0)


@torch.inference_mode()
def test_steps_make_the_walk_of_auto_encoder_dynamics():
    function = load(ROOT / "mnist" / "autoencoder", "step")
    assert isinstance(function, WalkStep)
    images, missing = next(scenes("mnist", (5,)))
    filled = start = torch.where(missing, torch.rand(images.shape), images)
    states = list(impute_along(function.model.reconstruct, start, missing, step_size=0.6, steps=5, tolerance=0))
    for state, after in zip(states, states[1:]):
        found = function(images, missing, filled, torch.tensor([0.6]))
        torch.testing.assert_close(found["residual"], state.residual)
        torch.testing.assert_close(found["filled"], after.points.clamp(0, 1))
        filled = found["filled"]


@pytest.mark.parametrize("folder", sorted(ROOT.glob("*/*/map.onnx")), ids=named)
@torch.inference_mode()
def test_steps_on_a_map_follow_its_field(folder: Path):
    on_map, step = (load(folder.parent, name) for name in ("map", "step"))
    assert isinstance(on_map, MapStep) and isinstance(step, WalkStep)
    drawn = LatentMap.load(folder.parent)
    found = on_map(drawn.points[:5])
    field = latent_field(on_map.plane.encode, on_map.plane.decode)(drawn.points[:5])
    torch.testing.assert_close(found["next"] - drawn.points[:5], field, atol=1e-5, rtol=0)
    torch.testing.assert_close(found["residual"], field.norm(dim=1))
    images, missing = next(scenes(folder.parts[-3], (5,)))
    placed = step(images, missing, images, torch.ones(1))["place"]
    torch.testing.assert_close(placed, on_map.plane.encode(images))


@pytest.mark.parametrize("folder", [path.parent for path in sorted(ROOT.glob("*/*/prediction.onnx"))], ids=named)
@torch.inference_mode()
def test_predictions_are_those_of_the_classifier(folder: Path):
    function = load(folder, "prediction")
    assert isinstance(function, Prediction)
    with engine.using("torch"):
        classifier = CLASSIFIERS[function.classifier.name].load(folder)
    for images, missing in scenes(folder.parent.name, (1, 5)):
        found = function(**inputs(function, images, missing))["probabilities"]
        torch.testing.assert_close(found, classifier.predict(images, missing), atol=1e-5, rtol=0)


@pytest.mark.parametrize("treatment", ["knn", "acflow", "dmfa-mean"])
def test_a_classifier_has_no_graph_if_its_source_has_none(treatment: str, tmp_path: Path, monkeypatch):
    classifier = CLASSIFIERS[treatment](ClassifierConfig(height=8, width=8), MeanImputer(torch.zeros(1, 8, 8)))
    monkeypatch.setattr(type(classifier), "load", lambda folder: classifier)
    (tmp_path / "config.json").write_text(
        json.dumps({"network": {}, "training": {"method": "classifier", "treatment": treatment}})
    )
    assert functions_of(tmp_path) == []


@torch.inference_mode()
def test_a_belief_is_that_of_the_source():
    folder = ROOT / "mnist" / "mfa-mixed"
    function = load(folder, "belief")
    assert isinstance(function, Belief)
    images, missing = next(scenes("mnist", (5,)))
    expected: Imputation = method_class("mfa").load(folder).impute(images, missing, seed=0)
    found, leading = function(images, missing), expected.mixture.leading(2)
    torch.testing.assert_close(found["filled"], expected.mean, atol=1e-4, rtol=0)
    torch.testing.assert_close(found["log_weights"].exp(), leading.weights, atol=1e-3, rtol=0)
    # A component without weight may be another one.
    heavy = leading.weights > 1e-3
    torch.testing.assert_close(found["mean"][heavy], leading.components.mean[heavy], atol=1e-4, rtol=0)
    covariances = [parts.mT @ parts for parts in (found["factors"][heavy], leading.components.factors[heavy])]
    torch.testing.assert_close(*covariances, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("share", [0.2, 0.8], ids=["few pixels hidden", "most pixels hidden"])
@torch.inference_mode()
def test_a_linear_answer_is_a_dense_gaussian_with_a_temperature(share: float):
    generator = torch.Generator().manual_seed(0)
    channels, side, latents, temperature = 2, 6, 10, 3.0
    size = channels * side**2
    mean, factors = torch.rand(size, generator=generator), torch.randn(latents, size, generator=generator) / 5
    noise = 0.05 + 0.1 * torch.rand(size, generator=generator)
    mixture = SharedMixture.prior(torch.zeros(1), SharedComponents(mean[None], factors[None], noise[None]))
    imputer = MFAImputer((channels, side, side), mixture, temperature)
    answer, products = LinearAnswer(imputer), Products(imputer)
    images = torch.rand(1, channels, side, side, generator=generator)
    missing = torch.rand(1, 1, side, side, generator=generator) < share
    whole = products(missing=torch.ones_like(missing))["products"]
    draws = 50_000
    found = answer(images, missing, torch.randn(draws, answer.draws, generator=generator), whole=whole)

    hidden = missing.expand_as(images).flatten()
    a, seen = factors[:, hidden], factors[:, ~hidden] / (temperature * noise[~hidden])
    covariance = torch.linalg.inv(torch.eye(latents) + seen @ factors[:, ~hidden].T)
    x = images.flatten()
    centre = mean[hidden] + (x - mean)[~hidden] @ seen.T @ covariance @ a
    shared = a.T @ covariance @ a
    dense = MultivariateNormal(centre, shared + noise[hidden].diag())
    torch.testing.assert_close(found["linear_mean"][0, hidden], centre)
    torch.testing.assert_close(found["deviation"].flatten()[hidden], dense.variance.sqrt())
    torch.testing.assert_close(found["nll"][0], -dense.log_prob(x[hidden]), atol=1e-3, rtol=1e-4)
    drawn = found["linear_draws"][:, 0, hidden]
    torch.testing.assert_close(drawn.mean(0), torch.zeros_like(centre), atol=0.02, rtol=0)
    torch.testing.assert_close(drawn.T.cov(), shared, atol=0.05 * shared.max().item(), rtol=0)
