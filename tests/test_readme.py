"""The README's code runs as it is shown."""

import json
import re
import textwrap

from dmfa_demo.imputation import METHODS
from tests.conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_library_example_runs():
    for block in (block for block in BLOCKS if "import torch" in block):
        names: dict[str, object] = {}
        exec(block, names)
        assert names["imputation"].mean.shape == names["images"].shape


def test_the_example_of_a_method_is_the_one_in_the_code():
    (example,) = (block for block in BLOCKS if "class MeanImputer" in block)
    assert example in (REPOSITORY / "dmfa_demo" / "models" / "baselines.py").read_text()
    assert f'"mean": "{METHODS["mean"]}"' in README
    story = re.search(r"    def mean\(config.*?\n\n", README, re.DOTALL)[0]
    assert textwrap.dedent(story).strip() in (REPOSITORY / "train" / "baselines.py").read_text()


def test_the_figures_are_the_measured_ones():
    rows = json.loads((REPOSITORY / "checkpoints" / "mnist" / "dmfa" / "metrics.json").read_text())
    measured = {(row["protocol"], row["metric"]): row for row in rows}
    for protocol, metric, digits in [
        ("square14", "nll", 1),
        ("square14", "nll_median", 1),
        ("square14", "nll_wide_floor", 1),
        ("square14", "sse", 2),
        ("rect10x15", "nll", 1),
        ("rect10x15", "sse", 2),
    ]:
        row = measured[protocol, metric]
        figure = f"{row['value']:.{digits}f} ± {row['stderr']:.{digits}f}".replace("-", "−")
        assert f"| {figure} |" in README, (protocol, metric, figure)
        assert row["n"] == 10_000 and row["seeds"] == 3


def test_every_linked_file_is_there():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (REPOSITORY / target).exists(), target
