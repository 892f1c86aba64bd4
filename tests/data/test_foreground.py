"""Where cells lie: the rule against a plain loop, connected pieces, windows by chance."""

import numpy as np
import pytest

from focusbench.data import foreground
from focusbench.errors import InputError


def slide(shape=(160, 200), spots=((60, 70),), radius=30, grey=150):
    image = np.full((*shape, 3), 240, np.uint8)
    y, x = np.mgrid[: shape[0], : shape[1]]
    for sy, sx in spots:
        image[np.hypot(y - sy, x - sx) < radius] = grey
    return image


def test_the_mask_compares_with_a_gaussian_mean_of_its_surroundings():
    image = np.random.default_rng(0).integers(0, 256, (12, 130, 3), dtype=np.uint8)
    grey = np.rint(image @ np.array([0.299, 0.587, 0.114]))
    weights = np.exp(-(np.arange(-50, 51) ** 2) / (2 * 15.5**2))
    weights /= weights.sum()
    padded = np.pad(grey, 50, mode="edge")
    found = foreground.mask(image)
    unsure = 0
    for y, x in [(0, 0), (5, 64), (11, 129), (3, 17), (9, 100)]:
        mean = weights @ padded[y : y + 101, x : x + 101] @ weights
        if abs(grey[y, x] - mean + 10) < 1.1:  # rounding decides
            unsure += 1
            continue
        assert found[y, x] == (grey[y, x] <= mean - 10)
    assert unsure < 3


def test_a_cell_counts_by_its_largest_connected_piece():
    assert foreground.holds_cells(slide())  # 2800 px
    assert not foreground.holds_cells(slide(radius=20))  # 1250 px
    pieces = ((40, 40), (40, 120), (120, 80))
    assert not foreground.holds_cells(slide(spots=pieces, radius=20))
    assert foreground.holds_cells(slide(radius=20), least=1000)
    assert not foreground.holds_cells(slide(grey=235))


def test_only_the_middle_is_looked_at():
    image = slide((500, 500), ((40, 40),), 39)
    assert not foreground.holds_cells(image)
    assert foreground.holds_cells(image, inner=500)


def test_windows_hold_cells_and_follow_the_seed():
    image = slide((300, 400), ((80, 90), (210, 300)))

    def read(y, x):
        return image[y : y + 120, x : x + 120]

    found = foreground.windows(read, image.shape[:2], 120, 4, seed=1)
    assert found == foreground.windows(read, image.shape[:2], 120, 4, seed=1)
    assert found != foreground.windows(read, image.shape[:2], 120, 4, seed=2)
    assert all(foreground.holds_cells(read(*place)) for place in found)


def test_too_few_cells_are_one_line():
    empty = slide(spots=())
    with pytest.raises(InputError, match="cells in 0 of 50 windows"):
        foreground.windows(lambda y, x: empty[:64, :64], (160, 200), 64, 1, seed=0)
    with pytest.raises(InputError, match="windows are 300 x 300"):
        foreground.windows(lambda y, x: empty, (160, 200), 300, 1, seed=0)
