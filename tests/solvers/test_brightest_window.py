"""A window with most light."""

import numpy as np

from focusbench.solvers.brightest_window import brightest_window, inner


def test_all_where_it_is_small_enough():
    assert brightest_window(np.ones((4, 5, 6)), 120, (1, 1, 1)) == tuple(
        map(slice, (0,) * 3, (4, 5, 6))
    )


def test_most_light_of_all_places():
    rng = np.random.default_rng(0)
    volume = rng.random((9, 24, 30)) ** 8
    window = brightest_window(volume, 9 * 12 * 15, (1, 2, 2))
    sizes = [part.stop - part.start for part in window]
    assert sizes == [9, 12, 15]
    sums = [volume[:, y : y + 12, x : x + 15].sum() for y in range(13) for x in range(16)]
    assert volume[window].sum() == max(sums)


def test_no_axis_falls_below_four_margins():
    window = brightest_window(np.ones((20, 40, 64)), 1, (10, 10, 4))
    assert [part.stop - part.start for part in window] == [20, 40, 16]


def test_margins_where_the_volume_goes_on():
    window = (slice(0, 8), slice(4, 12), slice(2, 10))
    shape = (8, 12, 20)
    assert inner(window, shape, (1, 2, 3)) == (slice(0, 8), slice(2, 8), slice(3, 5))
    assert inner(window, shape, (1, 2, 3), every=True) == (slice(1, 7), slice(2, 6), slice(3, 5))
