"""Part of the Predictions tab: a hidden picture, and which pixel of it to look at next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from secrets import randbelow
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
from dmfa_demo.app.tabs.pixel_game import MOST, Game, Look, PixelGame, Turn
from dmfa_demo.app.widgets.handlers import EVERY, in_turn
from dmfa_demo.data.datasets import DATASETS
from dmfa_demo.figures import grey_or_colour
from dmfa_demo.imputation import Imputer
from dmfa_demo.models.classifier import CompleteClassifier, available_classifiers, load_classifier
from dmfa_demo.next_pixel import SAMPLES, Belief, believe, choose
from dmfa_demo.registry import available_methods, load_imputer, method_class


@dataclass(frozen=True, kw_only=True)
class WhichPixel(Part):
    """A game that does not depend on the canvas, except for its data set."""

    box: gr.Column
    game: PixelGame

    @classmethod
    def build(cls, dataset: str, beside: Sequence[Part] = ()) -> Self:
        first = new_game(dataset)
        with gr.Column(visible=first is not None) as box:
            gr.HTML(
                f'<h2 class="section">Which pixel next?</h2><p class="note">{_EXPLANATION}</p>', apply_default_css=False
            )
            game = PixelGame(first, elem_id="pixel-game")
        return cls(box=box, game=game)

    @property
    def outputs(self) -> list[Component]:
        return []

    def render(self, scene: Scene, missing: Tensor, cache: ImputationCache) -> list[Any]:
        return []

    @property
    def followers(self) -> list[Block]:
        return [self.box, self.game]

    def follow(self, dataset: str, **chosen: Any) -> list[Any]:
        game = new_game(dataset)
        return [gr.Column(visible=game is not None), game]

    def listen(self, painter: gr.HTML, cache: ImputationCache, panel: str) -> list[Dependency]:
        def answer(values: Values) -> Look:
            return look(values[self.game], values[painter].scene, cache)

        self.game.input(in_turn(answer), {painter, self.game}, [self.game], **EVERY)  # pyright: ignore[reportAttributeAccessIssue]
        return []


def readers(dataset: str) -> list[type[Imputer]]:
    """Return the methods that can draw complete pictures from a few visible pixels, if the pictures have one class each."""
    if DATASETS[dataset].several or CompleteClassifier.name not in available_classifiers(dataset):
        return []
    kinds = map(method_class, available_methods(dataset, "has_samples"))
    return [kind for kind in kinds if kind.shown_first and not kind.fills_in_steps]


def new_game(dataset: str) -> Game | None:
    """Return a game with a data set; None if there is none."""
    if not (kinds := readers(dataset)):
        return None
    first = next((kind for kind in kinds if kind.conditions_exactly), kinds[0])
    about = DATASETS[dataset]
    return Game(dataset, about.classes, (about.shape[1], about.shape[2]), kinds, first.name)


def look(turn: Turn, scene: Scene, cache: ImputationCache) -> Look:
    """Return what the pixels of a turn say.

    Args:
        scene: the picture on the canvas, which is not the hidden one.

    Raises:
        ValueError: If the data set has no such method, picture or pixel.
    """
    dataset = scene.dataset
    if turn.reader not in (names := [kind.name for kind in readers(dataset)]):
        raise ValueError(f"{turn.reader!r:.40} cannot read these pictures; available: {', '.join(names) or 'none'}")
    if turn.sample is None:
        hidden_scene = Scene.another(dataset, scene.number, torch.Generator().manual_seed(randbelow(2**31)))
    else:
        hidden_scene = Scene.sample(dataset, turn.sample)
    assert hidden_scene.number is not None, "it is a sample"
    missing = torch.ones(1, 1, *hidden_scene.image.shape[1:], dtype=torch.bool)
    if any(place >= missing.numel() for place in turn.pixels):
        raise ValueError(f"these pictures have {missing.numel():,} pixels, got {max(turn.pixels):,}")
    missing.view(-1)[list(turn.pixels)] = False
    belief = cache.recall(
        hidden_scene, ("look", turn.reader, turn.pixels), lambda: _believe(turn, hidden_scene, missing)
    )
    generator = torch.Generator().manual_seed(hidden_scene.number + len(turn.pixels))
    grey = hidden_scene.image.mean(0).flatten()
    label = None if hidden_scene.labels is None else hidden_scene.labels[0]
    return Look(
        sample=hidden_scene.number,
        turn=turn,
        values=[round(255 * grey[place].item()) for place in turn.pixels],
        classes=belief.classes[0],
        bits=belief.bits.item(),
        information=belief.information[0],
        following=int(choose(turn.way, belief, missing, generator)),
        picture=grey_or_colour(hidden_scene.image) if turn.reveal else None,
        label=label if turn.reveal else None,
    )


def _believe(turn: Turn, scene: Scene, missing: Tensor) -> Belief:
    imputer, classifier = (
        load_imputer(turn.reader, scene.dataset),
        load_classifier(CompleteClassifier.name, scene.dataset),
    )
    return believe(imputer, classifier, scene.image[None], missing, seed=len(turn.pixels))


_EXPLANATION = (
    f"Of another picture everything is hidden. You may look at {MOST} pixels: click on those that should tell most about what it is, or let a rule choose. After "
    f"each pixel a method draws {SAMPLES} complete pictures that fit what is visible, and the classifier of complete pictures names them: the shares are what the method believes. "
    "<strong>Expected information</strong> looks at the pixel whose value best separates the classes that are still possible, which removes the most "
    "uncertainty on average. Compare readers: a network that learnt with smaller holes is at a loss with so few pixels."
)
