"""Write the tables of the documentation and of the README from results.json: `python -m train docs`.

docs/results.in.md contains the text and, in double braces, placeholders of figures and tables:

    {{mnist square14 dmfa nll}}           -538.0 ± 1.8, the measured figure and its standard error
    {{mnist square14 dmfa nll paper}}     the paper's figure; also `value`, `n`, `seeds` and `training`
    {{setting mnist dmfa network.factors}}  a number from the checkpoint's config.json
    {{table mnist square14}}              everything measured with one kind of hole
    {{rest mnist}}                        the same for every other kind of hole, each under a heading
    {{walks}}, {{measures}}               the settings of the walks; the meaning of the measures
    {{study mfa-digits-size}}             a table of train/report/studies.json
    {{imputed error}}, {{imputed score}}  how methods fill in tables, beside the VAEAC paper's figures
    {{imputed tables}}                    what a row of each table is

studies.json contains output of named commands that results.json does not keep, such as choices made on validation images.
In README.md only the last two cells of the table of methods are replaced.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dmfa_demo.models.classifier import CLASSIFIERS, folder_of
from dmfa_demo.options import Options
from dmfa_demo.registry import method_class, methods
from dmfa_demo.results import MEASURES, PROTOCOLS, formatted, protocol_title, title_of, with_published
from dmfa_demo.storage.checkpoints import CONFIG, RESULTS, ROOT
from dmfa_demo.tables.datasets import DATASETS
from train.report.papers_tables import published
from train.report.uci import METHODS as TABLE_METHODS
from train.report.uci import RESULTS as IMPUTED

REPOSITORY = Path(__file__).parents[2]
STUDIES = Path(__file__).with_name("studies.json")
DOCS = Path("docs")
TEMPLATE, PAGE, README = DOCS / "results.in.md", DOCS / "results.md", Path("README.md")

_NOTICE = (
    "<!-- Written by `python -m train docs` from docs/results.in.md and checkpoints/*/results.json. Edit those. -->\n\n"
)
# The data set, kind of hole and measure of the README's figures.
_SHOWN = ("mnist", "square14", "sse")
_SHOWN_OF_CLASSIFIERS = ("mnist", "classify-square14", "accuracy")


@dataclass(frozen=True)
class Docs(Options):
    """Write the tables of the documentation and of the README from results.json."""

    repository: Path = REPOSITORY
    """the folder with docs/ and README.md"""


def write(config: Docs) -> None:
    """Write docs/results.md, the figures in README.md, and the teaching material.

    Raises:
        ValueError: If a placeholder names no figure, or a method in the README's table is not registered.
        FileNotFoundError: If the repository has no docs/results.in.md or README.md.
    """
    (config.repository / PAGE).write_text(results_page((config.repository / TEMPLATE).read_text()))
    readme = config.repository / README
    readme.write_text(with_figures(readme.read_text()))
    from train.report import teach  # imports the page, which other commands do not need

    teach.write(config.repository)


def results_page(template: str) -> str:
    """Return the results page: the template with every placeholder replaced."""
    tables = [match[1].split() for match in re.finditer(r"\{\{(table [^}]*)\}\}", template)]
    placed = {(dataset, protocol) for _, dataset, protocol in tables}
    return _NOTICE + re.sub(r"\{\{([^}]*)\}\}", lambda match: _replacement(match[1], placed), template)


def with_figures(readme: str) -> str:
    """Return the README with the last two cells of each row of its table of methods replaced: our figure and the paper's."""
    head, begin, rest = readme.partition("<!-- figures -->\n")
    table, end, tail = rest.partition("<!-- /figures -->")
    if not end:
        raise ValueError("README.md needs a table of methods between <!-- figures --> and <!-- /figures -->")
    heading, rule, *rows = table.strip().splitlines()
    lines = [heading, rule]
    for row in rows:
        *words, _, _ = row.strip("|").split("|")
        lines.append(f"|{'|'.join(words)}| {' | '.join(_readme_cells(words[0].strip()))} |")
    return head + begin + "\n".join(lines) + "\n" + end + tail


def table(dataset: str, protocol: str) -> str:
    """Return everything measured with one kind of hole as Markdown: a line per method, a column per measure.

    Methods measured on different numbers of images or masks have a line for each.

    Raises:
        ValueError: If there are no figures.
    """
    results = _results(dataset)
    rows = with_published(results["rows"], results["published"], protocol)
    if not rows:
        raise ValueError(f"no figures of {dataset} with {protocol}; available: {', '.join(_protocols(dataset))}")
    lines: dict[tuple[Any, ...], dict[str, dict[str, Any]]] = {}
    for row in rows:
        lines.setdefault((title_of(row), *_sizes(row)), {})[row["metric"]] = row
    shown = [name for name in MEASURES if any(name in line for line in lines.values())]
    draws = "Networks" if protocol.startswith("classify-") else "Masks"
    heading = ["Method", *(MEASURES[name].short for name in shown), "n", draws, "Training images"]
    body = [
        [str(title), *(_cell(line.get(name)) for name in shown), *(_count(size) for size in sizes)]
        for (title, *sizes), line in lines.items()
    ]
    return _markdown(heading, body, left=1) + _sources(rows)


def _replacement(placeholder: str, placed: set[tuple[str, str]]) -> str:
    """Return the replacement of `{{placeholder}}`."""
    match placeholder.split():
        case ["table", dataset, protocol]:
            return table(dataset, protocol)
        case ["rest", dataset]:
            rest = [name for name in _protocols(dataset) if (dataset, name) not in placed]
            return "\n\n".join(
                f"### {protocol_title(name)} {{ #{dataset}-{name} }}\n\n{table(dataset, name)}" for name in rest
            )
        case ["walks"]:
            return _walks()
        case ["measures"]:
            return _measures()
        case ["study", name]:
            return _study(name)
        case ["imputed", "tables"]:
            return _markdown(
                ["Table", "A row, and its target"], [[about.title, about.row] for about in DATASETS.values()], left=2
            )
        case ["imputed", measure]:
            return _imputed(measure)
        case ["hardware", dataset]:
            return _results(dataset)["hardware"]
        case ["setting", dataset, method, name]:
            return _setting(dataset, method, name)
        case [dataset, protocol, method, metric, *part]:
            return _figure(_row(dataset, protocol, method, metric), part[0] if part else "")
    raise ValueError(f"docs/results.in.md has an unknown placeholder: {{{{{placeholder}}}}}; see train/report/docs.py")


@cache
def _results(dataset: str) -> dict[str, Any]:
    return json.loads((ROOT / dataset / RESULTS).read_text())


def _protocols(dataset: str) -> list[str]:
    """Return the kinds of hole with figures, in the order of `PROTOCOLS`."""
    known = {row["protocol"] for row in _results(dataset)["rows"]}
    return [name for name in PROTOCOLS if name in known] + sorted(known - set(PROTOCOLS))


def _row(dataset: str, protocol: str, method: str, metric: str) -> dict[str, Any]:
    wanted = (protocol, method, metric)
    for row in _results(dataset)["rows"]:
        if (row["protocol"], row["method"], row["metric"]) == wanted:
            return row
    raise ValueError(f"no figure {' '.join(wanted)} in checkpoints/{dataset}/{RESULTS}")


def _figure(row: dict[str, Any], part: str) -> str:
    if part in ("n", "seeds", "training"):
        return _count(row["training_images" if part == "training" else part])
    measure = MEASURES[row["metric"]]
    if part == "paper":
        return _paper(row)
    return formatted(row["value"], measure) if part == "value" else _with_error(row)


def _with_error(row: dict[str, Any]) -> str:
    """Format value and standard error, with an extra digit where the error would otherwise be printed as zero."""
    measure, error = MEASURES[row["metric"]], row["stderr"]
    if not error:
        return formatted(row["value"], measure)
    # A share with an error of 0.0015 has four digits, since three would double the error.
    needed = -math.floor(math.log10(error / 2 if measure.digits > 2 else error))
    digits = min(max(measure.digits, needed), 5)
    return f"{row['value']:,.{digits}f} ± {error:,.{digits}f}".replace("-", "−")


def _paper(row: dict[str, Any]) -> str:
    """Format the paper's figure with its digits, shares with three; empty if no paper has one."""
    if row["paper"] is None:
        return ""
    printed = f"{row['paper']:,.3f}" if row["metric"] in ("ssim", "accuracy") else f"{row['paper']:,.10g}"
    return printed.replace("-", "−")


def _cell(row: dict[str, Any] | None) -> str:
    """Format our figure, and the paper's on a separate line."""
    if row is None:
        return ""
    ours = [_with_error(row)] if row.get("value") is not None else []
    paper = [f"paper: {_paper(row)}"] if row["paper"] is not None else []
    return "<br>".join(ours + paper)


def _sizes(row: dict[str, Any]) -> tuple[int | None, int | None, int | None]:
    """Return the numbers of test images, masks or networks, and training images; None for a row of a paper."""
    return row.get("n"), row.get("seeds"), row.get("training_images")


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _sources(rows: list[dict[str, Any]]) -> str:
    """Return a line that names the papers whose figures are in a table."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row["paper"] is not None and title_of(row) not in found.setdefault(row["source"], []):
            found[row["source"]].append(title_of(row))
    if not found:
        return "\n\nNo paper reports these figures."
    return (
        "\n\nThe papers' figures: "
        + "; ".join(f"{', '.join(titles)}: {source}" for source, titles in found.items())
        + "."
    )


def _setting(dataset: str, method: str, path: str) -> str:
    """Return a number from a checkpoint's config.json by its dotted path."""
    value = json.loads((ROOT / dataset / method / CONFIG).read_text())
    for name in path.split("."):
        value = value[name]
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"


def _walks() -> str:
    """Return the step size and number of steps of every method that walks, from its checkpoint."""
    body = []
    for dataset in sorted(path.parent.name for path in ROOT.glob(f"*/{RESULTS}")):
        for method in methods():
            config = ROOT / dataset / method / CONFIG
            network = json.loads(config.read_text())["network"] if config.is_file() else {}
            if "step_size" in network:
                body.append([dataset, method_class(method).title, f"{network['step_size']:g}", f"{network['steps']}"])
    return _markdown(["Data set", "Method", "Step size", "Steps"], body, left=2)


def _measures() -> str:
    named = [one for name, one in MEASURES.items() if not re.fullmatch(r"balanced_accuracy_\d", name)]
    body = [[one.short, one.title, one.meaning, one.better.partition(" is")[0]] for one in named]
    return _markdown(["Column", "Measure", "Meaning", "Better"], body, left=4)


def _study(name: str) -> str:
    studies = json.loads(STUDIES.read_text())
    if name not in studies:
        raise ValueError(f"no study {name!r} in {STUDIES.name}; available: {', '.join(studies)}")
    study = studies[name]
    return f"`{study['command']}`. {study['about']}\n\n{_markdown(study['columns'], study['rows'], left=1)}"


def _imputed(measure: str) -> str:
    """Return a line per table and a column per method: the mean over repetitions, their deviation, and the paper's below."""
    results = json.loads(IMPUTED.read_text())
    shown = [method for method in TABLE_METHODS if any(method in row for row in results.values())]
    body = []
    for table, row in results.items():
        cells = []
        for method in shown:
            paper, ours = published(table, method), row.get(method)
            lines = [f"{ours[measure]:.3f} ± {ours[f'{measure}_deviation']:.3f}"] if ours else []
            lines += [f"paper: {paper[measure][0]:g} ± {paper[measure][1]:g}"] if paper else []
            cells.append("<br>".join(lines).replace("-", "−"))
        body.append([DATASETS[table].title, *cells])
    return _markdown(["Table", *(TABLE_METHODS[method] for method in shown)], body, left=1)


def write_studies(studies: dict[str, Any]) -> None:
    """Write studies.json, with a list of strings on one line."""
    text = json.dumps(studies, indent=2, ensure_ascii=False)
    word = r'"(?:[^"\\]|\\.)*"'
    lists = rf"\[\n\s+({word}(?:,\n\s+{word})*)\n\s+\]"
    STUDIES.write_text(re.sub(lists, lambda found: "[" + re.sub(r",\n\s+", ", ", found[1]) + "]", text) + "\n")


def _markdown(heading: list[str], body: list[list[str]], left: int) -> str:
    """Format a Markdown table; all but the first `left` columns are right-aligned."""
    rule = ["---"] * left + ["---:"] * (len(heading) - left)
    lines = [heading, rule, *([cell.replace("|", "\\|") for cell in row] for row in body)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _readme_cells(title: str) -> tuple[str, str]:
    """Return our figure with its error, and the paper's, for a method or classifier by its title."""
    for name in methods():
        if method_class(name).title == title:
            dataset, protocol, metric = _SHOWN
            row = _row(dataset, protocol, name, metric)
            return _with_error(row), _paper(row)
    for name, kind in CLASSIFIERS.items():
        if kind.title == title:
            dataset, protocol, metric = _SHOWN_OF_CLASSIFIERS
            row = _row(dataset, protocol, folder_of(name), metric)
            return f"accuracy {_with_error(row)}", _paper(row)
    raise ValueError(f"README.md has a row for {title!r}, which is not the title of a method or classifier")
