"""Choices, including those that depend on the data set."""

import pytest

from dmfa_demo.app.widgets.segments import OneOf, OneOfManyThatFollow, OneThatFollows, SomeThatFollow

CHOICES = [("One", "one"), ("Two", "two")]


@pytest.mark.parametrize("given", [None, "three", 5, ["one"], {}, [], True])
def test_value_that_is_not_a_choice_is_none(given):
    assert OneOf(CHOICES, render=False).preprocess(given) is None


def test_choices_are_returned_as_python_values():
    sizes = OneOf([("small", 0.3), ("whole", 1.0), ("none", False)], render=False)
    assert [sizes.preprocess(given) for given in (0.3, 1, False)] == [0.3, 1.0, False]
    assert OneOf([("first", 1)], render=False).preprocess(True) is None, "true is not a number"


@pytest.mark.parametrize("kind", [OneThatFollows, OneOfManyThatFollow])
def test_choice_unknown_to_the_server_passes(kind):
    """The page still shows the choices of a data set when the server has dropped the session."""
    choice = kind(CHOICES, render=False)
    assert [choice.preprocess(given) for given in ("three", 5, None, [], {"a": 1})] == ["three", 5, None, None, None]


def test_several_texts_pass():
    some = SomeThatFollow(CHOICES, render=False)
    assert some.preprocess(["two", "gone", 5, None]) == ["two", "gone"]
    assert some.preprocess("two") == some.preprocess(None) == []


def test_page_draws_them_like_gradios_components():
    kinds = {OneOf: "radio", OneThatFollows: "radio", OneOfManyThatFollow: "dropdown", SomeThatFollow: "checkboxgroup"}
    for kind, name in kinds.items():
        assert kind(CHOICES, render=False).get_block_name() == name
