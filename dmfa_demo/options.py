"""Ranges of a config's options, declared with each option's type and checked whenever a config is made.

>>> from dataclasses import dataclass
>>> @dataclass(frozen=True)
... class Loop(Options):
...     batch_size: PositiveInt = 128
>>> Loop(batch_size=0)
Traceback (most recent call last):
dmfa_demo.options.OptionError: --batch-size must be at least 1; got 0
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cache
from typing import Annotated, Any, cast, get_args, get_type_hints


class OptionError(ValueError):
    """An option outside its range; the message names it as the command line does."""


@dataclass(frozen=True, kw_only=True)
class Range:
    """The range of finite numbers that an option, or each of its numbers, accepts."""

    at_least: float = -math.inf
    above: float = -math.inf
    at_most: float = math.inf
    below: float = math.inf
    multiple_of: int = 1

    def __contains__(self, value: float) -> bool:
        within = self.at_least <= value <= self.at_most and self.above < value < self.below
        return within and (self.multiple_of == 1 or value % self.multiple_of == 0)

    def __str__(self) -> str:
        bounds = {"at least": self.at_least, "above": self.above, "at most": self.at_most, "below": self.below}
        bounded = [f"{words} {bound}" for words, bound in bounds.items() if math.isfinite(bound)]
        return " and ".join(bounded + ([f"a multiple of {self.multiple_of}"] if self.multiple_of > 1 else []))


PositiveInt = Annotated[int, Range(at_least=1)]
NonNegativeInt = Annotated[int, Range(at_least=0)]
PositiveFloat = Annotated[float, Range(above=0)]
NonNegativeFloat = Annotated[float, Range(at_least=0)]
Share = Annotated[float, Range(at_least=0, at_most=1)]
Temperature = Annotated[float, Range(at_least=1)]
# As scikit-learn accepts it.
Seed = Annotated[int, Range(at_least=0, below=2**32)]
# Channels, which group normalisation divides into eight groups.
Width = Annotated[int, Range(at_least=8, multiple_of=8)]


@dataclass(frozen=True)
class Options:
    """A config that refuses numbers outside their ranges.

    Where an option takes several numbers, all must be in range; it may be empty only if its default is.

    Raises:
        OptionError: If a number is outside its range.
    """

    def __post_init__(self):
        for name, accepted in ranges(type(self)).items():
            value = getattr(self, name)
            if value is None:
                continue
            several = isinstance(value, tuple)
            if not all(number in accepted for number in (value if several else (value,))):
                raise OptionError(f"{flag(name)} must be {accepted}; got {value}")
            if several and not value and getattr(type(self), name, None) != ():
                raise OptionError(f"{flag(name)} needs at least one number, {accepted}")


def flag(name: str) -> str:
    """Return an option's name on the command line."""
    return "--" + name.replace("_", "-")


@cache
def ranges(config: type[Options]) -> dict[str, Range]:
    """Return the ranges of a config's options, by name."""
    hints = get_type_hints(config, include_extras=True)
    found = {field.name: _range_in(hints[field.name]) for field in fields(cast(Any, config))}
    return {name: accepted for name, accepted in found.items() if accepted is not None}


def _range_in(hint: Any) -> Range | None:
    """Find the range in a type, at any depth: in `tuple[PositiveInt, ...]` or `PositiveInt | None`, the range of `PositiveInt`."""
    if isinstance(hint, Range):
        return hint
    return next((found for part in get_args(hint) if (found := _range_in(part)) is not None), None)
