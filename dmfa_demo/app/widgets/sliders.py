"""Sliders along a direction, in standard deviations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

MAX_STEPS = 3.0


def walk_slider(label: str, elem_id: str) -> gr.Slider:
    """Return a slider from -`MAX_STEPS` to `MAX_STEPS`, initially in the middle."""
    return gr.Slider(
        -MAX_STEPS, MAX_STEPS, 0, step=0.1, label=label, container=False, elem_id=elem_id, elem_classes="walk"
    )


def check_steps(steps: Sequence[Any]) -> None:
    """Raise a ValueError if a slider's value is not a number within its range."""
    if not all(isinstance(step, (int, float)) and abs(step) <= MAX_STEPS for step in steps):
        raise ValueError(f"a slider's range is {-MAX_STEPS:g} to {MAX_STEPS:g}, got {list(steps)!r:.60}")
