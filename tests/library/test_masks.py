"""Mask families: shape, stated area, reproducible by seed."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dmfa_demo.data import masks
from dmfa_demo.data.masks import mask_family


def draw(name: str, count: int = 64, height: int = 28, width: int = 28, seed: int = 0) -> torch.Tensor:
    return mask_family(name)(count, height, width, torch.Generator().manual_seed(seed))


# name, size, least and most share of the area
AREAS = [
    ("square14", 28, 0.25, 0.25),
    ("square13", 28, 169 / 784, 169 / 784),
    ("square16", 32, 0.25, 0.25),
    ("square25", 64, 625 / 4096, 625 / 4096),
    ("rect10x15", 28, 150 / 784, 150 / 784),
    ("rect12x20", 32, 240 / 1024, 240 / 1024),
    ("squares8-20", 28, 64 / 784, 400 / 784),
    ("square50%", 64, 0.25, 0.25),
    ("squares30-70%", 64, (19 / 64) ** 2, (45 / 64) ** 2),
    ("line10%", 64, 58 / 64, 58 / 64),
    ("rectangles", 28, 0.25, 1),
    ("rectangles", 64, 0.25, 1),
    ("rectangles30-100", 28, 0.3, 1),
    ("rectangles10-20", 28, 0.1, 0.2),
    ("trapezoid", 28, 0.47, 0.53),
    ("trapezoid", 64, 0.47, 0.53),
    ("half", 28, 0.5, 0.5),
    ("half-left", 28, 0.5, 0.5),
    ("half-right", 28, 0.5, 0.5),
    ("half-top", 28, 0.5, 0.5),
    ("half-bottom", 28, 0.5, 0.5),
    ("centre", 64, 0.25, 0.25),
    ("line3", 28, 25 / 28, 25 / 28),
    ("pattern", 28, 0.25, 0.25),
    ("pattern", 64, 0.25, 0.25),
    ("strokes", 28, 1 / 784, 0.8),
]  # fmt: skip


@pytest.mark.parametrize(("name", "size", "least", "most"), AREAS)
def test_area_is_as_stated(name, size, least, most):
    mask = draw(name, 200, size, size)
    share = mask.double().mean((1, 2, 3))
    assert mask.shape == (200, 1, size, size) and mask.dtype == torch.bool
    assert least - 1e-9 <= share.min() and share.max() <= most + 1e-9


@pytest.mark.parametrize(("name", "percent"), [("noise75", 75), ("noise80", 80), ("noise5", 5)])
def test_noise_hides_its_share_on_average(name, percent):
    count = 500 * 784
    share = draw(name, 500).double().mean().item()
    p = percent / 100
    assert abs(share - p) < 5 * (p * (1 - p) / count) ** 0.5


def test_noise_range_draws_one_share_per_image():
    share = draw("noise30-90", 2_000).double().mean((1, 2, 3))
    assert share.min() < 0.35 and share.max() > 0.85 and abs(share.mean() - 0.6) < 0.03


NAMES = [name for name, *_ in AREAS] + [
    "noise75",
    "square14*2+strokes+noise30-90*0.5",
    *(f"gfc-o{k}" for k in range(1, 7)),
]


@given(
    name=st.sampled_from(sorted(set(NAMES) - {"square25", "square16", "rect12x20"})),
    count=st.integers(1, 5),
    height=st.integers(20, 40),
    width=st.integers(20, 40),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=80)
def test_every_family_keeps_the_contract(name, count, height, width, seed):
    mask = draw(name, count=count, height=height, width=width, seed=seed)
    assert mask.shape == (count, 1, height, width) and mask.dtype == torch.bool
    assert torch.equal(mask, draw(name, count=count, height=height, width=width, seed=seed))


@pytest.mark.parametrize(
    "name", ["square14", "rectangles", "noise75", "half", "trapezoid", "line3", "pattern", "strokes"]
)
def test_another_seed_gives_other_masks(name):
    assert not torch.equal(draw(name, seed=0), draw(name, seed=1))


def test_squares_appear_at_every_position():
    mask = draw("square14", 5_000)[:, 0]
    rows, columns = mask.any(2), mask.any(1)
    assert (rows.sum(1) == 14).all() and (columns.sum(1) == 14).all()
    tops = rows.int().argmax(1).bincount(minlength=15)
    assert len(tops) == 15 and tops.min() > 5_000 / 15 * 0.7


def test_random_rectangles_follow_the_papers_rejection_sampler():
    """VAEAC appendix A.3: two uniform corners, rejected below a quarter of the area."""
    generator = torch.Generator().manual_seed(0)
    corners = torch.randint(28, (400_000, 4), generator=generator)
    rows = (corners[:, 0] - corners[:, 1]).abs() + 1
    columns = (corners[:, 2] - corners[:, 3]).abs() + 1
    kept = rows * columns >= 196
    mask = draw("rectangles", 20_000)[:, 0]
    for ours, theirs in ((mask.any(2).sum(1), rows[kept]), (mask.any(1).sum(1), columns[kept])):
        error = (ours.double().var() / len(ours) + theirs.double().var() / len(theirs)).sqrt()
        assert abs(ours.double().mean() - theirs.double().mean()) < 5 * error


def test_observed_line_leaves_three_adjacent_rows():
    visible = ~draw("line3")[:, 0]
    assert (visible.any(2).sum(1) == 3).all() and (visible.sum((1, 2)) == 3 * 28).all()
    assert (visible.any(2).int().diff(dim=1).abs().sum(1) <= 2).all()


def test_gfc_masks_are_the_papers_boxes_at_their_size():
    boxes = {"gfc-o1": (33, 70, 52, 115), "gfc-o3": (29, 98, 52, 73), "gfc-o6": (40, 87, 86, 123)}
    for name, (x1, x2, y1, y2) in boxes.items():
        mask = draw(name, 1, 128, 128)[0, 0]
        assert mask[y1 : y2 + 1, x1 : x2 + 1].all() and mask.sum() == (x2 - x1 + 1) * (y2 - y1 + 1)


def test_half_draws_each_half_equally_often():
    mask = draw("half", 4_000)[:, 0]
    for half in (mask[:, :, :14], mask[:, :, 14:], mask[:, :14], mask[:, 14:]):
        assert abs(half.flatten(1).all(1).double().mean() - 0.25) < 0.04


def test_strokes_have_no_isolated_pixels():
    """Every painted pixel has a painted neighbour: a brush is wider than a pixel."""
    mask = draw("strokes", 300).float()
    neighbours = torch.nn.functional.conv2d(mask, torch.ones(1, 1, 3, 3), padding=1) - mask
    assert (neighbours[mask.bool()] > 0).float().mean() > 0.999


def test_arbitrary_is_acflows_mixture():
    """Of ten masks two are Bernoulli noise, one is each of the four halves, two are squares, two are large rectangles."""
    count = 4_000
    mask = draw("arbitrary", count)[:, 0]
    rows, columns = mask.any(2).sum(1), mask.any(1).sum(1)
    area = mask.sum((1, 2))
    boxes = area == rows * columns
    squares = boxes & (rows == 14) & (columns == 14)
    halves = torch.stack([(mask == mask_family(f"half-{side}")(1, 28, 28, torch.Generator())[0, 0]).all((1, 2)) for side in ("left", "right", "top", "bottom")])  # fmt: skip
    large = boxes & ~squares & ~halves.any(0)
    assert (area[large] >= 0.3 * 784).all()
    for found, share in [(~boxes, 0.2), (squares, 0.2), (large, 0.2), *((half, 0.1) for half in halves)]:
        assert abs(found.double().mean() - share) < 5 * (share * (1 - share) / count) ** 0.5
    assert abs(mask[~boxes].double().mean() - 0.5) < 0.01


def test_mixed_draws_the_misconv_papers_holes_and_strokes():
    masks = mask_family("mixed")(4_000, 28, 28, torch.Generator().manual_seed(0))
    twin = mask_family("square14+trapezoid+noise75+strokes")(4_000, 28, 28, torch.Generator().manual_seed(0))
    assert torch.equal(masks, twin)
    area = masks.float().mean((1, 2, 3))
    assert ((area == 0.25).float().mean() - 0.25).abs() < 0.04 and ((area - 0.75).abs() < 0.06).float().mean() > 0.2


def test_a_mixture_draws_its_families_by_weight():
    mask = draw("square14*3+line3*1", 4_000)
    squares = (mask.sum((1, 2, 3)) == 196).double().mean()
    assert abs(squares - 0.75) < 0.04


@pytest.mark.parametrize(
    "name", ["", "squares", "square", "square-3", "rect10", "noise", "line", "half-middle", "square14+dust"]
)
def test_unknown_names_are_refused_with_the_accepted_ones(name):
    with pytest.raises(ValueError, match="unknown mask family .* Accepted"):
        mask_family(name)


@pytest.mark.parametrize("name", ["square14*x+half", "square14*-1+half", "square14*0+half*0"])
def test_bad_weights_are_refused(name):
    with pytest.raises(ValueError, match="weight"):
        mask_family(name)


@pytest.mark.parametrize(
    "name",
    ["square0", "rect0x5", "squares20-8", "squares0-3", "noise500", "noise90-30", "line0", "rectangles90-30", "square0%", "squares70-30%"],
)  # fmt: skip
def test_invalid_sizes_are_refused(name):
    with pytest.raises(ValueError, match="needs? "):
        mask_family(name)


def test_hole_larger_than_the_image_is_refused():
    with pytest.raises(ValueError, match="30x30 pixels does not fit into an image of 28x28"):
        draw("square30")
    with pytest.raises(ValueError, match="no rectangle"):
        masks.RandomRectangle(0.001, 0.002)(1, 8, 8, torch.Generator())


@pytest.mark.parametrize(
    ("percent", "pixels"), [("square45%", "square13"), ("squares30-70%", "squares8-20"), ("line10%", "line3")]
)
def test_sizes_in_percent_are_those_of_the_shorter_side(percent, pixels):
    assert torch.equal(draw(percent), draw(pixels))
    assert torch.equal(draw(percent, width=60), draw(pixels, width=60))
    assert torch.equal(draw(percent, height=60), draw(pixels, height=60))
    assert draw(percent, height=4, width=4).any((1, 2, 3)).all()


@pytest.mark.parametrize("name", ["square101%", "squares50-101%", "line200%"])
def test_sizes_above_the_image_are_refused_before_they_are_drawn(name):
    with pytest.raises(ValueError, match="sizes in percent must be from 1 to 100"):
        mask_family(name)


def test_quarter_is_a_square_of_half_the_side():
    assert torch.equal(draw("quarter", 20, 28, 28), draw("square14", 20, 28, 28))
    assert (draw("quarter", 20, 64, 64).sum((1, 2, 3)) == 32 * 32).all()
