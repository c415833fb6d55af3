"""Upload the light page as a static Space of the Hugging Face Hub, which is free for everybody."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from huggingface_hub import HfApi

from dmfa_demo.lite.serve import check_page
from dmfa_demo.storage.hub import explained_refusals

CARD = """---
title: What is behind the paint?
emoji: 🖌️
colorFrom: red
colorTo: gray
sdk: static
app_file: index.html
pinned: false
license: other
---

Paint over a picture and compare what missing-data models believe is behind the paint. Everything runs in your browser.
"""


def publish(folder: Path, repo_id: str, *, private: bool = False) -> str:
    """Upload a light page, creating the Space if it does not exist; return its address.

    Args:
        folder: the result of `build`.
        repo_id: USER/NAME. The token comes from `hf auth login` or the environment variable HF_TOKEN.

    Raises:
        ValueError: If there is no light page, `repo_id` is not the name of a repository, or the Hub refuses.
    """
    check_page(folder)
    if repo_id.count("/") != 1:
        raise ValueError(f"--repo-id must be USER/NAME, got {repo_id!r:.80}")
    api = HfApi()
    with TemporaryDirectory() as made:
        whole = Path(made) / "page"
        shutil.copytree(folder, whole)
        (whole / "README.md").write_text(CARD)
        with explained_refusals():
            api.create_repo(repo_id, repo_type="space", space_sdk="static", private=private, exist_ok=True)
            api.upload_folder(repo_id=repo_id, repo_type="space", folder_path=whole, commit_message="Light page")
    return f"{api.endpoint}/spaces/{repo_id}"
