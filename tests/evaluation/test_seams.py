"""Seams that were put there, and none where there are none."""

import itertools

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from focusbench.errors import InputError
from focusbench.evaluation.seams import seam_excess
from focusbench.solvers.patch_grid import PatchGrid, cut, join
from focusbench.training.tiles import Tile, border_excess

GRID = PatchGrid((100, 132), 20)


def field(seed=0):
    return gaussian_filter(np.random.default_rng(seed).standard_normal(GRID.shape), 2)


def test_the_field_itself_has_none_whatever_is_in_it():
    assert seam_excess(field(), field(), GRID) == pytest.approx(0, abs=1e-6)
    assert seam_excess(3 * field() + 7, field(), GRID) == pytest.approx(0, abs=1e-6)


def test_other_content_has_none_but_for_chance():
    noise = np.random.default_rng(5).standard_normal((2, *GRID.shape))
    assert abs(seam_excess(noise[0], noise[1], GRID)) < 0.1


def test_a_known_step_is_measured():
    """A slope of 1 with steps of 4 on each line: a change of 5 there, of 1 beside."""
    x = np.arange(132.0)
    slope = np.broadcast_to(x, GRID.shape)
    stairs = slope + 4 * np.searchsorted(GRID.borders[1], x, side="right")
    # a slope along x has no change along y, of which as many pairs are looked at
    assert seam_excess(stairs, slope, GRID) == pytest.approx(4, rel=1e-6)


def test_a_step_beside_the_lines_is_none():
    x = np.arange(132.0)
    slope = np.broadcast_to(x, GRID.shape)
    stairs = slope + 4 * np.searchsorted(GRID.borders[1] + 1, x, side="right")
    assert seam_excess(stairs, slope, GRID) < 0


@pytest.mark.parametrize("shape", [(100, 132), (84, 100), (41, 20)])
def test_lines_lie_where_patches_take_over(shape):
    grid = PatchGrid(shape, 20)
    values = gaussian_filter(np.random.default_rng(1).standard_normal(shape), 2)
    patches = cut(values, grid)
    shifted = patches + 0.5 * np.random.default_rng(2).standard_normal((len(patches), 1, 1))
    assert seam_excess(join(shifted, grid), values, grid) > 1
    moved = np.roll(join(shifted, grid), 1, axis=(0, 1))
    assert seam_excess(moved, np.roll(values, 1, axis=(0, 1)), grid) < 0.2


def test_overlapping_patches_show_less():
    overlapping = PatchGrid(GRID.shape, 20, "triangular")
    rng = np.random.default_rng(2)
    excess = []
    for grid in (GRID, overlapping):
        patches = cut(field(), grid)
        patches = patches + 0.3 * rng.standard_normal((len(patches), 1, 1))
        excess.append(seam_excess(join(patches, grid), field(), GRID))
    assert excess[0] > 1
    assert excess[1] < 0.1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: seam_excess(field()[1:], field(), GRID), r"restored: shape \(99, 132\)"),
        (lambda: seam_excess(field(), field()[1:], GRID), "reference: shape"),
        (lambda: seam_excess(field() * np.nan, field(), GRID), "restored: NaN"),
        (lambda: seam_excess(np.eye(9), np.eye(9), PatchGrid((9, 9), 9)), "a single patch"),
        (lambda: seam_excess(field(), np.ones(GRID.shape), GRID), "nothing to see"),
    ],
)
def test_refused(call, words):
    with pytest.raises(InputError, match=words) as error:
        call()
    assert "\n" not in str(error.value)


def _tiles(lines, length):
    """Tiles that take over at the lines; each reaches a pixel beyond them, with weight 0."""
    made = []
    for first, last in itertools.pairwise([0, *lines.tolist(), length]):
        start, stop = max(first - 1, 0), min(last + 1, length)
        weights = torch.zeros(stop - start)
        weights[first - start : last - start] = 1
        made.append(Tile(start, stop, weights))
    return made


@pytest.mark.parametrize("size", [20, 7])
def test_the_measure_is_that_of_tiles(size):
    """Also where lines are so close that what lies beside one is across the next."""
    grid = PatchGrid(GRID.shape, size)
    torn = field() + 0.3 * (np.arange(100)[:, None] // size % 2) + 0.2 * (np.arange(132) > 60)
    axes = [_tiles(np.array([], int), 1), *map(_tiles, grid.borders, grid.shape)]
    expected = border_excess(torn[None], field()[None], axes).mean
    assert expected > 0.5
    assert seam_excess(torn, field(), grid) == pytest.approx(expected, rel=1e-9)
