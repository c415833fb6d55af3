"""Tables of results as CSV, LaTeX and Markdown, and references as BibTeX."""

import csv
import io
import re

import pytest

from dmfa_demo.app.lessons.lessons import LESSONS
from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene
from dmfa_demo.app.sharing.address import Address
from dmfa_demo.app.sharing.export import KINDS, Code, File, take_away
from dmfa_demo.app.sharing.for_paper import as_csv, as_latex, as_markdown, bibtex, escaped
from dmfa_demo.app.tabs.results import rows_of
from dmfa_demo.models.classifier import CLASSIFIERS
from dmfa_demo.registry import method_class, methods

ROWS = rows_of("mnist", "square14")
SCENE = Scene.sample("mnist", 42)


def test_csv_has_every_figure_in_full_precision():
    read = list(csv.DictReader(io.StringIO(as_csv(ROWS))))
    assert len(read) == len(ROWS)
    for row, line in zip(ROWS, read):
        assert line["metric"] == row["metric"] and line["title"]
        assert (float(line["value"]) if line["value"] else None) == row.get("value")
        assert (float(line["paper"]) if line["paper"] else None) == row["paper"]


@pytest.mark.parametrize("write", [as_markdown, as_latex])
def test_tables_have_a_line_a_method_and_a_column_a_measure(write):
    text = write(ROWS)
    titles = {
        line.split("&" if write is as_latex else "|")[0 if write is as_latex else 1].strip()
        for line in text.splitlines()
        if "DMFA" in line or "VAEAC" in line
    }
    assert {"DMFA", "VAEAC"} <= titles
    if write is as_markdown:
        assert len({line.count(" | ") for line in text.splitlines()}) == 1
    else:
        body = [line for line in text.splitlines() if line.endswith(r"\\")]
        assert len({line.count(" & ") for line in body}) == 1 and not re.search(r"(?<!\\)%(?! needs)", text)
        assert r"$\pm$" in text and r"\toprule" in text and not set("±−×≥") & set(text)


def test_characters_of_latex_are_escaped():
    assert escaped("50 % & a_b {x} ~ ^ \\ #1 $") == (
        r"50 \% \& a\_b \{x\} \textasciitilde{} \textasciicircum{} \textbackslash{} \#1 \$"
    )


def test_every_citation_of_the_project_becomes_an_entry():
    """A method whose citation has another form would be missing from the references."""
    kinds = [*(method_class(name) for name in methods()), *CLASSIFIERS.values()]
    for kind in kinds:
        if kind.citation:
            entry = bibtex([(kind.citation, kind.url)])
            assert re.fullmatch(r"@misc\{[a-z]+\d{4}[a-z]+,\n(  \w+ = \{.+\},\n)+\}\n", entry), kind.citation
            assert entry.count("{") == entry.count("}")


def test_authors_are_separated_and_others_named():
    entry = bibtex([("Śmieja, Struski: A great title (2020)", "https://example.org/a")])
    assert entry == (
        "@misc{smieja2020great,\n  author = {Śmieja and Struski},\n  title = {{A great title}},\n  year = {2020},\n"
        "  url = {https://example.org/a},\n}\n"
    )
    assert "{Liu and others}" in bibtex([("Liu et al.: Holes (2018)", "")])
    assert bibtex([("no author", "")] * 2) == ""
    assert bibtex([("A: B (2000)", "")] * 2).count("@misc") == 1


@pytest.mark.parametrize("number", range(1, len(LESSONS) + 1))
def test_paper_of_every_chapter_has_an_entry(number):
    lesson = LESSONS[number - 1]
    entry = bibtex([(lesson.paper, lesson.address)])
    assert entry.count("@misc") == 1 and lesson.address in entry


def test_first_of_two_works_with_one_key_is_kept():
    assert "{{Holes, and more}}" in bibtex([("A: Holes, and more (2000)", ""), ("A: Holes (2000)", "")])


@pytest.mark.parametrize("kind", ["csv", "latex", "markdown"])
def test_results_are_a_file(kind):
    address = Address.first("mnist").changed(tab="results", protocol="square14")
    file = take_away(kind, SCENE, address, ImputationCache())
    assert isinstance(file, File) and b"DMFA" in file.content and kind in KINDS


def test_references_are_those_of_the_screen():
    cache = ImputationCache()
    of = lambda **changes: take_away("bibtex", SCENE, Address.first("mnist").changed(**changes), cache)
    shown = of(methods=("mfa",))
    assert isinstance(shown, Code) and shown.text.count("@misc") == 1 and "Ghahramani" in shown.text
    assert "MisConv" in of(methods=("mfa",), tab="predictions").text
    assert "calibr" not in of(methods=("mfa",), tab="learn").text.lower()
    assert "scoring rules" in of(methods=("mfa",), tab="learn", lesson=7).text
    assert "Ivanov" in of(methods=("mfa",), tab="results").text
