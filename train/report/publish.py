"""Publish a checkpoint on the Hugging Face Hub: `python -m train publish --method dmfa --repo-id USER/NAME`."""

from __future__ import annotations

from dataclasses import dataclass

from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

from dmfa_demo.registry import method_class
from dmfa_demo.storage.checkpoints import ROOT
from dmfa_demo.storage.hub import push
from train.engine.run import DatasetConfig


@dataclass(frozen=True)
class Publication(DatasetConfig):
    """A checkpoint for everybody, with its model card."""

    repo_id: str = ""
    """USER/NAME of the repository, made when there is none; log in first with `hf auth login`"""
    method: str = "dmfa"
    """whose checkpoint"""
    private: bool = False
    """whether a new repository is seen by its owner only"""


def publish(config: Publication) -> None:
    """Upload, then say how it is loaded.

    Raises:
        ValueError: when something is missing, or the Hub says no; the message says what to do.
    """
    if config.repo_id.count("/") != 1:
        raise ValueError(f"--repo-id is USER/NAME, got {config.repo_id!r:.80}")
    kind = method_class(config.method)
    try:
        revision = push(kind, ROOT / config.dataset / config.method, config.repo_id, private=config.private)
    except LocalTokenNotFoundError:
        raise ValueError("not logged in to the Hugging Face Hub: hf auth login, or set HF_TOKEN") from None
    except HfHubHTTPError as error:
        raise ValueError(f"the Hub refused: {error}") from None
    print(f'load_imputer("{config.method}", "{config.repo_id}", revision="{revision}")')
