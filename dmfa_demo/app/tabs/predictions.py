"""Part of the Predictions tab: every classifier's probabilities given the visible pixels, as aligned bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Self

import gradio as gr
import torch
from gradio.components import Component
from torch import Tensor

from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene
from dmfa_demo.app.tabs.part import Part, RenderRequest
from dmfa_demo.app.widgets.cards import LOADING, note
from dmfa_demo.app.widgets.info import info_button
from dmfa_demo.app.widgets.script import Script
from dmfa_demo.data.datasets import BUILT_IN, DATASETS, Dataset
from dmfa_demo.imputation import Imputation
from dmfa_demo.models.classifier import Classifier, available_classifiers, folder_of, load_classifier, predict_all


@dataclass(frozen=True, kw_only=True)
class Predictions(Part):
    """Each classifier's probability of each class."""

    bars: gr.HTML

    @classmethod
    def build(cls, dataset: str, beside: Sequence[Part] = ()) -> Self:
        return cls(bars=gr.HTML(LOADING, elem_id="predictions", apply_default_css=False))

    @property
    def outputs(self) -> list[Component]:
        return [self.bars]

    @classmethod
    def script(cls, dataset: str, chosen: Mapping[str, Any]) -> Script:
        body = f"""
answers = {{}}
for name in available_classifiers("{dataset}"):
    answers[name] = load_classifier(name, "{dataset}").predict(images, missing)[0]  # probability of each class
    print(name, [round(share, 2) for share in answers[name].tolist()])
"""
        return Script(("from dmfa_demo.models.classifier import available_classifiers, load_classifier",), body)

    def gather(self, requests: Sequence[RenderRequest], cache: ImputationCache) -> Sequence[Mapping[str, Any]]:
        """Run each classifier, and each source, once for all visitors with a data set."""
        if len(requests) == 1:
            return [{}]  # `predict` shares the sources with other parts
        further: list[Mapping[str, Any]] = [{}] * len(requests)
        for dataset in {one.canvas.scene.dataset for one in requests}:
            rows = [row for row, one in enumerate(requests) if one.canvas.scene.dataset == dataset]
            images = torch.stack([requests[row].canvas.scene.image for row in rows])
            missing = torch.stack([requests[row].canvas.missing for row in rows])[:, None]
            classifiers = [load_classifier(name, dataset) for name in available_classifiers(dataset)]
            answers = predict_all(classifiers, images, missing)
            for position, row in enumerate(rows):
                further[row] = {"answers": [(one, answer[position]) for one, answer in zip(classifiers, answers)]}
        return further

    def render(
        self,
        scene: Scene,
        missing: Tensor,
        cache: ImputationCache,
        answers: Sequence[tuple[Classifier, Tensor]] | None = None,
    ) -> list[str]:
        """Return the contents of `outputs` for a scene with `missing` `(H, W)` hidden; `answers` are from `gather`."""
        answers, about = answers or predict(scene, missing, cache), DATASETS[scene.dataset]
        if not answers:
            remark = "There is no classifier for these pictures."
            if scene.dataset not in BUILT_IN:
                remark += (
                    " To train them, run python -m train classifier --dataset folder:PATH --incomplete mixed --seeds 1 --treatment complete, "
                    "then the same with at least one other treatment, such as --treatment mask."
                )
            return [note(remark)]
        truth = seen_in(answers[0][1], about) if scene.labels is None else scene.labels
        panels = [_panel(classifier, answer, truth, about) for classifier, answer in answers]
        names = named(truth, about)
        if scene.labels is None:
            legend = f"You gave no label, so the mark shows the network's prediction for the complete picture: {names}."
        else:
            legend = f"The truth is marked in every panel: {names}."
        return [
            f'<div class="panels">{"".join(panels)}</div><p class="note"><span class="truth">{escape(legend)}</span> {_EXPLANATION}</p>'
        ]


def predict(scene: Scene, missing: Tensor, cache: ImputationCache) -> list[tuple[Classifier, Tensor]]:
    """Return every classifier of the scene's data set with its probability of each class `(classes,)`; the first sees all pixels."""
    classifiers = [load_classifier(name, scene.dataset) for name in available_classifiers(scene.dataset)]
    images, hidden = scene.image[None], missing[None, None]
    beliefs = [believed(classifier, scene, missing, cache) for classifier in classifiers]
    return [(one, one.predict(images, hidden, belief)[0]) for one, belief in zip(classifiers, beliefs)]


def believed(classifier: Classifier, scene: Scene, missing: Tensor, cache: ImputationCache) -> Imputation | None:
    """Return the imputation of a classifier's source, shared by all classifiers with that source."""
    key = "belief", classifier.config.source, missing.numpy().tobytes()
    return cache.recall(scene, key, lambda: classifier.believe(scene.image[None], missing[None, None]))


def seen_in(answer: Tensor, about: Dataset) -> tuple[int, ...]:
    """Return the classes predicted by probabilities `(classes,)`: the likeliest or, where there may be several, each above one half."""
    return tuple((answer > 0.5).nonzero().flatten().tolist()) if about.several else (int(answer.argmax()),)


def named(classes: tuple[int, ...], about: Dataset) -> str:
    """Return the names of classes as text."""
    return ", ".join(about.classes[number] for number in classes) or "none of these"


def _panel(classifier: Classifier, answer: Tensor, truth: tuple[int, ...], about: Dataset) -> str:
    """Return a classifier's probabilities as bars on one scale, and whether it is right."""
    seen = seen_in(answer, about)
    right = seen == truth
    answer_text = named(seen, about) if about.several else f"{named(seen, about)}, {_percent(answer[seen[0]])}"
    alt = f"{classifier.title} says {answer_text}"
    mark = '✓<span class="unseen">right:</span>' if right else '✗<span class="unseen">wrong:</span>'
    bars = "".join(
        f"<li{' class=true' if number in truth else ''}><span>{escape(name)}</span>"
        f'<b><i style="width:{100 * share:.1f}%"></i></b><em>{_percent(share)}</em></li>'
        for number, (name, share) in enumerate(zip(about.classes, answer.tolist()))
    )
    return (
        f'<section class="panel{"" if right else " wrong"}{" truth" if classifier.takes_complete else ""}" style="--colour:{classifier.colour}" aria-label="{escape(alt)}" '
        f'title="{escape(classifier.summary)}"><h2><i></i>{escape(classifier.title)}{info_button(folder_of(classifier.name), classifier.title)}</h2>'
        f'<p><span class="truth">{mark}</span> {escape(answer_text)}</p><ol>{bars}</ol></section>'
    )


def _percent(share: float | Tensor) -> str:
    return f"{100 * float(share):.0f} %"


_EXPLANATION = (
    "Each panel is a network of the same small shape, trained on images with holes, with its own treatment of them; the first is trained "
    "and tested on complete images. A filled-in guess looks certain to a network. <strong>MisConv</strong> gives its "
    "first layer the full density, so that an uncertain pixel counts as uncertain; watch how sure each network is as the hole "
    "grows, and whether it should be. The Results tab has their figures on all test images."
)
