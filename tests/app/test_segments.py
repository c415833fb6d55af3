"""Choices, those that follow the data set among them."""

import pytest

from dmfa_demo.app.widgets.segments import OneOf, OneOfManyThatFollow, OneThatFollows, SomeThatFollow

CHOICES = [("One", "one"), ("Two", "two")]


@pytest.mark.parametrize("given", [None, "three", 5, ["one"], {}, [], True])
def test_a_value_that_is_no_choice_is_none(given):
    assert OneOf(CHOICES, render=False).preprocess(given) is None


def test_choices_come_back_as_python_has_them():
    sizes = OneOf([("small", 0.3), ("whole", 1.0), ("none", False)], render=False)
    assert [sizes.preprocess(given) for given in (0.3, 1, False)] == [0.3, 1.0, False]
    assert OneOf([("first", 1)], render=False).preprocess(True) is None, "true is no number"


@pytest.mark.parametrize("kind", [OneThatFollows, OneOfManyThatFollow])
def test_a_choice_that_the_server_has_forgotten_passes(kind):
    """The choices of another data set come and go with the visit; the page still shows them when the visit is forgotten."""
    choice = kind(CHOICES, render=False)
    assert [choice.preprocess(given) for given in ("three", 5, None, [], {"a": 1})] == ["three", 5, None, None, None]


def test_of_several_texts_pass():
    some = SomeThatFollow(CHOICES, render=False)
    assert some.preprocess(["two", "gone", 5, None]) == ["two", "gone"]
    assert some.preprocess("two") == some.preprocess(None) == []


def test_the_page_draws_them_as_gradios_own():
    kinds = {OneOf: "radio", OneThatFollows: "radio", OneOfManyThatFollow: "dropdown", SomeThatFollow: "checkboxgroup"}
    for kind, name in kinds.items():
        assert kind(CHOICES, render=False).get_block_name() == name
