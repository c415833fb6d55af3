"""Checkpoints on the Hugging Face Hub, one per repository, with the files of its local folder.

We use the client's `upload_folder` and `snapshot_download`, not its `PyTorchModelHubMixin`, which supports only networks (MFA,
k-NN and the means are tensors), ignores missing and surplus weights, and reads a pickle where there are no safetensors.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

from dmfa_demo.imputation import Imputer
from dmfa_demo.storage.checkpoints import CONFIG, WEIGHTS, weights_of


@contextmanager
def explained_refusals() -> Iterator[None]:
    """Raise a ValueError that says what to do where the Hub's client reports a missing token or a refusal."""
    try:
        yield
    except LocalTokenNotFoundError:
        raise ValueError("not logged in to the Hugging Face Hub: hf auth login, or set HF_TOKEN") from None
    except HfHubHTTPError as error:
        raise ValueError(f"the Hub refused: {error}") from None


def push(kind: type[Imputer], folder: Path, repo_id: str, *, private: bool = False) -> str:
    """Upload a checkpoint folder, and create the repository if it does not exist.

    Weights in a sibling folder are uploaded with it, so that the repository is complete.

    Args:
        kind: the class that loads the checkpoint.
        repo_id: USER/NAME. The token comes from `hf auth login` or the environment variable HF_TOKEN.

    Returns:
        The commit's hash, which `pull` accepts as a revision.

    Raises:
        ValueError: If the folder has no checkpoint, or one that needs siblings, or `repo_id` is not the name of a repository.
    """
    if not (folder / CONFIG).is_file():
        raise ValueError(f"there is no checkpoint in {folder} (no {CONFIG}); train it first")
    with TemporaryDirectory() as made:
        whole = Path(made)
        for path in folder.iterdir():
            if path.is_file() and path.name != CONFIG:
                shutil.copy(path, whole)
        shutil.copy(weights_of(folder), whole / WEIGHTS)
        config = json.loads((folder / CONFIG).read_text())
        config.pop("weights", None)
        (whole / CONFIG).write_text(json.dumps(config, indent=2) + "\n")
        try:
            kind.load(whole)
        except FileNotFoundError:
            raise ValueError(f"{folder.name} needs a sibling checkpoint and cannot be published alone") from None
        api = HfApi()
        api.create_repo(repo_id, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo_id, folder_path=whole, commit_message=f"{folder.parent.name}/{folder.name}"
        )
    return commit.oid


def pull(repo_id: str, revision: str) -> Path:
    """Return the folder of a repository's checkpoint, downloaded once per revision: settings and weights, without ONNX graphs.

    Raises:
        ValueError: If `repo_id` is not the name of a repository.
        huggingface_hub.errors.HfHubHTTPError: If there is no such repository or revision, or no network.
    """
    return Path(snapshot_download(repo_id, revision=revision, allow_patterns=[CONFIG, WEIGHTS]))
