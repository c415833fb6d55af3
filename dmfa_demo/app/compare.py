"""The Compare tab: the image, what the models see of it, and what each makes of the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import gradio as gr
from torch import Tensor

from dmfa_demo.app.cards import Bar, Card, card_grid, note
from dmfa_demo.app.scene import Figures, ImputationCache, Scene, measure
from dmfa_demo.checkpoints import available_methods
from dmfa_demo.figures import SEQUENTIAL, coloured, grey_or_colour, with_holes
from dmfa_demo.imputation import Imputation, method_class

# Standard deviations share one scale, so that pictures and methods can be compared. Values in [0, 1] cannot spread by
# more than 0.5; a Gaussian may say more, and is shown as the brightest.
MAX_DEVIATION = 0.5


@dataclass(frozen=True)
class CompareTab:
    """The tab's component; `render` makes its content."""

    cards: gr.HTML

    @classmethod
    def build(cls) -> Self:
        """Lay out the tab inside the current Blocks."""
        cards = gr.HTML(note("Loading the models…"), elem_id="compare", apply_default_css=False)
        gr.HTML(
            '<p class="note">The <strong>mean</strong> is the best single guess in the squared-error sense, so it blurs '
            "where several digits would fit. The <strong>standard deviation</strong> shows where: bright pixels are the "
            "ones the model is unsure of, and it is zero wherever you left the picture visible.</p>",
            apply_default_css=False,
        )
        return cls(cards)

    def render(self, scene: Scene, missing: Tensor, cache: ImputationCache) -> str:
        """The tab's HTML for a scene with `missing` `(H, W)` hidden."""
        hidden = int(missing.sum())
        cards = [
            Card(grey_or_colour(scene.image), "Original", f"The original image: {scene.caption}", (scene.caption,)),
            Card(
                with_holes(scene.image, missing),
                "What the model sees",
                f"The image with {hidden} pixels hidden, shown as a grey check",
                (f"{hidden} of {missing.numel()} pixels hidden",),
            ),
        ]
        for name in available_methods(scene.dataset):
            imputation = cache.impute(name, scene, missing)
            cards += _method_cards(name, imputation, scene, measure(imputation, scene, missing))
        hint = "" if hidden else note("Nothing is hidden, so there is nothing to guess. Paint over the picture.")
        return card_grid(cards) + hint


def _method_cards(name: str, imputation: Imputation, scene: Scene, figures: Figures | None) -> list[Card]:
    method = method_class(name)
    cards = [
        Card(
            grey_or_colour(imputation.mean[0]),
            f"{method.title}: mean",
            f"{method.title}'s mean of the hidden pixels, pasted into the visible ones",
            _figure_lines(figures),
            method.colour,
        )
    ]
    if imputation.density is not None:
        deviation = imputation.density.variance.sqrt().view_as(scene.image).mean(0)
        cards.append(
            Card(
                coloured(deviation, 0, MAX_DEVIATION, SEQUENTIAL),
                f"{method.title}: std. deviation",
                f"{method.title}'s standard deviation of each hidden pixel, largest {deviation.max():.2f}",
                (f"largest {deviation.max():.2f}",),
                method.colour,
                Bar(SEQUENTIAL, "0", f"≥ {MAX_DEVIATION}"),
            )
        )
    return cards


def _figure_lines(figures: Figures | None) -> tuple[str, ...]:
    if figures is None:
        return ("nothing hidden",)
    lines = (f"PSNR {figures.psnr:.1f} dB in the hole", f"SSIM {figures.ssim:.3f}")
    return lines if figures.nll is None else (*lines, f"NLL {figures.nll:,.0f} nats".replace("-", "−"))
