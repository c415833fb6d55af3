"""The notebook runs from its first cell to its last, and shows what it computes."""

import re

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from tests.conftest import REPOSITORY

# Bytes; a notebook with larger outputs makes every clone slower.
MOST = 600_000


def printed(notebook: NotebookNode) -> list[str]:
    """The text that each cell prints, without its numbers, which differ in their last digit between machines."""
    texts = ["".join(output.get("text", "") for output in cell.get("outputs", [])) for cell in notebook.cells]
    return [re.sub(r"\d+", "#", text) for text in texts]


def pictures(notebook: NotebookNode) -> list[int]:
    """The number of pictures below each cell."""
    return [sum("image/png" in output.get("data", {}) for output in cell.get("outputs", [])) for cell in notebook.cells]


@pytest.mark.parametrize("path", sorted((REPOSITORY / "docs").glob("*.ipynb")), ids=lambda path: path.name)
def test_all_cells_run_and_their_outputs_are_kept(path):
    kept = nbformat.read(path, as_version=4)
    assert path.stat().st_size < MOST
    done = NotebookClient(
        nbformat.read(path, as_version=4), timeout=300, resources={"metadata": {"path": str(REPOSITORY)}}
    ).execute()
    assert sum(pictures(done)) == 5
    assert pictures(kept) == pictures(done) and printed(kept) == printed(done), "run all cells and save the notebook"
