"""The Attractors tab: where an auto-encoder's dynamics lead from everywhere in its latent plane, and where they lead a hole."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any, Self

import gradio as gr
import torch
from torch import Tensor

from dmfa_demo.app.cards import note
from dmfa_demo.app.scene import ImputationCache, Scene
from dmfa_demo.app.strips import Picture, strip
from dmfa_demo.app.walk_player import Dropped, Walk, WalkPlayer, Walks
from dmfa_demo.checkpoints import CONFIG, ROOT, available_methods, load_network
from dmfa_demo.data import CLASSES
from dmfa_demo.figures import grey_or_colour
from dmfa_demo.imputation import method_class
from dmfa_demo.models.attractors import MAP, LatentMap
from dmfa_demo.models.autoencoder import Autoencoder, AutoencoderConfig
from dmfa_demo.models.dynamics import State, flow, impute_along, latent_field
from dmfa_demo.models.walks import DynamicsImputer

# A walk has arrived when a step would move it no further than the tolerance.
STEPS, TOLERANCE = 100, 0.01

STEP_SIZES = (("Small steps, h = 0.3", 0.3), ("Whole steps, h = 1: pseudo-Gibbs", 1.0))

# Methods whose mean is a start, where they are there; noise is one always.
STARTS = ("mean", "knn", "dmfa")

# The colour of the walk from a place that somebody chose.
OWN = "#8b4bb8"

# Between two answers, and how long of that the walks themselves may take.
PERIOD, BUDGET = 0.05, 0.05


def shifted(missing: Tensor, down: int, right: int) -> Tensor:
    """A hole `(H, W)` moved by some pixels; what leaves the image is lost."""
    rolled = missing.roll((down, right), (0, 1)).clone()
    for axis, by in ((0, down), (1, right)):
        if by:
            edge = range(by) if by > 0 else range(by, 0)
            rolled.index_fill_(axis, torch.tensor(edge) % missing.shape[axis], False)
    return rolled


def neighbours(missing: Tensor) -> dict[str, Tensor]:
    """Holes that differ by one pixel from `missing` `(H, W)`: wider, narrower, or moved."""
    moves = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
    moved = {name: shifted(missing, *by) for name, by in moves.items()}
    grown = torch.stack([missing, *moved.values()]).any(0)
    shrunk = ~torch.stack([~missing, *(shifted(~missing, *by) for by in moves.values())]).any(0)
    return {"wider": grown, "narrower": shrunk, **moved}


@cache
def load_map(dataset: str, folder: str) -> LatentMap:
    """The map beside an auto-encoder's weights."""
    return LatentMap.load(ROOT / dataset / folder)


@cache
def load_autoencoder(dataset: str, folder: str) -> Autoencoder:
    """The auto-encoder of a map."""
    return load_network(ROOT / dataset / folder, Autoencoder, AutoencoderConfig)


def mapped(dataset: str) -> dict[str, str]:
    """The auto-encoders of a data set that have a map: folder -> what it was trained on, for people."""
    found = {}
    for folder in sorted(path.parent for path in (ROOT / dataset).glob(f"*/{MAP}")):
        labels = json.loads((folder / CONFIG).read_text())["training"]["labels"]
        names = ", ".join(CLASSES[dataset][label] for label in labels)
        found[folder.name] = f"Only {names}" if labels else "All classes"
    return found


@torch.inference_mode()
def truth_at(scene: Scene, folder: str) -> Tensor:
    """Where the complete image lies on a map, `(2,)`."""
    return load_autoencoder(scene.dataset, folder).encode(scene.image[None])[0]


class Run:
    """The walks of one hole, taken a little further at a time."""

    _numbers = count(1)

    def __init__(self, scene: Scene, missing: Tensor, plane: str, step_size: float, seed: int, cache: ImputationCache):
        self.asked = (scene.image, missing, plane, step_size, seed)
        self.number, self.plane = next(self._numbers), plane
        self.model = load_autoencoder(scene.dataset, plane)
        self.scene, self.holes = scene, {"as painted": missing, **neighbours(missing)}
        self.holes = {name: hole for name, hole in self.holes.items() if hole.any()}
        self.done = False
        names = [name for name in STARTS if name in available_methods(scene.dataset)]
        self.names = ["Noise", *(method_class(name).title for name in names)]
        self.colours = [DynamicsImputer.colour, *(method_class(name).colour for name in names)]
        noise = torch.rand(scene.image.shape, generator=torch.Generator().manual_seed(seed))
        fillings = torch.stack([noise, *(cache.impute(name, scene, missing).mean[0] for name in names)])
        holes = torch.stack(list(self.holes.values()))[:, None]
        self.states: list[State] = []
        self.varied: State | None = None
        self._steps = self._walk(fillings, missing, noise, holes, step_size)

    def is_of(self, scene: Scene, missing: Tensor, plane: str, step_size: float, seed: int) -> bool:
        """Whether these are the walks of this hole on this map."""
        image, hole, *rest = self.asked
        return torch.equal(image, scene.image) and torch.equal(hole, missing) and rest == [plane, step_size, seed]

    @torch.inference_mode()
    def advance(self, seconds: float) -> None:
        """Walk on for a while, or to the end."""
        end = time.monotonic() + seconds
        for _ in self._steps:
            if time.monotonic() >= end:
                return
        self.done = True

    def _walk(
        self, fillings: Tensor, missing: Tensor, noise: Tensor, holes: Tensor, step_size: float
    ) -> Iterator[None]:
        """First from every start, then from noise with every hole that is almost the same."""
        images, reconstruct = self.scene.image[None], self.model.reconstruct
        for state in impute_along(
            reconstruct,
            torch.where(missing, fillings, images),
            missing.expand(len(fillings), 1, *missing.shape),
            step_size,
            STEPS,
            TOLERANCE,
        ):
            self.states.append(state)
            yield
        for state in impute_along(reconstruct, torch.where(holes, noise, images), holes, step_size, STEPS, TOLERANCE):
            self.varied = state
            yield

    @torch.inference_mode()
    def walks(self) -> Walks:
        """What the player shows by now."""
        points = torch.stack([state.points for state in self.states])  # (T, starts, C, H, W)
        residual = torch.stack([state.residual for state in self.states])
        moving = torch.stack([state.moving for state in self.states])
        places = self.model.encode(points.flatten(0, 1)).unflatten(0, points.shape[:2])
        walks = []
        for index, (name, colour) in enumerate(zip(self.names, self.colours)):
            steps = int(moving[:, index].sum()) + 1  # those before it arrived, and the one where it did
            own = slice(min(steps, len(points))), index
            arrived = not bool(moving[-1, index])
            walks.append(Walk(name, colour, places[own], residual[own], points[own], arrived))
        return Walks(self.plane, self.number, truth_at(self.scene, self.plane), self.scene.image, walks)

    @torch.inference_mode()
    def strip(self) -> str:
        """Where the walk from noise ends when the hole is a little different, as HTML; empty before it is known."""
        if not self.done or self.varied is None:
            return ""
        plane = load_map(self.scene.dataset, self.plane)
        basins = plane.basin_of(self.model.encode(self.varied.points)).tolist()
        names, classes = CLASSES[self.scene.dataset], plane.classes.tolist()
        pictures = []
        for name, image, basin in zip(self.holes, self.varied.points, basins):
            place = f"a {names[classes[basin]]}" if basin >= 0 else "no basin"
            other = basin != basins[0]
            alt = f"Where the walk ends with the hole {name}: in the basin of {place}" + (
                ", another one" if other else ""
            )
            pictures.append(Picture(grey_or_colour(image), name, alt, other))
        changed = sum(basin != basins[0] for basin in basins)
        remark = f"the walk from noise then ends in another basin for {changed} of {len(basins) - 1} (framed)"
        return strip(DynamicsImputer, pictures, remark, "If the hole were one pixel different")


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
    def build(cls, dataset: str) -> Self | None:
        """Lay out the tab inside the current Blocks; None where the data set has no map."""
        planes = mapped(dataset)
        if not planes:
            return None
        with gr.Row(elem_classes="choices"):
            plane = gr.Radio(
                [(title, name) for name, title in planes.items()],
                value=next(iter(planes)),
                label="Map",
                show_label=False,
                elem_classes="segments",
                elem_id="plane",
            )
            step_size = gr.Radio(
                list(STEP_SIZES),
                value=STEP_SIZES[0][1],
                label="Step size",
                show_label=False,
                elem_classes="segments",
                elem_id="step-size",
            )
            again = gr.Button("Other noise", size="sm", elem_id="again")
        player = WalkPlayer({name: load_map(dataset, name) for name in planes}, elem_id="player")
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
            nothing = Walks(plane, 0, truth_at(scene, plane), scene.image, [])
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
        states = list(flow(lambda z, rows: field(z), place[None], 1.0, STEPS, TOLERANCE))
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
