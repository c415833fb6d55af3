"""Choices that follow the data set."""

import pytest

from dmfa_demo.app.segments import OneOf, OneOfMany, SomeOf

CHOICES = [("One", "one"), ("Two", "two")]


@pytest.mark.parametrize("given", [None, "three", 5, ["one"], {}, [], True])
def test_what_is_no_choice_is_none(given):
    for kind in (OneOf, OneOfMany):
        assert kind(CHOICES, render=False).preprocess(given) is None
    assert SomeOf(CHOICES, render=False).preprocess(given) == (["one"] if given == ["one"] else [])


def test_choices_come_back_as_python_has_them():
    sizes = OneOf([("small", 0.3), ("whole", 1.0), ("none", False)], render=False)
    assert [sizes.preprocess(given) for given in (0.3, 1, False)] == [0.3, 1.0, False]
    assert OneOf([("first", 1)], render=False).preprocess(True) is None, "true is no number"
    assert SomeOf(CHOICES, render=False).preprocess(["two", "gone", "one", None]) == ["one", "two"]


def test_the_page_draws_them_as_gradios_own():
    assert OneOf(CHOICES, render=False).get_block_name() == "radio"
    assert OneOfMany(CHOICES, render=False).get_block_name() == "dropdown"
    assert SomeOf(CHOICES, render=False).get_block_name() == "checkboxgroup"
