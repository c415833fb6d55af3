"""Part of the Predictions tab: what the first layer makes of a guess and of a density (MisConv paper, figure 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import gradio as gr
from torch import Tensor

from dmfa_demo.app.cards import note
from dmfa_demo.app.scene import ImputationCache, Scene
from dmfa_demo.app.strips import Picture, strip
from dmfa_demo.figures import DIVERGING, SEQUENTIAL, coloured
from dmfa_demo.models.classifier import (
    DMFAMeanClassifier,
    DMFAMisConvClassifier,
    available_classifiers,
    load_classifier,
)

# Filters in a row.
SHOWN = 9


@dataclass(frozen=True)
class FirstLayer:
    """The part's components; `render` makes the content of `outputs`."""

    strips: gr.HTML

    @classmethod
    def build(cls) -> Self:
        """Lay out the part inside the current Blocks."""
        gr.HTML(
            f'<h2 class="section">What the first layer sees</h2><p class="note">{_EXPLANATION}</p>',
            apply_default_css=False,
        )
        return cls(gr.HTML(elem_id="first-layer", apply_default_css=False))

    @property
    def inputs(self) -> list[gr.components.Component]:
        """What `render` takes after scene and mask: nothing."""
        return []

    @property
    def outputs(self) -> list[gr.components.Component]:
        """What `render` fills."""
        return [self.strips]

    def render(self, scene: Scene, missing: Tensor, cache: ImputationCache) -> list[str]:
        """The contents of `outputs` for a scene with `missing` `(H, W)` hidden: the filters that differ most."""
        kind = DMFAMisConvClassifier
        if kind.name not in available_classifiers(scene.dataset):
            return [""]
        if not missing.any():
            return [note("Nothing is hidden, so both are the ordinary layer. Paint over the picture.")]
        layer = load_classifier(kind.name, scene.dataset).first_layer
        imputed, expected = (values[0] for values in layer(scene.image[None], missing[None, None]))  # (32, H, W)
        difference = expected - imputed
        filters = difference.abs().sum((1, 2)).topk(SHOWN).indices.sort().values.tolist()
        brightest = max(imputed[filters].max().item(), expected[filters].max().item())
        strongest = difference[filters].abs().max().item()
        rows = (
            (DMFAMeanClassifier, "of DMFA's mean", imputed, 0.0, brightest, SEQUENTIAL),
            (kind, "averaged over DMFA's density", expected, 0.0, brightest, SEQUENTIAL),
            (kind, f"difference, red is more, at most {strongest:.2f}", difference, -strongest, strongest, DIVERGING),
        )
        return [
            "".join(
                strip(shown, [
                    Picture(coloured(values[number], low, high, colours), f"filter {number + 1}", f"Filter {number + 1}, {remark}")
                    for number in filters
                ], remark)
                for shown, remark, values, low, high, colours in rows
            )
        ]  # fmt: skip


_EXPLANATION = (
    "The activations of the same first layer for DMFA's mean, as if it were certain, and averaged over all that DMFA's density holds "
    "possible. Where the density is in doubt the average is softer and never less: a filter that the mean just fails to wake is "
    "awake for some of what may be there. Outside the hole both are the same."
)
