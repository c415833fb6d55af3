"""The Factors tab: mean, factors and noise of one Gaussian of the mixture, and a slider for each factor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import gradio as gr
import numpy as np
import torch
from gradio.blocks import Block
from gradio.components import Component
from gradio.events import Dependency
from torch import Tensor

from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene
from dmfa_demo.app.tabs.part import Part, Values
from dmfa_demo.app.widgets.cards import LOADING, Bar, Card, Line, card_grid, note
from dmfa_demo.app.widgets.fields import AddressField, floats, number_below, one_of, slider_steps
from dmfa_demo.app.widgets.handlers import LATEST, in_turn
from dmfa_demo.app.widgets.script import LOAD, Script
from dmfa_demo.app.widgets.segments import segments
from dmfa_demo.app.widgets.sliders import check_steps, walk_slider
from dmfa_demo.densities.factor_analyzer import FactorAnalyzer, MixtureOfFactorAnalyzers
from dmfa_demo.figures import DIVERGING, SEQUENTIAL, coloured, grey_or_colour
from dmfa_demo.imputation import Imputer
from dmfa_demo.registry import available_methods, method_class

# The number of sliders; a model with more factors shows its strongest.
FACTORS = 4
# The number of Gaussians to choose from, heaviest first; a model may have hundreds.
COMPONENTS = 5


@dataclass(frozen=True, kw_only=True)
class FactorsTab(Part):
    """One Gaussian of a method's density: mean, factors and noise."""

    FIELDS = (
        AddressField(
            key="of",
            control="method",
            default=lambda dataset: next(iter(available_methods(dataset, "has_factors")), None),
            parse=lambda dataset: one_of(available_methods(dataset, "has_factors")),
            follows=True,
        ),
        AddressField(
            key="gaussian",
            control="component",
            default=lambda dataset: 0,
            parse=lambda dataset: number_below(COMPONENTS),
            # Valid before the number of Gaussians is known.
            content=lambda number: gr.Radio(
                choices=[(_choice(one, None), one) for one in range(COMPONENTS)], value=number
            ),
        ),
        AddressField(
            key="z",
            control="sliders",
            default=lambda dataset: (0.0,) * FACTORS,
            parse=lambda dataset: slider_steps(FACTORS),
            value=floats,
        ),
    )

    method: gr.Radio
    component: gr.Radio
    overview: gr.HTML
    factors: tuple[gr.HTML, ...]
    sliders: tuple[gr.Slider, ...]
    reset: gr.Button

    @classmethod
    def build(cls, dataset: str, beside: Sequence[Part] = ()) -> Self:
        with gr.Row(elem_classes="choices"):
            method = segments(_methods(dataset), "Whose Gaussians", "factors-of", follows=True)
            component = segments([("Gaussian 1", 0)], "Which Gaussian, by its share", "component", follows=True)
        overview = gr.HTML(LOADING, elem_id="gaussian", apply_default_css=False)
        factors, sliders = [], []
        with gr.Row(elem_classes="factors"):
            for number in range(1, FACTORS + 1):
                with gr.Column(min_width=0):
                    factors.append(gr.HTML(apply_default_css=False))
                    sliders.append(walk_slider(f"factor {number}", f"factor-{number}"))
        reset = gr.Button("Sliders to zero", size="sm", elem_classes="reset", elem_id="sliders-to-zero")
        gr.HTML(
            '<p class="note">A Gaussian over the hidden pixels is one picture (the <strong>mean</strong>), a few directions '
            "in which it can change (the <strong>factors</strong>: red lightens, blue darkens; in colour, each channel moves separately "
            "and grey means no change), and a little "
            "independent <strong>noise</strong> per pixel. Where a model has several such Gaussians, those that fit the visible "
            "pixels best come first, with their share. Each slider moves along one factor, in standard deviations: "
            "x = mean + z₁ factor₁ + … Factors are defined only up to a rotation; these are the principal "
            "ones, strongest first.</p>",
            apply_default_css=False,
        )
        return cls(
            method=method,
            component=component,
            overview=overview,
            factors=tuple(factors),
            sliders=tuple(sliders),
            reset=reset,
        )

    @property
    def followers(self) -> list[Block]:
        return [self.method]

    def follow(self, dataset: str, **chosen: Any) -> list[Any]:
        """Return the choice of methods, keeping the chosen one if the data set has it."""
        choices, name = _methods(dataset), chosen["of"]
        return [gr.Radio(choices=choices, value=name if name in dict(choices).values() else choices[0][1])]

    @property
    def outputs(self) -> list[Component]:
        return [self.component, self.overview, *self.factors]

    @classmethod
    def script(cls, dataset: str, chosen: Mapping[str, Any]) -> Script:
        body = f"""
density = load_imputer("{chosen["of"]}", "{dataset}").impute(images, missing, seed=0).density
gaussian = density.leading({COMPONENTS}).component({chosen["gaussian"]}).principal()  # mean (1, n), factors (1, l, n), noise (1, n)
walk = torch.tensor({list(chosen["z"])})[: gaussian.factors.shape[1]]
walked = gaussian.mean[0] + walk @ gaussian.factors[0, : len(walk)]
walked = walked.view_as(images)  # (1, C, H, W)
"""
        return Script(("import torch", LOAD), body)

    def listen(self, painter: gr.HTML, cache: ImputationCache, panel: str) -> list[Dependency]:
        zeros = (0.0,) * len(self.sliders)

        def to_zero(values: Values) -> list[Any]:
            return [*zeros, *self.answer(values, painter, cache, sliders=zeros)]

        filled = [*self.sliders, *self.outputs]
        return [self.reset.click(in_turn(to_zero), {painter, *self.inputs}, filled, **LATEST)]

    def render(
        self,
        scene: Scene,
        missing: Tensor,
        cache: ImputationCache,
        method: str,
        component: int,
        sliders: tuple[float, ...],
    ) -> list[Any]:
        """Return the contents of `outputs` for a scene with `missing` `(H, W)` hidden, moved along the factors by the sliders.

        Raises:
            ValueError: If a slider's value is not a number within its range.
        """
        check_steps(sliders)
        names = [known for _, known in _methods(scene.dataset)]
        # The choice belongs to another data set until the new one arrives.
        name = method if method in names else names[0]
        if not name:
            text = note("No method for these pictures has a density with factors.")
            return [gr.skip(), text, *[""] * FACTORS]
        density, kind = cache.impute(name, scene, missing).mixture, method_class(name)
        weights = density.weights[0].sort(descending=True).values[:COMPONENTS].tolist()
        # The page may still show a choice that this model lacks.
        rank = int(component) if component in range(len(weights)) else 0
        hidden = bool(missing.any())
        choices = [(_choice(number, weight if hidden else None), number) for number, weight in enumerate(weights)]
        # An unchanged value is omitted, since another may have been chosen by now.
        value: dict[str, Any] = {} if rank == component else {"value": rank}
        radio = gr.Radio(choices=choices, interactive=hidden, **value)
        if not hidden:
            return [radio, note("Nothing is hidden, so there is no density. Paint over the picture."), *[""] * FACTORS]
        gaussian = principal(density.leading(COMPONENTS), rank)
        overview = card_grid(_overview(gaussian, scene, sliders, kind))
        largest = max((factor.abs().max().item() for factor in gaussian.factors), default=0.0)
        cards = [
            card_grid([_factor_card(factor, number=number, step=step, largest=largest, scene=scene, method=kind)])
            for number, (factor, step) in enumerate(zip(gaussian.factors, sliders), 1)
        ]
        return [radio, overview, *cards, *[""] * (FACTORS - len(cards))]


def _methods(dataset: str) -> list[tuple[str, str]]:
    names = available_methods(dataset, "has_factors")
    return [(method_class(name).title, name) for name in names] or [("No density", "")]


def _place(number: int, step: float) -> str:
    return f"z{number} = {step:+.1f}".replace("-", "−")


def _choice(number: int, weight: float | None) -> str:
    """Return a Gaussian's label, with its share if there is one."""
    return f"{'' if number else 'Gaussian '}{number + 1}" + ("" if weight is None else f": {_percent(weight)}")


def _percent(weight: float) -> str:
    return f"{100 * weight:.0f} %" if weight >= 0.005 else "< 1 %"


def principal(density: MixtureOfFactorAnalyzers, index: int) -> FactorAnalyzer:
    """Return one component of a batch of one with its principal factors: mean `(n,)`, factors `(l, n)`."""
    gaussian = density.component(index).principal()
    return FactorAnalyzer(gaussian.mean[0], gaussian.factors[0], gaussian.noise[0])


def _overview(gaussian: FactorAnalyzer, scene: Scene, steps: tuple[float, ...], method: type[Imputer]) -> list[Card]:
    colour, title = method.colour, method.title
    walk = torch.tensor(steps, dtype=torch.float32)[: len(gaussian.factors)]
    walked = gaussian.mean + walk @ gaussian.factors[: len(walk)]
    noise = gaussian.noise.sqrt().view_as(scene.image).mean(0)
    draw = gaussian.sample(1, torch.Generator().manual_seed(0))[0]
    moved = ", ".join(_place(j, step) for j, step in enumerate(steps[: len(walk)], 1) if step) or "all sliders at zero"

    def picture(values: Tensor) -> np.ndarray:
        return grey_or_colour(values.view_as(scene.image))

    return [
        Card(
            picture=picture(walked),
            title="Mean plus factors",
            alt=f"The mean moved along the factors: {moved}",
            lines=(Line(moved),),
            colour=colour,
            explained=method.name,
        ),
        Card(
            picture=picture(gaussian.mean),
            title="Mean",
            alt=f"{title}'s mean for this Gaussian",
            lines=(Line("centre of this Gaussian"),),
            colour=colour,
            explained=method.name,
        ),
        Card(
            picture=coloured(noise, 0, max(noise.max().item(), 1e-3), SEQUENTIAL),
            title="Noise",
            alt=f"Standard deviation of the independent noise of each pixel, largest {noise.max():.2f}",
            lines=(Line("standard deviation"),),
            colour=colour,
            bar=Bar(SEQUENTIAL, "0", f"{noise.max():.2f}"),
            explained="glossary",
        ),
        Card(
            picture=picture(draw),
            title="One draw",
            alt="A random draw: mean, factors and noise together",
            lines=(Line("factors and noise at random"),),
            colour=colour,
            explained=method.name,
        ),
    ]


def _factor_card(factor: Tensor, number: int, step: float, largest: float, scene: Scene, method: type[Imputer]) -> Card:
    values, strongest = factor.view_as(scene.image), f"strongest {factor.abs().max():.2f}"
    title, lines, colour = f"Factor {number}", (Line(_place(number, step)),), method.colour
    if len(values) > 1:  # as a picture around grey
        picture = grey_or_colour(0.5 + values / (2 * max(largest, 1e-12)))
        alt = f"{title}: what its slider adds to each colour, around grey, {strongest}"
        return Card(picture=picture, title=title, alt=alt, lines=lines, colour=colour, explained="glossary")
    alt = f"{title}: red pixels grow lighter with its slider, blue ones darker, {strongest}"
    bar = Bar(DIVERGING, f"−{largest:.2f}", f"+{largest:.2f}")
    picture = coloured(values[0], -largest, largest, DIVERGING)
    return Card(picture=picture, title=title, alt=alt, lines=lines, colour=colour, bar=bar, explained="glossary")
