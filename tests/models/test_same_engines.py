"""Both engines give the same results: for every graph, every method and every classifier."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from dmfa_demo.app.canvas.presets import OFFERS
from dmfa_demo.data.datasets import load_samples, to_float
from dmfa_demo.data.masks import mask_family
from dmfa_demo.lite.functions import GRAPHS
from dmfa_demo.models.classifier import CLASSIFIERS, available_classifiers, folder_of
from dmfa_demo.models.diffusion import DiffusionImputer
from dmfa_demo.networks import engine
from dmfa_demo.networks.engine import SUFFIX
from dmfa_demo.registry import available_methods, method_class
from dmfa_demo.storage.checkpoints import ROOT, weights_of
from train.engine.graphs import load_networks

# Those of the light page are tested in tests/lite/test_answers.py.
OWN = [path for path in ROOT.glob(f"*/*/*{SUFFIX}") if path.stem not in GRAPHS]
FOLDERS = sorted({path.parent for path in OWN})
# Diffusion has no graph, and takes minutes.
METHODS = [
    (dataset, name) for dataset in OFFERS for name in available_methods(dataset) if name != DiffusionImputer.name
]
CLASSIFYING = [(dataset, name) for dataset in OFFERS for name in available_classifiers(dataset)]
MASKS = "half+quarter+square13+squares8-20+rectangles+strokes+noise30-90+line3"
# Batch sizes, 100 images in all.
BATCHES = (1, 5, 16, 16, 16, 16, 16, 14)


def scenes(dataset: str, batches: tuple[int, ...] = BATCHES) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches of sample images with holes of every family, including an empty and a full one."""
    samples = to_float(load_samples("celeba" if dataset == "celeba32" else dataset).images)
    if dataset == "celeba32":
        samples = torch.nn.functional.avg_pool2d(samples, 2)
    count = sum(batches)
    images = samples[torch.arange(count) % len(samples)]
    missing = mask_family(MASKS)(count, *images.shape[-2:], torch.Generator().manual_seed(3))
    missing[2], missing[3] = False, True
    yield from zip(images.split(batches), missing.split(batches))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: "/".join(folder.parts[-2:]))
def test_graph_equals_its_network(folder: Path):
    """Compare all calls that a checkpoint makes to its networks."""
    with engine.using("torch"):
        networks, use = load_networks(folder)
    with engine.using("onnx"):
        twins, _ = load_networks(folder)
    asked: set[str] = set()

    def compare(name: str, compute: Callable[..., Any], twin: engine.Runner | None) -> engine.Runner:
        def run(*tensors: Tensor) -> Any:
            asked.add(name)
            assert twin is not None
            expected, found = compute(*tensors), twin(*tensors)
            both = [(expected, found)] if isinstance(expected, Tensor) else zip(expected, found, strict=True)
            for ours, theirs in both:
                # Pixels are at most 1, but features that one network passes to another are larger.
                size = max(1.0, ours.abs().max().item())
                torch.testing.assert_close(theirs, ours, atol=1e-4 + 1e-5 * size, rtol=0)
            return expected

        return run

    names = set()
    for network, other in zip(networks, twins):
        for (name, module, compute), (_, place, _) in zip(engine.graphs_of(network), engine.graphs_of(other)):
            engine.replace(module, name, compare(name, compute, engine.runner_of(place, name)))
            names.add(name)
    with torch.inference_mode():
        for images, missing in scenes(folder.parent.name):
            use(images, missing, 3)
    assert asked == names == {path.stem for path in OWN if path.parent == folder}


@pytest.mark.parametrize(("dataset", "name"), METHODS)
def test_a_method_gives_the_same_pictures(dataset: str, name: str):
    answers = []
    kind = method_class(name)
    for chosen in ("torch", "auto"):
        with engine.using(chosen):
            imputer = kind.load(ROOT / dataset / name) if kind.needs_checkpoint else kind.create(dataset)
        answers.append([imputer.impute(images, missing, seed=0) for images, missing in scenes(dataset, (1, 5))])
    # A walk stops at a tolerance, and may stop one step sooner.
    tolerance = 5e-3 if kind.has_trajectory else 1e-4
    for expected, found in zip(*answers):
        torch.testing.assert_close(found.mean, expected.mean, atol=tolerance, rtol=0)
        if expected.variance is not None:
            torch.testing.assert_close(found.variance, expected.variance, atol=1e-4, rtol=0)
        if expected.sampler is not None and kind.draws_quickly:
            torch.testing.assert_close(found.sample(2), expected.sample(2), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("dataset", "name"), CLASSIFYING)
def test_a_classifier_gives_the_same_probabilities(dataset: str, name: str):
    classifiers = []
    for chosen in ("torch", "auto"):
        with engine.using(chosen):
            classifiers.append(CLASSIFIERS[name].load(ROOT / dataset / folder_of(name)))
    for images, missing in scenes(dataset, (1, 5)):
        expected, found = (classifier.predict(images, missing) for classifier in classifiers)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_networks_of_the_page_have_graphs():
    missing = []
    for path in sorted(ROOT.glob("*/*/config.json")):
        with engine.using("torch"):
            networks, _ = load_networks(path.parent)
        marked = [name for network in networks for name, _, _ in engine.graphs_of(network)]
        if marked and weights_of(path.parent).parent not in FOLDERS:
            missing.append("/".join(path.parts[-3:-1]))
    assert not missing
