"""The Compare tab: the image, its visible pixels, and each model's completion, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component
from torch import Tensor

from dmfa_demo.app.scene.cache import Glance, ImputationCache, Question
from dmfa_demo.app.scene.canvas import Guess
from dmfa_demo.app.scene.scene import Figures, Scene
from dmfa_demo.app.tabs.part import Part, RenderRequest, Values
from dmfa_demo.app.tabs.your_guess import You, glance_at, plausibilities, plausibility_chart
from dmfa_demo.app.widgets.cards import LOADING, Bar, Card, Line, card_grid, note, scale
from dmfa_demo.app.widgets.fields import AddressField, one_of, some_of
from dmfa_demo.app.widgets.info import info_button
from dmfa_demo.app.widgets.script import LOAD, Script
from dmfa_demo.app.widgets.segments import SomeThatFollow, segments
from dmfa_demo.figures import DIVERGING, SEQUENTIAL, coloured, grey_or_colour, with_holes
from dmfa_demo.imputation import Imputer
from dmfa_demo.registry import available_among, available_methods, method_class, shown_first

Author = type[Imputer] | type[You]

# Standard deviations share one scale, so that pictures and methods can be compared. The deviation of values in [0, 1] is at most
# 0.5; a Gaussian's may be larger, and is shown as the brightest.
MAX_DEVIATION = 0.5

# The number of methods in the first part of an answer, when the server is busy.
FIRST = 3

VIEWS = (("Mean", "mean"), ("Error", "error"), ("Deviation", "deviation"))

_EXPLANATIONS = {
    "mean": "The <strong>mean</strong> is the best single guess in the squared-error sense, so it blurs where several "
    "answers would fit. PSNR is over the hidden pixels, SSIM over the whole picture"
    + info_button("glossary", "PSNR, SSIM and NLL")
    + ".",
    "error": "The <strong>error</strong> is the mean minus the truth: red where the guess is too light, blue where it is too dark (on a "
    "digit light is ink); for colours it is the average. All cards share one scale.",
    "deviation": "The <strong>standard deviation</strong> shows where a method is unsure: bright pixels may well be different. "
    "All cards share one scale. It is zero where the picture is visible.",
}
_SCALES = {
    "error": Bar(DIVERGING, "−1, too little", "+1, too much"),
    "deviation": Bar(SEQUENTIAL, "0, certain", f"≥ {MAX_DEVIATION}, open"),
}


def update_preference(dataset: str, wanted: Sequence[str], chosen: Sequence[str]) -> list[str]:
    """Update the methods that a visitor wants to compare, after they chose `chosen` for a data set.

    Methods in `wanted` that the data set lacks are kept.
    """
    names = available_methods(dataset)
    return [name for name in wanted if name not in names] + [name for name in names if name in chosen]


@dataclass(frozen=True, kw_only=True)
class CompareTab(Part):
    """Each method's completion of the hole, side by side."""

    FIELDS = (
        AddressField(
            key="show", control="view", default=lambda dataset: "mean", parse=lambda dataset: one_of(_PICTURES)
        ),
        AddressField(
            key="methods",
            control="methods",
            default=lambda dataset: tuple(available_among(dataset, shown_first())),
            parse=lambda dataset: some_of(available_methods(dataset)),
            value=tuple,
            content=list,
            follows=True,
        ),
    )

    view: gr.Radio
    methods: gr.CheckboxGroup
    cards: gr.HTML

    @classmethod
    def build(cls, dataset: str, beside: Sequence[Part] = ()) -> Self:
        with gr.Row(elem_classes="choices"):
            view = segments(VIEWS, "What to show", "view")
            with gr.Accordion("Methods", open=False, elem_classes="methods", elem_id="choose-methods"):
                methods = SomeThatFollow(
                    _choices(dataset),
                    value=available_among(dataset, shown_first()),
                    label="Methods to compare",
                    show_label=False,
                    elem_classes="segments",
                    elem_id="methods",
                )
        script = (Path(__file__).parent / "compare.js").read_text()
        cards = gr.HTML(LOADING, elem_id="compare", apply_default_css=False, js_on_load=script)
        return cls(view=view, methods=methods, cards=cards)

    @property
    def followers(self) -> list[Block]:
        return [self.methods]

    def follow(self, dataset: str, **chosen: Any) -> list[Any]:
        """Return the choice of methods: those of `methods`, which may belong to any data set, that this one has."""
        return [gr.CheckboxGroup(choices=_choices(dataset), value=available_among(dataset, chosen["methods"]))]

    @property
    def outputs(self) -> list[Component]:
        return [self.cards]

    @classmethod
    def script(cls, dataset: str, chosen: Mapping[str, Any]) -> Script:
        body = f"""
imputations = {{}}
for method in {list(chosen["methods"])!r}:
    imputation = load_imputer(method, "{dataset}").impute(images, missing, seed=0)
    error = (imputation.mean - images)[missing.expand_as(images)]
    print(f"{{method}}: PSNR {{-10 * error.square().mean().log10():.1f}} dB in the hole")
    imputations[method] = imputation  # .mean and .variance are (1, C, H, W); the latter is None for a single answer
"""
        return Script((LOAD,), body)

    def gather(self, requests: Sequence[RenderRequest], cache: ImputationCache) -> Sequence[Mapping[str, Any]]:
        """Run each method once for all visitors; those who have waited too long get `FIRST` further methods only."""
        questions = [
            _question(one.canvas.scene, one.canvas.missing, **one.arguments, most=FIRST if one.late else None)
            for one in requests
        ]
        return [{"glances": glances} for glances in cache.glances(questions)]

    def answer(self, values: Values, painter: gr.HTML, cache: ImputationCache, **changed: Any) -> list[Any]:
        return super().answer(values, painter, cache, guess=values[painter].guess, **changed)

    def render(
        self,
        scene: Scene,
        missing: Tensor,
        cache: ImputationCache,
        view: str,
        methods: Sequence[str],
        glances: Sequence[Glance | None] | None = None,
        guess: Guess | None = None,
    ) -> list[str]:
        """Return the contents of `outputs` for a scene with `missing` `(H, W)` hidden; `glances` are from `gather`, `guess` is the visitor's.

        Raises:
            ValueError: If there is no such view.
        """
        if view not in _PICTURES:
            raise ValueError(f"there is no view {view!r:.40}; choose one of {', '.join(_PICTURES)}")
        hidden = int(missing.sum())
        cards = [
            Card(
                picture=grey_or_colour(scene.image),
                title="Original",
                alt=f"The original image: {scene.caption}",
                lines=(Line(scene.caption),),
                tells_truth=True,
            ),
            Card(
                picture=with_holes(scene.image, missing),
                title="What the models see",
                alt=f"The image with {hidden} pixels hidden, shown as a grey check",
                lines=(Line(f"{hidden} of {missing.numel()} pixels hidden"),),
            ),
        ]
        names = available_among(scene.dataset, methods)
        if glances is None:
            (glances,) = cache.glances([_question(scene, missing, view=view, methods=methods)])
        authors: list[Author] = [method_class(name) for name in names]
        if guess is not None:
            authors, glances = [You, *authors], [glance_at(guess, scene, missing), *glances]
        complete = all(glance is not None and glance.steps is None for glance in glances)
        # If everything is hidden, no guess is better than another; if some are missing, another one may be better.
        lines = _lines([glance and glance.figures for glance in glances], marked=not missing.all() and complete)
        single = []
        for author, glance, of_author in zip(authors, glances, lines):
            if glance is None:
                cards.append(_later(author))
            elif view == "deviation" and glance.variance is None:
                single.append(author.title)
            else:
                cards.append(_PICTURES[view](author, glance, scene, of_author or _progress(glance)))
        without = note(f"Single answers without a deviation: {', '.join(single)}.") if single else ""
        hint = note("Choose a method above to see how it fills the hole.") if not names else ""
        if not hidden:
            hint = note("Nothing is hidden, so there is nothing to guess. Paint over the picture.")
        # The browser then asks again, see compare.js. It ignores an answer that equals the one before.
        more = "" if complete else f'<i data-more="{time.monotonic_ns()}" hidden></i>'
        plausible = ""
        if guess is not None and complete:
            plausible = plausibility_chart(plausibilities(guess, scene, missing, cache, names))
        bar = scale(_SCALES[view]) if view in _SCALES else ""
        return [
            card_grid(cards)
            + without
            + hint
            + more
            + f'<div class="caption">{bar}<p class="note">{_EXPLANATIONS[view]}</p></div>'
            + plausible
        ]


def _question(scene: Scene, missing: Tensor, view: str, methods: Sequence[str], most: int | None = None) -> Question:
    names = available_among(scene.dataset, methods)
    return Question(scene=scene, missing=missing, names=names, spread=view == "deviation", most=most)


def _choices(dataset: str) -> list[tuple[str, str]]:
    return [(method_class(name).title, name) for name in available_methods(dataset)]


def _later(author: Author) -> Card:
    reason = "it takes seconds" if author.answers_in_steps else "the server is busy"
    return Card(
        picture=None,
        title=author.title,
        alt=f"{author.title} follows, since {reason}",
        lines=(Line(f"follows: {reason}"),),
        colour=author.colour,
        explained=author.name,
    )


def _progress(glance: Glance) -> tuple[Line, ...]:
    """Return the lines of a method that needs more steps; none of others."""
    return () if glance.steps is None else (Line(f"step {glance.steps}, more to come"),)


def _mean(author: Author, glance: Glance, scene: Scene, lines: tuple[Line, ...]) -> Card:
    alt = f"{author.title}'s mean of the hidden pixels, pasted into the visible ones"
    return Card(
        picture=grey_or_colour(glance.mean),
        title=author.title,
        alt=alt,
        lines=lines,
        colour=author.colour,
        explained=author.name,
    )


def _error(author: Author, glance: Glance, scene: Scene, lines: tuple[Line, ...]) -> Card:
    error = (glance.mean - scene.image).mean(0)
    alt = f"{author.title}'s mean less the true image, from {error.min():.2f} to {error.max():.2f}"
    picture = coloured(error, -1, 1, DIVERGING)
    return Card(
        picture=picture,
        title=author.title,
        alt=alt,
        lines=lines,
        colour=author.colour,
        explained=author.name,
        tells_truth=True,
    )


def _deviation(author: Author, glance: Glance, scene: Scene, lines: tuple[Line, ...]) -> Card:
    assert glance.variance is not None, "a single answer has no card here"
    deviation = glance.variance.sqrt().mean(0)
    alt = f"{author.title}'s standard deviation of each hidden pixel, largest {deviation.max():.2f}"
    lines = (Line(f"largest {deviation.max():.2f}"), *lines)
    picture = coloured(deviation, 0, MAX_DEVIATION, SEQUENTIAL)
    return Card(picture=picture, title=author.title, alt=alt, lines=lines, colour=author.colour, explained=author.name)


_PICTURES: dict[str, Callable[[Author, Glance, Scene, tuple[Line, ...]], Card]] = {
    "mean": _mean,
    "error": _error,
    "deviation": _deviation,
}

# (figure, format, whether more is better)
_FIGURES: tuple[tuple[str, Callable[[float], str], bool], ...] = (
    ("psnr", lambda value: f"PSNR {value:.1f} dB", True),
    ("ssim", lambda value: f"SSIM {value:.3f}", True),
    ("nll", lambda value: f"NLL {value:,.0f} nats".replace("-", "−"), False),
)


def _lines(figures: Sequence[Figures | None], marked: bool = True) -> list[tuple[Line, ...]]:
    """Return the lines of figures for each method; the best of each kind, and all that look equal to it, are marked."""
    lines: list[list[Line]] = [[] for _ in figures]
    for name, reads, more in _FIGURES:
        values = [getattr(of_method, name, None) for of_method in figures]
        known = [value for value in values if value is not None]
        best = reads((max if more else min)(known)) if marked and len(known) > 1 else None
        for line, value in zip(lines, values):
            if value is not None:
                line.append(Line(reads(value), best=reads(value) == best, tells_truth=True))
    return [tuple(line) for line in lines]
