"""What of the page a link holds: who opens it sees what its sender saw.

A picture that somebody brought is in no link; whoever opens one sees the first picture of the data set under the same mask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import Any

from torch import Tensor

from dmfa_demo.app.canvas.presets import OFFERS, START
from dmfa_demo.app.lessons.lesson_player import Slice, sliced
from dmfa_demo.app.lessons.lessons import LESSONS
from dmfa_demo.app.scene.scene import Scene, draw_mask, fitted
from dmfa_demo.app.tabs.attractors import STEP_SIZES, mapped
from dmfa_demo.app.tabs.changing_mind import GROWTHS
from dmfa_demo.app.tabs.compare import VIEWS
from dmfa_demo.app.tabs.factors import COMPONENTS, FACTORS
from dmfa_demo.app.tabs.latent_walk import DIRECTIONS
from dmfa_demo.app.tabs.results import MEASURES, protocols
from dmfa_demo.app.widgets.counter import MOST as MAX_SEED
from dmfa_demo.app.widgets.sliders import MAX_STEPS
from dmfa_demo.data.datasets import load_samples
from dmfa_demo.data.mask_text import mask_from_text, mask_text
from dmfa_demo.registry import available_methods, shown_first, with_stand_ins

TABS = ("compare", "factors", "samples", "attractors", "predictions", "learn", "results")

# On the first visit: of every picture the same share. Where this seed puts it the first digit may be a 4 or a 9, so that means blur,
# samples differ and classifiers doubt.
START_MASK, START_SEED = "square14", 6


@dataclass(frozen=True, eq=False)
class Address:
    """What is to be seen on the page.

    Attributes:
        dataset, sample: the picture; no sample for one of the visitor's own.
        mask: bool `(H, W)` of hidden pixels.
        tab: the one that is open.
        show, methods: of the Compare tab.
        of, gaussian, z: of the Factors tab: method, Gaussian and sliders.
        noise, seed, latent: of the Samples tab: with pixel noise, number of the draw, sliders of the latent walk.
        map, step, walk: of the Attractors tab: map, step size, number of the noise.
        growth, hole: of the Predictions tab: how the hole grows, and its number.
        lesson: the chapter of the Learn tab, from 1; an address that names one opens it.
        slice: of the Learn tab, where its Gaussian of two pixels is cut.
        protocol, measure: of the Results tab.
    """

    dataset: str
    sample: int | None
    mask: Tensor
    tab: str
    show: str
    methods: tuple[str, ...]
    of: str | None
    gaussian: int
    z: tuple[float, ...]
    noise: bool
    seed: int
    latent: tuple[float, ...]
    map: str | None
    step: float
    walk: int
    growth: str
    hole: int
    lesson: int
    slice: Slice
    protocol: str | None
    measure: str

    @classmethod
    def first(cls, dataset: str) -> Address:
        """What the first visit to a data set finds."""
        scene = Scene.sample(dataset, OFFERS[dataset].sample)
        return cls(
            dataset=dataset,
            sample=OFFERS[dataset].sample,
            mask=fitted(draw_mask(START_MASK, Scene.sample(START, OFFERS[START].sample), START_SEED), scene),
            tab=TABS[0],
            show=VIEWS[0][1],
            methods=tuple(with_stand_ins(dataset, shown_first())),
            of=next(iter(available_methods(dataset, "has_factors")), None),
            gaussian=0,
            z=(0.0,) * FACTORS,
            noise=False,
            seed=0,
            latent=(0.0,) * DIRECTIONS,
            map=next(iter(mapped(dataset)), None),
            step=STEP_SIZES[0][1],
            walk=0,
            growth=next(iter(GROWTHS)),
            hole=0,
            lesson=1,
            slice=Slice(),
            protocol=next((name for _, name in protocols(dataset)), None),
            measure="sse",
        )

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Address:
        """What a query asks for; whatever it does not know is as if it were not there."""
        dataset = query.get("dataset", START)
        usual = cls.first(dataset if dataset in OFFERS else START)
        readers: dict[str, Callable[[str], Any]] = {
            "sample": _number_below(len(load_samples(usual.dataset))),
            "mask": lambda text: mask_from_text(text, *usual.mask.shape),
            "tab": _one_of(TABS),
            "show": _one_of([name for _, name in VIEWS]),
            "methods": _some_of(available_methods(usual.dataset)),
            "of": _one_of(available_methods(usual.dataset, "has_factors")),
            "gaussian": _number_below(COMPONENTS),
            "z": _steps(FACTORS),
            "noise": _one_of((True, False)),
            "seed": _number_below(MAX_SEED),
            "latent": _steps(DIRECTIONS),
            "map": _one_of(mapped(usual.dataset)),
            "step": _one_of([size for _, size in STEP_SIZES]),
            "walk": _number_below(MAX_SEED),
            "growth": _one_of(GROWTHS),
            "hole": _number_below(MAX_SEED),
            "lesson": _one_of(range(1, len(LESSONS) + 1)),
            "slice": lambda text: sliced([float(part) for part in text.split(",")]),
            "protocol": _one_of([name for _, name in protocols(usual.dataset)]),
            "measure": _one_of(MEASURES),
        }
        known = {}
        for name, read in readers.items():
            with suppress(KeyError, ValueError):
                known[name] = read(query[name])
        if "lesson" in known:
            known["tab"] = "learn"
        return replace(usual, **known)

    def query(self) -> dict[str, str]:
        """What `from_query` reads: the data set, and what is not as a first visit to it finds it."""
        usual, texts = Address.first(self.dataset), {"dataset": self.dataset}
        for name in NAMES[1:]:
            value = getattr(self, name)
            if value is None:
                continue
            text = mask_text(value) if isinstance(value, Tensor) else _text(value)
            default = getattr(usual, name)
            if name == "lesson" and self.tab == "learn":
                del texts["tab"]
                texts[name] = text
            elif name != "lesson" and text != (mask_text(default) if isinstance(default, Tensor) else _text(default)):
                texts[name] = text
        return texts


NAMES = tuple(field.name for field in fields(Address))


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _one_of(choices: Iterable[Any]) -> Callable[[str], Any]:
    return lambda text: {_text(choice): choice for choice in choices}[text]


def _some_of(names: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    def read(text: str) -> tuple[str, ...]:
        chosen = tuple(name for name in names if name in text.split(","))
        if text and not chosen:
            raise ValueError(text)
        return chosen

    return read


def _number_below(end: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and len(text) < 8 and int(text) < end):
            raise ValueError(text)
        return int(text)

    return read


def _steps(count: int) -> Callable[[str], tuple[float, ...]]:
    def read(text: str) -> tuple[float, ...]:
        steps = tuple(float(part) for part in text.split(","))
        if len(steps) != count or not all(abs(step) <= MAX_STEPS for step in steps):
            raise ValueError(text)
        return steps

    return read
