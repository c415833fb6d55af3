"""The documentation: code runs, commands and files exist, figures are the measured ones, and it builds without a network."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import gradio as gr
import pytest
import torch
import yaml

from dmfa_demo.app.lessons.lessons import LESSONS
from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene
from dmfa_demo.app.sharing.address import Address
from dmfa_demo.app.sharing.examples import EXAMPLES
from dmfa_demo.lite.__main__ import parser as light_page_parser
from dmfa_demo.registry import METHODS
from tests.conftest import PATIENCE, REPOSITORY
from tests.pictures import draw_pictures, known_data_sets_kept
from train.__main__ import COMMANDS
from train.commands import parse
from train.report import docs, teach

DOCS = REPOSITORY / "docs"
PAGES = [REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md")] + sorted(DOCS.rglob("*.md"))
ADDRESS = "http://127.0.0.1:7860"
MAKEFILE = (REPOSITORY / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))
EXTRAS = set(
    re.findall(r"^(\w+) = \[", (REPOSITORY / "pyproject.toml").read_text().partition("optional-dependencies]")[2], re.M)
)


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return the code blocks of a page, language and text, without snippets of other files."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [(language, text) for language, text in found if not text.startswith("--8<--")]


def those_with(language: str) -> list[Path]:
    return [page for page in PAGES if any(found == language for found, _ in blocks(page))]


def name(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_code_blocks_have_tested_languages(page):
    assert {language for language, _ in blocks(page)} <= {"python", "sh", "bibtex", "text", "yaml"}


# Conditions after a block that defines a value of this name.
EXPECTED: dict[str, Callable[[dict[str, Any]], bool]] = {
    "imputation": lambda names: names["imputation"].mean.shape == names["images"].shape,
    "logits": lambda names: names["logits"].shape == (2, 10),
    "answer": lambda names: names["answer"]["psnr"] > 5,
    "missing": lambda names: names["missing"].dtype == torch.bool and names["missing"].any(),
}


@pytest.mark.parametrize("page", those_with("python"), ids=name)
def test_python_blocks_run(page, request):
    names: dict[str, Any] = {"__name__": "docs"}
    for language, text in blocks(page):
        if language == "python":
            if ADDRESS in text:
                text = text.replace(ADDRESS, request.getfixturevalue("served"))
            exec(compile(text, str(page), "exec", dont_inherit=True), names)
            for name, holds in EXPECTED.items():
                if f"{name} = " in text:
                    assert holds(names), name


def commands(text: str) -> list[list[str]]:
    """Return the commands of a shell block, as words without leading variables."""
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    found = []
    for line in lines:
        words = shlex.split(line, comments=True)
        for _, part in itertools.groupby(words, "&&".__ne__):
            part = list(itertools.dropwhile(lambda word: re.match("[A-Z_]+=", word) is not None, part))
            if part and part != ["&&"]:
                found.append(part)
    return found


def expect_command(words: list[str]) -> None:
    """Fail if a command does not exist."""
    program = words[0].removeprefix(".venv/bin/")
    match program, words[1:]:
        case "make", targets:
            assert targets and set(targets) <= TARGETS, words
        case (("python" | "accelerate"), rest) if "-m" in rest:
            module, *rest = rest[rest.index("-m") + 1 :]
            if module == "dmfa_demo.lite":
                light_page_parser().parse_args(rest)
            else:
                assert module == "train", words
                expect_training_command(rest)
        case "python", [script]:
            assert (REPOSITORY / script).is_file(), words
        case "python3", ["-m", "venv", _]:
            pass
        case "pip", ["install", *rest]:
            for extra in re.findall(r"\.\[([\w,]+)\]", " ".join(rest)):
                assert set(extra.split(",")) <= EXTRAS, words
            if "-r" in rest:
                assert (REPOSITORY / rest[rest.index("-r") + 1]).is_file(), words
        case "docker", [("build" | "run"), *_]:
            assert (REPOSITORY / "Dockerfile").is_file()
        case "pytest", [path]:
            assert (REPOSITORY / path).exists(), words
        case ".", [".venv/bin/activate"]:
            pass
        case (("ruff" | "pyright"), _) | ("hf", ["auth", "login"]):
            pass
        case "git", ["clone", *_]:
            pass
        case "pre-commit", ["install"]:
            assert (REPOSITORY / ".pre-commit-config.yaml").is_file()
        case _:
            pytest.fail(f"no test checks whether this exists: {' '.join(words)}")


def expect_training_command(words: list[str]) -> None:
    """Fail unless `python -m train` accepts these words; runs nothing. A folder of pictures stands for those of a user."""
    with TemporaryDirectory() as folder, known_data_sets_kept():
        if any(word.startswith("folder:") for word in words):
            pictures = f"folder:{draw_pictures(Path(folder) / 'pictures')}"
            words = [pictures if word.startswith("folder:") else word for word in words]
        _parse(words)


def _parse(words: list[str]) -> None:
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            parse(words, COMMANDS)
    except SystemExit as end:  # --help
        assert "--help" in words and not end.code, words


@pytest.mark.parametrize("page", [page for page in those_with("sh") if page.name != "api.md"], ids=name)
def test_commands_in_shell_blocks_exist(page):
    for language, text in blocks(page):
        if language == "sh":
            for words in commands(text):
                expect_command(words)


def test_indented_commands_in_contributing_exist():
    for line in re.findall(r"^    (\S.*)$", (REPOSITORY / "CONTRIBUTING.md").read_text(), re.MULTILINE):
        for words in commands(line):
            expect_command(words)


@pytest.mark.parametrize("page", those_with("yaml"), ids=name)
def test_workflows_are_valid_and_call_existing_targets(page):
    for language, text in blocks(page):
        if language == "yaml":
            steps = [step for job in yaml.safe_load(text)["jobs"].values() for step in job["steps"]]
            for command in [step["run"] for step in steps if "run" in step]:
                expect_command(command.split())


def test_api_shell_blocks_run(served):
    request, start = [text for language, text in blocks(DOCS / "api.md") if language == "sh"]
    answer = subprocess.run(
        ["sh", "-c", request.replace(ADDRESS, served)], capture_output=True, text=True, timeout=PATIENCE
    )
    assert "event: complete" in answer.stdout and '"psnr"' in answer.stdout, answer.stdout[:300] + answer.stderr
    for words in commands(start):
        expect_command(words)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_files_and_links_in_the_text_exist(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for code in re.findall(r"`([^`\n]+)`", text):
        if match := re.match(r"(?:\S+=\S+ )?make ([a-z-]+)$", code):
            assert match[1] in TARGETS, code
        if code.startswith("python -m train"):
            expect_training_command([{"K": "9", "L": "9", "N": "9"}.get(word, word) for word in code.split()[3:]])
        if re.match(r"(dmfa_demo|train|tests|docs|benchmarks)/", code):
            assert (REPOSITORY / code).exists(), code
    for target in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), target


def test_example_method_is_the_one_in_the_code():
    method, training = [text for _, text in blocks(DOCS / "extending.md") if "class Mean" in text or "def mean" in text]
    source = (REPOSITORY / "dmfa_demo" / "models" / "baselines.py").read_text()
    assert method[method.index("class MeanImputer") :] in source
    assert f'"mean": "{METHODS["mean"]}",' in (DOCS / "extending.md").read_text()
    source = (REPOSITORY / "train" / "methods" / "baselines.py").read_text()
    assert training[training.index("def mean") :] in source


def test_example_tab_builds_and_renders():
    (text,) = [text for _, text in blocks(DOCS / "extending.md") if "class ShareTab" in text]
    names: dict[str, Any] = {"__name__": "docs"}
    exec(compile(text, "extending.md", "exec", dont_inherit=True), names)
    with gr.Blocks():
        tab = names["ShareTab"].build("mnist")
    assert tab.inputs == {tab.unit} and set(tab.controls) == {"unit"}
    missing = torch.zeros(28, 28, dtype=torch.bool)
    missing[:7] = True
    scene, cache = Scene.sample("mnist", 42), ImputationCache()
    assert tab.render(scene, missing, cache, unit="%") == ["25 % hidden"]
    assert tab.render(scene, missing, cache, unit="pixels") == ["196 pixels hidden"]


def test_results_page_is_up_to_date():
    page = docs.results_page((REPOSITORY / docs.TEMPLATE).read_text())
    assert (REPOSITORY / docs.PAGE).read_text() == page, "run python -m train docs"


def test_teaching_material_is_up_to_date():
    for name, text in teach.pages().items():
        assert (REPOSITORY / teach.FOLDER / name).read_text() == text, "run python -m train docs"


def test_links_of_the_teaching_material_open_their_scenes():
    text = teach.pages()["links.md"]
    queries = [dict(parse_qsl(urlsplit(link).query)) for link in re.findall(r"\]\((http\S+)\)", text)]
    assert len(queries) == len(EXAMPLES) + len(LESSONS)
    for query, example in zip(queries, EXAMPLES):
        assert Address.from_query(query) == example.address
    assert [Address.from_query(query)["lesson"] for query in queries[len(EXAMPLES) :]] == list(
        range(1, len(LESSONS) + 1)
    )


# Comparisons of figures in the text of the results page: (data set, kind of hole, measure), the smaller, the larger.
OURS, PAPER = "value", "paper"
SAID = [
    (("mnist", "square14", "sse"), ("gaussian", OURS), ("mfa", OURS)),
    (("mnist", "square14", "nll"), ("mfa", OURS), ("gaussian", OURS)),
    (("mnist", "classify-square14", "accuracy"), ("classifier-misconv-mfa", OURS), ("classifier-mask", OURS)),
    *(
        (("mnist", "classify-square14", "accuracy"), (f"classifier-{name}", OURS), ("classifier-misconv-dmfa", OURS))
        for name in ("knn", "mask", "zero", "partial-conv")
    ),
    *(
        (("mnist", "classify-square14", measure), ("classifier-misconv-dmfa", OURS), ("classifier-dmfa-mean", OURS))
        for measure in ("label_nll", "ece")
    ),
    (("celeba32", "square16", "sse"), ("dmfa", PAPER), ("dmfa", OURS)),
    (("celeba32", "square16", "nll"), ("dmfa", OURS), ("dmfa", PAPER)),
    *(
        ((("celeba", hole, "psnr_sample_image"), ("vaeac-plain", PAPER), ("vaeac-plain", OURS)))
        for hole in ("centre", "pattern", "half", *(f"gfc-o{number}" for number in range(1, 7)))
    ),
    *(
        (("celeba", hole, measure), ("vaeac", PAPER), ("vaeac", OURS))
        for hole in ("centre", "pattern", "half")
        for measure in ("psnr_sample_image", "psnr_best10_image")
    ),
    *(
        (("celeba", "noise80", measure), ("vaeac", OURS), ("vaeac", PAPER))
        for measure in ("psnr_sample_image", "psnr_best10_image")
    ),
    (("celeba", "noise80", "psnr_sample_image"), ("vaeac-plain", OURS), ("vaeac-plain", PAPER)),
]


@pytest.mark.parametrize(("place", "smaller", "larger"), SAID)
def test_comparisons_in_the_text_hold(place, smaller, larger):
    dataset, protocol, metric = place
    less, more = (docs._row(dataset, protocol, method, metric)[part] for method, part in (smaller, larger))
    assert less < more


def test_vaeac_without_a_guide_in_the_hole_is_below_the_paper_except_for_both_eyes():
    for hole in ("centre", "pattern", "noise80", "half", *(f"gfc-o{number}" for number in range(1, 7))):
        paper = docs._row("celeba", hole, "vaeac-plain", "psnr_sample_image")["paper"]
        behind = paper - docs._row("celeba", hole, "vaeac-plain", "psnr_sample")["value"]
        assert (abs(behind) < 0.15) if hole == "gfc-o3" else behind > 0, hole


def test_every_study_names_a_command_and_has_complete_rows():
    for study in json.loads(docs.STUDIES.read_text()).values():
        words = [{"K": "9", "L": "9", "N": "9"}.get(word, word) for word in study["command"].split()]
        expect_command(words)
        assert study["rows"] and all(len(row) == len(study["columns"]) for row in study["rows"])


def test_site_builds_without_a_network(tmp_path):
    pytest.importorskip("mkdocs")
    # Without --quiet, which would also hide the warnings from --strict.
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr[-2000:]
    for path in tmp_path.rglob("*.html"):
        html = path.read_text()
        assert not re.search(r'<(script|img|iframe|source)[^>]*\ssrc="?(https?:)?//', html), path
        assert not re.search(r'<link[^>]*\shref="?(https?:)?//', html), path
        assert str(REPOSITORY) not in html, path
    for path in tmp_path.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", path.read_text()), path
