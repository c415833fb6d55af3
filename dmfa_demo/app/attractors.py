"""The Attractors tab: where an auto-encoder's dynamics lead from everywhere in its latent plane, and where they lead a hole."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Self

import gradio as gr
import torch
from torch import Tensor

from dmfa_demo.app.cards import note
from dmfa_demo.app.hole_walks import Run, load_autoencoder, load_map, truth_at
from dmfa_demo.app.scene import ImputationCache, Scene
from dmfa_demo.app.segments import segments
from dmfa_demo.app.walk_player import Dropped, Walk, WalkPlayer, Walks
from dmfa_demo.checkpoints import CONFIG, ROOT
from dmfa_demo.data import DATASETS
from dmfa_demo.models.attractors import MAP
from dmfa_demo.models.dynamics import flow, latent_field

STEP_SIZES = (("Small steps, h = 0.3", 0.3), ("Whole steps, h = 1: pseudo-Gibbs", 1.0))

# Of a walk on the map: at most so many steps, and fixed when one moves it by no more of how far the latents spread.
LATENT_STEPS, EXACT = 200, 1e-3

# The colour of the walk from a place that somebody chose.
OWN = "#8b4bb8"

# Between two answers, and how long of that the walks themselves may take.
PERIOD, BUDGET = 0.05, 0.05


def mapped(dataset: str) -> dict[str, str]:
    """The auto-encoders of a data set that have a map: folder -> what it was trained on, for people."""
    found = {}
    for folder in sorted(path.parent for path in (ROOT / dataset).glob(f"*/{MAP}")):
        labels = json.loads((folder / CONFIG).read_text())["training"]["labels"]
        names = ", ".join(DATASETS[dataset].classes[label] for label in labels)
        found[folder.name] = f"Only {names}" if labels else "All classes"
    return found


@dataclass(frozen=True)
class AttractorsTab:
    """The tab's components. `render` begins a run, `advance` takes it further at each tick until it is done.

    Each call is short, so that a stroke waits for one of them and not for all steps; a run ends with its hole.
    """

    dataset: str
    plane: gr.Radio
    step_size: gr.Radio
    again: gr.Button
    player: WalkPlayer
    strip: gr.HTML
    seed: gr.State
    run: gr.State
    clock: gr.Timer

    @classmethod
    def build(cls, dataset: str) -> Self:
        """Lay out the tab inside the current Blocks; the data set has a map."""
        planes = mapped(dataset)
        with gr.Row(elem_classes="choices"):
            plane = segments([(title, name) for name, title in planes.items()], "Map", "plane")
            step_size = segments(STEP_SIZES, "Step size", "step-size")
            again = gr.Button("Other noise", size="sm", elem_id="again")
        player = WalkPlayer(
            {name: load_map(dataset, name) for name in planes}, DATASETS[dataset].classes, elem_id="player"
        )
        strip = gr.HTML(elem_id="holes", apply_default_css=False)
        gr.HTML(f'<p class="note">{_EXPLANATION}</p>', apply_default_css=False)
        clock = gr.Timer(PERIOD, active=False)
        return cls(dataset, plane, step_size, again, player, strip, gr.State(0), gr.State(None), clock)

    @property
    def inputs(self) -> list[gr.components.Component]:
        """What `render` and `advance` take after scene and mask."""
        return [self.plane, self.step_size, self.seed, self.run]

    @property
    def outputs(self) -> list[gr.components.Component]:
        """What `render` and `advance` fill."""
        return [self.player, self.strip, self.run, self.clock]

    def render(
        self,
        scene: Scene,
        missing: Tensor,
        cache: ImputationCache,
        plane: str,
        step_size: float,
        seed: int,
        run: Run | None,
    ) -> list[Any]:
        """The contents of `outputs` for a scene with `missing` `(H, W)` hidden: the first steps."""
        if not missing.any():
            nothing = Walks(plane, 0, truth_at(scene, plane), scene.image, [], False)
            return [nothing, note("Nothing is hidden, so no image walks. Paint over it, or click on the map."), None, gr.Timer(active=False)]  # fmt: skip
        if run is None or not run.is_of(scene, missing, plane, step_size, seed):
            run = Run(scene, missing, plane, step_size, seed, cache)
        return self._further(run)

    def advance(
        self, scene: Scene, missing: Tensor, plane: str, step_size: float, seed: int, run: Run | None
    ) -> list[Any]:
        """The contents of `outputs` some steps later."""
        if run is None or run.done or not run.is_of(scene, missing, plane, step_size, seed):
            return [gr.skip(), gr.skip(), gr.skip(), gr.Timer(active=False)]
        return self._further(run)

    @torch.inference_mode()
    def drop(self, started: tuple[str, Tensor] | None) -> Dropped | None:
        """The walk z <- f(g(z)) from a place on a map."""
        if started is None:
            return None
        plane, place = started
        model = load_autoencoder(self.dataset, plane)
        field = latent_field(model.encode, model.decode)
        tolerance = EXACT * load_map(self.dataset, plane).points.std().item()
        states = list(flow(lambda z, rows: field(z), place[None], 1.0, LATENT_STEPS, tolerance))
        path, residual = torch.cat([state.points for state in states]), torch.cat([state.residual for state in states])
        walk = Walk("Your start", OWN, path, residual, model.decode(path), not bool(states[-1].moving))
        return Dropped(plane, walk)

    def _further(self, run: Run) -> list[Any]:
        before = len(run.states)
        run.advance(BUDGET)
        walks = run.walks() if len(run.states) > before else gr.skip()  # the player has them already
        return [walks, run.strip(), run, gr.Timer(active=not run.done)]


_EXPLANATION = (
    "This auto-encoder squeezes every picture through two numbers, its place on the map, and back. Dots are training pictures. Arrows "
    "show where a place goes when it is decoded and encoded again; follow them and you end at an <strong>attractor</strong>, drawn as "
    "the picture it stands for; all places that lead there are its basin. The lines are your picture: the hidden pixels begin as the "
    "method named says, and at each step move towards what the auto-encoder makes of the whole picture, while the visible pixels stay "
    "and pull it aside."
)
