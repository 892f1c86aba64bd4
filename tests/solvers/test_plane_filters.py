"""Filters by least squares: against numpy's own, and filters that are known."""

import numpy as np
import pytest
from scipy.ndimage import correlate

from focusbench.errors import InputError
from focusbench.solvers.plane_filters import LeastSquares, PlaneFilters, filtered


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def fields(rng, count=2, planes=2, shape=(9, 11)):
    return [
        (
            rng.integers(0, 256, (*shape, 3), dtype=np.uint8),
            rng.integers(0, 256, (planes, *shape, 3), dtype=np.uint8),
        )
        for _ in range(count)
    ]


def solved(pairs, side, ridge=0.0):
    sums = LeastSquares(side, len(pairs[0][1]))
    for image, planes in pairs:
        sums.add(image, planes)
    return sums.solve(ridge), sums


def columns(image, side, colour):
    """Every pixel's surroundings as a row, and 1."""
    padded = np.pad(image[..., colour].astype(float), side // 2, mode="reflect")
    y, x = image.shape[:2]
    taps = [padded[i : i + y, j : j + x].ravel() for i in range(side) for j in range(side)]
    return np.stack([*taps, np.ones(y * x)], axis=1)


@pytest.mark.parametrize("ridge", [0.0, 30.0])
def test_it_is_what_numpy_finds(rng, ridge):
    pairs, side = fields(rng), 3
    filters, sums = solved(pairs, side, ridge)
    assert filters.taps.shape == (2, 3, 3, 3)
    errors = []
    for colour in range(3):
        matrix = np.concatenate([columns(image, side, colour) for image, _ in pairs])
        right = np.concatenate([planes[..., colour].reshape(2, -1).T for _, planes in pairs])
        # a ridge is further rows, which want small taps; not of the constant
        small = np.sqrt(ridge * len(matrix)) * np.eye(side**2, side**2 + 1)
        found = np.linalg.lstsq(
            np.concatenate([matrix, small]),
            np.concatenate([right.astype(float), np.zeros((side**2, 2))]),
            rcond=None,
        )[0]
        np.testing.assert_allclose(
            filters.taps[:, colour].reshape(2, -1), found[:-1].T, rtol=1e-4, atol=1e-6
        )
        np.testing.assert_allclose(filters.constants[:, colour], found[-1], rtol=1e-4)
        errors.append(np.square(matrix @ found - right).mean())
    assert sums.mean_square(filters) == pytest.approx(np.mean(errors), rel=1e-5)


def test_known_filters_are_found_again(rng):
    side = 15
    known = PlaneFilters(
        rng.normal(0, 0.1, (3, 3, side, side)).astype(np.float32),
        rng.normal(0, 20, (3, 3)).astype(np.float32),
    )
    known.taps[0] = 0
    known.taps[0, :, 7, 7] = 1  # the image itself
    known.constants[0] = 0
    image = rng.integers(0, 256, (40, 44, 3), dtype=np.uint8)
    found, sums = solved([(image, filtered(image, known))], side)
    np.testing.assert_allclose(found.taps, known.taps, atol=1e-4)
    np.testing.assert_allclose(found.constants, known.constants, atol=0.02)
    assert sums.mean_square(found) < 1e-4


def test_filtering_is_a_correlation_with_mirrored_borders(rng):
    image = rng.integers(0, 256, (70, 12, 3), dtype=np.uint8)  # more rows than are done at once
    filters = PlaneFilters(
        rng.normal(size=(2, 3, 5, 5)).astype(np.float32), rng.normal(size=(2, 3)).astype(np.float32)
    )
    found = filtered(image, filters)
    assert (found.shape, found.dtype) == ((2, 70, 12, 3), np.float32)
    for plane in range(2):
        for colour in range(3):
            own = correlate(
                image[..., colour].astype(float), filters.taps[plane, colour], mode="mirror"
            )
            expected = own + filters.constants[plane, colour]
            np.testing.assert_allclose(found[plane, ..., colour], expected, atol=2e-3)


def test_a_ridge_bounds_what_an_even_image_leaves_open():
    image = np.full((8, 8, 3), 200, np.uint8)
    planes = np.full((1, 8, 8, 3), 90, np.uint8)
    filters, _ = solved([(image, planes)], 3, ridge=1.0)
    np.testing.assert_allclose(filters.taps, 0, atol=1e-9)
    np.testing.assert_allclose(filters.constants, 90)
    without, _ = solved([(image, planes)], 3)  # any taps would do: those found give 90
    np.testing.assert_allclose(filtered(image, without), 90, rtol=1e-4)


def test_the_order_of_fields_does_not_matter(rng):
    pairs = fields(rng, count=3)
    one, other = solved(pairs, 3)[0], solved(pairs[::-1], 3)[0]
    np.testing.assert_allclose(one.taps, other.taps, rtol=1e-4, atol=1e-7)


def test_what_does_not_fit_is_refused(rng):
    image, planes = fields(rng, 1)[0]
    with pytest.raises(InputError, match="side is 4"):
        LeastSquares(4, 2)
    with pytest.raises(InputError, match="no field"):
        LeastSquares(3, 2).solve(0.0)
    with pytest.raises(InputError, match="planes: shape"):
        LeastSquares(3, 2).add(image, planes[:1])
    with pytest.raises(InputError, match="sides from 11 px"):
        LeastSquares(21, 2).add(image, planes)
