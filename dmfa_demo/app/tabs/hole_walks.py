"""The walks of a painted hole along an auto-encoder's field, computed in small portions."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import count

import torch
from torch import Tensor

from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene
from dmfa_demo.app.tabs.walk_player import Walk, Walks
from dmfa_demo.app.widgets.strips import Picture, strip
from dmfa_demo.data.datasets import DATASETS
from dmfa_demo.figures import grey_or_colour
from dmfa_demo.models.autoencoder import Autoencoder, AutoencoderConfig
from dmfa_demo.models.dynamics import State, impute_along
from dmfa_demo.models.latent_map import LatentMap, LatentPlane
from dmfa_demo.registry import available_methods, load_imputer, method_class, methods_with
from dmfa_demo.storage.checkpoints import ROOT, load_network, quarantine_on_failure

# A walk has arrived when its residual is not above the tolerance.
STEPS, TOLERANCE = 100, 0.01


@cache
def load_map(dataset: str, folder: str) -> LatentMap:
    """Load the map of an auto-encoder; raise a ValueError if it is damaged, which also removes it from `mapped`."""
    with quarantine_on_failure(ROOT / dataset / folder):
        return LatentMap.load(ROOT / dataset / folder)


@cache
def load_plane(dataset: str, folder: str) -> LatentPlane:
    """Load the auto-encoder of a map, restricted to the map's plane; raises as `load_map` does."""
    with quarantine_on_failure(ROOT / dataset / folder):
        return load_map(dataset, folder).plane(load_network(ROOT / dataset / folder, Autoencoder, AutoencoderConfig))


@torch.inference_mode()
def truth_at(scene: Scene, folder: str) -> Tensor:
    """Return the place of the complete image on a map, `(2,)`."""
    return load_plane(scene.dataset, folder).encode(scene.image[None])[0]


class HoleWalk:
    """The walks of one hole, computed in small portions."""

    _numbers = count(1)

    def __init__(
        self,
        scene: Scene,
        missing: Tensor,
        plane: str,
        step_size: float,
        seed: int,
        cache: ImputationCache,
        others: Sequence[str] = (),
    ):
        """Prepare the walks; `others` are methods that walk from noise to a sample in their own way."""
        self.key = (scene.image, missing, plane, step_size, seed, tuple(others))
        self.number, self.plane = next(self._numbers), plane
        self.model = load_plane(scene.dataset, plane)
        # The method that walks from noise.
        self.walker = method_class(methods_with("has_trajectory")[0])
        self.scene, self.holes = scene, {"as painted": missing, **neighbours(missing)}
        self.holes = {name: hole for name, hole in self.holes.items() if hole.any()}
        self.done = False
        names = available_methods(scene.dataset, "starts_walks")[::-1]
        starts = [self.walker, *map(method_class, names)]
        self.methods = [start.name for start in starts]
        self.names = ["Noise", *(start.title for start in starts[1:])]
        self.colours = [start.colour for start in starts]
        noise = torch.rand(scene.image.shape, generator=torch.Generator().manual_seed(seed))
        fillings = torch.stack([noise, *(cache.impute(name, scene, missing).mean[0] for name in names)])
        holes = torch.stack(list(self.holes.values()))[:, None]
        self.states: list[State] = []
        # The picture, the place on the map and the residual after each step.
        self.others: dict[str, list[tuple[Tensor, Tensor, Tensor]]] = {name: [] for name in others}
        self.walked = False  # from every start
        self.varied: State | None = None
        self._steps = self._walk(fillings, missing, noise, holes, step_size, seed)

    def is_of(
        self, scene: Scene, missing: Tensor, plane: str, step_size: float, seed: int, others: Sequence[str] = ()
    ) -> bool:
        """Return whether these are the walks of this hole on this map."""
        image, hole, *rest = self.key
        same = rest == [plane, step_size, seed, tuple(others)]
        return same and torch.equal(image, scene.image) and torch.equal(hole, missing)

    @property
    def progress(self) -> tuple[int, ...]:
        """What changes when the walks have continued."""
        return len(self.states), *map(len, self.others.values()), self.walked

    @torch.inference_mode()
    def advance(self, seconds: float) -> None:
        """Continue the walks for some seconds, or to the end."""
        end = time.monotonic() + seconds
        for _ in self._steps:
            if time.monotonic() >= end:
                return
        self.done = True

    def _walk(
        self, fillings: Tensor, missing: Tensor, noise: Tensor, holes: Tensor, step_size: float, seed: int
    ) -> Iterator[None]:
        """Walk from every start, then by other methods, then from noise with every hole that differs by one pixel."""
        images, reconstruct = self.scene.image[None], self.model.reconstruct
        for state in impute_along(
            reconstruct,
            start=torch.where(missing, fillings, images),
            missing=missing.expand(len(fillings), 1, *missing.shape),
            step_size=step_size,
            steps=STEPS,
            tolerance=TOLERANCE,
        ):
            self.states.append(state)
            yield
        for name, steps in self.others.items():
            imputer = load_imputer(name, self.scene.dataset)
            for (image,), _ in imputer.filling(images, missing[None, None], 1, seed=seed):
                force = (reconstruct(image) - image) * missing
                steps.append((image[0], self.model.encode(image)[0], force.norm()))
                yield
        self.walked = True
        yield
        for state in impute_along(
            reconstruct,
            start=torch.where(holes, noise, images),
            missing=holes,
            step_size=step_size,
            steps=STEPS,
            tolerance=TOLERANCE,
        ):
            self.varied = state
            yield

    @torch.inference_mode()
    def walks(self) -> Walks:
        """Return the walks so far, for the player."""
        points = torch.stack([state.points for state in self.states])  # (T, starts, C, H, W)
        residual = torch.stack([state.residual for state in self.states])
        moving = torch.stack([state.moving for state in self.states])
        places = self.model.encode(points.flatten(0, 1)).unflatten(0, points.shape[:2])
        walks = []
        for index, (name, colour) in enumerate(zip(self.names, self.colours)):
            steps = int(moving[:, index].sum()) + 1  # those before it arrived, and the last one
            own = slice(steps), index
            arrived = not bool(moving[-1, index])
            method = self.methods[index]
            walks.append(
                Walk(
                    name=name,
                    colour=colour,
                    path=places[own],
                    residual=residual[own],
                    images=points[own],
                    arrived=arrived,
                    method=method,
                )
            )
        for name, steps in self.others.items():
            if steps:
                images, path, residual = map(torch.stack, zip(*steps))
                kind = method_class(name)
                # It ends at a sample, which is no fixed point of the field.
                walks.append(
                    Walk(
                        name=kind.title,
                        colour=kind.colour,
                        path=path,
                        residual=residual,
                        images=images,
                        arrived=False,
                        method=name,
                    )
                )
        return Walks(
            plane=self.plane,
            number=self.number,
            truth=truth_at(self.scene, self.plane),
            image=self.scene.image,
            walks=walks,
            more=not self.walked,
        )

    @torch.inference_mode()
    def strip(self) -> str:
        """Return where the walk from noise ends if the hole is slightly different, as HTML; empty until it is known."""
        if not self.done or self.varied is None:
            return ""
        plane = load_map(self.scene.dataset, self.plane)
        basins = plane.basin_of(self.model.encode(self.varied.points)).tolist()
        names, classes = DATASETS[self.scene.dataset].kinds, plane.classes.tolist()
        pictures = []
        for name, image, basin in zip(self.holes, self.varied.points, basins):
            named = f"the basin of “{names[classes[basin]]}”" if names else "a basin"
            place = named if basin >= 0 else "no basin"
            other = basin != basins[0]
            alt = f"Where the walk ends with the hole {name}: in {place}" + (", another one" if other else "")
            pictures.append(Picture(pixels=grey_or_colour(image), caption=name, alt=alt, framed=other))
        changed = sum(basin != basins[0] for basin in basins)
        ending = (
            f"in another basin for {changed} of {len(basins) - 1} (framed)"
            if changed
            else "in the same basin each time"
        )
        remark = f"the walk from noise then ends {ending}"
        return strip(self.walker, pictures, remark, "If the hole were one pixel different")


def shifted(missing: Tensor, down: int, right: int) -> Tensor:
    """Shift a hole `(H, W)` by some pixels; pixels that leave the image are lost."""
    rolled = missing.roll((down, right), (0, 1))
    for axis, by in ((0, down), (1, right)):
        if by:
            edge = range(by) if by > 0 else range(by, 0)
            rolled.index_fill_(axis, torch.tensor(edge) % missing.shape[axis], False)
    return rolled


def neighbours(missing: Tensor) -> dict[str, Tensor]:
    """Return holes that differ by one pixel from `missing` `(H, W)`: wider, narrower, or moved."""
    moves = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
    moved = {name: shifted(missing, *by) for name, by in moves.items()}
    grown = torch.stack([missing, *moved.values()]).any(0)
    shrunk = ~torch.stack([~missing, *(shifted(~missing, *by) for by in moves.values())]).any(0)
    return {"wider": grown, "narrower": shrunk, **moved}
