"""The classifiers: the inputs of each, and the contract that hidden pixels are ignored."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
import torch

from dmfa_demo.data.datasets import load_samples, to_float
from dmfa_demo.data.masks import mask_family
from dmfa_demo.models.classifier import (
    CLASSIFIERS,
    ClassifierConfig,
    ConvNet,
    Dropout,
    available_classifiers,
    load_classifier,
    predict_all,
)
from dmfa_demo.models.misconv import replace_first_conv
from dmfa_demo.registry import load_imputer

SAMPLES = load_samples("mnist")
IMAGES = to_float(SAMPLES.images)
MISSING = mask_family("mixed")(len(IMAGES), 28, 28, torch.Generator().manual_seed(0))


# ACFlow's is only measured.
SHIPPED = [name for name in CLASSIFIERS if name != "acflow"]


def test_classifiers_of_the_page_are_in_the_repository():
    assert available_classifiers("mnist") == SHIPPED


def test_acflow_fills_each_row_with_a_sample_of_its_own():
    classifier = CLASSIFIERS["acflow"](ClassifierConfig(), load_imputer("acflow", "mnist"))
    images, missing = IMAGES[:3], torch.ones(3, 1, 28, 28, dtype=torch.bool)
    missing[:, :, 0, 0] = False
    images = torch.where(torch.arange(3).view(-1, 1, 1, 1) < 2, 0, images.clamp(min=0.5))
    (filled,) = classifier.prepare(images, missing, classifier.believe(images, missing))
    assert not filled.requires_grad and filled.min() >= 0 and filled.max() <= 1
    # The first two rows look the same, the third one does not.
    assert torch.equal(filled[0], filled[1]) and not torch.equal(filled[0], filled[2])
    torch.testing.assert_close(classifier.believe(images[2:], missing[2:]).mean, filled[2:], atol=1e-5, rtol=0)
    other = torch.where(missing, torch.nan, images)
    assert torch.equal(
        torch.where(missing, classifier.believe(other, missing).mean, 0), torch.where(missing, filled, 0)
    )


@torch.inference_mode()
def test_samples_of_the_acflow_classifier_are_distributed_like_those_of_the_method():
    imputer = load_imputer("acflow", "mnist")
    classifier = CLASSIFIERS["acflow"](ClassifierConfig(), imputer)
    missing = mask_family("square14")(1, 28, 28, torch.Generator().manual_seed(1))
    # Almost equal pictures have almost the same density, and other noise.
    images = (IMAGES[:1].expand(100, -1, -1, -1) + 1e-6 * torch.arange(100).view(-1, 1, 1, 1)).clamp(0, 1)
    ours = classifier.believe(images, missing.expand(100, -1, -1, -1)).mean
    theirs = imputer.impute(IMAGES[:1], missing, seed=3).sample(100)[:, 0]
    for statistic in (torch.mean, torch.std):
        found, expected = (statistic(one.flatten(1), 0).mean() for one in (ours, theirs))
        torch.testing.assert_close(found, expected, atol=0.01, rtol=0.1)


@pytest.mark.parametrize("name", SHIPPED)
def test_predictions_are_probabilities_and_mostly_right(name):
    answers = load_classifier(name, "mnist").predict(IMAGES, MISSING)
    assert answers.shape == (100, 10) and (answers >= 0).all()
    torch.testing.assert_close(answers.sum(1), torch.ones(100))
    assert (answers.argmax(1) == SAMPLES.labels).float().mean() > 0.75


@pytest.mark.parametrize("name", [name for name in SHIPPED if name != "complete"])
def test_hidden_values_are_ignored(name):
    classifier = load_classifier(name, "mnist")
    images, missing = IMAGES[:20], MISSING[:20]
    for hidden in (torch.rand(images.shape), *map(torch.tensor, (1e38, -1e38, torch.nan, torch.inf))):
        other = torch.where(missing, hidden, images)
        assert torch.equal(classifier.predict(other, missing), classifier.predict(images, missing))


@pytest.mark.parametrize("hidden", [1e38, 1.001, -0.001, torch.nan, torch.inf])
def test_complete_classifier_refuses_invalid_hidden_values(hidden):
    other = torch.where(MISSING[:2], hidden, IMAGES[:2])
    with pytest.raises(ValueError, match=r"'complete' uses the complete image, .* must be in \[0, 1\] too; got"):
        load_classifier("complete", "mnist").predict(other, MISSING[:2])


def test_complete_classifier_sees_hidden_pixels():
    classifier = load_classifier("complete", "mnist")
    assert torch.equal(classifier.predict(IMAGES, MISSING), classifier.predict(IMAGES, MISSING & False))


@pytest.mark.parametrize("share", [False, True])
@pytest.mark.parametrize("name", SHIPPED)
def test_empty_and_full_masks_are_accepted(name, share):
    missing = torch.full((2, 1, 28, 28), share)
    assert load_classifier(name, "mnist").predict(IMAGES[:2], missing).isfinite().all()


def test_predict_all_equals_separate_predictions_with_one_call_per_source(monkeypatch):
    classifiers = [load_classifier(name, "mnist") for name in SHIPPED]
    calls = []
    for source in {id(one.source): one.source for one in classifiers if one.source}.values():
        monkeypatch.setattr(source, "impute", lambda *a, _own=source.impute, **k: calls.append(_own) or _own(*a, **k))
    together = predict_all(classifiers, IMAGES[:4], MISSING[:4])
    assert len(calls) == 3  # DMFA, MFA and k-NN
    for classifier, answer in zip(classifiers, together):
        torch.testing.assert_close(classifier.predict(IMAGES[:4], MISSING[:4]), answer)


def test_misconv_network_equals_the_converted_plain_network():
    classifier = load_classifier("misconv-dmfa", "mnist")
    twin = replace_first_conv(ConvNet(classifier.config, 1).eval(), classifier.density)
    twin.load_state_dict(classifier.network.state_dict())
    prepared = classifier.prepare(IMAGES[:8], MISSING[:8], classifier.believe(IMAGES[:8], MISSING[:8]))
    with torch.inference_mode():
        own, converted = (classifier.logits(network, *prepared) for network in (classifier.network, twin))
    torch.testing.assert_close(own, converted, atol=1e-4, rtol=0)


def test_classifier_can_be_loaded_while_another_runs():
    working, loaded = load_classifier("complete", "mnist"), Event()

    def work() -> int:
        rounds = 0
        while not loaded.is_set():
            working.predict(IMAGES[:1], MISSING[:1])
            rounds += 1
        return rounds

    with ThreadPoolExecutor(1) as pool:
        rounds = pool.submit(work)
        for _ in range(20):
            load_classifier.__wrapped__("misconv-dmfa", "mnist")
        loaded.set()
        assert rounds.result() > 0


def test_misconv_of_a_certain_source_equals_the_network_on_its_mean():
    classifier = load_classifier("misconv-dmfa", "mnist")
    images, missing = IMAGES[:8], MISSING[:8]
    belief = classifier.believe(images, missing)
    prepared = list(classifier.prepare(images, missing, belief))
    prepared[4], prepared[5] = prepared[4] * 0, prepared[5] * 0  # no factors, no noise
    twin = ConvNet(classifier.config, 1).eval()
    own = classifier.network.network
    state = {name.replace("misconv.conv.", "features.0."): value for name, value in own.state_dict().items()}
    twin.load_state_dict(state)
    with torch.inference_mode():
        sure = classifier.logits(classifier.network, *prepared)
        torch.testing.assert_close(sure, twin(belief.mean), rtol=1e-3, atol=1e-3)
        assert not torch.allclose(sure.softmax(1), classifier.predict(images, missing, belief), atol=1e-3)


def test_expected_first_layer_differs_only_in_the_hole_and_is_not_below_that_of_the_mean():
    classifier = load_classifier("misconv-dmfa", "mnist")
    images, missing = IMAGES[:8], mask_family("square14")(8, 28, 28, torch.Generator().manual_seed(0))
    imputed, expected = classifier.first_layer(images, missing, classifier.believe(images, missing))
    assert imputed.shape == expected.shape == (8, 32, 28, 28)
    near = torch.nn.functional.max_pool2d(missing.float(), 3, 1, 1).bool()
    assert torch.equal(*(torch.where(near, 0, values) for values in (imputed, expected)))
    # E[max(X, 0)] >= max(E[X], 0) (Jensen).
    assert (expected >= imputed - 1e-4).all() and (expected - imputed).max() > 0.01


@pytest.mark.parametrize("arguments", [("gan", "mnist"), ("zero", "cifar"), ("zero", "../mnist")])
def test_unknown_classifiers_are_refused(arguments):
    with pytest.raises(ValueError, match="no classifier"):
        load_classifier(*arguments)


def test_images_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"takes images of \(C, H, W\) = \(1, 28, 28\), got \(1, 32, 32\)"):
        load_classifier("zero", "mnist").predict(torch.zeros(1, 1, 32, 32), torch.zeros(1, 1, 32, 32, dtype=torch.bool))


@pytest.mark.parametrize("name", ["complete", "mask", "partial-conv"])
def test_images_of_odd_size_with_several_channels_are_classified(name):
    config = ClassifierConfig(channels=3, height=9, width=12, classes=4)
    classifier, missing = CLASSIFIERS[name](config, None), torch.rand(2, 1, 9, 12) < 0.5
    assert classifier.predict(torch.rand(2, 3, 9, 12), missing).shape == (2, 4)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_is_unbiased_and_drops_the_share(share, dtype):
    torch.manual_seed(0)
    values = torch.ones(100_000, dtype=dtype, requires_grad=True)
    dropout = Dropout(share)
    out = dropout(values)
    out.sum().backward()
    kept = out != 0
    assert out.dtype == dtype and values.grad is not None and ((values.grad != 0) == kept).all()
    # The tolerance covers the rounding of the share and three standard errors.
    assert (~kept).float().mean().item() == pytest.approx(share, abs=0.007)
    scale = 1 / (1 - round(min(share, 255 / 256) * 256) / 256)
    torch.testing.assert_close(out[kept].unique(), torch.tensor([scale], dtype=dtype))
    assert torch.equal(dropout.eval()(values), values)
