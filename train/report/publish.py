"""Publish a checkpoint on the Hugging Face Hub: `python -m train publish --method dmfa --repo-id USER/NAME`."""

from __future__ import annotations

from dataclasses import dataclass

from dmfa_demo.registry import method_class
from dmfa_demo.storage.checkpoints import ROOT
from dmfa_demo.storage.hub import explained_refusals, push
from train.engine.run import DatasetConfig


@dataclass(frozen=True)
class Publication(DatasetConfig):
    """Publish a checkpoint with its model card."""

    repo_id: str = ""
    """USER/NAME of the repository, which is created if necessary; log in first with `hf auth login`"""
    method: str = "dmfa"
    """the method to publish"""
    private: bool = False
    """whether a new repository is private"""


def publish(config: Publication) -> None:
    """Upload a checkpoint, then print the line that loads it.

    Raises:
        ValueError: If something is missing or the Hub refuses; the message says what to do.
    """
    if config.repo_id.count("/") != 1:
        raise ValueError(f"--repo-id must be USER/NAME, got {config.repo_id!r:.80}")
    kind = method_class(config.method)
    with explained_refusals():
        revision = push(kind, ROOT / config.dataset / config.method, config.repo_id, private=config.private)
    print(f'load_imputer("{config.method}", "{config.repo_id}", revision="{revision}")')
