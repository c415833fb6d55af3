"""The small "i" that opens an explanation."""

from __future__ import annotations

from html import escape


def info_button(key: str, title: str) -> str:
    """A button that opens the entry `key` of the `Explainer`, as HTML; `title` is for those who do not see it."""
    return (
        f'<button type="button" class="info" data-explain="{escape(key)}" aria-label="About {escape(title)}">i</button>'
    )
