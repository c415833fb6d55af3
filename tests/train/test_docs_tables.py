"""The tables of the documentation: every figure is in its place, with its error, sizes and source."""

import json

import pytest

from dmfa_demo.models.classifier import CLASSIFIERS
from dmfa_demo.registry import method_class
from dmfa_demo.storage.checkpoints import RESULTS, ROOT
from tests.conftest import REPOSITORY
from train.report import docs

RESULTS_OF = {path.parent.name: json.loads(path.read_text()) for path in sorted(ROOT.glob(f"*/{RESULTS}"))}
PLACES = [
    (dataset, name)
    for dataset, results in RESULTS_OF.items()
    for name in dict.fromkeys(row["protocol"] for row in results["rows"])
]


@pytest.mark.parametrize(("dataset", "protocol"), PLACES)
def test_every_figure_is_in_its_table_with_its_sizes(dataset, protocol):
    text = docs.table(dataset, protocol)
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    heading = lines[0]
    assert all(len(line) == len(heading) for line in lines)
    for row in RESULTS_OF[dataset]["rows"]:
        if row["protocol"] != protocol:
            continue
        title = row["title"] or method_class(row["method"]).title
        sizes = ["" if row[size] is None else f"{row[size]:,}" for size in ("n", "seeds", "training_images")]
        (cells,) = [line for line in lines if line[0] == title and line[-3:] == sizes]
        cell = cells[heading.index(docs.MEASURES[row["metric"]].short)]
        value, *paper = cell.split("<br>paper: ")
        number, *error = value.replace("−", "-").replace(",", "").split(" ± ")
        half = 0.5 * 10.0 ** -len(number.partition(".")[2])
        assert abs(float(number) - row["value"]) <= half * 1.001
        assert bool(error) == bool(row["stderr"])
        if error:
            assert float(error[0]) > 0 or row["stderr"] < 1e-5
            assert abs(float(error[0]) - row["stderr"]) <= half * 1.001
        assert bool(paper) == (row["paper"] is not None)
        if paper:
            assert float(paper[0].replace("−", "-").replace(",", "")) == row["paper"]
            assert row["source"] in text


@pytest.mark.parametrize("dataset", sorted(RESULTS_OF))
def test_every_table_is_on_the_page(dataset):
    page = (REPOSITORY / docs.PAGE).read_text()
    for known, protocol in PLACES:
        if known == dataset:
            assert docs.table(dataset, protocol) in page, protocol


def test_papers_rows_without_our_methods_are_included():
    assert "| ACFlow, best guess |" in docs.table("mnist", "arbitrary")
    assert docs.table("mnist", "square14").count("| MFA |") == 1


@pytest.mark.parametrize(
    ("placeholder", "text"),
    [
        ("mnist square14 dmfa sse n", "10,000"),
        ("mnist square14 dmfa sse seeds", "3"),
        ("mnist square14 mice sse training", "2,000"),
        ("mnist square14 dmfa nll paper", "−244.81"),
        ("setting mnist mfa network.factors", "10"),
        ("setting mnist mfa network.noise_floor", "3e-05"),
    ],
)
def test_placeholder_becomes_its_figure(placeholder, text):
    assert docs.results_page(f"a {{{{{placeholder}}}}} b").endswith(f"a {text} b")


@pytest.mark.parametrize(
    "placeholder", ["", "unknown", "mnist square14 dmfa unknown", "table mnist circle", "study unknown"]
)
def test_unknown_placeholder_is_refused(placeholder):
    with pytest.raises(ValueError, match="placeholder|no figure|no figures|no study"):
        docs.results_page(f"{{{{{placeholder}}}}}")


def test_readme_with_an_unknown_method_or_without_a_table_is_refused():
    table = (
        "<!-- figures -->\n| M | I | P | E | P |\n|---|---|---|---|---|\n| Oracle | knows | | | |\n<!-- /figures -->"
    )
    with pytest.raises(ValueError, match="Oracle"):
        docs.with_figures(table)
    with pytest.raises(ValueError, match="<!-- figures -->"):
        docs.with_figures("no table")
    assert CLASSIFIERS["misconv-dmfa"].title in docs.with_figures(table.replace("Oracle", "MisConv (DMFA)"))


def test_command_writes_both_files(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / docs.TEMPLATE).write_text("# Results\n\n{{mnist square14 zero sse value}}\n")
    (tmp_path / docs.README).write_text((REPOSITORY / "README.md").read_text().replace("8.50 ± 0.04", "1"))
    docs.write(docs.Docs(repository=tmp_path))
    assert (tmp_path / docs.PAGE).read_text().endswith("# Results\n\n42.90\n")
    assert (tmp_path / docs.README).read_text() == (REPOSITORY / "README.md").read_text()
