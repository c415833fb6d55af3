"""The cards that every result is shown in: a square picture in a thin frame, a title, a line of figures."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np

from dmfa_demo.figures import colour_bar, png_address


@dataclass(frozen=True)
class Bar:
    """A colour bar below a picture: a colour map and the labels of its two ends."""

    colours: str
    low: str
    high: str


@dataclass(frozen=True)
class Card:
    """One picture with its words.

    Attributes:
        picture: uint8 `(H, W)`, `(H, W, 3)` or `(H, W, 4)`.
        title: what it is.
        alt: the same in a sentence, for those who do not see it.
        lines: figures or a note below the title.
        colour: of the method, as a mark before the title; None for pictures that belong to no method.
        bar: the colour bar that explains its colours.
    """

    picture: np.ndarray
    title: str
    alt: str
    lines: tuple[str, ...] = ()
    colour: str | None = None
    bar: Bar | None = None


def card_grid(cards: list[Card]) -> str:
    """Equal cards in a grid that wraps, as HTML."""
    return f'<div class="cards">{"".join(map(_figure, cards))}</div>'


def note(text: str) -> str:
    """A quiet sentence in place of results."""
    return f'<p class="note">{escape(text)}</p>'


def _figure(card: Card) -> str:
    mark = f'<i style="background:{card.colour}"></i>' if card.colour else ""
    bar = ""
    if card.bar:
        bar = (
            f'<div class="bar"><small>{escape(card.bar.low)}</small>'
            f'<b style="background:{colour_bar(card.bar.colours)}"></b><small>{escape(card.bar.high)}</small></div>'
        )
    lines = "".join(f"<span>{escape(line)}</span>" for line in card.lines)
    return (
        f'<figure class="card"><img src="{png_address(card.picture)}" alt="{escape(card.alt)}">'
        f"<figcaption><strong>{mark}{escape(card.title)}</strong>{lines}{bar}</figcaption></figure>"
    )
