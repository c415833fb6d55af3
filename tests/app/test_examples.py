"""The sentences of the prepared scenes are true."""

import pytest
import torch
from torch import Tensor

from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene, measure
from dmfa_demo.app.sharing.address import Address
from dmfa_demo.app.sharing.example_list import ExampleList
from dmfa_demo.app.sharing.examples import EXAMPLES
from dmfa_demo.app.tabs.attractors import mapped
from dmfa_demo.app.tabs.factors import principal
from dmfa_demo.app.tabs.hole_walks import HoleWalk
from dmfa_demo.app.tabs.predictions import predict
from dmfa_demo.data.datasets import DATASETS
from dmfa_demo.models.classifier import load_classifier


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
def test_every_scene_is_shown_by_its_address(example):
    address = example.address
    read = Address.from_query(address.query())
    assert read.query() == address.query() and (read.mask == address.mask).all()
    assert (read.tab, read.sample) == (example.tab, example.sample) and address.mask.any() and not address.mask.all()
    assert example.sentence.endswith(".") and len(example.sentence) < 140


def test_ten_scenes_cover_all_data_sets_and_tabs():
    assert len(EXAMPLES) == len({example.title for example in EXAMPLES}) == 10
    assert {example.dataset for example in EXAMPLES} == {"mnist", "fashion-mnist", "celeba"}
    assert {example.tab for example in EXAMPLES} == {"compare", "factors", "samples", "attractors", "predictions"}


def look(title: str) -> tuple[Scene, Tensor, ImputationCache]:
    """Return the picture and the hole `(H, W)` of a scene, and a cache."""
    (example,) = (one for one in EXAMPLES if one.title == title)
    return Scene.sample(example.dataset, example.sample), example.missing, ImputationCache()


def seen(images: Tensor, dataset: str) -> list[str]:
    """Return the classes that the classifier of complete images predicts for images `(B, C, H, W)`."""
    nothing = torch.zeros(len(images), 1, *images.shape[2:], dtype=torch.bool)
    answers = load_classifier("complete", dataset).predict(images, nothing)
    return [DATASETS[dataset].classes[number] for number in answers.argmax(1).tolist()]


def test_samples_of_the_4_include_a_9():
    scene, missing, cache = look("A 4, or a 9?")
    classes = seen(cache.impute("vaeac", scene, missing).sample(32)[:, 0], "mnist")
    assert classes.count("4") >= 3 and classes.count("9") >= 3


def test_every_model_completes_the_8():
    scene, missing, cache = look("The middle of an 8")
    for name in ("dmfa", "mfa", "vaeac", "context-encoder", "gaussian", "knn"):
        assert seen(cache.impute(name, scene, missing).mean, "mnist") == ["8"], name


def test_networks_complete_the_5_behind_noise():
    scene, missing, cache = look("A digit behind noise")
    for name in ("dmfa", "vaeac", "context-encoder"):
        assert seen(cache.impute(name, scene, missing).mean, "mnist") == ["5"], name


def test_line_fits_several_digits_and_the_mean_is_greyer_than_a_digit():
    scene, missing, cache = look("Nothing but a line")
    imputation = cache.impute("vaeac", scene, missing)
    assert len(set(seen(imputation.sample(32)[:, 0], "mnist"))) >= 3

    def grey(image: Tensor) -> float:
        values = image[0, missing]
        return ((values > 0.15) & (values < 0.85)).float().mean().item()

    assert grey(imputation.mean[0]) > 1.5 * grey(scene.image)


def test_factors_move_strokes():
    scene, missing, cache = look("The ways it can vary")
    gaussian = principal(cache.impute("dmfa", scene, missing).mixture.leading(1), 0)
    strongest = (2.5 * gaussian.factors[0]).abs()
    assert int((strongest > 0.3).sum()) >= 10


def test_end_of_the_walk_depends_on_its_start():
    scene, missing, cache = look("Walking to an attractor")
    run = HoleWalk(scene, missing=missing, plane=next(iter(mapped("mnist"))), step_size=0.3, seed=0, cache=cache)
    while not run.done:
        run.advance(60)
    ends = dict(zip(run.names, seen(run.states[-1].points, "mnist")))
    assert ends["Noise"] == "2" and ends["DMFA"] == ends["k-NN"] == "7"


def test_one_classifier_is_sure_and_wrong_and_misconv_is_unsure_and_right():
    scene, missing, cache = look("How sure should it be?")
    answers = {one.name: (int(answer.argmax()), answer.max().item()) for one, answer in predict(scene, missing, cache)}
    assert any(number == 3 and share > 0.95 for number, share in answers.values())
    number, share = answers["misconv-dmfa"]
    assert number == 8 and share < 0.75


def test_lower_half_fits_shirt_coat_and_pullover():
    scene, missing, cache = look("Shirt, coat or pullover?")
    classes = seen(cache.impute("vaeac", scene, missing).sample(64)[:, 0], "fashion-mnist")
    assert all(classes.count(name) >= 3 for name in ("shirt", "coat", "pullover"))


def test_half_a_face_is_more_informative_than_the_average_face():
    scene, missing, cache = look("Half a face")
    dmfa, mean = (measure(cache.impute(name, scene, missing), scene, missing) for name in ("dmfa", "mean"))
    assert dmfa is not None and mean is not None and dmfa.psnr > mean.psnr + 3


def test_networks_find_the_face_behind_noise():
    scene, missing, cache = look("A face behind 80 % noise")
    for name in ("dmfa", "vaeac"):
        figures = measure(cache.impute(name, scene, missing), scene, missing)
        assert figures is not None and figures.psnr > 20, name


def test_first_visit_has_a_blurred_mean_different_samples_and_unsure_classifiers():
    """Check the statements of Predictions and of chapters 1 and 6 of Learn about the first picture."""
    address, cache = Address.first("mnist"), ImputationCache()
    scene, missing = Scene.sample("mnist", address.sample), address.mask
    imputation = cache.impute("dmfa", scene, missing)
    assert {"4", "9"} <= set(seen(imputation.sample(32)[:, 0], "mnist"))
    hidden = imputation.mean[0, 0, missing]
    assert ((hidden > 0.15) & (hidden < 0.85)).float().mean() > 0.3, "the mean is a blur"
    sure = {one.name: answer.max().item() for one, answer in predict(scene, missing, cache)}
    assert sure.pop("complete") > 0.95 and max(sure.values()) < 0.95 and min(sure.values()) < 0.6


@pytest.mark.parametrize("payload", [None, {}, {"number": 10}, {"number": -1}, {"number": True}, {"number": "1"}, 3])
def test_unknown_scene_is_refused(payload):
    with pytest.raises(Exception, match="prepared scenes are numbered 0 to 9"):
        ExampleList().preprocess(payload)


def test_number_selects_the_scene():
    assert ExampleList().preprocess({"number": 3}) is EXAMPLES[3]
