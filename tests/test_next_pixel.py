"""Which pixel to look at next, against brute force."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dmfa_demo.data.datasets import load_samples, to_float
from dmfa_demo.models.classifier import load_classifier
from dmfa_demo.next_pixel import LEVELS, SAMPLES, WAYS, Belief, believe, choose, entropy, expected_information
from dmfa_demo.registry import load_imputer


def twin(values, classes, levels):
    """The mutual information of one pixel's level and the class, by loops over a joint table."""
    count, kinds = len(values), classes.shape[1]
    joint = [[0.0] * kinds for _ in range(levels)]
    for value, shares in zip(values.tolist(), classes.tolist()):
        for kind, share in enumerate(shares):
            joint[min(int(value * levels), levels - 1)][kind] += share / count
    rows, columns = [sum(row) for row in joint], [sum(column) for column in zip(*joint)]
    return sum(
        p * math.log2(p / (rows[i] * columns[k])) for i, row in enumerate(joint) for k, p in enumerate(row) if p > 0
    )


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(2, 5))
@settings(max_examples=25, deadline=None)
def test_information_equals_that_of_the_joint_table(seed, levels, kinds):
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(30, 2, 3, 2, generator=generator, dtype=torch.float64).round(decimals=1)
    classes = torch.rand(30, 2, kinds, generator=generator, dtype=torch.float64).square()
    classes = classes / classes.sum(-1, keepdim=True)
    found = expected_information(values, classes, levels)
    assert found.shape == (2, 3, 2)
    for b in range(2):
        for y in range(3):
            for x in range(2):
                expected = twin(values[:, b, y, x], classes[:, b], levels)
                assert found[b, y, x].item() == pytest.approx(expected, abs=1e-9)


def test_pixel_that_determines_the_class_tells_all_and_a_constant_one_nothing():
    classes = torch.eye(4).repeat(8, 1)[:, None]  # (32, 1, 4)
    values = torch.zeros(32, 1, 1, 2)
    values[:, 0, 0, 1] = classes[:, 0].argmax(1) / 4 + 0.1
    assert expected_information(values, classes)[0, 0].tolist() == pytest.approx([0, 2])
    assert entropy(classes.mean(0)).item() == pytest.approx(2)


def test_information_of_an_independent_pixel_is_about_its_bias():
    generator = torch.Generator().manual_seed(0)
    classes = torch.nn.functional.one_hot(torch.randint(5, (500, 200), generator=generator), 5).double()
    values = torch.rand(500, 200, 1, 1, generator=generator, dtype=torch.float64)
    expected = (LEVELS - 1) * 4 / (2 * 500 * math.log(2))
    assert expected_information(values, classes).mean().item() == pytest.approx(expected, rel=0.1)


def test_every_way_chooses_a_hidden_pixel():
    generator = torch.Generator().manual_seed(0)
    missing = torch.rand(6, 1, 5, 5, generator=generator) < 0.3
    missing[:, 0, 4, 4] = True
    belief = Belief(torch.full((6, 3), 1 / 3), torch.rand(6, 5, 5), torch.rand(6, 5, 5))
    for way in WAYS:
        chosen = choose(way, belief, missing, generator)
        assert missing.flatten(1)[torch.arange(6), chosen].all()
    first = missing.flatten(1).float().argmax(1)
    assert torch.equal(choose("raster", belief, missing, generator), first)
    alone = torch.where(missing[:, 0], belief.information, -1).flatten(1).argmax(1)
    assert torch.equal(choose("information", belief, missing, generator), alone)


def test_belief_is_that_of_samples_and_pixels_that_are_seen_tell_nothing():
    images = to_float(load_samples("mnist").images)[:2]
    missing = torch.ones(2, 1, 28, 28, dtype=torch.bool)
    missing[..., 0, :] = False
    imputer, classifier = load_imputer("mfa", "mnist"), load_classifier("complete", "mnist")
    belief = believe(imputer, classifier, images, missing, seed=3)
    torch.testing.assert_close(belief.classes.sum(1), torch.ones(2))
    assert not belief.information[:, 0].any() and not belief.variance[:, 0].any()
    assert (belief.information <= belief.bits[:, None, None] + 1e-5).all() and belief.information.max() > 0.1
    samples = imputer.impute(images, missing, seed=3).sample(SAMPLES)
    alone = torch.stack([classifier.predict(one, missing & False) for one in samples]).mean(0)
    torch.testing.assert_close(belief.classes, alone, rtol=1e-4, atol=1e-5)


def test_looking_removes_uncertainty():
    """Over digits, fewer bits are left than before."""
    images = to_float(load_samples("mnist").images)[:24]
    missing = torch.ones(24, 1, 28, 28, dtype=torch.bool)
    imputer, classifier = load_imputer("mfa", "mnist"), load_classifier("complete", "mnist")
    before = believe(imputer, classifier, images, missing)
    chosen = choose("information", before, missing, torch.Generator())
    missing.flatten(1)[torch.arange(24), chosen] = False
    after = believe(imputer, classifier, images, missing, seed=1)
    assert before.information.amax((1, 2)).mean() > 0.2
    assert after.bits.mean() < before.bits.mean() - 0.2
