"""Part of the Samples tab: a walk through the latent space of a method that draws its answers from one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import gradio as gr
import torch
from gradio.blocks import Block
from torch import Tensor

from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene, psnr_in_hole
from dmfa_demo.app.widgets.cards import Card, Line, card_grid, note
from dmfa_demo.app.widgets.counter import Counter
from dmfa_demo.app.widgets.sliders import MAX_STEPS, check_steps, walk_slider
from dmfa_demo.figures import grey_or_colour, png_address
from dmfa_demo.registry import available_methods, method_class

# Of a method that has a place here.
TRAIT = "has_latents"
# Pictures along a direction, and directions.
STOPS, DIRECTIONS = 7, 2


@dataclass(frozen=True)
class LatentWalk:
    """The part's components; `render` makes the content of `outputs`."""

    box: gr.Column
    seed: Counter
    here: gr.HTML
    paths: tuple[gr.HTML, ...]
    sliders: tuple[gr.Slider, ...]

    @classmethod
    def build(cls, dataset: str, seed: Counter) -> Self:
        """Lay out the part inside the current Blocks, in sight where a method of the data set has a latent space.

        Args:
            seed: of the samples beside it, so that both look at the same imputation.
        """
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
        return cls(box, seed, here, tuple(paths), tuple(sliders))

    @property
    def followers(self) -> list[Block]:
        """What `follow` fills when the data set changes."""
        return [self.box]

    def follow(self, dataset: str) -> list[Any]:
        """The contents of `followers` for a data set."""
        return [gr.Column(visible=bool(available_methods(dataset, TRAIT)))]

    @property
    def inputs(self) -> list[gr.components.Component]:
        """What `render` takes after scene and mask: the seed and the sliders."""
        return [self.seed, *self.sliders]

    @property
    def outputs(self) -> list[gr.components.Component]:
        """What `render` fills."""
        return [self.here, *self.paths]

    def render(self, scene: Scene, missing: Tensor, cache: ImputationCache, seed: int, *steps: float) -> list[str]:
        """The contents of `outputs` for a scene with `missing` `(H, W)` hidden, `steps` along the directions.

        Raises:
            ValueError: when a slider holds no number within its range.
        """
        check_steps(steps)
        names = available_methods(scene.dataset, TRAIT)
        if not names:
            return [""] * len(self.outputs)
        if not missing.any():
            return [note("Nothing is hidden, so there is nothing to walk through."), *[""] * DIRECTIONS]
        name = names[0]
        imputation, method = cache.impute(name, scene, missing, seed), method_class(name)
        here = torch.tensor(steps, dtype=torch.float32)
        stops = torch.linspace(-MAX_STEPS, MAX_STEPS, STOPS)
        places = [here[None]]
        for index in range(DIRECTIONS):  # along one direction, where the sliders are in the others
            along = here.repeat(STOPS, 1)
            along[:, index] = stops
            places.append(along)
        space = imputation.latents
        assert space is not None, "by the method's own word"
        axes = cache.recall(
            scene, ("directions", name, seed, missing.numpy().tobytes()), lambda: space.directions(DIRECTIONS)
        )
        images = space.decode(torch.cat(places) @ axes)[:, 0]
        now, *paths = images.split([1, *[STOPS] * DIRECTIONS])
        place = ", ".join(map(_signed, steps))
        line = Line(f"PSNR {psnr_in_hole(now, scene, missing).item():.1f} dB")
        card = Card(
            grey_or_colour(now[0]),
            f"At {place}",
            f"{method.title}'s answer at {place}",
            (line,),
            method.colour,
            explained=name,
        )
        return [card_grid([card]), *(_path(path, stops, number) for number, path in enumerate(paths, 1))]


_EXPLANATION = (
    "VAEAC draws a few numbers, the <strong>latents</strong>, from a Gaussian that depends on what is visible, and turns them into pixels. "
    "The sliders move along the two directions, around the middle of that Gaussian, in which the answer changes most, in standard "
    "deviations: most samples lie between −2 and 2. To the right the picture grows lighter (a digit has more ink)."
)


def _path(images: Tensor, stops: Tensor, number: int) -> str:
    """The pictures along one direction, as HTML."""
    pictures = [
        f'<img src="{png_address(grey_or_colour(image))}" alt="The answer at {_signed(stop, 0)} along direction {number}">'
        for image, stop in zip(images, stops.tolist())
    ]
    return f"<div class=path>{''.join(pictures)}</div>"


def _signed(step: float, digits: int = 1) -> str:
    return f"{step:+.{digits}f}".replace("-", "−")
