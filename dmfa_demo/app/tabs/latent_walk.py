"""Part of the Samples tab: a walk through the latent space of a method that has one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import gradio as gr
import torch
from gradio.blocks import Block
from gradio.components import Component
from torch import Tensor

from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene, psnr_in_hole
from dmfa_demo.app.tabs.part import Part
from dmfa_demo.app.tabs.samples import SamplesTab
from dmfa_demo.app.widgets.cards import Card, Line, card_grid, note
from dmfa_demo.app.widgets.counter import Counter
from dmfa_demo.app.widgets.fields import AddressField, floats, slider_steps
from dmfa_demo.app.widgets.script import LOAD, Script
from dmfa_demo.app.widgets.sliders import MAX_STEPS, check_steps, walk_slider
from dmfa_demo.figures import grey_or_colour, png_address
from dmfa_demo.registry import available_methods, method_class

# The trait of the method shown here.
TRAIT = "has_latents"
# The numbers of pictures along a direction, and of directions.
STOPS, DIRECTIONS = 7, 2


@dataclass(frozen=True, kw_only=True)
class LatentWalk(Part):
    """Two directions through the latents of a method, and the answer at the position of their sliders."""

    FIELDS = (
        AddressField(
            key="latent",
            control="sliders",
            default=lambda dataset: (0.0,) * DIRECTIONS,
            parse=lambda dataset: slider_steps(DIRECTIONS),
            value=floats,
        ),
    )
    FURTHER = ("seed",)

    box: gr.Column
    seed: Counter
    here: gr.HTML
    paths: tuple[gr.HTML, ...]
    sliders: tuple[gr.Slider, ...]

    @classmethod
    def build(cls, dataset: str, beside: Sequence[Part] = ()) -> Self:
        """Lay out the part, which is visible if a method of the data set has a latent space.

        It shares the seed of the samples beside it, so that both use the same imputation.
        """
        (seed,) = (part.seed for part in beside if isinstance(part, SamplesTab))
        paths, sliders = [], []
        with gr.Column(visible=bool(available_methods(dataset, TRAIT))) as box:
            gr.HTML('<h2 class="section">Walk through the latent space</h2>', apply_default_css=False)
            with gr.Row(elem_classes="latents"):
                with gr.Column(min_width=0):
                    here = gr.HTML(elem_id="here", apply_default_css=False)
                with gr.Column(min_width=0):
                    for number in range(1, DIRECTIONS + 1):
                        paths.append(gr.HTML(elem_id=f"path-{number}", apply_default_css=False))
                        sliders.append(walk_slider(f"latent direction {number}", f"latent-{number}"))
            gr.HTML(f'<p class="note">{_EXPLANATION}</p>', apply_default_css=False)
        return cls(box=box, seed=seed, here=here, paths=tuple(paths), sliders=tuple(sliders))

    @property
    def followers(self) -> list[Block]:
        return [self.box]

    def follow(self, dataset: str, **chosen: Any) -> list[Any]:
        return [gr.Column(visible=bool(available_methods(dataset, TRAIT)))]

    @property
    def outputs(self) -> list[Component]:
        return [self.here, *self.paths]

    @classmethod
    def script(cls, dataset: str, chosen: Mapping[str, Any]) -> Script | None:
        names = available_methods(dataset, TRAIT)
        if not names:
            return None
        body = f"""
space = load_imputer("{names[0]}", "{dataset}").impute(images, missing, seed={chosen["seed"]}).latents
place = torch.tensor([{list(chosen["latent"])}]) @ space.directions({DIRECTIONS})  # in standard deviations
walked = space.decode(place)[0]  # (1, C, H, W)
"""
        return Script(("import torch", LOAD), body)

    def render(
        self, scene: Scene, missing: Tensor, cache: ImputationCache, sliders: tuple[float, ...], seed: int
    ) -> list[str]:
        """Return the contents of `outputs` for a scene with `missing` `(H, W)` hidden, at the position of the sliders.

        Raises:
            ValueError: If a slider's value is not a number within its range.
        """
        check_steps(sliders)
        names = available_methods(scene.dataset, TRAIT)
        if not names:
            return [""] * len(self.outputs)
        if not missing.any():
            return [note("Nothing is hidden, so there is nothing to walk through."), *[""] * DIRECTIONS]
        name = names[0]
        imputation, method = cache.impute(name, scene, missing, seed), method_class(name)
        here = torch.tensor(sliders, dtype=torch.float32)
        stops = torch.linspace(-MAX_STEPS, MAX_STEPS, STOPS)
        places = [here[None]]
        for index in range(DIRECTIONS):  # along one direction, with the others at their sliders
            along = here.repeat(STOPS, 1)
            along[:, index] = stops
            places.append(along)
        space = imputation.latents
        assert space is not None, "by the method's trait"
        axes = cache.recall(
            scene, ("directions", name, seed, missing.numpy().tobytes()), lambda: space.directions(DIRECTIONS)
        )
        images = space.decode(torch.cat(places) @ axes)[:, 0]
        now, *paths = images.split([1, *[STOPS] * DIRECTIONS])
        place = ", ".join(map(_signed, sliders))
        line = Line(f"PSNR {psnr_in_hole(now, scene, missing).item():.1f} dB", tells_truth=True)
        card = Card(
            picture=grey_or_colour(now[0]),
            title=f"At {place}",
            alt=f"{method.title}'s answer at {place}",
            lines=(line,),
            colour=method.colour,
            explained=name,
        )
        return [card_grid([card]), *(_path(path, stops, number) for number, path in enumerate(paths, 1))]


_EXPLANATION = (
    "The method draws a few numbers, the <strong>latents</strong>, from a Gaussian that depends on the visible pixels, and turns them into pixels. "
    "The sliders move along the two directions, around the middle of that Gaussian, in which the answer changes most, in standard "
    "deviations: most samples are between −2 and 2. To the right the picture becomes lighter."
)


def _path(images: Tensor, stops: Tensor, number: int) -> str:
    """Return the pictures along one direction as HTML."""
    pictures = [
        f'<img src="{png_address(grey_or_colour(image))}" alt="The answer at {_signed(stop, 0)} along direction {number}">'
        for image, stop in zip(images, stops.tolist())
    ]
    return f"<div class=path>{''.join(pictures)}</div>"


def _signed(step: float, digits: int = 1) -> str:
    return f"{step:+.{digits}f}".replace("-", "−")
