"""A method from outside the repository: on the page, in the API, in evaluate, and in no other test."""

import json
import os
import subprocess
import sys

import pytest
import torch

from dmfa_demo import registry
from tests.conftest import REPOSITORY

MEDIAN = """
from typing import Self

import torch

from dmfa_demo import Imputation, Imputer
from dmfa_demo.data import load_samples, to_float


class MedianImputer(Imputer):
    name, title, colour, paper = "median", "Training median", "#556b2f", None
    summary, limits = "Every hidden pixel gets its median.", "It does not look at the visible pixels."
    needs_checkpoint = False

    def __init__(self, image: torch.Tensor):
        self.image, self.shape = image, tuple(image.shape)

    @classmethod
    def create(cls, dataset: str) -> Self:
        return cls(to_float(load_samples(dataset).images).median(0).values)

    def predict(self, images: torch.Tensor, missing: torch.Tensor, generator: torch.Generator) -> Imputation:
        return Imputation(mean=self.image.expand_as(images))
"""

USE = """
import json, sys
import torch
from dmfa_demo import available_methods, load_imputer
from dmfa_demo.app.lessons.explainer import Explainer
from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene
from dmfa_demo.app.tabs.compare import CompareTab
from dmfa_demo.app.tabs.results import ResultsTab
from dmfa_demo.data import load_samples, to_float

scene, missing = Scene.sample("mnist", 42), torch.zeros(28, 28, dtype=torch.bool)
missing[7:21, 7:21] = True
compare = CompareTab(view=None, methods=None, cards=None)
cards = compare.render(scene, missing, ImputationCache(), "mean", ["median", "zero"])[0]
results = ResultsTab(protocol=None, measure=None, chart=None, table=None)
mean = load_imputer("median", "mnist").impute(scene.image[None], missing[None, None]).mean[0]
expected = to_float(load_samples("mnist").images).median(0).values
json.dump({
    "methods": available_methods("mnist"),
    "faces": "median" in available_methods("celeba32"),
    "right": torch.equal(mean, torch.where(missing, expected, scene.image)),
    "compared": "Training median" in cards,
    "waiting": "Not measured yet: Training median" in results.render_table(scene, "square14"),
    "explained": "Every hidden pixel gets its median." in Explainer().html_template,
}, sys.stdout)
"""


@pytest.fixture
def outside(tmp_path):
    """Return the environment of a process with an extra method in another folder."""
    (tmp_path / "mine.py").write_text(MEDIAN)
    path = os.pathsep.join([str(tmp_path), str(REPOSITORY)])
    return {**os.environ, "PYTHONPATH": path, registry.SETTING: "mine:MedianImputer"}


def test_plug_in_is_compared_explained_and_listed_as_not_measured(outside):
    done = subprocess.run([sys.executable, "-c", USE], cwd=REPOSITORY, env=outside, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["methods"][-1] == "median" and found["methods"][:-1] == registry.available_methods("mnist")
    assert not found["faces"], "create refuses a data set without samples"
    assert found["right"] and found["compared"] and found["waiting"] and found["explained"]


def test_evaluate_measures_a_plug_in(outside, small_mnist):
    words = f"-m train evaluate --method median --protocol square14 --seeds 1 --limit 20 --data-root {small_mnist}"
    command = [sys.executable, *words.split()]
    done = subprocess.run(command, cwd=REPOSITORY, env=outside, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "median on mnist, square14: n = 20" in done.stdout and "sse" in done.stdout


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("nowhere:Imputer", "cannot be imported"),
        ("torch:Tensor", "not a subclass"),
        ("dmfa_demo.models.baselines", "cannot be imported"),
        ("dmfa_demo.models.baselines:ZeroImputer", None),
        ("tests.library.test_plug_in:Taken", "a method 'zero' already exists"),
    ],
)
def test_invalid_plug_ins_are_refused(monkeypatch, setting, message):
    monkeypatch.setenv(registry.SETTING, setting)
    registry.methods.cache_clear()
    try:
        if message is None:
            assert registry.methods() == registry.METHODS, "the same class twice is not a conflict"
        else:
            with pytest.raises(ValueError, match=message):
                registry.methods()
    finally:
        registry.methods.cache_clear()


class Taken(registry.Imputer):
    name = "zero"

    def predict(self, images: torch.Tensor, missing: torch.Tensor, generator: torch.Generator):
        raise NotImplementedError
