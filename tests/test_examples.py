"""The prepared scenes are what they say."""

import pytest

from dmfa_demo.app.address import Address
from dmfa_demo.app.cache import ImputationCache
from dmfa_demo.app.example_list import ExampleList
from dmfa_demo.app.examples import EXAMPLES
from dmfa_demo.app.scene import Scene
from dmfa_demo.models.classifier import load_classifier


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
def test_every_one_is_to_be_seen_by_its_address(example):
    address = example.address
    read = Address.from_query(address.query())
    assert read.query() == address.query() and (read.mask == address.mask).all()
    assert (read.tab, read.sample) == (example.tab, example.sample) and address.mask.any() and not address.mask.all()
    assert example.sentence.endswith(".") and len(example.sentence) < 140


def test_there_are_ten_of_every_kind_of_picture_and_tab():
    assert len(EXAMPLES) == len({example.title for example in EXAMPLES}) == 10
    assert {example.dataset for example in EXAMPLES} == {"mnist", "fashion-mnist", "celeba"}
    assert {example.tab for example in EXAMPLES} == {"compare", "factors", "samples", "attractors", "predictions"}


def test_the_4_may_as_well_be_a_9():
    address = EXAMPLES[0].address
    samples = ImputationCache().impute("vaeac", Scene.sample("mnist", address.sample), address.mask).sample(32)[:, 0]
    answers = load_classifier("complete", "mnist").predict(samples, address.mask.expand(32, 1, 28, 28) & False)
    seen = answers.argmax(1).tolist()
    assert seen.count(4) >= 3 and seen.count(9) >= 3


@pytest.mark.parametrize("payload", [None, {}, {"number": 10}, {"number": -1}, {"number": True}, {"number": "1"}, 3])
def test_a_scene_that_there_is_not_is_refused(payload):
    with pytest.raises(Exception, match="prepared scenes are numbered 0 to 9"):
        ExampleList().preprocess(payload)


def test_the_number_chooses():
    assert ExampleList().preprocess({"number": 3}) is EXAMPLES[3]
