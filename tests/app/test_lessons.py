"""The chapters: each one's statements are true for every data set's pictures."""

import dataclasses
import math
import re
import xml.etree.ElementTree as ElementTree

import gradio as gr
import pytest
import torch

from dmfa_demo.app.canvas.presets import OFFERS
from dmfa_demo.app.lessons import lesson_player
from dmfa_demo.app.lessons.learn import LearnTab
from dmfa_demo.app.lessons.lesson_player import FURTHEST, LessonPlayer, Slice
from dmfa_demo.app.lessons.lessons import DRAWN, LESSONS
from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene, draw_mask
from dmfa_demo.app.sharing.address import Address
from dmfa_demo.app.widgets.own_component import files_of
from dmfa_demo.models.classifier import available_classifiers
from dmfa_demo.registry import available_methods

CACHE = ImputationCache()
NEEDS = dict(zip(range(1, 7), ("has_samples", None, "has_factors", "has_latents", "has_trajectory", None)))


def scene(dataset: str) -> tuple[Scene, torch.Tensor]:
    made = Scene.sample(dataset, OFFERS[dataset].sample)
    return made, draw_mask("half", made, seed=0)


def can(dataset: str, number: int) -> bool:
    if number == 6:
        return bool(available_classifiers(dataset))
    return NEEDS[number] is None or bool(available_methods(dataset, NEEDS[number]))


@pytest.mark.parametrize("dataset", OFFERS)
@pytest.mark.parametrize("number", NEEDS)
def test_every_chapter_shows_films_or_a_reason(dataset, number):
    picture, missing = scene(dataset)
    chapter, _ = LearnTab.render(None, picture, missing, CACHE, number, Slice())
    value = LessonPlayer().postprocess(chapter)
    if LESSONS[number - 1].show is None:
        assert value["playful"] and not value["films"] and not value["remark"]
    elif can(dataset, number):
        assert value["films"] and value["figures"] and not value["remark"]
        lengths = {len(film["frames"]) for film in value["films"]}
        assert max(lengths) > 1 and len(lengths - {1}) == 1  # all films with motion have the same length
        assert all(frame["alt"] for film in value["films"] for frame in film["frames"])
    else:
        assert "choose another data set" in value["remark"] and not value["films"]


@pytest.mark.parametrize("number", NEEDS)
def test_empty_mask_is_mentioned(number):
    picture, missing = scene("mnist")
    chapter, _ = LearnTab.render(None, picture, missing & False, CACHE, number, Slice())
    assert ("Nothing is hidden" in chapter.remark) == (number != 2)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.short)
def test_every_symbol_of_a_formula_is_explained(lesson):
    assert 0 <= lesson.answer < len(lesson.options) >= 2 and lesson.address.startswith("https://")
    texts = lambda mathml: {
        node.text for node in ElementTree.fromstring(f"<all>{mathml}</all>").iter() if node.tag in ("mi", "mn")
    }
    names = {name for name in texts(lesson.formula) if re.search(r"[^\W\d_]", name)}
    explained = set().union(*(texts(symbol) for symbol, _ in lesson.symbols))
    known = {"e", "π", "⊤", "diag", "max", "d"}  # known to every student of linear algebra
    assert names <= explained | known, names - explained - known


def test_sample_error_is_the_means_error_plus_the_variance():
    """Chapter 1, over draws of DMFA's density: E (x - s)^2 = (x - mu)^2 + sigma^2."""
    picture, missing = scene("mnist")
    imputation = CACHE.impute("dmfa", picture, missing)
    samples = imputation.density.sample(4_000, torch.Generator().manual_seed(0))[:, 0]
    truth = picture.image.flatten()
    left = (samples - truth).square().mean(0)[missing.flatten()].sum()
    right = ((imputation.mean.flatten() - truth).square() + imputation.variance.flatten())[missing.flatten()].sum()
    torch.testing.assert_close(left, right, rtol=0.05, atol=0.05)
    chapter, _ = LearnTab.render(None, picture, missing, CACHE, 1, Slice())
    mean, drawn = map(float, re.findall(r"(-?\d+\.\d) dB", chapter.shown.figures))
    assert mean > drawn and str(DRAWN) in chapter.shown.figures


def test_count_of_numbers_is_correct():
    picture, missing = scene("mnist")
    chapter, _ = LearnTab.render(None, picture, missing, CACHE, 3, Slice())
    factors = CACHE.impute("dmfa", picture, missing).density.components.factors.shape[-2]
    assert f"392 hidden values: {392 * 393 // 2:,} numbers" in chapter.shown.figures
    assert f"{392 * (factors + 1):,} with" in chapter.shown.figures


def test_latent_walk_is_continuous_and_closed():
    picture, missing = scene("mnist")
    film = LearnTab.render(None, picture, missing, CACHE, 4, Slice())[0].shown.films[1]
    pixels = torch.stack([torch.from_numpy(one.pixels.astype("float32")) for one in film.pictures])
    steps = (pixels - pixels.roll(1, 0)).square().mean((1, 2)).sqrt()
    assert 0 < steps.max() < 0.7 * (pixels[0] - pixels[len(pixels) // 3]).square().mean().sqrt() + 25


def test_last_chapters_formula_is_the_expectation():
    generator, mean, deviation = torch.Generator().manual_seed(0), 0.3, 1.2
    drawn = (mean + deviation * torch.randn(10**6, generator=generator)).relu().mean().item()
    value = mean / 2 * (1 + math.erf(mean / (deviation * math.sqrt(2))))
    value += deviation / math.sqrt(2 * math.pi) * math.exp(-(mean**2) / (2 * deviation**2))
    assert value == pytest.approx(drawn, abs=3e-3)


@pytest.mark.parametrize("number", [0, 7, None, True, "1", [1]])
def test_unknown_chapter_is_refused(number):
    picture, missing = scene("mnist")
    with pytest.raises(ValueError, match="there is no chapter"):
        LearnTab.render(None, picture, missing, CACHE, number, Slice())


def test_every_lesson_is_complete():
    assert len(LESSONS) == 6 and len({lesson.title for lesson in LESSONS}) == 6
    assert all(
        all(getattr(lesson, field.name) is not None for field in dataclasses.fields(lesson) if field.name != "show")
        for lesson in LESSONS
    )


def test_dials_cover_the_range_of_a_slice():
    dials = re.findall(r'data-dial="\w" min="(.+?)" max="(.+?)"', files_of(lesson_player.__file__)["html_template"])
    assert [tuple(map(float, dial)) for dial in dials] == [(-most, most) for most in FURTHEST]


def test_slice_round_trips():
    player = LessonPlayer()
    assert player.preprocess(player.postprocess(Slice(-2.0, 0.5))) == Slice(-2.0, 0.5)
    assert player.preprocess(None) == player.preprocess({}) == Slice()


@pytest.mark.parametrize("at", ["12", [1], [1, 2], [math.nan, 0], [0, "0"], [[], {}], 5, {"0": 1, "1": 0}])
def test_invalid_slice_is_refused(at):
    with pytest.raises(gr.Error, match="a slice is an observed value up to 3 and a correlation up to 0.95"):
        LessonPlayer().preprocess({"slice": at})


@pytest.mark.parametrize("dataset", ["mnist", "fashion-mnist", "celeba"])
def test_chapter_on_walks_shows_two_and_reports_whether_their_ends_differ(dataset):
    lesson, address = LESSONS[4], Address.first(dataset)
    picture = Scene.sample(dataset, address.sample)
    shown = lesson.show(picture, address.mask, CACHE, lesson.methods(dataset))
    assert len(shown.films) == 2 and shown.films[0].title != shown.films[1].title
    first, second = (film.pictures[-1].pixels.astype(int) for film in shown.films)
    apart = abs(first - second).max() > 26  # of 255
    assert shown.figures.startswith("Here they end in two pictures" if apart else "Here they end in the same picture")
    if dataset == "mnist":
        assert apart, "the first picture shows what the chapter describes"


@pytest.mark.parametrize("number", range(len(LESSONS)))
def test_chapters_do_not_mention_strokes_for_faces(number):
    lesson = LESSONS[number]
    assert "stroke" not in lesson.idea + lesson.because + lesson.question
