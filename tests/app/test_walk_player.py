"""The player's messages: maps and walks as JSON, and clicked places."""

import base64
import io
import json
from dataclasses import replace

import gradio as gr
import numpy as np
import pytest
import torch
from PIL import Image

from dmfa_demo.app.tabs.walk_player import (
    BASIN,
    BORDER,
    FAR,
    FINER,
    Dropped,
    Maps,
    Walk,
    WalkPlayer,
    Walks,
    class_colours,
    encode_plane,
)
from dmfa_demo.models.latent_map import LatentMap, grid

NAMES = tuple("0123456789")
LOW, HIGH = torch.tensor([0.0, 10.0]), torch.tensor([2.0, 14.0])


def plane() -> LatentMap:
    """Return a map with two basins, left and right of the middle, and a column without a basin."""
    basins = torch.cat([torch.zeros(40, 19), torch.full((40, 2), -1), torch.ones(40, 19)], 1).long()
    attractors = torch.tensor([[0.5, 12.0], [1.5, 12.0]])
    field = attractors[basins.clamp(min=0)] - grid(LOW, HIGH, 40)
    pictures, labels = torch.rand(2, 1, 6, 6), torch.tensor([3, 8])
    return LatentMap(
        low=LOW,
        high=HIGH,
        field=field,
        basins=basins,
        attractors=attractors,
        radii=torch.full((2,), 0.5),
        pictures=pictures,
        points=attractors,
        labels=labels,
    )


def picture(address: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))))


def walk(steps: int) -> Walk:
    return Walk(
        name="noise",
        colour="#123456",
        path=torch.rand(steps, 2),
        residual=torch.rand(steps),
        images=torch.rand(steps, 1, 6, 5),
        arrived=True,
    )


def test_basin_has_its_attractors_colour_and_an_outline():
    drawn = picture(encode_plane(plane())["basins"])
    assert drawn.shape == (40 * FINER, 40 * FINER, 4)
    left, right, nowhere = drawn[5, 5], drawn[5, -5], drawn[5, 20 * FINER]
    for pixel, label in ((left, 3), (right, 8)):
        assert "#{:02x}{:02x}{:02x}".format(*pixel[:3]) == class_colours()[label] and pixel[3] == BASIN
    assert nowhere[3] == 0
    lines = (drawn[..., 3] == BORDER).any(0).nonzero()[0].tolist()
    assert lines == [19 * FINER - 1, 21 * FINER - 1]


def test_first_row_of_the_picture_is_the_top_of_the_map():
    upright = plane()
    upright = LatentMap(**{**vars(upright), "basins": upright.basins.T.contiguous()})
    drawn = picture(encode_plane(upright)["basins"])
    assert "#{:02x}{:02x}{:02x}".format(*drawn[0, 0, :3]) == class_colours()[8]  # rows follow the second latent


def test_arrows_follow_the_field_and_do_not_overlap():
    arrows = torch.tensor(encode_plane(plane())["arrows"])
    gap = torch.stack([arrows[:, 0].unique().diff().min(), arrows[:, 1].unique().diff().min()])
    assert ((arrows[:, 2:] / gap).norm(dim=1) <= 1).all()
    places = arrows[:, :2]
    outside = ((places[:, 0] - 1).abs() > 0.2) & ((places[:, 0] - 0.5).abs() > 0.1) & ((places[:, 0] - 1.5).abs() > 0.1)
    target = torch.where(places[:, :1] < 1, torch.tensor([0.5, 12.0]), torch.tensor([1.5, 12.0]))
    cosine = torch.cosine_similarity(arrows[:, 2:], target - places)
    assert outside.sum() > 100 and cosine[outside].min() > 0.99


def test_walks_are_sent_with_one_frame_per_step():
    player, image = WalkPlayer(render=False), torch.rand(1, 6, 5)
    value = player.postprocess(
        Walks(plane="here", number=7, truth=torch.tensor([1.0, 11.0]), image=image, walks=[walk(4), walk(9)], more=True)
    )
    assert value["plane"] == "here" and value["id"] == 7 and value["truth"]["at"] == [1, 11] and value["more"]
    for given, steps in zip(value["walks"], (4, 9)):
        assert len(given["path"]) == len(given["residual"]) == steps and given["shown"] == list(range(steps))
        assert picture(given["frames"]).shape == (6 * steps, 5)
    dropped = walk(3)
    given = player.postprocess(Dropped("here", dropped))["dropped"]
    expected = (dropped.images * 255).round().view(18, 5)
    np.testing.assert_array_equal(picture(given["frames"]), expected.numpy())


def test_late_steps_share_frames_except_the_last():
    long = walk(103)
    given = WalkPlayer(render=False).postprocess(Dropped("here", long))["dropped"]
    assert len(given["path"]) == 103 and given["shown"] == [*range(24), *range(24, 103, 4), 102]
    expected = (long.images[given["shown"]] * 255).round().flatten(0, 2)
    np.testing.assert_array_equal(picture(given["frames"]), expected.numpy())


def test_maps_are_sent_once_as_text_with_the_names_of_their_kinds():
    player, image = WalkPlayer(render=False), torch.rand(1, 6, 5)
    drawn = plane()
    walks = Walks(
        plane="here",
        number=7,
        truth=torch.zeros(2),
        image=image,
        walks=[],
        more=False,
        maps=Maps({"here": drawn}, NAMES),
    )
    sent = json.loads(player.postprocess(walks)["maps"])
    assert list(sent) == ["here"] and sent["here"] == json.loads(json.dumps({**encode_plane(drawn), "names": NAMES}))
    assert "maps" not in player.postprocess(replace(walks, maps=None))


def test_place_is_returned_and_finite():
    player = WalkPlayer(render=False)
    name, place = player.preprocess({"plane": "here", "at": [1, 11.5]})
    assert name == "here" and place.tolist() == [1, 11.5]
    assert player.preprocess({"plane": "here", "at": [1e300, -1e9]})[1].tolist() == [FAR, -FAR]
    assert player.preprocess(None) is None and player.preprocess({"plane": "here"}) is None


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"plane": [], "at": [0, 0]}, "no map"),
        ({"plane": "here", "at": [0]}, "two numbers"),
        ({"plane": "here", "at": "01"}, "two numbers"),
        ({"plane": "here", "at": [float("nan"), 0]}, "two numbers"),
        ({"plane": "here", "at": [True, 0]}, "two numbers"),
    ],
)
def test_invalid_place_is_refused(payload, message):
    with pytest.raises(gr.Error, match=message):
        WalkPlayer(render=False).preprocess(payload)
