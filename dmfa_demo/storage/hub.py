"""Checkpoints on the Hugging Face Hub: a repository holds one, as its folder here does.

Through the client's own `upload_folder` and `snapshot_download`, and not its `PyTorchModelHubMixin`: that knows networks only (MFA,
k-NN and the means are tensors), passes over weights that are missing or too many, and where there are no safetensors reads a pickle.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from huggingface_hub import HfApi, snapshot_download

from dmfa_demo.imputation import Imputer
from dmfa_demo.storage.checkpoints import CONFIG, WEIGHTS, weights_of


def push(kind: type[Imputer], folder: Path, repo_id: str, *, private: bool = False) -> str:
    """Upload a checkpoint folder; the repository is made when there is none.

    Weights that lie in the folder beside it are uploaded with it, so that the repository is whole.

    Args:
        kind: what loads the checkpoint.
        repo_id: USER/NAME. Whose token is used: `hf auth login`, or the environment variable HF_TOKEN.

    Returns:
        The commit's hash, which `pull` takes as revision.

    Raises:
        ValueError: when the folder holds no checkpoint or one that needs others beside it, or `repo_id` is no name of a repository.
    """
    if not (folder / CONFIG).is_file():
        raise ValueError(f"there is no checkpoint in {folder} (no {CONFIG}); train it first")
    with TemporaryDirectory() as made:
        whole = Path(made)
        for path in folder.iterdir():
            if path.name != CONFIG:
                shutil.copy(path, whole)
        shutil.copy(weights_of(folder), whole / WEIGHTS)
        config = json.loads((folder / CONFIG).read_text())
        config.pop("weights", None)
        (whole / CONFIG).write_text(json.dumps(config, indent=2) + "\n")
        try:
            kind.load(whole)
        except FileNotFoundError:
            raise ValueError(
                f"{folder.name} needs another checkpoint beside it and cannot be published alone"
            ) from None
        api = HfApi()
        api.create_repo(repo_id, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo_id, folder_path=whole, commit_message=f"{folder.parent.name}/{folder.name}"
        )
    return commit.oid


def pull(repo_id: str, revision: str) -> Path:
    """The folder with a repository's checkpoint, downloaded once a revision; settings and weights only, which PyTorch computes with.

    Raises:
        ValueError: when `repo_id` is no name of a repository.
        huggingface_hub.errors.HfHubHTTPError: when there is no such repository or revision, or no network.
    """
    return Path(snapshot_download(repo_id, revision=revision, allow_patterns=[CONFIG, WEIGHTS]))
