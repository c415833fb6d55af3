"""The README's code runs as it is shown."""

import json
import re
import subprocess
import textwrap

import pytest

from dmfa_demo.models.classifier import CLASSIFIERS, folder_of
from dmfa_demo.registry import METHODS
from tests.conftest import PATIENCE, REPOSITORY

README = (REPOSITORY / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_library_example_runs():
    names: dict[str, object] = {}
    (block,) = (block for block in BLOCKS if "load_imputer" in block)
    exec(block, names)
    assert names["imputation"].mean.shape == names["images"].shape


def test_the_example_of_misconv_runs():
    names: dict[str, object] = {}
    (block,) = (block for block in BLOCKS if "replace_first_conv" in block)
    exec(block, names)
    assert names["logits"].shape == (2, 10)


def test_the_examples_of_the_api_run(served):
    (block,) = (block for block in BLOCKS if "gradio_client" in block)
    names: dict[str, object] = {}
    exec(block.replace("http://127.0.0.1:7860", served), names)
    assert names["answer"]["psnr"] > 5
    (script,) = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    answer = subprocess.run(
        ["sh", "-c", script.replace("http://127.0.0.1:7860", served)], capture_output=True, text=True, timeout=PATIENCE
    )
    assert "event: complete" in answer.stdout and '"psnr"' in answer.stdout, answer.stdout[:300] + answer.stderr


def test_the_example_of_a_method_is_the_one_in_the_code():
    (example,) = (block for block in BLOCKS if "class MeanImputer" in block)
    assert example in (REPOSITORY / "dmfa_demo" / "models" / "baselines.py").read_text()
    assert f'"mean": "{METHODS["mean"]}"' in README
    story = re.search(r"    def mean\(config.*?\n\n", README, re.DOTALL)[0]
    assert textwrap.dedent(story).strip() in (REPOSITORY / "train" / "methods" / "baselines.py").read_text()


def test_the_likelihoods_of_clothes_are_the_measured_ones():
    rows = json.loads((REPOSITORY / "checkpoints" / "fashion-mnist" / "results.json").read_text())["rows"]
    measured = {(row["method"], row["metric"]): row for row in rows if row["protocol"] == "square14"}
    for title, metric, digits in (("NLL, nats", "nll", 1), ("squared error, summed", "sse", 2)):
        dmfa, mfa, gaussian = (measured[method, metric] for method in ("dmfa", "mfa", "gaussian"))
        ours, theirs, plain = (
            f"{row['value']:.{digits}f} ± {row['stderr']:.{digits}f}" for row in (dmfa, mfa, gaussian)
        )
        line = f"| {title} | {ours} | {dmfa['paper']:g} | {theirs} | {mfa['paper']:g} | {plain} |".replace("-", "−")
        assert line in README, line


NAMES = {
    "DMFA": "dmfa",
    "MFA": "mfa",
    "VAEAC": "vaeac",
    "Universal Marginalizer": "universal-marginalizer",
    "k-NN": "knn",
    "Gaussian": "gaussian",
}


def test_the_tables_of_the_vaeac_paper_are_the_measured_ones():
    results = json.loads((REPOSITORY / "checkpoints" / "mnist" / "results.json").read_text())
    rows = [row for row in results["rows"] if row["protocol"] == "line3-binarised"]
    assert len(rows) == 9
    for row in rows:
        ours = f"{row['value']:,.0f}" if row["stderr"] is None else f"{row['value']:.1f} ± {row['stderr']:.1f}"
        assert f"| {row['title']} | {ours} | {row['paper']:,g} |" in README, row["title"]


@pytest.mark.parametrize(
    ("dataset", "hole"), [("mnist", "square13"), ("fashion-mnist", "square13"), ("celeba", "square25")]
)
def test_table_1_of_the_dynamics_paper_is_the_measured_one(dataset, hole):
    folder = REPOSITORY / "checkpoints" / dataset
    rows = json.loads((folder / "results.json").read_text())["rows"]
    measured = {row["method"]: row for row in rows if (row["protocol"], row["metric"]) == (hole, "ssim")}
    assert len(measured) > 5
    for title, method in {
        "AE dynamics, from noise": "dynamics",
        "AE dynamics, from k-NN": "dynamics-knn",
        "pseudo-Gibbs, from noise": "pseudo-gibbs",
        "pseudo-Gibbs, from k-NN": "pseudo-gibbs-knn",
        "context encoder": "context-encoder",
        "k-NN": "knn",
        "MICE": "mice",
    }.items():
        if method not in measured:
            continue
        row, config = measured[method], folder / method / "config.json"
        network = json.loads(config.read_text())["network"] if config.is_file() else {}
        walk = f"{network['step_size']:g}, {network['steps']}" if "steps" in network else ""
        assert f"| {title} | {row['value']:.3f} ± {row['stderr']:.3f} | {row['paper']:.3f} | {walk} |" in README, title


def test_the_tables_of_the_misconv_paper_are_the_measured_ones():
    rows = json.loads((REPOSITORY / "checkpoints" / "mnist" / "results.json").read_text())["rows"]
    measured = {(row["method"], row["protocol"], row["metric"]): row for row in rows}

    def cell(name: str, protocol: str, metric: str, digits: int) -> str:
        row = measured.get((folder_of(name), f"classify-{protocol}", metric))
        return "" if row is None else f"{row['value']:.{digits}f} ± {row['stderr']:.{digits}f}"

    def paper(name: str, protocol: str) -> str:
        row = measured.get((folder_of(name), f"classify-{protocol}", "accuracy"))
        return "" if row is None or row["paper"] is None else f"{row['paper']:.3f}"

    for name, kind in CLASSIFIERS.items():
        cells = [kind.title]
        for protocol in ("square14", "square14-complete", "trapezoid", "noise75"):
            cells += [cell(name, protocol, "accuracy", 4), paper(name, protocol)]
        assert f"| {' | '.join(cells)} |" in README, name
        doubts = [cell(name, "square14", metric, 4) for metric in ("label_nll", "ece")]
        assert f"| {' | '.join([kind.title, *doubts])} |" in README, name


def test_the_figures_of_fashion_are_the_measured_ones():
    rows = json.loads((REPOSITORY / "checkpoints" / "fashion-mnist" / "results.json").read_text())["rows"]
    figures = [row for row in rows if (row["protocol"], row["metric"]) == ("classify-square14", "accuracy")]
    assert len(figures) == 7
    for row in figures:
        assert f"{row['title']} {row['value']:.3f}" in README


def test_the_figures_are_the_measured_ones():
    rows = json.loads((REPOSITORY / "checkpoints" / "mnist" / "results.json").read_text())["rows"]
    measured = {(row["protocol"], row["method"], row["metric"]): row for row in rows}
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in README.splitlines() if line.startswith("| ")]
    figures = {(line[0], line[1]): line[2:] for line in lines if len(line) == 7}
    for hole, name, protocol, metric, digits in [
        ("14 x 14 square", "NLL, nats", "square14", "nll", 1),
        ("14 x 14 square", "NLL, median", "square14", "nll_median", 1),
        ("14 x 14 square", "NLL, noise at least (1/510)²", "square14", "nll_wide_floor", 1),
        ("14 x 14 square", "squared error, summed", "square14", "sse", 2),
        ("14 x 14 square", "inside the 90 % interval", "square14", "coverage90", 3),
        ("10 x 15 rectangle", "NLL, nats", "rect10x15", "nll", 1),
        ("10 x 15 rectangle", "squared error, summed", "rect10x15", "sse", 2),
    ]:
        expected = []
        for method in ("dmfa", "mfa", "gaussian"):
            row = measured[protocol, method, metric]
            expected.append(f"{row['value']:.{digits}f} ± {row['stderr']:.{digits}f}")
            if method != "gaussian":
                expected.append("" if row["paper"] is None else f"{row['paper']:.2f}")
            assert row["n"] == 10_000 and row["seeds"] == 3
        assert figures[hole, name] == [cell.replace("-", "−") for cell in expected], (hole, name)
    for protocol, metric, digits, methods in [
        ("square13", "ssim", 3, {**NAMES, "MICE": "mice"}),
        ("arbitrary", "psnr_image", 2, NAMES),
    ]:
        for title, method in methods.items():
            assert f"{title} {measured[protocol, method, metric]['value']:.{digits}f}" in README, (protocol, method)


def test_every_linked_file_is_there():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (REPOSITORY / target).exists(), target


def test_the_figures_of_clothes_are_the_measured_ones():
    rows = json.loads((REPOSITORY / "checkpoints" / "fashion-mnist" / "results.json").read_text())["rows"]
    for row in rows:
        if (row["method"], row["protocol"]) in {(name, "square14") for name in ("dmfa", "gaussian")} and row[
            "metric"
        ] in ("nll", "sse"):
            digits = 1 if row["metric"] == "nll" else 2
            ours = f"{row['value']:.{digits}f} ± {row['stderr']:.{digits}f}".replace("-", "−")
            assert ours in README and (row["n"], row["seeds"]) == (10_000, 3)
            assert row["paper"] is None or f"{row['paper']:.2f}".replace("-", "−") in README


def faces(dataset: str) -> dict[tuple[str, str, str], dict]:
    rows = json.loads((REPOSITORY / "checkpoints" / dataset / "results.json").read_text())["rows"]
    assert rows and all(row["n"] == 988 and row["training_images"] in (8_003, 25_128) for row in rows)
    return {(row["protocol"], row["method"], row["metric"]): row for row in rows}


def ours(row: dict, digits: int) -> str:
    return f"{row['value']:.{digits}f} ± {row['stderr']:.{digits}f}".replace("-", "−")


def test_the_tables_of_faces_are_the_measured_ones():
    measured = faces("celeba32")
    for title, protocol in (("16 x 16 square", "square16"), ("12 x 20 rectangle", "rect12x20")):
        for name, metric, digits in (("NLL, nats", "nll", 1), ("squared error, summed", "sse", 2)):
            cells = [title, name]
            for method in ("dmfa", "mfa"):
                row = measured[protocol, method, metric]
                cells += [ours(row, digits), f"{row['paper']:.2f}".replace("-", "−")]
            assert f"| {' | '.join(cells)} |" in README, cells
    measured = faces("celeba")
    for title in ("DMFA", "VAEAC", "MFA"):
        assert f"{title} {measured['square25', title.lower(), 'ssim']['value']:.3f}" in README, title
    names = {"centre": "centre", "blobs": "pattern", "noise 80 %": "noise80", "half": "half"}
    for title, protocol in {**names, **{f"O{number}": f"gfc-o{number}" for number in range(1, 7)}}.items():
        cells = [title]
        for kind in ("psnr_sample", "psnr_best10"):
            image = measured[protocol, "vaeac", f"{kind}_image"]
            cells += [
                f"{measured[protocol, 'vaeac', kind]['value']:.1f}",
                f"{image['value']:.1f}",
                f"{image['paper']:.1f}",
            ]
        assert f"| {' | '.join(cells)} |" in README, cells


def test_the_figures_of_classifiers_of_faces_are_the_measured_ones():
    measured = faces("celeba")
    for name, kind in CLASSIFIERS.items():
        figures = [
            measured.get((f"classify-{hole}", folder_of(name), metric))
            for metric in ("balanced_accuracy", "accuracy")
            for hole in ("mixed", "mixed-complete")
        ]
        cells = [kind.title, *(f"{row['value']:.3f}" for row in figures if row)]
        assert not any(figures) or f"| {' | '.join(cells)} |" in README, cells
