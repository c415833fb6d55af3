"""What happens when somebody works the controls of a tab."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.events import Dependency
from torch import Tensor

from dmfa_demo.app.cache import ImputationCache
from dmfa_demo.app.events import EVERY, LATEST, ONCE, told, worked
from dmfa_demo.app.layout import Layout
from dmfa_demo.app.lessons import LESSONS
from dmfa_demo.app.part import rendering
from dmfa_demo.app.pixel_by_pixel import Run
from dmfa_demo.app.scene import Scene, fitted


def follow_controls(layout: Layout, cache: ImputationCache) -> list[Dependency]:
    """Listen to every control but those that change the canvas.

    Returns:
        The clicks that change what no control shows, such as the number of a draw.
    """
    seen = [layout.painter, layout.scene]
    factors, samples, filling, mind = layout.factors, layout.samples, layout.filling, layout.mind
    attractors, learn, results = layout.attractors, layout.learn, layout.results

    def stand_still(missing: Tensor, scene: Scene, method: Any, component: Any) -> list[Any]:
        zeros = [0.0] * len(factors.sliders)
        return [*zeros, *factors.render(scene, fitted(missing, scene), cache, method, component, *zeros)]

    def draw_more(missing: Tensor, scene: Scene, noise: Any, seed: int) -> list[Any]:
        return [seed + 1, *samples.render(scene, fitted(missing, scene), cache, noise, seed + 1)]

    def grow_anew(missing: Tensor, scene: Scene, growth: Any, seed: int) -> list[Any]:
        return [seed + 1, *mind.render(scene, fitted(missing, scene), cache, growth, seed + 1)]

    def walk_again(missing: Tensor, scene: Scene, plane: str, step_size: float, seed: int, *run: Any) -> list[Any]:
        missing = fitted(missing, scene)
        return [seed + 1, *attractors.render(scene, missing, cache, plane, step_size, seed + 1, *run)]

    def walk_on(missing: Tensor, scene: Scene, *controls: Any) -> list[Any]:
        return attractors.advance(scene, missing, *controls)

    def begin(missing: Tensor, scene: Scene, seed: int) -> list[Any]:
        return filling.begin(scene, fitted(missing, scene), cache, seed)

    def advance(missing: Tensor, scene: Scene, run: Run | None) -> list[Any]:
        return filling.advance(scene, missing, run)

    for part in layout.parts:
        # As one event, so that of several controls worked one after another the last answer is of all of them.
        working = [worked(control) for control in part.inputs if not isinstance(control, gr.State)]
        if working and part is not layout.compare:  # which the canvas asks together with its controls
            gr.on(working, told(rendering(part, cache)), [*seen, *part.inputs], part.outputs, **LATEST)
    walking = [*seen, *attractors.inputs]
    still = [*factors.sliders, *factors.outputs]
    asked = [*seen, factors.method, factors.component]
    clicked = [
        factors.reset.click(told(stand_still), asked, still, **LATEST),
        samples.more.click(told(draw_more), [*seen, *samples.inputs], [samples.seed, *samples.outputs], **LATEST),
        mind.again.click(told(grow_anew), [*seen, *mind.inputs], [mind.seed, *mind.outputs], **LATEST),
        # The chapter is the next one at once, for the browser itself: a stroke that is asked about meanwhile is asked of that one.
        learn.following.click(
            None,
            [learn.chapter],
            [learn.chapter],
            js=f"(chapter) => Math.min(chapter + 1, {len(LESSONS)})",
            api_visibility="private",
        ).then(told(rendering(learn, cache)), [*seen, *learn.inputs], learn.outputs, **LATEST),
        attractors.again.click(told(walk_again), walking, [attractors.seed, *attractors.outputs], **LATEST),
    ]
    filling.start.click(told(begin), [*seen, samples.seed], filling.outputs, **LATEST)
    filling.clock.tick(told(advance), [*seen, filling.run], filling.outputs, **ONCE)
    attractors.clock.tick(told(walk_on), walking, attractors.outputs, **ONCE)
    attractors.player.input(told(attractors.drop), [layout.scene, attractors.player], [attractors.player], **EVERY)
    asked = [layout.scene, results.protocol, results.measure]
    # As one event, so that what is chosen while another choice is answered is asked about after it.
    chosen = [results.protocol.input, results.measure.input]
    gr.on(chosen, told(results.render_chart), asked, [results.measure, results.chart], **LATEST)
    results.protocol.input(told(results.render_table), asked[:2], [results.table], **LATEST)
    return clicked
