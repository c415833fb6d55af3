"""The Samples tab: complete answers drawn from every method with a distribution, and the quality of the best of n."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import Any, Self

import gradio as gr
import torch
from gradio.components import Component
from gradio.events import Dependency
from torch import Tensor

from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.scene.scene import Scene, psnr_in_hole
from dmfa_demo.app.tabs.part import Part, Values
from dmfa_demo.app.widgets.cards import LOADING, note
from dmfa_demo.app.widgets.counter import MOST, Counter, counter
from dmfa_demo.app.widgets.fields import AddressField, number_below, one_of
from dmfa_demo.app.widgets.handlers import LATEST, in_turn
from dmfa_demo.app.widgets.script import LOAD, Script
from dmfa_demo.app.widgets.segments import segments
from dmfa_demo.app.widgets.strips import sample_pictures, strip
from dmfa_demo.imputation import Imputer
from dmfa_demo.registry import available_methods, method_class

# The number of samples of each method for the curve; the first of them are shown.
DRAWN = 32

NOISE = (("Without pixel noise", False), ("With pixel noise", True))

# Sizes of the curve's drawing.
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 220, 44, 18, 12, 26


@dataclass(frozen=True, kw_only=True)
class SamplesTab(Part):
    """A strip of samples for each method that can sample."""

    FIELDS = (
        AddressField(
            key="noise", control="noise", default=lambda dataset: False, parse=lambda dataset: one_of((True, False))
        ),
        AddressField(key="seed", control="seed", default=lambda dataset: 0, parse=lambda dataset: number_below(MOST)),
    )

    noise: gr.Radio
    more: gr.Button
    seed: Counter
    strips: gr.HTML

    @classmethod
    def build(cls, dataset: str, beside: Sequence[Part] = ()) -> Self:
        with gr.Row(elem_classes="choices"):
            noise = segments(NOISE, "Noise", "noise")
            more = gr.Button("More samples", size="sm", elem_id="more")
        strips = gr.HTML(LOADING, elem_id="strips", apply_default_css=False)
        return cls(noise=noise, more=more, seed=counter(), strips=strips)

    @property
    def outputs(self) -> list[Component]:
        return [self.strips]

    @classmethod
    def script(cls, dataset: str, chosen: Mapping[str, Any]) -> Script:
        body = f"""
samples = {{}}
for method in {_drawing(dataset)!r}:
    imputation = load_imputer(method, "{dataset}").impute(images, missing, seed={chosen["seed"]})
    samples[method] = imputation.sample({DRAWN}, noise={chosen["noise"]})[:, 0]  # ({DRAWN}, C, H, W)
"""
        return Script((LOAD,), body)

    def listen(self, painter: gr.HTML, cache: ImputationCache, panel: str) -> list[Dependency]:
        def draw_more(values: Values) -> list[Any]:
            seed = values[self.seed] + 1
            return [seed, *self.answer(values, painter, cache, seed=seed)]

        filled = [self.seed, *self.outputs]
        return [self.more.click(in_turn(draw_more), {painter, *self.inputs}, filled, **LATEST)]

    def render(self, scene: Scene, missing: Tensor, cache: ImputationCache, noise: bool, seed: int) -> list[str]:
        """Return the contents of `outputs` for a scene with `missing` `(H, W)` hidden; the same seed draws the same samples."""
        if not missing.any():
            return [note("Nothing is hidden, so every sample would be the picture itself. Paint over it.")]
        strips, curves = [], []
        for name in _drawing(scene.dataset):
            method = method_class(name)
            imputation = cache.impute(name, scene, missing, seed)
            samples = imputation.sample(DRAWN, noise=bool(noise))[:, 0]  # (DRAWN, C, H, W)
            psnr = psnr_in_hole(samples, scene, missing)
            remark = "with pixel noise" if noise else "without pixel noise"
            strips.append(strip(method, sample_pictures(method, samples, psnr), remark))
            curves.append((method, best_of(psnr), psnr_in_hole(imputation.mean, scene, missing).item()))
        if not curves:
            return [note("No method here can draw samples.")]
        return ["".join(strips) + _chart(curves) + f'<p class="note">{_EXPLANATION}</p>']


_EXPLANATION = (
    'Each picture is one complete answer that the method considers possible<span class="truth">; the framed one is nearest to the truth</span>. A single '
    "sample is usually further from it than the mean (dashed), which looks like no real picture but is near to all of them. The best of many samples "
    "is nearer than a typical one. <strong>Pixel noise</strong> is the part of a method's density that is independent in each pixel: leave it out to see what its "
    "factors or latents alone can draw. The Gaussian has no such part: its noise is correlated across pixels."
)


def _drawing(dataset: str) -> list[str]:
    """Return the methods whose samples are drawn without a click; those that fill a hole step by step are too slow."""
    return [name for name in available_methods(dataset, "has_samples") if not method_class(name).fills_in_steps]


def best_of(values: Tensor) -> Tensor:
    """Return the expected best of n of M values drawn without replacement, for n = 1 to M, `(M,)`.

    The i-th smallest is the best of n in C(i - 1, n - 1) of the C(M, n) choices.
    """
    return _shares(len(values)).to(values) @ values.sort().values


@cache
def _shares(count: int) -> Tensor:
    """Return the share of the choices of n in which each ordered value is the best, `(count, count)`."""
    shares = [[math.comb(i, n - 1) / math.comb(count, n) for i in range(count)] for n in range(1, count + 1)]
    return torch.tensor(shares, dtype=torch.float64)


def _chart(curves: list[tuple[type[Imputer], Tensor, float]]) -> str:
    """Plot PSNR of the best of n samples against n, and that of the mean as a dashed line, as SVG."""
    low = min(min(curve.min().item(), mean) for _, curve, mean in curves)
    high = max(max(curve.max().item(), mean) for _, curve, mean in curves)
    low, high = math.floor(low), max(math.ceil(high), math.floor(low) + 1)

    end = WIDTH - RIGHT

    def x(count: float) -> float:
        return LEFT + (end - LEFT) * math.log2(count) / math.log2(DRAWN)

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    step = max(1, round((high - low) / 4))
    grid = "".join(
        f'<line x1="{LEFT}" x2="{end}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
        f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value}</text>'
        for value in range(low, high + 1, step)
    )
    ticks = "".join(
        f'<text x="{x(count):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{count}</text>'
        for count in (1, 2, 4, 8, 16, 32)
    )
    lines, legend = "", ""
    for method, curve, mean in sorted(curves, key=lambda one: -one[1][-1].item()):
        points = " ".join(f"{x(n):.1f},{y(value):.1f}" for n, value in enumerate(curve.tolist(), 1))
        colour = method.colour
        lines += (
            f'<line class="mean" x1="{LEFT}" x2="{end}" y1="{y(mean):.1f}" y2="{y(mean):.1f}" stroke="{colour}"/>'
            f'<polyline points="{points}" stroke="{colour}"/>'
        )
        line = f'<line x2="26" y1="5" y2="5" stroke="{colour}" stroke-width="2"/>'
        legend += (
            f'<li><svg width="26" height="10" aria-hidden="true">{line}</svg> {escape(method.title)} '
            f"<b>{curve[-1]:.1f} dB</b></li>"
        )
    summary = "; ".join(
        f"{method.title}: one sample {curve[0]:.1f}, best of {DRAWN} {curve[-1]:.1f}, mean {mean:.1f} dB"
        for method, curve, mean in curves
    )
    return (
        f'<figure class="curve"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(summary)}">'
        f'<g class="grid">{grid}{ticks}</g>{lines}</svg>'
        "<figcaption>PSNR in the hole, dB, of the best of n samples (dashed: of the mean)</figcaption></figure>"
        f'<ul class="changes truth" aria-label="PSNR of the best of {DRAWN} samples">{legend}</ul>'
    )
