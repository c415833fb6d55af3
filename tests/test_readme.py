"""The README is short and correct. Its code and commands are tested with the documentation's."""

import re

from dmfa_demo import __version__
from dmfa_demo.registry import METHODS, method_class
from tests.conftest import REPOSITORY
from train.report import docs

README = (REPOSITORY / "README.md").read_text()


def test_readme_has_at_most_seven_kilobytes_after_the_space_settings():
    assert len(README.encode()) <= 7_000
    settings, text = README.removeprefix("---\n").split("---\n", 1)
    for name in ("title", "sdk: gradio", "sdk_version", "app_file: app.py", "license_link: NOTICE"):
        assert name in settings
    assert text.lstrip().startswith("# What is behind the paint?")


def test_figures_are_the_measured_ones():
    assert docs.with_figures(README) == README, "run python -m train docs"


def test_note_below_the_figures_is_correct():
    assert "10,000 test images and 55,000 training images (MICE: 1,000 and 2,000; Zero uses none)" in README
    three = ("dmfa", "mfa", "gaussian", "knn", "mean", "zero")
    shown = [name for name in METHODS if f"\n| {method_class(name).title} |" in README]
    assert len(shown) == 12
    for name in shown:
        row = docs._row("mnist", "square14", name, "sse")
        sizes = (row["n"], row["training_images"])
        expected = {"mice": (1_000, 2_000), "zero": (10_000, None)}
        assert sizes == expected.get(name, (10_000, 55_000)), name
        assert row["seeds"] == (3 if name in three else 1), name
    row = docs._row("mnist", "classify-square14", "classifier-misconv-dmfa", "accuracy")
    assert (row["n"], row["seeds"], row["training_images"]) == (10_000, 3, 55_000)


def test_citation_file_matches_the_readme():
    citation = (REPOSITORY / "CITATION.cff").read_text()
    titles = re.findall(r"title = \{(.*)\}, *(?:author|\n)|title = \{(.*)\},\n", README)
    plain = [re.sub(r"[{}]", "", first or second) for first, second in titles]
    assert len(plain) == 5 and all(title in citation for title in plain), plain
    version = re.search(r"^version: (.*)$", citation, re.MULTILINE)
    assert version and f"version = {{{version[1]}}}" in README
    assert version[1] == __version__
    assert f'version = "{version[1]}"' in (REPOSITORY / "pyproject.toml").read_text()
