"""The README's code runs as it is shown."""

import json
import re

from tests.conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text()


def test_the_library_example_runs():
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        names: dict[str, object] = {}
        exec(block, names)
        assert names["imputation"].mean.shape == names["images"].shape


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
