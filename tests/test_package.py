"""The built wheel outside a checkout: its files, its imports and the folder of its checkpoints."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dmfa_demo.storage.checkpoints import ROOT, SETTING
from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "dmfa_demo"
# Distributions whose modules have a different name.
MODULES = {"pillow": "PIL"}
# Imported only by functions that train or measure: the extra `train` installs them.
ONLY_TRAINING = {"onnx", "sklearn", "threadpoolctl", "torchmetrics", "torchvision"}
# The extra `tables` installs what the folder of that name needs.
ONLY_TABLES = {"pandas", "sklearn"}
# Installed on Hugging Face Spaces with a GPU.
ONLY_SPACES = {"spaces"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy, so that it has no leftovers of an earlier build; setuptools needs no network for this."""
    source = tmp_path_factory.mktemp("source")
    shutil.copytree(PACKAGE, source / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__", "*.pyi"))
    for name in ("train", "tests"):  # must not be included
        (source / name).mkdir()
        (source / name / "__init__.py").touch()
    for name in ("pyproject.toml", "requirements.txt", "README.md", "LICENSE", "NOTICE", "app.py"):
        shutil.copy(REPOSITORY / name, source)
    build = [sys.executable, "-c", "from setuptools import build_meta; build_meta.build_wheel('.')"]
    done = subprocess.run(build, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = source.glob("*.whl")
    return found


def test_wheel_contains_the_package_with_its_data_only(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        about = {name.rpartition("/")[2] for name in archive.namelist()} - {Path(name).name for name in names}
    paths = (path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in (".pyc", ".pyi"))
    assert names == {path.relative_to(REPOSITORY).as_posix() for path in paths}
    assert {Path(name).suffix for name in names} >= {".py", ".npz", ".js", ".css", ".html", ".png"}
    assert {"METADATA", "LICENSE", "NOTICE"} <= about


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the wheel's files, as in site-packages."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


LOAD = """
import dmfa_demo, dmfa_demo.data, sys, torch
assert dmfa_demo.__file__.startswith(sys.argv[1]), dmfa_demo.__file__
image = torch.rand(1, 1, 28, 28)
missing = torch.zeros(1, 1, 28, 28, dtype=torch.bool)
print(len(dmfa_demo.data.load_samples("mnist")), dmfa_demo.available_methods("mnist")[:1])
print(dmfa_demo.load_imputer("dmfa", "mnist").impute(image, missing).mean.shape)
"""


def run(installed: Path, **settings: str) -> subprocess.CompletedProcess:
    kept = {name: value for name, value in os.environ.items() if name != SETTING}
    environment = {**kept, "PYTHONPATH": str(installed), **settings}
    command = [sys.executable, "-P", "-c", LOAD, str(installed)]
    return subprocess.run(command, cwd=installed, env=environment, capture_output=True, text=True)


def test_wheel_loads_checkpoints_from_the_folder_of_the_setting(installed: Path):
    done = run(installed, **{SETTING: str(ROOT)})
    assert done.stdout == "100 ['dmfa']\ntorch.Size([1, 1, 28, 28])\n", done.stderr


def test_missing_checkpoints_are_reported_with_their_sources(installed: Path):
    done = run(installed)
    assert done.stdout.endswith(" ['zero']\n") and done.returncode == 1
    message = done.stderr.splitlines()[-1]
    assert f"FileNotFoundError: no checkpoints in {installed / 'checkpoints'}; set {SETTING} to a folder" in message
    assert 'load_imputer("dmfa", "USER/NAME", revision="HASH")' in message


def test_package_imports_only_declared_dependencies():
    lines = (REPOSITORY / "requirements.txt").read_text().splitlines()
    declared = {canonicalize_name(Requirement(line).name) for line in lines if line and not line.startswith("#")}
    known = {MODULES.get(name, name.replace("-", "_")) for name in declared} | set(sys.stdlib_module_names)
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        later = {id(part) for node in ast.walk(tree) if is_deferred(node) for part in ast.walk(node)}
        for node in ast.walk(tree):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            tops = {module.partition(".")[0] for module in modules} - {"dmfa_demo"}
            allowed = known | ONLY_TABLES if path.is_relative_to(PACKAGE / "tables") else known
            assert tops <= (allowed | ONLY_TRAINING | ONLY_SPACES if id(node) in later else allowed), (path, tops)


def is_deferred(node: ast.AST) -> bool:
    """Return whether imports in this node are deferred: a function, or `if TYPE_CHECKING`."""
    checking = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return checking or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def test_training_command_starts_without_libraries_that_only_some_commands_need():
    script = "import sys, train.__main__; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert not {"sklearn", "torchmetrics", "torchvision", "onnx"} & set(ast.literal_eval(done.stdout))
