"""The theme of the page: one accent colour, and the fonts of the visitor's system (nothing is fetched)."""

from __future__ import annotations

import gradio as gr

SANS = [
    "Inter",
    "ui-sans-serif",
    "system-ui",
    "-apple-system",
    "Segoe UI",
    "Roboto",
    "Helvetica Neue",
    "Arial",
    "sans-serif",
]
MONO = ["ui-monospace", "SF Mono", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace"]


def theme() -> gr.themes.Base:
    """Return the theme: light on paper, dark on slate, with vermilion for controls."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.orange,
        neutral_hue=gr.themes.colors.stone,
        font=SANS,
        font_mono=MONO,
        text_size="md",
        spacing_size="sm",
        radius_size="sm",
    ).set(
        body_background_fill="#fbfaf8",
        body_background_fill_dark="#16171a",
        body_text_color="#1f1e1c",
        body_text_color_dark="#e9e7e3",
        body_text_color_subdued="#6a6660",
        body_text_color_subdued_dark="#a19d96",
        background_fill_primary="#ffffff",
        background_fill_primary_dark="#1f2125",
        background_fill_secondary="#f4f2ee",
        background_fill_secondary_dark="#1b1c20",
        border_color_primary="#dcd8d1",
        border_color_primary_dark="#3a3c42",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_shadow="none",
        block_label_text_color="#6a6660",
        block_label_text_color_dark="#a19d96",
        color_accent="#c2500c",
        color_accent_soft="#fbe9dd",
        color_accent_soft_dark="#3b2617",
        slider_color="#c2500c",
        slider_color_dark="#e8834a",
        button_primary_background_fill="#c2500c",
        button_primary_background_fill_hover="#a94409",
        button_primary_background_fill_dark="#c2500c",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#ffffff",
        button_secondary_background_fill="#ffffff",
        button_secondary_background_fill_dark="#1f2125",
        button_secondary_background_fill_hover="#f4f2ee",
        button_secondary_background_fill_hover_dark="#2a2c31",
        button_secondary_border_color="#dcd8d1",
        button_secondary_border_color_dark="#3a3c42",
        button_border_width="1px",
        button_small_padding="4px 10px",
        button_small_text_size="13px",
        button_small_text_weight="400",
    )
