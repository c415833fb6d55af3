"""The game of pixels: a hidden picture, looked at pixel by pixel."""

import gradio as gr
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene
from dmfa_demo.app.tabs.pixel_game import MOST, PixelGame, Turn
from dmfa_demo.app.tabs.which_pixel import WhichPixel, look, new_game, readers
from dmfa_demo.next_pixel import WAYS

CACHE = ImputationCache()
SHOWN = Scene.sample("mnist", 42)


def turn(**changes) -> Turn:
    return Turn(**{"sample": 3, "reader": "mfa", "way": "information", "pixels": (), **changes})


def test_pixels_are_those_of_the_hidden_picture():
    found = look(turn(pixels=(400, 13, 378)), SHOWN, CACHE)
    grey = Scene.sample("mnist", 3).image.flatten()
    assert found.sample == 3 and found.values == [round(255 * grey[place].item()) for place in (400, 13, 378)]
    assert found.picture is None and found.label is None  # not before it is revealed
    torch.testing.assert_close(found.classes.sum(), torch.tensor(1.0))
    assert not found.information.flatten()[[400, 13, 378]].any()


@pytest.mark.parametrize("way", WAYS)
def test_next_pixel_is_hidden_and_the_same_again(way):
    seen = tuple(range(0, 30, 3))
    first, again = (look(turn(way=way, pixels=seen), SHOWN, ImputationCache()) for _ in range(2))
    assert first.following == again.following and first.following not in seen
    assert (first.following == 1) == (way == "raster")


def test_expected_information_reads_a_digit_from_twelve_pixels():
    pixels = ()
    for _ in range(MOST):
        pixels += (look(turn(pixels=pixels), SHOWN, CACHE).following,)
    begun, ended = look(turn(), SHOWN, CACHE), look(turn(pixels=pixels, reveal=True), SHOWN, CACHE)
    assert ended.bits < begun.bits / 2 and ended.label == Scene.sample("mnist", 3).labels[0]
    assert int(ended.classes.argmax()) == ended.label and ended.picture is not None


def test_picture_on_the_canvas_is_not_drawn(monkeypatch):
    avoided = []

    def another(dataset, shown, generator):
        avoided.append((dataset, shown))
        return Scene.sample(dataset, 7)

    monkeypatch.setattr(Scene, "another", another)
    assert look(turn(sample=None), SHOWN, CACHE).sample == 7 and avoided == [("mnist", 42)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reader": "mean"}, "cannot read these pictures"),
        ({"pixels": (784,)}, "have 784 pixels"),
        ({"sample": 5_000}, "5000"),
    ],
)
def test_wrong_turns_are_explained(changes, message):
    with pytest.raises(ValueError, match=message):
        look(turn(**changes), SHOWN, CACHE)


def test_data_sets_without_single_classes_have_no_game():
    assert new_game("celeba") is None and not readers("celeba") and new_game("omniglot") is None
    box, game = WhichPixel.follow(None, "celeba")
    assert box["visible"] is False if isinstance(box, dict) else not box.visible
    assert game is None
    game = new_game("fashion-mnist")
    assert game is not None and game.reader == "mfa" and len(game.classes) == 10


def test_game_and_answer_are_encoded():
    component = PixelGame()
    game = component.postprocess(new_game("mnist"))["game"]
    assert set(game["ways"]) == set(WAYS) and game["reader"] in {one["name"] for one in game["readers"]}
    answer = component.postprocess(look(turn(pixels=(5,), run=7, reveal=True), SHOWN, CACHE))["look"]
    assert answer["run"] == 7 and answer["pixels"] == [5] and answer["picture"].startswith("data:image/png")
    assert component.postprocess(None) is None


VALID = {"sample": 3, "reader": "mfa", "way": "raster", "pixels": [1, 2], "reveal": False, "run": 4}


def test_turns_are_parsed():
    component = PixelGame()
    assert component.preprocess({"turn": VALID}) == Turn(3, "mfa", "raster", (1, 2), False, 4)
    assert component.preprocess({"turn": {**VALID, "sample": None, "run": "x"}}).run == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, st.sampled_from(sorted(VALID)))
@settings(max_examples=80, deadline=None)
def test_any_other_turn_is_refused_or_answered(value, key):
    component = PixelGame()
    for payload in (value, {"turn": value}, {"turn": {**VALID, key: value}}):
        try:
            parsed = component.preprocess(payload)
            assert len(parsed.pixels) <= MOST
            look(parsed, SHOWN, CACHE)
        except (gr.Error, ValueError) as error:
            assert str(error)
