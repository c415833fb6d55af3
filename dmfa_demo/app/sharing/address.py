"""The address of the page: a link shows what its sender saw.

A link does not contain a visitor's picture: it shows the first picture of the data set under the same mask.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from dmfa_demo.app.canvas.presets import OFFERS, START
from dmfa_demo.app.contents import FIELDS, TABS, tab_of
from dmfa_demo.app.scene.scene import Scene, draw_mask, fitted
from dmfa_demo.app.widgets.fields import as_text, number_below, one_of
from dmfa_demo.data.datasets import load_samples
from dmfa_demo.data.mask_text import mask_from_text, mask_text

# The hole on the first visit, the same share of every picture. With this seed the first digit may be a 4 or a 9, so that means blur,
# samples differ and classifiers are unsure.
START_SEED = 6

# The keys of an address, in order.
NAMES = ("dataset", "sample", "mask", "tab", *FIELDS)


@dataclass(frozen=True, eq=False)
class Address:
    """The state of the page.

    Attributes:
        dataset, sample: the picture; no sample for a visitor's picture.
        mask: bool `(H, W)` of hidden pixels.
        tab: the open tab, a name in `TABS`.
        chosen: the values of all controls in `FIELDS`, by key; `address["seed"]` is one of them.
    """

    dataset: str
    sample: int | None
    mask: Tensor
    tab: str
    chosen: Mapping[str, Any]

    @classmethod
    def first(cls, dataset: str) -> Address:
        """Return the address of a first visit to a data set."""
        scene = Scene.sample(dataset, OFFERS[dataset].sample)
        return cls(
            dataset=dataset,
            sample=OFFERS[dataset].sample,
            mask=fitted(
                draw_mask(OFFERS[START].presets[0][1], Scene.sample(START, OFFERS[START].sample), START_SEED), scene
            ),
            tab=next(iter(TABS)),
            chosen={key: field.default(dataset) for key, field in FIELDS.items()},
        )

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Address:
        """Parse a query; ignore keys and values without meaning."""
        dataset = query.get("dataset", START)
        usual = cls.first(dataset if dataset in OFFERS else START)
        parsers = {
            "sample": number_below(len(load_samples(usual.dataset))),
            "mask": lambda text: mask_from_text(text, *usual.mask.shape),
            "tab": one_of(TABS),
            **{key: field.parse(usual.dataset) for key, field in FIELDS.items()},
        }
        known = {}
        for name, parse in parsers.items():
            with suppress(KeyError, ValueError):
                known[name] = parse(query[name])
        for key, field in FIELDS.items():
            if field.opens_tab and key in known:
                known["tab"] = tab_of(key)
        return usual.changed(**known)

    def __getitem__(self, key: str) -> Any:
        return self.chosen[key]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Address):
            return NotImplemented
        same = (self.dataset, self.sample, self.tab, self.chosen) == (
            other.dataset,
            other.sample,
            other.tab,
            other.chosen,
        )
        return same and torch.equal(self.mask, other.mask)

    def changed(self, **values: Any) -> Self:
        """Return a copy with some values changed: attributes, or controls by key."""
        own = {name: value for name, value in values.items() if name not in FIELDS}
        chosen = {name: value for name, value in values.items() if name in FIELDS}
        return replace(self, **own, chosen={**self.chosen, **chosen})

    def query(self) -> dict[str, str]:
        """Return the query for `from_query`: the data set, and all differences from its first visit."""
        usual, texts = Address.first(self.dataset), {"dataset": self.dataset}
        if self.sample is not None and self.sample != usual.sample:
            texts["sample"] = as_text(self.sample)
        if not torch.equal(self.mask, usual.mask):
            texts["mask"] = mask_text(self.mask)
        opening = [key for key, field in FIELDS.items() if field.opens_tab and tab_of(key) == self.tab]
        if self.tab != usual.tab and not opening:
            texts["tab"] = self.tab
        for key, field in FIELDS.items():
            value = self[key]
            different = value is not None and as_text(value) != as_text(usual[key])
            if key in opening or (different and not field.opens_tab):
                texts[key] = as_text(value)
        return texts
