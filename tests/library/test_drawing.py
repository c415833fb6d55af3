"""Draws of libraries from a given generator."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Normal

from dmfa_demo.drawing import DrawFrom

PLACES = torch.zeros(50)
DRAWS: dict[str, Callable[[], Tensor]] = {
    "rand": lambda: torch.rand(50),
    "randn": lambda: torch.randn(50),
    "randint": lambda: torch.randint(100, (50,)),
    "randperm": lambda: torch.randperm(50),
    "normal": lambda: torch.normal(PLACES, 1.0),
    "bernoulli": lambda: torch.bernoulli(PLACES + 0.5),
    "randn_like": lambda: torch.randn_like(PLACES),
    "rand_like": lambda: torch.rand_like(PLACES),
    "normal_": lambda: torch.empty(50).normal_(),
    "uniform_": lambda: torch.empty(50).uniform_(),
    "bernoulli_": lambda: torch.empty(50).bernoulli_(),
    "exponential_": lambda: torch.empty(50).exponential_(),
    "multinomial": lambda: (PLACES + 1).multinomial(50, replacement=True),
    "Categorical": lambda: Categorical(logits=torch.zeros(20, 5)).sample((3,)),
    "Normal": lambda: Normal(PLACES, 1.0).sample(),
    "Normal, differentiable": lambda: Normal(PLACES, 1.0).rsample(),
}


def draw(name: str, seed: int) -> Tensor:
    with DrawFrom(torch.Generator().manual_seed(seed)):
        return DRAWS[name]()


@pytest.mark.parametrize("name", DRAWS)
def test_same_seed_gives_the_same_draw_and_leaves_the_global_generator_alone(name: str):
    before = torch.get_rng_state()
    first = draw(name, 1)
    assert torch.equal(before, torch.get_rng_state())
    torch.rand(3)
    assert torch.equal(first, draw(name, 1)) and not torch.equal(first, draw(name, 2))


def test_own_generator_and_type_are_kept():
    own = torch.Generator().manual_seed(5)
    with DrawFrom(torch.Generator().manual_seed(1)):
        found, wide = torch.rand(4, generator=own), torch.randn_like(PLACES, dtype=torch.float64)
    assert torch.equal(found, torch.rand(4, generator=torch.Generator().manual_seed(5))) and wide.dtype == torch.float64
