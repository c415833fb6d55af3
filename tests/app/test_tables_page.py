"""The page Tables without a browser: its tables, beliefs against brute force, scenes, and questions from anybody."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from gradio.exceptions import Error
from hypothesis import given, settings
from hypothesis import strategies as st

from dmfa_demo.app.tables import page_table, tables_page
from dmfa_demo.app.tables.beliefs import TableState, _curve, believe, text_of
from dmfa_demo.app.tables.measured_errors import render_errors
from dmfa_demo.app.tables.page_table import MODELS, OFFERED, PageTable, built_in
from dmfa_demo.app.tables.table_editor import Question, TableEditor, cells_of
from dmfa_demo.app.tables.table_scenes import SCENES
from dmfa_demo.tables.datasets import DATASETS
from dmfa_demo.tables.measured import load_results
from dmfa_demo.tables.schema import Column, Schema
from train.report.papers_tables import published


def table(rows: int = 60) -> PageTable:
    """Return a table whose second column is twice the first, with a colour and some missing cells."""
    random = np.random.default_rng(0)
    first = random.normal(0, 2, rows)
    values = np.stack([first, 2 * first, (first > 0).astype(float)], 1)
    values[::7, 2] = np.nan
    schema = Schema((Column("one"), Column("two"), Column("colour", ("blue", "red"))), framed=True)
    return PageTable.of("", "Mine", "", schema, values)


def erased(about: PageTable, *places: tuple[int, int]) -> np.ndarray:
    found = np.isnan(about.shown)
    for place in places:
        found[place] = True
    return found


@pytest.mark.parametrize("name", OFFERED)
def test_offered_tables_are_readable_and_answered(name):
    about = built_in(name)
    assert len(about.shown) == 20 and 80 <= len(about.learnt) <= 1_000
    assert len({column.name for column in about.schema.columns}) == len(about.schema.columns)
    for column in about.schema.columns:
        assert column.categories is None or len(set(column.categories)) == len(column.categories) > 1
    state = TableState(erased=np.random.default_rng(0).random(about.shown.shape) < 0.5, focus=None)
    found = believe(about, state)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert set(found["cells"]) == {f"{row},{column}" for row, column in np.argwhere(state.erased)}


def test_no_shown_row_is_learnt():
    about = table()
    rows = {tuple(row) for row in about.shown[:, :2].round(9)}
    assert not rows & {tuple(row) for row in about.learnt[:, :2].round(9)} and len(about.shown) == 20


def test_beliefs_are_those_of_the_models():
    about, place = table(), (3, 1)
    state = TableState(erased=erased(about, place), focus=place)
    found = believe(about, state)
    seen = state.apply(about.shown)
    for name in ("mean", "knn", "mixture"):
        answer = about.model(name).impute(about.schema.decode(seen))
        assert found["cells"]["3,1"][name]["text"] == text_of(about, 1, answer.mean[place])
    assert found["focus"]["truth"] == text_of(about, 1, about.shown[place])
    assert abs(found["focus"]["curves"]["mixture"]["position"] - found["focus"]["position"]) < 0.05
    assert found["errors"]["mixture"]["numbers"] < 0.2 < found["errors"]["mean"]["numbers"]
    assert found["cells"]["3,1"]["knn"]["heights"] is None and len(found["rows"]["drawn"]) == 5


def test_errors_by_hand():
    about = table()
    places = [(0, 0), (1, 0), (2, 0)]
    found = believe(about, TableState(erased=erased(about, *places)))["errors"]["mean"]["numbers"]
    known, every = about.learnt[:, 0], np.concatenate([about.shown, about.learnt])[:, 0]
    off = [(known.mean() - about.shown[place]) / every.std() for place in places]
    assert found == pytest.approx(math.sqrt(np.mean(np.square(off))), abs=1e-3)


def test_an_edited_cell_changes_the_others_and_has_no_error():
    about = table()
    hidden = erased(about, (4, 1))
    before, after = (believe(about, TableState(erased=hidden, edits=edits)) for edits in ({}, {(4, 0): 5.0}))
    value = float(after["cells"]["4,1"]["mixture"]["text"].replace("−", "-"))
    assert value == pytest.approx(10, rel=0.2) and after["cells"] != before["cells"]
    both = believe(about, TableState(erased=erased(about, (4, 0)), edits={(4, 0): 5.0}))
    assert both["errors"]["mean"]["numbers"] is None


def test_cells_without_a_value_are_hidden_but_have_no_truth():
    about = table()
    row = int(np.flatnonzero(np.isnan(about.shown[:, 2]))[0])
    question = Question(table="", view="", erased=[], focus=f"{row},2")
    found = believe(about, question.state(about))
    assert f"{row},2" in found["cells"] and found["focus"]["truth"] == ""
    assert found["errors"]["mixture"] == {"numbers": None, "categories": None}
    assert f"{row},2" in cells_of(about)["absent"]


@pytest.mark.parametrize("deviation", [0.3, 2.0])
def test_curve_is_a_density(deviation):
    draws = np.random.default_rng(0).normal(0, deviation, 4_000)
    grid = np.linspace(-10, 10, 201)
    heights = np.array(_curve(draws, grid))
    assert heights.mean() == pytest.approx(1, abs=0.01)  # over an axis of length one
    exact = 20 * np.exp(-0.5 * (grid / deviation) ** 2) / (deviation * math.sqrt(2 * math.pi))
    assert np.abs(heights - exact).max() < 0.1 * exact.max()


def test_scenes_show_what_they_say():
    found = {}
    for scene in SCENES:
        about, focus = built_in(scene.table), scene.focus()
        found[scene.table] = believe(about, TableState(erased=scene.erased(), focus=focus))
    # Two peaks, and a mean where the density is small.
    iris = found["iris"]["focus"]["curves"]["mixture"]
    heights, mean = np.array(iris["heights"]), iris["position"]
    at = round(mean * (len(heights) - 1))
    assert heights[at] < 0.4 * min(heights[:at].max(), heights[at:].max())
    # A narrow peak in the right place.
    spine = found["orthopedic"]["focus"]
    assert max(spine["curves"]["mixture"]["heights"]) > 5 * max(spine["curves"]["mean"]["heights"])
    assert abs(spine["curves"]["mixture"]["position"] - spine["position"]) < 0.03
    # Nearly the column's distribution.
    zoo = found["zoo"]
    shares = [one["shares"] for one in zoo["focus"]["categories"]]
    assert sum(abs(one["mixture"] - one["mean"]) for one in shares) / 2 < 0.1  # total variation
    assert abs(zoo["errors"]["mixture"]["categories"] - zoo["errors"]["mean"]["categories"]) < 0.11


def test_scene_says_that_a_wide_peak_follows_from_erasing_the_tilt_too():
    scene = next(scene for scene in SCENES if scene.table == "orthopedic")
    about, hidden = built_in(scene.table), scene.erased()
    peak = {}
    for wide in (False, True):
        hidden[scene.row, [column.name for column in about.schema.columns].index("pelvic tilt, °")] = wide
        curves = believe(about, TableState(erased=hidden, focus=scene.focus()))["focus"]["curves"]
        peak[wide] = max(curves["mixture"]["heights"])
    assert peak[True] < 0.7 * peak[False]


def test_errors_of_whole_tables_are_the_measured_ones_with_the_papers():
    shown, results = render_errors(), load_results()
    assert shown.count("<tr>") == 1 + len(results)
    for table, row in results.items():
        line = shown.partition(f'<th scope="row">{DATASETS[table].title}</th>')[2].partition("</tr>")[0]
        best = min(row.values(), key=lambda figures: figures["error"])
        assert f"<strong>{best['error']:.3f} ± " in line
        for method, figures in row.items():
            paper = published(table, method)
            assert f"{figures['error']:.3f} ± {figures['error_deviation']:.3f}" in line
            assert paper is None or f"<small>{paper['error'][0]:g} ± {paper['error'][1]:g}</small>" in line


def test_answers_name_their_question():
    shown, choice, note = tables_page.answer(Question(table=None, view=None, erased=[]), None)
    assert (
        shown["begin"]["focus"] == "0,2"
        and shown["cells"]["name"] == SCENES[0].table
        and SCENES[0].text in note
        and choice["value"] == "iris"
    )
    question = Question(table="zoo", view="iris", erased=["0,3"], focus="0,3", revision=7)
    answered, _, _ = tables_page.answer(question, None)
    assert answered["answered"] == 7 and answered["cells"]["name"] == "zoo" and "begin" not in answered


def test_own_table_learns_and_is_forgotten():
    lines = "\n".join(f"{number},{2 * number},{'ab'[number % 2]}" for number in range(60))
    *messages, (own, shown, choice, _) = tables_page.receive(f"x,y,kind\n{lines}".encode())
    assert len(messages) == sum(not model.on_demand for model in MODELS.values()) and all(
        "learns" in one[-1] for one in messages
    )
    assert (
        shown["cells"]["name"] == ""
        and choice["value"] == ""
        and own.has_learnt("mixture")
        and not own.has_learnt("vaeac")
    )
    question = Question(table="", view="", erased=["1,0"], focus="1,0")
    assert tables_page.answer(question, own)[0]["beliefs"]["focus"]["name"] == "x"
    with pytest.warns(UserWarning, match="upload it again"):
        shown, *_ = tables_page.answer(question, None)
    assert shown["cells"]["name"] == SCENES[0].table
    with pytest.raises(ValueError, match="upload it again"):
        tables_page.start("", None)


def test_vaeac_learns_on_demand(monkeypatch):
    about = table()
    monkeypatch.setitem(MODELS, "vaeac", replace(MODELS["vaeac"], settings={"steps": 20}))
    question = Question(table="", view="", erased=["1,0"], focus="1,0")
    *messages, last = tables_page.learn_vaeac(question, about)
    assert messages and all("VAEAC learns" in one for one in messages) and last == ""
    found = tables_page.answer_of_vaeac(question, about)
    assert found["prefer"] == "vaeac" and found["beliefs"]["models"][-1]["title"] == "VAEAC"


def test_a_model_that_cannot_learn_says_why(monkeypatch):
    def refuse(method, schema, **settings):
        raise RuntimeError("no way")

    monkeypatch.setattr(page_table, "make", refuse)
    with pytest.raises(ValueError, match="VAEAC could not learn this table: no way"):
        list(tables_page.learn_vaeac(Question(table="", view="", erased=[]), table()))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"table": "../iris"}, "there is no table"),
        ({"table": "boston"}, "there is no table"),
        ({"erased": ["20,0"]}, "20 rows and 5 columns"),
        ({"erased": ["-1,0"]}, "ROW,COLUMN"),
        ({"erased": ["1"]}, "ROW,COLUMN"),
        ({"focus": "0,9"}, "20 rows and 5 columns"),
        ({"edits": {"0,4": 3}}, "species has 3 categories"),
        ({"edits": {"0,4": 0.5}}, "species has 3 categories"),
        ({"edits": {"0,0": "x"}}, "ask with a table"),
        ({"edits": {"0,0": float("nan")}}, "ask with a table"),
        ({"edits": {"0,0": 1e300}}, "ask with a table"),
        ({"erased": ["0,0"] * 3_000}, "ask with a table"),
        ({"erased": None}, "ask with a table"),
        ({"revision": "1"}, "whole numbers"),
        ({"seed": -1}, "whole numbers"),
    ],
)
def test_bad_questions_are_refused_with_a_reason(change, message):
    payload = {"table": "iris", "view": "iris", "erased": [], "edits": {}, "focus": None, "seed": 0, "revision": 1}
    with pytest.raises((ValueError, Error), match=message):
        tables_page.answer(TableEditor().preprocess(payload | change), None)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=6), max_leaves=12
)  # fmt: skip


@settings(max_examples=200)
@given(
    st.fixed_dictionaries(
        {}, optional={name: anything for name in ("table", "view", "erased", "edits", "focus", "seed", "revision")}
    )
)
def test_any_question_is_answered_or_refused(payload):
    try:
        question = TableEditor().preprocess(payload)
        question.state(built_in("iris"))
    except (ValueError, Error) as error:
        assert str(error)
