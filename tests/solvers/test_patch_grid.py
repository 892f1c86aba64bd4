"""Patches that cover a field once and go back together without a trace."""

import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.solvers.patch_grid import (
    BACKGROUND,
    PatchGrid,
    check_levels,
    cut,
    join,
    levels_of_patches,
)

WINDOWS = ("rectangular", "triangular")


def field(*shape):
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def test_the_paper_s_fields():
    side_by_side, overlapping = (PatchGrid((520, 696), window=window) for window in WINDOWS)
    assert (side_by_side.size, side_by_side.stride, side_by_side.count) == (84, 84, (7, 9))
    assert (overlapping.stride, overlapping.count) == (42, (12, 16))
    np.testing.assert_array_equal(side_by_side.starts[0], [0, 84, 168, 252, 336, 420, 436])
    assert side_by_side.starts[1][-2:].tolist() == [588, 612]
    assert side_by_side.borders[0].tolist() == [84, 168, 252, 336, 420, 504]
    assert side_by_side.borders[1][-1] == 672
    assert overlapping.starts[1][-2:].tolist() == [588, 612]
    assert side_by_side.centres[0][0] == 41.5


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(
    ("shape", "size"),
    [((84, 84), 84), ((520, 696), 84), ((97, 61), 20), ((30, 47), 9), ((9, 7), 2)],
)
@pytest.mark.parametrize("padding", [0, 3])
def test_cut_and_join_give_the_field_back(window, shape, size, padding):
    grid, values = PatchGrid(shape, size, window), field(*shape)
    patches = cut(values, grid, padding)
    side = size + 2 * padding
    assert patches.shape == (grid.count[0] * grid.count[1], side, side)
    np.testing.assert_allclose(join(patches, grid), values, rtol=1e-6)
    total = np.zeros(shape)
    for y, of_y in zip(grid.starts[0], grid.weights[0], strict=True):
        for x, of_x in zip(grid.starts[1], grid.weights[1], strict=True):
            total[y : y + size, x : x + size] += np.outer(of_y, of_x)
    np.testing.assert_allclose(total, 1, rtol=1e-12)


def test_a_pixel_side_by_side_has_one_patch_and_the_remainder_the_last():
    grid = PatchGrid((10, 10), 4)
    numbers = np.arange(9)[:, None, None] * np.ones((4, 4))
    joined = join(numbers, grid)
    place = np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2])
    np.testing.assert_array_equal(joined, place[:, None] * 3 + place)


def test_triangles():
    grid = PatchGrid((12, 12), 4, "triangular")
    of_y = grid.weights[0]
    np.testing.assert_allclose(of_y[2], [0.25, 0.75, 0.75, 0.25])
    np.testing.assert_allclose(of_y[0], [1, 1, 0.75, 0.25])  # nothing else covers the first two
    np.testing.assert_allclose(of_y[-1], [0.25, 0.75, 1, 1])


def test_padding_is_true_neighbours_else_zeros_or_a_mirror():
    grid, values = PatchGrid((8, 8), 4), np.arange(64).reshape(8, 8) + 1
    patch = cut(values, grid, 2)[3]
    assert patch.dtype == values.dtype
    np.testing.assert_array_equal(patch[:6, :6], values[2:, 2:])
    assert not patch[6:].any()
    assert not patch[:, 6:].any()
    mirrored = cut(values, grid, 2, "mirror")[3]
    np.testing.assert_array_equal(mirrored[6:, :6], values[:5:-1, 2:])


def test_levels():
    grid = PatchGrid((8, 12), 4)
    given = [[0, 10, BACKGROUND], [1.0, 2, 3]]
    checked = check_levels(given, grid, 11)
    assert checked.dtype == np.int64
    np.testing.assert_array_equal(checked, given)
    np.testing.assert_array_equal(check_levels(np.ravel(given), grid, 11), given)
    plane = np.broadcast_to(np.arange(12.0), (8, 12))
    np.testing.assert_array_equal(levels_of_patches(plane, grid), [[2, 6, 10]] * 2)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: PatchGrid((83, 100)), r"a field of \(83, 100\) pixels .* 84 x 84, is needed"),
        (lambda: PatchGrid((84,)), "at least one patch"),
        (lambda: PatchGrid((84, 84), 84, "round"), "window is 'round'; accepted: rect"),
        (lambda: PatchGrid((84, 84), 1), "size is 1"),
        (lambda: cut(field(9, 9), PatchGrid((8, 9), 4)), r"shape \(9, 9\); \(8, 9\) is needed"),
        (lambda: cut(field(8, 8), PatchGrid((8, 8), 4), -1), "padding is -1"),
        (lambda: cut(field(8, 8), PatchGrid((8, 8), 4), 1, "x"), "beyond is 'x'"),
        (lambda: join(field(3, 4, 4), PatchGrid((8, 8), 4)), "4 patches of 4 x 4"),
        (lambda: join(field(4, 3, 3), PatchGrid((8, 8), 4)), r"shape \(4, 3, 3\)"),
        (lambda: join(field(4, 5, 5), PatchGrid((8, 8), 4)), "even padding"),
        (lambda: check_levels([1, 2], PatchGrid((8, 8), 4), 11), r"one for each patch, \(2, 2\)"),
        (lambda: check_levels([1, 2, 3, 11], PatchGrid((8, 8), 4), 11), "11 is none; .* 0 to 10"),
        (lambda: check_levels([1, 2, 3, 1.5], PatchGrid((8, 8), 4), 11), "whole numbers"),
    ],
)
def test_refused(call, words):
    with pytest.raises(InputError, match=words) as error:
        call()
    assert "\n" not in str(error.value)
