"""What a paper or a thesis takes over: a table of results as CSV, LaTeX or Markdown, and the references as BibTeX."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from dmfa_demo.results import MEASURES, formatted, title_of

# What LaTeX gives another meaning.
_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}", "±": r"$\pm$", "−": r"$-$", "×": r"$\times$", "≥": r"$\geq$", "\u202f": r"\,", "é": r"\'e",
}  # fmt: skip
_COLUMNS = ("dataset", "protocol", "method", "title", "metric", "value", "stderr", "n", "seeds", "training_images", "paper", "source")  # fmt: skip
# Words that are too common for a key.
_COMMON = {"a", "an", "the", "on", "of", "for", "in", "using"}

Row = dict[str, Any]


def as_csv(rows: Sequence[Row]) -> str:
    """Return rows as CSV with one figure a line, in full precision."""
    file = io.StringIO()
    writer = csv.DictWriter(file, list[str](_COLUMNS), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "title": title_of(row)} for row in rows)
    return file.getvalue()


def as_markdown(rows: Sequence[Row]) -> str:
    """Return a Markdown table with a line for each method and a column for each measure."""
    names, lines = _arranged(rows)
    head = ["Method", *(MEASURES[name].title for name in names)]
    body = [[title.replace("|", "\\|"), *cells] for title, cells in lines]
    texts = ["| " + " | ".join(line) + " |" for line in [head, ["---", *["---:"] * len(names)], *body]]
    return "\n".join(texts) + "\n"


def as_latex(rows: Sequence[Row]) -> str:
    """Return a LaTeX table for the package booktabs, with a line for each method and a column for each measure."""
    names, lines = _arranged(rows)
    head = " & ".join(escaped(text) for text in ("Method", *(MEASURES[name].title for name in names)))
    body = [" & ".join(map(escaped, (title, *cells))) + r" \\" for title, cells in lines]
    return "\n".join(
        [
            r"% needs \usepackage{booktabs}",
            rf"\begin{{tabular}}{{l{'r' * len(names)}}}",
            r"\toprule",
            head + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def escaped(text: str) -> str:
    """Return text with the characters that LaTeX gives another meaning escaped."""
    return "".join(_SPECIAL.get(character, character) for character in text)


def bibtex(works: Iterable[tuple[str, str]]) -> str:
    """Return BibTeX entries of works, each (citation, address); a citation is "Authors: Title (year)", as methods have it.

    Works with another form of citation, such as several works in one, are left out; each work is given once.
    """
    entries = dict[str, str]()
    for citation, address in works:
        if not (found := re.fullmatch(r"(?P<authors>[^:]+): (?P<title>.+) \((?P<year>\d{4})\)", citation)):
            continue
        authors = [name.strip() for name in found["authors"].removesuffix(" et al.").split(",")]
        if found["authors"].endswith(" et al."):
            authors.append("others")
        first = next(word for word in re.findall(r"[a-z]+", _plain(found["title"])) if word not in _COMMON)
        key = f"{re.sub('[^a-z]', '', _plain(authors[0]))}{found['year']}{first}"
        url = f"\n  url = {{{address}}}," if address else ""
        entry = (
            f"@misc{{{key},\n  author = {{{' and '.join(authors)}}},\n  title = {{{{{found['title']}}}}},\n"
            f"  year = {{{found['year']}}},{url}\n}}\n"
        )
        entries.setdefault(key, entry)
    return "\n".join(entries.values())


def _plain(text: str) -> str:
    """Return text in lower case without accents."""
    return "".join(one for one in unicodedata.normalize("NFKD", text.replace("ł", "l").lower()) if one.isascii())


def _arranged(rows: Sequence[Row]) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Return the measures that rows have, and for each title one cell a measure: our figure with its error, and the paper's."""
    by_title: dict[str, dict[str, Row]] = {}
    for row in rows:
        by_title.setdefault(title_of(row), {})[row["metric"]] = row
    names = [name for name in MEASURES if any(name in line for line in by_title.values())]
    return names, [(title, [_cell(line.get(name), name) for name in names]) for title, line in by_title.items()]


def _cell(row: Row | None, name: str) -> str:
    if row is None:
        return ""
    value, error, paper = row.get("value"), row.get("stderr"), row["paper"]
    ours = "" if value is None else formatted(value, MEASURES[name])
    ours += f" ± {error:.2g}" if error else ""
    theirs = "" if paper is None else f"(paper {formatted(paper, MEASURES[name])})"
    return f"{ours} {theirs}".strip()
