"""What happens when somebody works the controls of a tab."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
from gradio.events import Dependency

from dmfa_demo.app.canvas.mask_painter import Canvas
from dmfa_demo.app.events.events import EVERY, LATEST, ONCE, STREAMED, told, worked
from dmfa_demo.app.layout import Layout, panel_of
from dmfa_demo.app.lessons.lessons import LESSONS
from dmfa_demo.app.scene.cache import ImputationCache
from dmfa_demo.app.tabs.part import rendering


def follow_controls(layout: Layout, cache: ImputationCache) -> list[Dependency]:
    """Listen to every control but those that change the canvas.

    Returns:
        The clicks that change what no control shows, such as the number of a draw.
    """
    painter = layout.painter
    factors, samples, filling, mind = layout.factors, layout.samples, layout.filling, layout.mind
    attractors, learn, results = layout.attractors, layout.learn, layout.results

    def stand_still(canvas: Canvas, method: Any, component: Any) -> list[Any]:
        zeros = [0.0] * len(factors.sliders)
        return [*zeros, *factors.render(canvas.scene, canvas.missing, cache, method, component, *zeros)]

    def draw_more(canvas: Canvas, noise: Any, seed: int) -> list[Any]:
        return [seed + 1, *samples.render(canvas.scene, canvas.missing, cache, noise, seed + 1)]

    def grow_anew(canvas: Canvas, growth: Any, seed: int) -> list[Any]:
        return [seed + 1, *mind.render(canvas.scene, canvas.missing, cache, growth, seed + 1)]

    def walk_again(canvas: Canvas, plane: str, step_size: float, seed: int, *run: Any) -> list[Any]:
        return [seed + 1, *attractors.render(canvas.scene, canvas.missing, cache, plane, step_size, seed + 1, *run)]

    def walk_on(canvas: Canvas, *controls: Any) -> list[Any]:
        return attractors.advance(canvas.scene, canvas.missing, cache, *controls)

    def fill(canvas: Canvas, seed: int) -> Iterator[Any]:
        yield from filling.fill(canvas.scene, canvas.missing, cache, seed)

    def drop(canvas: Canvas, started: Any) -> Any:
        return attractors.drop(canvas.scene, started)

    def chart(canvas: Canvas, *choices: Any) -> Any:
        return results.render_chart(canvas.scene, *choices)

    def table(canvas: Canvas, *choices: Any) -> Any:
        return results.render_table(canvas.scene, *choices)

    for part in layout.parts:
        # As one event, so that of several controls worked one after another the last answer is of all of them.
        working = [worked(control) for control in part.inputs if not isinstance(control, gr.State)]
        if working and part is not layout.compare:  # which the canvas asks together with its controls
            gr.on(working, told(rendering(part, cache)), [painter, *part.inputs], part.outputs, **LATEST)
    walking = [painter, *attractors.inputs]
    still = [*factors.sliders, *factors.outputs]
    asked = [painter, factors.method, factors.component]
    clicked = [
        factors.reset.click(told(stand_still), asked, still, **LATEST),
        samples.more.click(told(draw_more), [painter, *samples.inputs], [samples.seed, *samples.outputs], **LATEST),
        mind.again.click(told(grow_anew), [painter, *mind.inputs], [mind.seed, *mind.outputs], **LATEST),
        # The chapter is the next one at once, for the browser itself: a stroke that is asked about meanwhile is asked of that one.
        learn.following.click(
            None,
            [learn.chapter],
            [learn.chapter],
            js=f"(chapter) => Math.min(chapter + 1, {len(LESSONS)})",
            api_visibility="private",
        ).then(told(rendering(learn, cache)), [painter, *learn.inputs], learn.outputs, **LATEST),
        attractors.again.click(told(walk_again), walking, [attractors.seed, *attractors.outputs], **LATEST),
    ]
    filled = filling.start.click(fill, [painter, samples.seed], filling.outputs, **STREAMED)
    # A stroke ends it: the hole is another one.
    gr.on([painter.release, painter.painted(panel_of("samples"))], None, [], [], cancels=[filled])
    attractors.clock.tick(told(walk_on), walking, attractors.outputs, **ONCE)
    attractors.player.input(told(drop), [painter, attractors.player], [attractors.player], **EVERY)
    asked = [painter, results.protocol, results.measure]
    # As one event, so that what is chosen while another choice is answered is asked about after it.
    chosen = [results.protocol.input, results.measure.input]
    gr.on(chosen, told(chart), asked, [results.measure, results.chart], **LATEST)
    results.protocol.input(told(table), asked[:2], [results.table], **LATEST)
    return clicked
