"""Cards for results: a square picture in a thin frame, a title, and lines of figures."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np

from dmfa_demo.app.widgets.info import info_button
from dmfa_demo.figures import colour_bar, png_address


@dataclass(frozen=True)
class Bar:
    """A colour bar below a picture: a colour map and the labels of its ends."""

    colours: str
    low: str
    high: str


@dataclass(frozen=True)
class Line:
    """A line of figures; the best of its kind is marked.

    Attributes:
        tells_truth: whether it shows or needs the hidden pixels, and is covered with them.
    """

    text: str
    best: bool = False
    tells_truth: bool = False


@dataclass(frozen=True, kw_only=True)
class Card:
    """A picture with its title and figures.

    Attributes:
        picture: uint8 `(H, W)`, `(H, W, 3)` or `(H, W, 4)`; None if there is nothing to show.
        title: its title.
        alt: a description for screen readers.
        lines: figures or a note below the title.
        colour: the method's colour, as a mark before the title; None for pictures without a method.
        explained: the entry of the `Explainer` that its "i" opens; None for no "i".
        bar: the colour bar of the picture.
        tells_truth: whether the picture and its lines show the hidden pixels or need them, and are covered with them.
    """

    picture: np.ndarray | None
    title: str
    alt: str
    lines: tuple[Line, ...] = ()
    colour: str | None = None
    bar: Bar | None = None
    explained: str | None = None
    tells_truth: bool = False


def card_grid(cards: list[Card]) -> str:
    """Return cards in a grid that wraps, as HTML."""
    return f'<div class="cards">{"".join(map(_figure, cards))}</div>'


def note(text: str) -> str:
    """Return a sentence in place of results, as HTML."""
    return f'<p class="note">{escape(text)}</p>'


# Shown until the first answer, which has to load the models.
LOADING = note("Loading the models…")


def scale(bar: Bar) -> str:
    """Return a colour bar with the labels of its ends, as HTML."""
    return (
        f'<div class="bar"><small>{escape(bar.low)}</small>'
        f'<b style="background:{colour_bar(bar.colours)}"></b><small>{escape(bar.high)}</small></div>'
    )


def _figure(card: Card) -> str:
    mark = f'<i style="background:{card.colour}"></i>' if card.colour else ""
    if card.picture is None:
        picture = f'<div class="nothing" role="img" aria-label="{escape(card.alt)}">–</div>'
    else:
        covered = " class=truth" if card.tells_truth else ""
        picture = f'<img{covered} src="{png_address(card.picture)}" alt="{escape(card.alt)}">'
    info = info_button(card.explained, card.title) if card.explained else ""
    lines = "".join(_line(line, card.tells_truth or line.tells_truth) for line in card.lines)
    return (
        f'<figure class="card{" tells" if card.tells_truth else ""}">{picture}'
        f"<figcaption><strong>{mark}{escape(card.title)}</strong>{info}{lines}{scale(card.bar) if card.bar else ''}"
        "</figcaption></figure>"
    )


def _line(line: Line, tells_truth: bool) -> str:
    best = '<b title="the best of the methods shown">best</b>' if line.best else ""
    names = " ".join(name for name, there in (("best", line.best), ("truth", tells_truth)) if there)
    return f'<span class="{names}">{escape(line.text)}{best}</span>'
