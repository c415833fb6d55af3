"""The chapters: each one's statements are true for every data set's pictures."""

import dataclasses
import math
import re
import xml.etree.ElementTree as ElementTree
from urllib.parse import parse_qsl

import gradio as gr
import pytest
import torch

from dmfa_demo.app.canvas.presets import OFFERS
from dmfa_demo.app.lessons import lesson_player, transfer
from dmfa_demo.app.lessons.learn import LearnTab
from dmfa_demo.app.lessons.lesson_player import FURTHEST, LessonPlayer, Question, Slice
from dmfa_demo.app.lessons.lessons import LESSONS, query_of
from dmfa_demo.app.lessons.shows import DRAWN, error_of_samples, properties
from dmfa_demo.app.lessons.transfer import ASKED, Draw, Transfer
from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene, draw_mask
from dmfa_demo.app.sharing.address import Address
from dmfa_demo.app.tabs.predictions import predict
from dmfa_demo.app.widgets.own_component import files_of
from dmfa_demo.data.datasets import DATASETS, load_samples
from dmfa_demo.models.classifier import available_classifiers, load_classifier
from dmfa_demo.registry import available_methods

CACHE = ImputationCache()
NEEDS = dict(
    zip(
        range(1, 9),
        ("has_samples", None, "has_factors", "has_latents", "has_trajectory", None, "has_factors", "has_samples"),
    )
)


def scene(dataset: str) -> tuple[Scene, torch.Tensor]:
    made = Scene.sample(dataset, OFFERS[dataset].sample)
    return made, draw_mask("half", made, seed=0)


def can(dataset: str, number: int) -> bool:
    if number == 6:
        return bool(available_classifiers(dataset))
    if number == 8 and not DATASETS[dataset].several:
        return False
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
        assert re.search("choose (another data set|Faces)", value["remark"]) and not value["films"]


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
    mean, drawn = map(float, re.findall(r"\d\.\d{3}", chapter.shown.figures))
    assert mean < drawn and f"{DRAWN} samples" in chapter.shown.figures
    of_mean = (picture.image.flatten() - imputation.mean.flatten())[missing.flatten()].square().mean()
    assert mean == pytest.approx(of_mean.item(), abs=6e-4)


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


def test_formula_of_doubt_is_the_expectation():
    generator, mean, deviation = torch.Generator().manual_seed(0), 0.3, 1.2
    drawn = (mean + deviation * torch.randn(10**6, generator=generator)).relu().mean().item()
    value = mean / 2 * (1 + math.erf(mean / (deviation * math.sqrt(2))))
    value += deviation / math.sqrt(2 * math.pi) * math.exp(-(mean**2) / (2 * deviation**2))
    assert value == pytest.approx(drawn, abs=3e-3)


@pytest.mark.parametrize("number", [0, 9, None, True, "1", [1]])
def test_unknown_chapter_is_refused(number):
    picture, missing = scene("mnist")
    with pytest.raises(ValueError, match="there is no chapter"):
        LearnTab.render(None, picture, missing, CACHE, number, Slice())


def test_every_lesson_is_complete():
    assert len(LESSONS) == len(ASKED) == 8 and len({lesson.title for lesson in LESSONS}) == 8
    assert all(
        all(
            getattr(lesson, field.name) is not None
            for field in dataclasses.fields(lesson)
            if field.name not in ("show", "setting")
        )
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


def test_right_answer_is_not_always_at_the_same_place():
    places = [lesson.answer for lesson in LESSONS]
    assert {places.count(place) for place in range(3)} <= {2, 3}


# What each chapter says about its own picture.


def own(number: int):
    """Return the scene, the hole and the films of a chapter's own picture."""
    lesson = LESSONS[number - 1]
    setting = lesson.setting
    shown = lesson.show(setting.scene, setting.missing, CACHE, lesson.methods(setting.dataset))
    return setting.scene, setting.missing, shown


def test_guesses_the_mean_is_nearer_than_samples():
    mean, drawn = map(float, re.findall(r"\d\.\d{3}", own(1)[2].figures))
    assert mean < drawn


def test_conditions_the_numbers_are_right():
    at = Slice()
    mean, deviation = at.correlation * at.observed, math.sqrt(1 - at.correlation**2)
    assert f"mean {mean:.2f} and standard deviation {deviation:.2f}" in LESSONS[1].sight
    assert f"at {at.observed:g} and a correlation of {at.correlation:g}" in LESSONS[1].sight


def test_factors_the_first_carries_more_than_half():
    picture, missing, _ = own(3)
    factors = CACHE.impute("dmfa", picture, missing).mixture.leading(1).component(0).principal().factors[0]
    strength = factors.square().sum(-1)
    assert strength[0] > strength.sum() / 2 and picture.caption.startswith("1,")


def test_draws_are_mostly_fours_and_some_nines():
    picture, missing, _ = own(4)
    draws = CACHE.impute("vaeac", picture, missing).sample(64, noise=False)[:, 0]
    nothing = torch.zeros(64, 1, 28, 28, dtype=torch.bool)
    classes = load_classifier("complete", "mnist").predict(draws, nothing).argmax(1).bincount(minlength=10)
    assert classes[4] > 32 and classes[9] > 0 and classes[[4, 9]].sum() > 58


def test_walks_end_in_two_pictures():
    assert own(5)[2].figures.startswith("Here they end in two pictures")


def test_doubt_zeros_are_sure_of_a_three_and_misconv_is_unsure_of_an_eight():
    picture, missing, _ = own(6)
    answers = {one.name: answer for one, answer in predict(picture, missing, CACHE)}
    assert answers["zero"].argmax() == 3 and answers["zero"].max() > 0.8
    assert answers["misconv-dmfa"].argmax() == 8 and answers["misconv-dmfa"].max() < 0.7


def test_calibration_mfa_is_too_sure_and_dmfa_is_not():
    shown = own(7)[2]
    inside = [int(share) for share in re.findall(r"(\d+) % of the values", shown.figures)]
    assert inside[0] >= 90 > inside[1]
    for film in shown.films:  # wider intervals contain more
        shares = [int(re.findall(r"\d+", one.caption)[1]) for one in film.pictures]
        assert shares == sorted(shares) and film.tells_truth


def test_calibrated_samples_have_twice_the_error_of_the_mean():
    """Chapter 7, where the truth is a draw from the density: E (x - s)^2 = 2 E (x - mu)^2."""
    picture, missing = scene("mnist")
    imputation = CACHE.impute("dmfa", picture, missing)
    draws = imputation.density.sample(8_000, torch.Generator().manual_seed(3))[:, 0, missing.flatten()]
    half, other = draws.chunk(2)
    ratio = (half - other).square().mean() / (half - imputation.mean.flatten()[missing.flatten()]).square().mean()
    assert ratio == pytest.approx(2, abs=0.1)
    assert error_of_samples(picture, missing, CACHE, "dmfa") > 1


def test_training_glasses_disappear():
    picture, missing, shown = own(8)
    means = [CACHE.impute(name, picture, missing).mean[0] for name in LESSONS[7].methods("celeba")]
    glasses = properties([picture.image, *means], "celeba")[:, DATASETS["celeba"].classes.index("glasses")]
    assert glasses[0] > 0.9 and glasses[1:].max() < 0.1 and "the property “glasses” fades most" in shown.figures


def test_link_of_a_chapter_leads_to_its_picture():
    for number, lesson in enumerate(LESSONS, 1):
        address = Address.from_query(dict(parse_qsl(query_of(number))))
        assert address.tab == "learn" and address["lesson"] == number
        if lesson.setting is not None:
            assert (address.dataset, address.sample) == (lesson.setting.dataset, lesson.setting.sample)
            assert torch.equal(address.mask, lesson.setting.missing)


@pytest.mark.parametrize("dataset", ["mnist", "fashion-mnist", "celeba"])
@pytest.mark.parametrize("number", NEEDS)
def test_questions_about_other_pictures_have_one_right_answer(dataset, number):
    if not can(dataset, number):
        pytest.skip("no method for these pictures")
    answers = set()
    for seed in range(6):
        draw = Draw(dataset, torch.Generator().manual_seed(seed))
        asked = ASKED[number - 1](draw, CACHE, LESSONS[number - 1].methods(dataset))
        assert isinstance(asked, Transfer) and len(set(asked.options)) == len(asked.options) > asked.answer >= 0
        assert asked.question.endswith("?") and asked.because.endswith(".") and "nan" not in asked.because
        value = LessonPlayer().postprocess(Question(number, asked))["transfer"]
        assert value["number"] == number
        assert not any(film["tells_truth"] for film in [*value["films"], *value["after"]])
        assert all(frame["alt"] for film in [*value["films"], *value["after"]] for frame in film["frames"])
        answers.add(asked.answer)
    assert len(answers) > 1 or number in (5, 7, 8), "the right answer is not always at the same place"


def test_questions_are_answered_from_the_figures():
    """The right options of chapters 1, 4, 6, 7 and 8 agree with the figures that explain them, as they are printed."""
    for number, larger in ((1, True), (4, True), (6, False)):
        for seed in range(5):
            draw = Draw("mnist", torch.Generator().manual_seed(seed))
            asked = ASKED[number - 1](draw, CACHE, LESSONS[number - 1].methods("mnist"))
            first, second = map(float, re.findall(r"\d+\.?\d*(?= dB| behind| %)", asked.because)[:2])
            assert first != second and asked.answer == int((second > first) == larger)
    for seed in range(10):
        draw = Draw("mnist", torch.Generator().manual_seed(seed))
        asked = ASKED[6](draw, CACHE, LESSONS[6].methods("mnist"))
        assert asked.answer == int(int(re.match(r"\d+", asked.because)[0]) >= 90)
    for seed in range(3):
        draw = Draw("celeba", torch.Generator().manual_seed(seed))
        asked = ASKED[7](draw, CACHE, LESSONS[7].methods("celeba"))
        changes = [abs(int(one) - int(other)) for one, other in re.findall(r"from (\d+) to (\d+) %", asked.because)]
        assert changes[0] > max(changes[1:]) and asked.because.lower().startswith(asked.options[asked.answer].lower())


def test_questions_are_not_about_the_picture_on_the_canvas():
    draw = Draw("mnist", torch.Generator().manual_seed(0), shown=3)
    numbers = {draw.scene().number for _ in range(2_000)}
    assert numbers == set(range(len(load_samples("mnist")))) - {3}


def test_question_without_a_clear_answer_is_not_asked():
    with pytest.raises(ValueError, match="ask again"):
        transfer._clear(
            Draw("mnist", torch.Generator().manual_seed(0)), lambda scene, missing: 1.0, lambda *both: False
        )


def test_number_of_a_slice_question_is_the_mean_of_the_slice():
    for seed in range(8):
        asked = ASKED[1](Draw("mnist", torch.Generator().manual_seed(seed)), CACHE, [])
        observed, correlation = (
            float(one.replace("−", "-"))
            for one in re.findall(r"pixels is (\S+), and the correlation is ([\d.]+)", asked.question)[0]
        )
        assert float(asked.options[asked.answer].replace("−", "-")) == pytest.approx(observed * correlation, abs=0.005)
