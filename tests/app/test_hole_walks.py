"""Holes that differ by one pixel."""

import torch

from dmfa_demo.app.tabs.hole_walks import neighbours, shifted


def test_shifted_holes_do_not_wrap():
    hole = torch.zeros(4, 5, dtype=torch.bool)
    hole[0, 0] = hole[2, 4] = True
    assert shifted(hole, 1, 0).nonzero().tolist() == [[1, 0], [3, 4]]
    assert shifted(hole, -1, 0).nonzero().tolist() == [[1, 4]]
    assert shifted(hole, 0, 1).nonzero().tolist() == [[0, 1]]
    assert shifted(hole, 0, -1).nonzero().tolist() == [[2, 3]]


def test_wider_hole_contains_the_hole_and_the_hole_contains_a_narrower_one():
    hole = torch.zeros(8, 8, dtype=torch.bool)
    hole[2:5, 2:6] = True
    others = neighbours(hole)
    assert others["wider"].sum() == 12 + 14 and (others["wider"] | hole).equal(others["wider"])
    assert others["narrower"].nonzero().tolist() == [[3, 3], [3, 4]]
