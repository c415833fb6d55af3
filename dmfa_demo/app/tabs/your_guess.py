"""A visitor's guess of what is hidden: its figures beside the methods', and how plausible each method finds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import torch
from torch import Tensor

from dmfa_demo import metrics
from dmfa_demo.app.scene.cache import Glance, ImputationCache
from dmfa_demo.app.scene.canvas import Guess
from dmfa_demo.app.scene.scene import Figures, Scene
from dmfa_demo.app.widgets.cards import note
from dmfa_demo.densities.pixels import Pixels
from dmfa_demo.imputation import Imputer, flatten, flatten_missing
from dmfa_demo.registry import method_class

# The number of a method's own samples beside the guess.
DRAWN = 8


class You:
    """The visitor, as the author of a card."""

    name, title, colour = None, "You", "#7a7a7a"
    answers_in_steps = False


@dataclass(frozen=True)
class Plausibility:
    """Log-densities under a method, in nats per hidden value.

    Attributes:
        guess, truth: of the visitor's drawing and of the picture.
        samples: of draws from the same density.
    """

    method: type[Imputer]
    guess: float
    truth: float
    samples: tuple[float, ...]


def glance_at(guess: Guess, scene: Scene, missing: Tensor) -> Glance:
    """Return a guess as a method's answer: its mean is the drawing, its density a Gaussian around it in each hidden pixel `(H, W)`."""
    truth, hidden = scene.image[None], missing[None, None]
    mean = torch.where(hidden, guess.image[None], truth)
    spread = torch.where(hidden, guess.deviation**2, 0.0).expand_as(mean)
    if not missing.any():
        return Glance(mean[0], spread[0], None)
    belief = Pixels(mean, torch.full_like(mean, guess.deviation))
    values = flatten(mean), flatten(truth), flatten_missing(hidden, truth.shape[1])
    figures = Figures(
        nll=-belief.log_prob(truth, hidden).item(),
        psnr=metrics.psnr(*values).item(),
        ssim=metrics.ssim(mean, truth).item(),
    )
    return Glance(mean[0], spread[0], figures)


@torch.inference_mode()
def plausibilities(
    guess: Guess, scene: Scene, missing: Tensor, cache: ImputationCache, names: Sequence[str]
) -> list[Plausibility]:
    """Return how plausible each of the methods with a density finds a guess, the truth and its own samples; none if nothing is hidden."""
    if not missing.any():
        return []
    truth, hidden, found = scene.image[None], missing[None, None], []
    drawing, mask = torch.where(hidden, guess.image[None], truth), flatten_missing(hidden, truth.shape[1])
    for name in names:
        density = cache.impute(name, scene, missing).density
        if density is None:
            continue
        own = density.sample(DRAWN, torch.Generator().manual_seed(0))
        compared = [flatten(drawing), flatten(truth), *own]
        # One at a time, since a density has as many rows as its images.
        each = [density.log_prob(values, mask).item() / int(mask.sum()) for values in compared]
        found.append(Plausibility(method_class(name), each[0], each[1], tuple(each[2:])))
    return found


def plausibility_chart(found: Sequence[Plausibility]) -> str:
    """Return a chart with a row for each method, as HTML."""
    if not found:
        return note("None of the methods shown has a density, which would tell how plausible it finds your drawing.")
    usual = [value for one in found for value in (one.truth, *one.samples)]
    high, low = max(*usual, *(one.guess for one in found)), min(usual)
    low -= (high - low) / 2 or 1

    def place(value: float) -> float:
        return 100 * (value - low) / (high - low)

    rows = []
    for one in found:
        ticks = "".join(f'<i class="tick" style="left:{place(value):.1f}%"></i>' for value in one.samples)
        below = sum(value < one.guess for value in one.samples)
        middle = sorted(one.samples)[len(one.samples) // 2]
        rows.append(
            f'<tr><th scope="row"><i style="background:{one.method.colour}"></i>{escape(one.method.title)}</th>'
            f'<td class="track"><div>{ticks}<i class="ring truth" style="left:{place(one.truth):.1f}%;color:{one.method.colour}"></i>'
            f"{_mark(place(one.guess))}</div></td>"
            f"<td>{_number(one.guess)}</td><td>{_number(middle)}</td><td>{below} of {len(one.samples)}</td>"
            f'<td class="truth">{_number(one.truth)}</td></tr>'
        )
    return (
        '<table class="dots plausible"><caption><strong>How plausible is your drawing?</strong> Log-density per hidden value, in nats; further '
        "right is more plausible. The dot is your drawing, lines are the method's own samples, the ring is the truth.</caption>"
        '<thead><tr><th scope="col">Method</th><td></td><th scope="col">You</th><th scope="col">Its samples</th>'
        '<th scope="col">Samples less plausible than you</th>'
        f'<th scope="col">Truth</th></tr></thead><tbody>{"".join(rows)}</tbody></table>' + note(_EXPLANATION)
    )


def _mark(place: float) -> str:
    """Return the dot of the drawing, or an arrow at the edge if it is off the scale."""
    if place < 0:
        return f'<b class="off" style="color:{You.colour}" title="off the scale">◂</b>'
    return f'<i class="dot" style="left:{place:.1f}%;background:{You.colour}"></i>'


def _number(value: float) -> str:
    return f"{value:,.2f}".replace("-", "−")


_EXPLANATION = (
    "Your NLL is that of the truth under a Gaussian around your drawing with the deviation that you chose: whoever is sure and wrong pays most. "
    "A drawing far left of the samples is one that the method does not expect, in its shape or because it has no fine shades of grey."
)
