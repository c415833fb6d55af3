"""The README's code runs as it is shown."""

import re

from tests.conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text()


def test_the_library_example_runs():
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        names: dict[str, object] = {}
        exec(block, names)  # noqa: S102 - our own README
        assert names["imputation"].mean.shape == names["images"].shape


def test_every_linked_file_is_there():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (REPOSITORY / target).exists(), target
