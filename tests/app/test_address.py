"""A link contains the state of the page, and no link can break the page."""

import pytest
import torch

from dmfa_demo.app.canvas.presets import OFFERS
from dmfa_demo.app.contents import FIELDS
from dmfa_demo.app.lessons.lesson_player import Slice
from dmfa_demo.app.sharing.address import NAMES, Address
from dmfa_demo.data.masks import mask_family

CHOSEN = dict(
    show="error",
    methods=("dmfa", "mean"),
    of="mfa",
    gaussian=2,
    z=(0.5, -3.0, 0.0, 1.1),
    noise=True,
    seed=7,
    latent=(0.1, -2.0),
    map="autoencoder-2d-012",
    step=1.0,
    walk=3,
    walkers="all",
    growth="specks",
    hole=2,
    lesson=1,
    slice=Slice(-0.5, 0.95),
    protocol="half",
    measure="ssim",
)
USED = Address(
    dataset="mnist",
    sample=3,
    mask=mask_family("noise80")(1, 28, 28, torch.Generator().manual_seed(0))[0, 0],
    tab="attractors",
    chosen=CHOSEN,
)


def test_address_round_trips():
    assert set(CHOSEN) == set(FIELDS)
    assert Address.from_query(USED.query()) == USED
    assert set(USED.query()) == set(NAMES) - {"lesson"}


def test_chapter_opens_its_tab():
    reading = USED.changed(tab="learn", lesson=4)
    assert Address.from_query(reading.query()) == reading and "tab" not in reading.query()
    assert Address.from_query({"lesson": "3"}).tab == "learn"


def test_first_visit_has_an_empty_query():
    assert Address.first("mnist").query() == {"dataset": "mnist"}
    assert Address.from_query({}) == Address.first("mnist")


def test_controls_without_options_are_omitted():
    query = {"dataset": "celeba", "methods": "universal-marginalizer,mean", "map": "autoencoder-2d-012", "sample": "42"}
    read = Address.from_query(query)
    assert (
        read["methods"] == ("mean",) and read["map"] != "autoencoder-2d-012" and read.sample == OFFERS["celeba"].sample
    )


# Without slow methods and variants of others.
FIRST = ("dmfa", "mfa", "vaeac", "universal-marginalizer", "dynamics-knn", "context-encoder", "gaussian", "knn", "mean", "zero")  # fmt: skip


@pytest.mark.parametrize(
    ("query", "show", "methods"),
    [
        ({}, "mean", FIRST),
        ({"show": "error", "methods": "knn,dmfa"}, "error", ("dmfa", "knn")),
        ({"show": "smell", "methods": "gan"}, "mean", FIRST),
        ({"methods": "mice,zero"}, "mean", ("zero",)),
    ],
)
def test_query_sets_view_and_methods(query, show, methods):
    read = Address.from_query(query)
    assert (read["show"], read["methods"]) == (show, methods)


def test_comparing_no_method_is_allowed():
    none = Address.first("mnist").changed(methods=())
    assert Address.from_query(none.query()) == none


HOSTILE = [
    "",
    "x",
    "-1",
    "1e999",
    "nan",
    "NaN,0,0,0",
    "9" * 5000,
    "../..",
    "²",
    "٣",
    "0,9",
    "True;",
    "\x00",
    "<script>",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", HOSTILE)
def test_invalid_values_are_ignored(name, text):
    read = Address.from_query({name: text})
    assert read == Address.first("mnist") or (name, text, read["methods"]) == ("methods", "", ())
