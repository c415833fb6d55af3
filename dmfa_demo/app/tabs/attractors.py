"""The Attractors tab: where an auto-encoder's dynamics lead from each place in its latent plane, and where they lead a hole."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import gradio as gr
import torch
from gradio.blocks import Block
from gradio.components import Component
from gradio.events import Dependency
from torch import Tensor

from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene
from dmfa_demo.app.tabs.hole_walks import STEPS, TOLERANCE, HoleWalk, load_map, load_plane, truth_at
from dmfa_demo.app.tabs.part import Part, Values
from dmfa_demo.app.tabs.walk_player import Dropped, Maps, Walk, WalkPlayer, Walks
from dmfa_demo.app.widgets.cards import LOADING, note
from dmfa_demo.app.widgets.counter import MOST, Counter, counter
from dmfa_demo.app.widgets.fields import AddressField, number_below, one_of
from dmfa_demo.app.widgets.handlers import EVERY, LATEST, ONCE, in_turn
from dmfa_demo.app.widgets.script import Script
from dmfa_demo.app.widgets.segments import OneOf, segments
from dmfa_demo.data.datasets import BUILT_IN, DATASETS
from dmfa_demo.models.dynamics import flow, latent_field
from dmfa_demo.models.latent_map import MAP, LatentMap
from dmfa_demo.registry import available_methods, method_class
from dmfa_demo.storage.checkpoints import ROOT, is_usable, quarantine_on_failure, read_config

STEP_SIZES = (("Small steps, h = 0.3", 0.3), ("Whole steps, h = 1: pseudo-Gibbs", 1.0))

# Whose walks are shown besides those of the auto-encoder, and their names in an address.
WALKERS = (("Auto-encoder", "dynamics"), ("Denoising too", "all"))

# The maximum number of steps of a walk on the map, and its tolerance, relative to the spread of the latents.
LATENT_STEPS, EXACT = 200, 1e-3

# The colour of the walk from the visitor's place.
OWN = "#8b4bb8"

# Seconds between two answers, and the part of them for the walks.
PERIOD, BUDGET = 0.05, 0.05


def mapped(dataset: str) -> dict[str, str]:
    """Return the auto-encoders of a data set with a map: folder -> their training data, in words."""
    found = {}
    for folder in sorted(path.parent for path in (ROOT / dataset).glob(f"*/{MAP}")):
        if is_usable(folder):
            try:
                with quarantine_on_failure(folder):
                    labels = read_config(folder)["training"]["labels"]
                    names = ", ".join(DATASETS[dataset].classes[label] for label in labels)
            except ValueError as error:
                print(f"left out: {error}", file=sys.stderr)
            else:
                found[folder.name] = f"Only {names}" if labels else "All classes"
    return found


@dataclass
class Run:
    """The walks of a visitor's hole, None before the first. A waiting request finds those of the request before it."""

    walk: HoleWalk | None = None


@dataclass(frozen=True, kw_only=True)
class AttractorsTab(Part):
    """The walks of the hole on a map. `render` starts a run, and `advance` continues it at each tick until it is done.

    Each call is short, so that a stroke waits for one of them, not for all steps; a new hole ends the run.

    Attributes:
        seed: the seed of the noise.
        run: a `Run`.
        shown: the data set whose maps the player has.
    """

    FIELDS = (
        AddressField(
            key="map",
            control="plane",
            default=lambda dataset: next(iter(mapped(dataset)), None),
            parse=lambda dataset: one_of(mapped(dataset)),
            follows=True,
        ),
        AddressField(
            key="step",
            control="step_size",
            default=lambda dataset: STEP_SIZES[0][1],
            parse=lambda dataset: one_of(size for _, size in STEP_SIZES),
        ),
        AddressField(key="walk", control="seed", default=lambda dataset: 0, parse=lambda dataset: number_below(MOST)),
        AddressField(
            key="walkers",
            control="walkers",
            default=lambda dataset: WALKERS[0][1],
            parse=lambda dataset: one_of(name for _, name in WALKERS),
            follows=True,
        ),
    )
    FURTHER = ("run", "shown")

    plane: gr.Radio
    step_size: gr.Radio
    walkers: gr.Radio
    again: gr.Button
    player: WalkPlayer
    strip: gr.HTML
    explanation: gr.HTML
    seed: Counter
    run: gr.State
    shown: OneOf
    clock: gr.Timer

    @classmethod
    def build(cls, dataset: str, beside: Sequence[Part] = ()) -> Self:
        with gr.Row(elem_classes="choices"):
            plane = segments(_choices(dataset), "Map", "plane", follows=True)
            step_size = segments(STEP_SIZES, "Step size", "step-size")
            walkers = segments(WALKERS, "Walks", "walkers", follows=True)
            again = gr.Button("New noise", size="sm", elem_id="again")
        player = WalkPlayer(elem_id="player")
        strip = gr.HTML(LOADING, elem_id="holes", apply_default_css=False)
        explanation = gr.HTML(explain(dataset), apply_default_css=False)
        return cls(
            plane=plane,
            step_size=step_size,
            walkers=walkers,
            again=again,
            player=player,
            strip=strip,
            explanation=explanation,
            seed=counter(),
            run=gr.State(Run()),
            shown=OneOf(list(DATASETS), value=None, visible=False),
            clock=gr.Timer(PERIOD, active=False),
        )

    @property
    def followers(self) -> list[Block]:
        return [self.plane, self.explanation, self.walkers]

    def follow(self, dataset: str, **chosen: Any) -> list[Any]:
        """Return the choice of maps, keeping the chosen map if the data set has it, the explanation, and the choice of walks."""
        choices, name = _choices(dataset), chosen["map"]
        value = name if name in dict(choices).values() else choices[0][1]
        walkers = gr.Radio(value=chosen["walkers"] or WALKERS[0][1], visible=bool(denoisers(dataset)))
        return [gr.Radio(choices=choices, value=value), explain(dataset), walkers]

    @property
    def outputs(self) -> list[Component]:
        return [self.player, self.strip, self.shown, self.clock]

    @classmethod
    def script(cls, dataset: str, chosen: Mapping[str, Any]) -> Script:
        imports = (
            "import torch",
            "from dmfa_demo.storage.checkpoints import ROOT, load_network",
            "from dmfa_demo.models.latent_map import LatentMap",
            "from dmfa_demo.models.autoencoder import Autoencoder, AutoencoderConfig",
            "from dmfa_demo.models.dynamics import impute_along",
        )
        body = f"""
folder = ROOT / "{dataset}" / "{chosen["map"]}"
plane = LatentMap.load(folder).plane(load_network(folder, Autoencoder, AutoencoderConfig))
noise = torch.rand(images.shape[1:], generator=torch.Generator().manual_seed({chosen["walk"]}))
start = torch.where(missing, noise, images)
with torch.inference_mode():
    states = list(impute_along(plane.reconstruct, start, missing, {chosen["step"]:g}, {STEPS}, {TOLERANCE:g}))
    walk = torch.cat([state.points for state in states])  # (T + 1, C, H, W), from noise to the end
    places = plane.encode(walk)  # (T + 1, 2), on the map
"""
        return Script(imports, body)

    def listen(self, painter: gr.HTML, cache: ImputationCache, panel: str) -> list[Dependency]:
        def walk_again(values: Values) -> list[Any]:
            seed = values[self.seed] + 1
            return [seed, *self.answer(values, painter, cache, seed=seed)]

        def walk_on(values: Values) -> list[Any]:
            canvas = values[painter]
            return self.advance(canvas.scene, canvas.missing, cache, **self.arguments(values))

        def drop(values: Values) -> Dropped | None:
            return self.drop(values[painter].scene, values[self.player])

        inputs = {painter, *self.inputs}
        self.clock.tick(in_turn(walk_on), inputs, self.outputs, **ONCE)
        self.player.input(in_turn(drop), {painter, self.player}, [self.player], **EVERY)
        return [self.again.click(in_turn(walk_again), inputs, [self.seed, *self.outputs], **LATEST)]

    def render(
        self,
        scene: Scene,
        missing: Tensor,
        cache: ImputationCache,
        plane: str,
        step_size: float,
        seed: int,
        run: Run,
        shown: str | None,
        walkers: str = WALKERS[0][1],
    ) -> list[Any]:
        """Return the contents of `outputs` for a scene with `missing` `(H, W)` hidden: the first steps.

        Raises:
            ValueError: If there is no such step size.
        """
        if step_size not in dict(STEP_SIZES).values():
            raise ValueError(f"there is no step size {step_size!r:.40}; choose one of the two")
        planes = mapped(scene.dataset)
        if not planes:
            return [gr.skip(), "", shown, gr.Timer(active=False)]
        # The choice belongs to another data set until the new one arrives.
        plane = plane if plane in planes else next(iter(planes))
        maps = None
        if shown != scene.dataset:
            maps = Maps({name: load_map(scene.dataset, name) for name in planes}, DATASETS[scene.dataset].kinds)
        if not missing.any():
            walks = Walks(
                plane=plane, number=0, truth=truth_at(scene, plane), image=scene.image, walks=[], more=False, maps=maps
            )
            text = note("Nothing is hidden, so no image walks. Paint over it, or click on the map.")
            run.walk = None
            return [walks, text, scene.dataset, gr.Timer(active=False)]
        walk, others = run.walk, _others(scene.dataset, walkers)
        if walk is None or not walk.is_of(scene, missing, plane, step_size, seed, others):
            walk = HoleWalk(scene, missing, plane, step_size=step_size, seed=seed, cache=cache, others=others)
            run.walk = walk
        walks, strip, clock = self._further(walk)
        if maps is not None:
            walks = replace(walk.walks(), maps=maps)
        return [walks, strip, scene.dataset, clock]

    def advance(
        self,
        scene: Scene,
        missing: Tensor,
        cache: ImputationCache,
        plane: str,
        step_size: float,
        seed: int,
        run: Run,
        shown: str | None,
        walkers: str = WALKERS[0][1],
    ) -> list[Any]:
        """Return the contents of `outputs` some steps later; start again if the server has forgotten the run."""
        walk = run.walk
        if walk is None:
            return self.render(scene, missing, cache, plane, step_size, seed, run, shown, walkers=walkers)
        others = _others(scene.dataset, walkers)
        if walk.done or not walk.is_of(scene, missing, plane, step_size, seed, others):
            return [gr.skip(), gr.skip(), gr.skip(), gr.Timer(active=False)]
        walks, strip, clock = self._further(walk)
        return [walks, strip, shown, clock]

    @torch.inference_mode()
    def drop(self, scene: Scene, started: tuple[str, Tensor] | None) -> Dropped | None:
        """Return the walk z <- f(g(z)) from a place on a map.

        Raises:
            ValueError: If the scene's data set does not have the map.
        """
        if started is None:
            return None
        name, place = started
        if name not in mapped(scene.dataset):
            raise ValueError(f"there is no map {name!r:.40} of {scene.dataset}")
        plane, drawn = load_plane(scene.dataset, name), load_map(scene.dataset, name)
        field, tolerance = latent_field(plane.encode, plane.decode), EXACT * drawn.points.std().item()
        start = place.clamp(drawn.low, drawn.high)[None]
        states = list(
            flow(lambda z, rows: field(z), start=start, step_size=1.0, steps=LATENT_STEPS, tolerance=tolerance)
        )
        path, residual = torch.cat([state.points for state in states]), torch.cat([state.residual for state in states])
        walk = Walk(
            name="Your start",
            colour=OWN,
            path=path,
            residual=residual,
            images=plane.decode(path),
            arrived=not bool(states[-1].moving),
        )
        return Dropped(name, walk)

    def _further(self, walk: HoleWalk) -> list[Any]:
        before = walk.progress
        walk.advance(BUDGET)
        walks = walk.walks() if walk.progress != before else gr.skip()  # the player has the current ones
        return [walks, walk.strip(), gr.Timer(active=not walk.done)]


def _others(dataset: str, walkers: str) -> list[str]:
    return denoisers(dataset) if walkers == "all" else []


def denoisers(dataset: str) -> list[str]:
    """Return the methods that walk from noise to a sample, and not to a fixed point."""
    return [name for name in available_methods(dataset, "has_trajectory") if method_class(name).fills_in_steps]


def _choices(dataset: str) -> list[tuple[str, str]]:
    return [(title, name) for name, title in mapped(dataset).items()] or [("No map", "")]


def explain(dataset: str) -> str:
    """Return what the maps of a data set show, as HTML."""
    if not mapped(dataset):
        remark = "There is no map of these pictures."
        if dataset not in BUILT_IN:
            remark += (
                " To make one, train an auto-encoder with two latents: python -m train autoencoder --dataset folder:PATH --latents 2 --run-folder "
                f"runs/{dataset}/autoencoder-2d --output $DMFA_DEMO_CHECKPOINTS/{dataset}/autoencoder-2d. Then run python -m train attractors "
                "--dataset folder:PATH."
            )
        return f'<div class="no-map">{note(remark)}</div>'
    latents, fixed = 2, True
    for name in mapped(dataset):
        try:
            fixed = _holds_attractor(load_map(dataset, name))
        except ValueError as error:
            print(f"left out: {error}", file=sys.stderr)
        else:
            latents = read_config(ROOT / dataset / name)["network"]["latents"]
            break
    squeezed = _SQUEEZED_TO_TWO if latents == 2 else _SQUEEZED_TO_MORE.format(latents)
    return f'<p class="note">{squeezed} {_ARROWS} {_FIXED if fixed else _NOTHING_FIXED} {_LINES}</p>'


def _holds_attractor(plane: LatentMap) -> bool:
    """Return whether an attractor is inside the edges of a map, where it is drawn."""
    return bool(((plane.attractors >= plane.low) & (plane.attractors <= plane.high)).all(1).any())


_SQUEEZED_TO_TWO = (
    "This auto-encoder compresses every picture to two numbers, its place on the map, and reconstructs it from them."
)
_SQUEEZED_TO_MORE = (
    "This auto-encoder compresses every picture to {} numbers and reconstructs it from them. The map is a plane through their space, along the <strong>first two "
    "principal directions</strong> of the pictures' numbers; components outside the plane are not shown, and the arrows ignore them."
)
_ARROWS = "Dots are training pictures. Arrows show where a place moves when it is decoded and encoded again."
_FIXED = (
    "Follow them and you end at an <strong>attractor</strong>, drawn as its decoded picture; all places that lead there are its "
    "basin. Where arrows leave the map, the attractor is outside."
)
_NOTHING_FIXED = (
    "Follow them and they lead out of the map: the <strong>attractors</strong>, where nothing moves any more, are outside. All places that "
    "lead to the same one have the same colour."
)
_LINES = (
    "The lines are your picture: the hidden pixels start from the named method's answer, and at each step move towards the auto-encoder's reconstruction of the "
    "whole picture, while the visible pixels do not change and pull it aside. <strong>By denoising</strong> a diffusion model walks from noise, too: its network removes a "
    "little noise in each step, and it ends at a sample, where the auto-encoder's field need not vanish."
)
