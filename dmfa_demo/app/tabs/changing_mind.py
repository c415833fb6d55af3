"""Part of the Predictions tab: how much of the picture must be hidden before each classifier changes its mind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Self

import gradio as gr
import torch
from gradio.blocks import Block
from gradio.components import Component
from gradio.events import Dependency
from torch import Tensor

from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene
from dmfa_demo.app.tabs.part import Part, Values
from dmfa_demo.app.tabs.predictions import seen_in
from dmfa_demo.app.widgets.counter import MOST, Counter, counter
from dmfa_demo.app.widgets.fields import AddressField, number_below, one_of
from dmfa_demo.app.widgets.handlers import LATEST, in_turn
from dmfa_demo.app.widgets.script import Script
from dmfa_demo.app.widgets.segments import segments
from dmfa_demo.data.datasets import DATASETS, Dataset
from dmfa_demo.data.masks import MaskFamily, Noise, Pattern
from dmfa_demo.models.classifier import CLASSIFIERS, available_classifiers, load_classifier, predict_all

# The kinds of growth: drawn with one seed, both masks only add pixels as their share grows.
GROWTHS: dict[str, tuple[str, Callable[[float], MaskFamily]]] = {
    "blobs": ("Growing blobs", lambda share: Pattern(share)),
    "specks": ("Growing specks", lambda share: Noise(share, share)),
}
SHARES = tuple(number / 20 for number in range(21))

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 220, 72, 18, 16, 26
# Each line has different dashes, for readers who cannot distinguish the colours.
DASHES = ("none", "9 3", "3 3", "9 3 2 3", "1 4", "14 4", "5 2 1 2")


@dataclass(frozen=True)
class Course:
    """The classifiers' predictions for one picture as its hole grows.

    Attributes:
        truth: the picture's classes or, without a label, those predicted from the complete picture.
        names: the classifiers that do not see the complete picture.
        probability: of the truth, `(classifiers, shares)`; where there may be several classes, of the truth about the first.
        changed: for each classifier the smallest share with another prediction, or None.
    """

    truth: tuple[int, ...]
    names: tuple[str, ...]
    probability: Tensor
    changed: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class ChangingMind(Part):
    """Each classifier's probability of the truth as the hole grows."""

    FIELDS = (
        AddressField(
            key="growth",
            control="growth",
            default=lambda dataset: next(iter(GROWTHS)),
            parse=lambda dataset: one_of(GROWTHS),
        ),
        AddressField(key="hole", control="seed", default=lambda dataset: 0, parse=lambda dataset: number_below(MOST)),
    )

    box: gr.Column
    growth: gr.Radio
    again: gr.Button
    chart: gr.HTML
    seed: Counter

    @classmethod
    def build(cls, dataset: str, beside: Sequence[Part] = ()) -> Self:
        with gr.Column(visible=bool(available_classifiers(dataset))) as box:
            gr.HTML(
                f'<h2 class="section">Until it changes its mind</h2><p class="note">{_EXPLANATION}</p>',
                apply_default_css=False,
            )
            with gr.Row(elem_classes="choices"):
                growth = segments(
                    [(title, name) for name, (title, _) in GROWTHS.items()], "How the hole grows", "growth"
                )
                again = gr.Button("Another hole", size="sm", elem_id="another-hole")
            chart = gr.HTML(elem_id="changing-mind", apply_default_css=False)
        return cls(box=box, growth=growth, again=again, chart=chart, seed=counter())

    @property
    def followers(self) -> list[Block]:
        return [self.box]

    def follow(self, dataset: str, **chosen: Any) -> list[Any]:
        return [gr.Column(visible=bool(available_classifiers(dataset)))]

    @property
    def outputs(self) -> list[Component]:
        return [self.chart]

    @classmethod
    def script(cls, dataset: str, chosen: Mapping[str, Any]) -> Script:
        family, shares = {"blobs": ("Pattern", "share"), "specks": ("Noise", "share, share")}[chosen["growth"]]
        body = f"""
shares = [number / {len(SHARES) - 1} for number in range({len(SHARES)})]
holes = [{family}({shares})(1, *images.shape[2:], torch.Generator().manual_seed({chosen["hole"]})) for share in shares]
holes = torch.cat(holes)  # ({len(SHARES)}, 1, H, W), each within the next
courses = {{}}
for name in available_classifiers("{dataset}"):
    courses[name] = load_classifier(name, "{dataset}").predict(images.expand(len(holes), -1, -1, -1), holes)
"""
        imports = (
            "import torch",
            f"from dmfa_demo.masks import {family}",
            "from dmfa_demo.models.classifier import available_classifiers, load_classifier",
        )
        return Script(imports, body)

    def listen(self, painter: gr.HTML, cache: ImputationCache, panel: str) -> list[Dependency]:
        def grow_anew(values: Values) -> list[Any]:
            seed = values[self.seed] + 1
            return [seed, *self.answer(values, painter, cache, seed=seed)]

        filled = [self.seed, *self.outputs]
        return [self.again.click(in_turn(grow_anew), {painter, *self.inputs}, filled, **LATEST)]

    def render(self, scene: Scene, missing: Tensor, cache: ImputationCache, growth: str, seed: int) -> list[str]:
        """Return the contents of `outputs`; of `missing` `(H, W)` only the size is marked.

        Raises:
            ValueError: If there is no such kind of growth.
        """
        if growth not in GROWTHS:
            raise ValueError(f"holes do not grow as {growth!r:.40}; choose one of {', '.join(GROWTHS)}")
        if not available_classifiers(scene.dataset):
            return [""]
        course = cache.recall(scene, ("course", growth, seed), lambda: _course(scene, growth, seed))
        return [_chart(course, missing.float().mean().item())]


def _course(scene: Scene, growth: str, seed: int) -> Course:
    """Predict all holes of one growth with each classifier, in one batch."""
    names, about = available_classifiers(scene.dataset), DATASETS[scene.dataset]
    classifiers = [load_classifier(name, scene.dataset) for name in names]
    missing = grown(growth, seed, *scene.image.shape[1:])
    answers = predict_all(classifiers, scene.image.expand(len(SHARES), *scene.image.shape), missing)
    truth = seen_in(answers[0][0], about) if scene.labels is None else scene.labels
    tried = {
        name: of_truth(answer, truth, about)
        for name, answer in zip(names, answers)
        if not CLASSIFIERS[name].takes_complete
    }
    probability, right = zip(*tried.values())
    return Course(
        truth=truth, names=tuple(tried), probability=torch.stack(probability), changed=tuple(map(first_wrong, right))
    )


def of_truth(answer: Tensor, truth: tuple[int, ...], about: Dataset) -> tuple[Tensor, Tensor]:
    """Return the probability `(B,)` of the truth in answers `(B, classes)`, and whether they are right; of several classes the first counts."""
    if about.several:
        probability = answer[:, 0] if 0 in truth else 1 - answer[:, 0]
        return probability, probability > 0.5
    return answer[:, truth[0]], answer.argmax(1) == truth[0]


def grown(growth: str, seed: int, height: int, width: int) -> Tensor:
    """Return nested holes, one for each of `SHARES`, bool `(len(SHARES), 1, H, W)`."""
    family = GROWTHS[growth][1]
    masks = [family(share)(1, height, width, torch.Generator().manual_seed(seed)) for share in SHARES]
    return torch.cat(masks)


def first_wrong(right: Tensor) -> float | None:
    """Return the smallest share with a wrong answer, from bool `(len(SHARES),)`; None if all are right.

    Ignores the last share: where everything is hidden, an answer is right by chance.
    """
    wrong = (~right[:-1]).nonzero().flatten()
    return SHARES[int(wrong[0])] if len(wrong) else None


def _chart(course: Course, hidden: float) -> str:
    """Plot each classifier's probability of the truth against the share hidden, as SVG, and list when each changes its mind."""

    def x(share: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * share

    def y(probability: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - probability)

    grid = "".join(
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
        f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{100 * value:.0f} %</text>'
        for value in (0, 0.5, 1)
    )
    grid += "".join(
        f'<text x="{x(share):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{100 * share:.0f}</text>'
        for share in (0, 0.25, 0.5, 0.75, 1)
    )
    grid += f'<line class="here" x1="{x(hidden):.1f}" x2="{x(hidden):.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
    lines, legend = "", ""
    lasting = [1.0 if changed is None else changed for changed in course.changed]
    for index in sorted(range(len(course.names)), key=lambda index: -lasting[index]):
        kind, changed = CLASSIFIERS[course.names[index]], course.changed[index]
        values = course.probability[index].tolist()
        points = " ".join(f"{x(share):.1f},{y(value):.1f}" for share, value in zip(SHARES, values))
        dashes = f'stroke-dasharray="{DASHES[index % len(DASHES)]}"'
        lines += f'<polyline points="{points}" stroke="{kind.colour}" {dashes}/>'
        if changed is not None:
            at = values[SHARES.index(changed)]
            lines += f'<circle cx="{x(changed):.1f}" cy="{y(at):.1f}" r="4" fill="{kind.colour}"/>'
        when = "not before all is hidden" if changed is None else f"at {100 * changed:.0f} %"
        line = f'<line x2="26" y1="5" y2="5" stroke="{kind.colour}" stroke-width="2" {dashes}/>'
        legend += (
            f'<li><svg width="26" height="10" aria-hidden="true">{line}</svg> {escape(kind.title)} <b>{when}</b></li>'
        )
    return (
        f'<figure class="curve"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Probability of the true class as the '
        f'hole grows; the list below shows when each changes its mind"><g class="grid">{grid}</g>{lines}</svg>'
        "<figcaption>% hidden (dotted: as much as on the canvas)</figcaption></figure>"
        f'<ul class="changes truth" aria-label="When each classifier first changes its prediction">{legend}</ul>'
    )


_EXPLANATION = (
    "A random hole grows from nothing to the whole picture, independently of the canvas. Lines are the probability that each classifier "
    "gives the true class (for a face, whether it smiles); a dot marks its first wrong prediction."
)
