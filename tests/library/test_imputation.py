"""The contracts, for every registered and trained method."""

import re
from dataclasses import replace
from functools import cache
from itertools import islice

import pytest
import torch

from dmfa_demo import load_imputer
from dmfa_demo.app.canvas.presets import OFFERS
from dmfa_demo.data.datasets import DATASETS, load_samples, to_float
from dmfa_demo.data.masks import mask_family
from dmfa_demo.densities.factor_analyzer import MixtureDensity
from dmfa_demo.imputation import Imputation, Imputer, check, flatten_missing
from dmfa_demo.models.diffusion import DiffusionImputer
from dmfa_demo.registry import METHODS, available_methods, method_class
from dmfa_demo.storage.checkpoints import ROOT

TRAINED = [(dataset, name) for dataset in OFFERS for name in available_methods(dataset)]


def scene(dataset: str = "mnist", count: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    samples = to_float(load_samples(dataset).images)
    images = samples[torch.arange(count) * 16 % len(samples)]
    missing = mask_family("quarter+strokes+noise75")(count, *images.shape[-2:], torch.Generator().manual_seed(3))
    missing[0], missing[1] = False, True
    return images, missing


@cache
def load(name: str, dataset: str) -> Imputer:
    """Load a method, with few steps and samples if it takes many; the page's own imputer stays as it is."""
    if method_class(name) is not DiffusionImputer:
        return load_imputer(name, dataset)
    imputer = DiffusionImputer.load(ROOT / dataset / name)
    imputer.network.config = replace(imputer.network.config, levels=2, repeats=1)
    imputer.SAMPLES = 2
    return imputer


def answers(name: str, dataset: str, images: torch.Tensor, missing: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Return the mean, and two samples where the method has any, `(1 or 3, B, C, H, W)`."""
    imputer = load(name, dataset)
    imputation = imputer.impute(images, missing, seed=seed)
    if imputation.sampler is None:
        return imputation.mean[None]
    if not imputer.draws_quickly:  # its first steps; all would take a minute
        filled, left = next(islice(imputer.filling(images, missing, 2, seed=seed), 8, None))
        return torch.cat([imputation.mean[None], torch.where(left, 0, filled)])
    return torch.cat([imputation.mean[None], imputation.sample(2)])


@cache
def answered(dataset: str, name: str) -> torch.Tensor:
    """Return a method's answers to the scene, shared by several tests."""
    return answers(name, dataset, *scene(dataset))


@cache
def imputed(dataset: str, name: str) -> Imputation:
    """Return a method's imputation of the scene, shared by several tests."""
    return load(name, dataset).impute(*scene(dataset), seed=0)


SHIPPED = {
    "mnist": {
        "dmfa",
        "mfa",
        "vaeac",
        "universal-marginalizer",
        "dynamics-knn",
        "context-encoder",
        "gaussian",
        "knn",
        "mean",
        "zero",
    },
    "fashion-mnist": {
        "dmfa",
        "mfa",
        "vaeac",
        "dynamics",
        "dynamics-knn",
        "pseudo-gibbs",
        "context-encoder",
        "gaussian",
        "knn",
        "mean",
        "zero",
    },
    "omniglot": {"dmfa", "mfa", "vaeac", "context-encoder", "knn", "mean", "zero"},
    "celeba": {"dmfa", "mfa", "vaeac", "dynamics", "pseudo-gibbs", "context-encoder", "mean", "zero"},
}


@pytest.mark.parametrize("dataset", OFFERS)
def test_shipped_methods_are_available(dataset):
    assert {name for known, name in TRAINED if known == dataset} >= SHIPPED[dataset]


# Values under a mask that would spoil any sum they enter.
FAR = torch.nan, torch.inf, 1e38, -1e38


@pytest.mark.parametrize(("dataset", "name"), TRAINED)
def test_hidden_values_are_ignored(dataset, name):
    images, missing = scene(dataset)
    for other in (1 - images, torch.rand_like(images), *(torch.full_like(images, far) for far in FAR)):
        changed = torch.where(missing, other, images)
        assert torch.equal(answered(dataset, name), answers(name, dataset, changed, missing))


@pytest.mark.parametrize(("dataset", "name"), TRAINED)
def test_observed_pixels_are_returned_exactly(dataset, name):
    images, missing = scene(dataset)
    imputation = imputed(dataset, name)
    visible = ~missing.expand_as(images)
    assert torch.equal(imputation.mean[visible], images[visible])
    assert torch.equal(imputation.mean[0], images[0])  # nothing missing there
    values = answered(dataset, name)
    assert torch.equal(values[:, visible], images[visible].expand(len(values), -1))
    assert values.min() >= 0 and values.max() <= 1


@pytest.mark.parametrize(("dataset", "name"), TRAINED)
def test_density_covers_only_the_hole(dataset, name):
    images, missing = scene(dataset)
    imputation = imputed(dataset, name)
    density, hidden = imputation.density, flatten_missing(missing, images.shape[1])
    if density is None:
        return
    assert (density.variance[hidden] > 0).all() and not density.variance[~hidden].any()
    assert density.log_prob(images.flatten(1), hidden).isfinite().all()


@pytest.mark.parametrize(("dataset", "name"), TRAINED)
def test_method_has_variance_and_samples_or_a_single_answer(dataset, name):
    imputation = imputed(dataset, name)
    if imputation.variance is None:
        with pytest.raises(ValueError, match="cannot sample"):
            imputation.sample(1)
    else:
        images, missing = scene(dataset)
        hidden = missing.expand_as(images)
        assert (imputation.variance[hidden] >= 0).all() and not imputation.variance[~hidden].any()
        assert imputation.variance[hidden].max() > 0.01 and imputation.sampler is not None


@pytest.mark.parametrize(("dataset", "name"), TRAINED)
def test_has_samples_matches_the_imputation(dataset, name):
    assert (imputed(dataset, name).sampler is not None) == method_class(name).has_samples


@pytest.mark.parametrize(("dataset", "name"), TRAINED)
def test_the_same_seed_gives_the_same_pixels(dataset, name):
    (images, missing), imputer = scene(dataset), load(name, dataset)
    assert torch.equal(answers(name, dataset, images, missing), answered(dataset, name))
    if not imputer.draws_quickly:  # a sample takes a step for each missing pixel
        inside = torch.zeros_like(missing)
        inside[..., 10:18, 10:18] = True
        missing = missing & inside
    first = imputer.impute(images, missing, seed=1)
    other = imputer.impute(images, missing, seed=2)
    assert first.sampler is None or not torch.equal(first.sample(2), other.sample(2))


@pytest.mark.parametrize(("dataset", "name"), TRAINED)
def test_answer_does_not_depend_on_the_batch(dataset, name):
    (images, missing), imputer = scene(dataset), load(name, dataset)
    together = imputed(dataset, name).mean
    rows = zip(images.split(1), missing.split(1))
    alone = torch.cat([imputer.impute(*row, seed=0).mean for row in rows])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(("dataset", "name"), TRAINED)
def test_steps_end_with_the_samples_or_are_refused(dataset, name):
    (images, missing), imputer = scene(dataset), load(name, dataset)
    images, missing = images[2:], missing[2:] & mask_family("square8")(4, *images.shape[-2:], torch.Generator())
    if not imputer.fills_in_steps:
        with pytest.raises(ValueError, match="does not fill a hole step by step"):
            next(imputer.filling(images, missing, 1))
        return
    *_, (last, left) = imputer.filling(images, missing, 2, seed=3)
    assert torch.equal(last, imputer.impute(images, missing, seed=3).sample(2)) and not left.any() and imputer.steps


@pytest.mark.parametrize(("dataset", "name"), TRAINED)
def test_steps_of_an_answer_keep_visible_pixels_and_end_with_it(dataset, name):
    (images, missing), imputer = scene(dataset), load(name, dataset)
    images, missing = images[:2], missing[:2]
    *earlier, last = imputer.impute_in_steps(images, missing, seed=1)
    assert torch.equal(last.mean, imputer.impute(images, missing, seed=1).mean)
    assert bool(earlier) == imputer.answers_in_steps
    for answer in earlier:
        assert torch.equal(torch.where(missing, 0, answer.mean), torch.where(missing, 0, images))


@pytest.mark.parametrize("name", METHODS)
def test_every_method_describes_itself(name):
    method = method_class(name)
    assert method.name == name and method.title and method.summary.endswith(".") and method.limits.endswith(".")
    assert len(method.colour) == 7 and int(method.colour[1:], 16) >= 0


def test_sampling_a_single_answer_is_refused():
    with pytest.raises(ValueError, match="use .mean"):
        Imputation(torch.zeros(1, 1, 2, 2)).sample(1)


GOOD = torch.zeros(2, 1, 4, 4), torch.zeros(2, 1, 4, 4, dtype=torch.bool)


@pytest.mark.parametrize(
    ("images", "missing", "message"),
    [
        (GOOD[0][0], GOOD[1], "images must be float32"),
        (GOOD[0].double(), GOOD[1], "images must be float32"),
        (GOOD[0], GOOD[1].float(), "missing must be bool"),
        (GOOD[0], GOOD[1][:, 0], "missing must be bool"),
        (GOOD[0], GOOD[1][:1], "missing must be bool"),
        (GOOD[0] * torch.nan, GOOD[1], "NaN or infinity"),
        (GOOD[0] + 255, GOOD[1], r"\[0, 1\]; got 255 to 255"),
    ],
)
def test_broken_contracts_are_refused(images, missing, message):
    with pytest.raises(ValueError, match=message):
        check(images, missing)


@pytest.mark.parametrize(("dataset", "name"), TRAINED)
def test_image_of_another_size_is_refused(dataset, name):
    shape = DATASETS[dataset].shape
    with pytest.raises(ValueError, match=re.escape(f"{shape}, got (1, 32, 32)")):
        load_imputer(name, dataset).impute(torch.zeros(1, 1, 32, 32), torch.ones(1, 1, 32, 32, dtype=torch.bool))


def test_fresh_seed_does_not_change_the_global_generator():
    images, missing = scene()
    before = torch.get_rng_state()
    imputer = load_imputer("dmfa", "mnist")
    first, other = (imputer.impute(images, missing).sample(1) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before) and not torch.equal(first, other)


def test_unknown_methods_and_data_sets_are_refused():
    with pytest.raises(ValueError, match="known methods: dmfa"):
        load_imputer("gan", "mnist")
    with pytest.raises(ValueError, match="available for: .*mnist"):
        load_imputer("dmfa", "nowhere")
    with pytest.raises(ValueError, match="Repo id"):  # a repository on the Hub has one slash
        load_imputer("dmfa", "../../etc")
    with pytest.raises(ValueError, match="available for: none"):
        load_imputer("mice", "mnist")


class Lazy:
    """A density that fails when it is evaluated."""

    @property
    def mean(self):
        raise AssertionError("the kind of a density does not depend on its mean")

    weights = variance = mean

    def log_prob(self, x, missing): ...

    cdf = sample = with_noise_floor = leading = log_prob


class LazyMixture(Lazy, MixtureDensity):
    pass


def test_mixture_property_does_not_evaluate_the_density():
    mean = torch.zeros(1, 1, 2, 2)
    density = LazyMixture()
    assert Imputation(mean=mean, density=density).mixture is density
    with pytest.raises(ValueError, match="not a mixture of factor analysers"):
        _ = Imputation(mean=mean, density=Lazy()).mixture


@pytest.mark.parametrize("method", [name for name in sorted(SHIPPED["mnist"]) if method_class(name).has_factors])
def test_methods_with_factors_have_a_mixture(method):
    images, missing = scene(count=2)
    imputation = load_imputer(method, "mnist").impute(images, missing, seed=0)
    assert imputation.mixture is imputation.density and "variance" not in vars(imputation.density)
