"""Part of the Predictions tab: the first layer's activations for a guess and for a density (MisConv paper, figure 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component
from torch import Tensor

from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene
from dmfa_demo.app.tabs.part import Part
from dmfa_demo.app.tabs.predictions import believed
from dmfa_demo.app.widgets.cards import note
from dmfa_demo.app.widgets.strips import Picture, strip
from dmfa_demo.figures import SEQUENTIAL, coloured
from dmfa_demo.models.classifier import CLASSIFIERS, MisConvClassifier, available_classifiers, load_classifier
from dmfa_demo.registry import method_class

# The number of filters in a row.
SHOWN = 9


@dataclass(frozen=True, kw_only=True)
class FirstLayer(Part):
    """The activations of MisConv's first layer, for a guess and for a density."""

    box: gr.Column
    strips: gr.HTML

    @classmethod
    def build(cls, dataset: str, beside: Sequence[Part] = ()) -> Self:
        with gr.Column(visible=bool(_convolved(dataset))) as box:
            gr.HTML(
                f'<h2 class="section">What the first layer sees</h2><p class="note">{_EXPLANATION}</p>',
                apply_default_css=False,
            )
            strips = gr.HTML(elem_id="first-layer", apply_default_css=False)
        return cls(box=box, strips=strips)

    @property
    def followers(self) -> list[Block]:
        return [self.box]

    def follow(self, dataset: str, **chosen: Any) -> list[Any]:
        return [gr.Column(visible=bool(_convolved(dataset)))]

    @property
    def outputs(self) -> list[Component]:
        return [self.strips]

    def render(self, scene: Scene, missing: Tensor, cache: ImputationCache) -> list[str]:
        """Return the contents of `outputs` for a scene with `missing` `(H, W)` hidden: the filters that differ most."""
        names = _convolved(scene.dataset)
        if not names:
            return [""]
        if not missing.any():
            return [note("Nothing is hidden, so both are the ordinary layer. Paint over the picture.")]
        classifier = load_classifier(names[0], scene.dataset)
        belief = believed(classifier, scene, missing, cache)
        assert isinstance(classifier, MisConvClassifier) and classifier.source_method is not None and belief is not None
        kind, source = type(classifier), method_class(classifier.source_method).title
        layers = classifier.first_layer(scene.image[None], missing[None, None], belief)
        imputed, expected = (values[0] for values in layers)  # (32, H, W)
        difference = expected - imputed
        filters = difference.abs().sum((1, 2)).topk(SHOWN).indices.sort().values.tolist()
        brightest = max(imputed[filters].max().item(), expected[filters].max().item())
        strongest = difference[filters].max().item()
        rows = (
            (f"The layer for {source}'s mean", imputed, brightest),
            (f"Averaged over {source}'s density", expected, brightest),
            ("Difference", difference, strongest),
        )
        return [
            "".join(
                strip(
                    kind,
                    [
                        Picture(
                            coloured(values[number], 0, most, SEQUENTIAL),
                            f"filter {number + 1}",
                            f"{title}, filter {number + 1}",
                        )
                        for number in filters
                    ],
                    f"from 0 to {most:.2f}",
                    title,
                )
                for title, values, most in rows
            )
        ]


def _convolved(dataset: str) -> list[str]:
    """Return the classifiers of a data set with MisConv's layer."""
    return [name for name in available_classifiers(dataset) if issubclass(CLASSIFIERS[name], MisConvClassifier)]


_EXPLANATION = (
    "The activations of MisConv's first layer: for the mean of a density, as if it were certain, and averaged over everything that the density "
    "allows. The average is never below the activation for the mean: a filter that is just inactive for the mean is active for some of "
    "the other possibilities. Away from the hole both are the same."
)
