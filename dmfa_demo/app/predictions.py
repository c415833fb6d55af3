"""Part of the Predictions tab: which class every classifier sees in what is visible, as aligned bars."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Self

import gradio as gr
from torch import Tensor

from dmfa_demo.app.cards import note
from dmfa_demo.app.scene import ImputationCache, Scene
from dmfa_demo.data import DATASETS
from dmfa_demo.models.classifier import Classifier, available_classifiers, load_classifier, predict_all


@dataclass(frozen=True)
class Predictions:
    """The part's components; `render` makes the content of `outputs`."""

    bars: gr.HTML

    @classmethod
    def build(cls) -> Self:
        """Lay out the part inside the current Blocks."""
        return cls(gr.HTML(elem_id="predictions", apply_default_css=False))

    @property
    def inputs(self) -> list[gr.components.Component]:
        """What `render` takes after scene and mask: nothing."""
        return []

    @property
    def outputs(self) -> list[gr.components.Component]:
        """What `render` fills."""
        return [self.bars]

    def render(self, scene: Scene, missing: Tensor, cache: ImputationCache) -> list[str]:
        """The contents of `outputs` for a scene with `missing` `(H, W)` hidden."""
        answers, classes = predict(scene, missing), DATASETS[scene.dataset].classes
        if not answers:
            return [note("There is no classifier for these pictures.")]
        truth = answers[0][1].argmax().item() if scene.label is None else scene.label
        panels = [_panel(classifier, answer, truth, classes) for classifier, answer in answers]
        said = f"The true class is {classes[truth]}, marked in every panel."
        if scene.label is None:
            said = f"Nobody said what this is; marked is what the complete image is taken for, {classes[truth]}."
        return [f'<div class="panels">{"".join(panels)}</div><p class="note">{escape(said)} {_EXPLANATION}</p>']


def predict(scene: Scene, missing: Tensor) -> list[tuple[Classifier, Tensor]]:
    """Every classifier of the scene's data set with its probability of each class `(classes,)`; the first sees all."""
    classifiers = [load_classifier(name, scene.dataset) for name in available_classifiers(scene.dataset)]
    answers = predict_all(classifiers, scene.image[None], missing[None, None])
    return [(classifier, answer[0]) for classifier, answer in zip(classifiers, answers)]


def _panel(classifier: Classifier, answer: Tensor, truth: int, classes: tuple[str, ...]) -> str:
    """A classifier's probabilities as bars of one scale, and whether it is right."""
    seen = int(answer.argmax())
    right = seen == truth
    verdict = f"{'✓' if right else '✗'} {classes[seen]}, {_percent(answer[seen])}"
    alt = f"{classifier.title} says {classes[seen]}, {_percent(answer[seen])}, which is {'right' if right else 'wrong'}"
    bars = "".join(
        f"<li{' class=true' if number == truth else ''}><span>{escape(name)}</span>"
        f'<b><i style="width:{100 * share:.1f}%"></i></b><em>{_percent(share)}</em></li>'
        for number, (name, share) in enumerate(zip(classes, answer.tolist()))
    )
    return (
        f'<section class="panel{"" if right else " wrong"}" style="--colour:{classifier.colour}" aria-label="{escape(alt)}" '
        f'title="{escape(classifier.summary)}"><h3><i></i>{escape(classifier.title)}</h3><p>{escape(verdict)}</p><ol>{bars}</ol></section>'
    )


def _percent(share: float | Tensor) -> str:
    return f"{100 * float(share):.0f} %"


_EXPLANATION = (
    "Each panel is a network of the same small shape, trained on images with holes with its own treatment of them; the first is trained "
    "and asked on complete images. Filling in a guess tells a network that the guess is certain. <strong>MisConv</strong> gives its "
    "first layer all that a density holds possible, so that a doubtful pixel counts as doubtful; watch how sure each is as the hole "
    "grows, and whether it should be. What each reaches on all test images is on the Results tab."
)
