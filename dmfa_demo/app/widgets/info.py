"""The small "i" that opens an explanation, and the note about a data set's models."""

from __future__ import annotations

from html import escape

from dmfa_demo.data.datasets import DATASETS


def info_button(key: str, title: str) -> str:
    """Return a button that opens the entry `key` of the `Explainer`, as HTML; `title` is for screen readers."""
    return (
        f'<button type="button" class="info" data-explain="{escape(key)}" aria-label="About {escape(title)}">i</button>'
    )


def caution(dataset: str) -> str:
    """Return the note about the models of a data set as HTML; empty if its `Dataset` has no caution."""
    text = DATASETS[dataset].caution
    return f'<p class="note">{escape(text)}{info_button("training-data", "the training images")}</p>' if text else ""
