"""One linear filter for each plane and colour of a focal stack, by least squares.

What a filter of a plane can do is what its mean over all content allows: it cannot tell a cell that
lies above the focus from one below. The sums that least squares need are exact, over every pixel:
an image's rows, each shifted by all offsets within a row, are multiplied with one another, and the
products of two rows serve all offsets that have these rows apart.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from focusbench.errors import InputError
from focusbench.parameters import check_positive_or_0, check_whole

ZERO = 128.0  # grey value that is taken off before sums are made, which then lose less
BAND = 64  # rows that are filtered at once


class PlaneFilters(NamedTuple):
    """Filters and what is added to their result, in grey values."""

    taps: np.ndarray  # float32 (planes, colours, side, side), correlated with the image
    constants: np.ndarray  # float32 (planes, colours)


class _Moments(NamedTuple):
    """Means and covariances over all pixels, of the image at all offsets and of the planes."""

    mean: np.ndarray  # (taps,)
    plane_means: np.ndarray  # (planes,)
    image: np.ndarray  # (taps, taps)
    crossed: np.ndarray  # (taps, planes)
    planes: np.ndarray  # (planes,), variances


class LeastSquares:
    """Normal equations of the filters, field by field.

    An image is continued by its mirror image, its last pixel not repeated. Colours do not mix.

    Parameters
    ----------
    side
        Of a filter, px, odd.
    planes
        Of a focal stack.
    colours
        Of the image, and of each plane.
    """

    def __init__(self, side: int, planes: int, colours: int = 3) -> None:
        _check_side(side)
        check_whole("planes", planes, 1)
        check_whole("colours", colours, 1)
        self.side, self.planes, self.colours = side, planes, colours
        taps = side**2
        self.pixels = 0
        self._products = np.zeros((colours, taps, taps))  # of offset images with one another
        self._sums = np.zeros((colours, taps))
        self._targets = np.zeros((colours, planes))
        self._crossed = np.zeros((colours, taps, planes))  # of offset images with planes
        self._squares = np.zeros((colours, planes))

    def add(self, image: np.ndarray, planes: np.ndarray) -> None:
        """Take in all pixels of an image (Y, X, colours) and of its planes (planes, Y, X, colours).

        Grey values, of any type; sides of at least half a filter's, and a pixel.

        Raises
        ------
        InputError
            Another shape.
        """
        _check_image(image, self.side, self.colours)
        if np.shape(planes) != (self.planes, *image.shape):
            raise InputError(
                f"planes: shape {np.shape(planes)}; {(self.planes, *image.shape)} is wanted, as "
                "the image's"
            )
        self.pixels += image.shape[0] * image.shape[1]
        for colour in range(self.colours):
            self._add(colour, _margined(image[..., colour], self.side), planes[..., colour])

    def solve(self, ridge: float) -> PlaneFilters:
        """Return the filters whose squared error on all pixels is least.

        Parameters
        ----------
        ridge
            Squared grey values: filters are such as if white noise of this variance were added to
            the image, which keeps them from telling apart what differs by less.

        Raises
        ------
        InputError
            No field was added.
        """
        check_positive_or_0("ridge", ridge)
        if not self.pixels:
            raise InputError("filters: no field to fit them to")
        solved, constants = [], []
        for colour in range(self.colours):
            moments = self._moments(colour)
            matrix = moments.image + ridge * np.eye(self.side**2)
            taps = _solved(matrix, moments.crossed)
            solved.append(taps.T.reshape(self.planes, self.side, self.side))
            constants.append(moments.plane_means - moments.mean @ taps)
        taps, constants = np.stack(solved, axis=1), np.stack(constants, axis=1)
        return PlaneFilters(taps.astype(np.float32), constants.astype(np.float32))

    def mean_square(self, filters: PlaneFilters) -> float:
        """Mean squared error, squared grey values, of filters on all that was added."""
        total = 0.0
        for colour in range(self.colours):
            moments = self._moments(colour)
            taps = filters.taps[:, colour].reshape(self.planes, -1).astype(np.float64).T
            shift = filters.constants[:, colour] + moments.mean @ taps - moments.plane_means
            explained = 2 * moments.crossed - moments.image @ taps
            total += (moments.planes - (taps * explained).sum(axis=0) + shift**2).mean()
        return float(total / self.colours)

    def _moments(self, colour: int) -> _Moments:
        mean, planes = self._sums[colour] / self.pixels, self._targets[colour] / self.pixels
        return _Moments(
            mean + ZERO,
            planes + ZERO,
            self._products[colour] / self.pixels - np.outer(mean, mean),
            self._crossed[colour] / self.pixels - np.outer(mean, planes),
            self._squares[colour] / self.pixels - planes**2,
        )

    def _add(self, colour: int, image: np.ndarray, planes: np.ndarray) -> None:
        side = self.side
        height, width = planes.shape[1:]
        targets = planes.transpose(1, 0, 2) - ZERO  # (Y, planes, X)
        self._targets[colour] += targets.sum(axis=(0, 2))
        self._squares[colour] += np.square(targets).sum(axis=(0, 2))
        rows = np.ascontiguousarray(_shifted(image - ZERO, side))  # (Y + side - 1, side, X)
        within = rows.sum(axis=2)
        # pairs[d]: of each row's offsets with those of the row d below it
        pairs = np.zeros((side, len(rows), side, side))
        for first in range(len(rows)):
            below = rows[first : first + side]
            flat = below.reshape(-1, width)
            pairs[: len(below), first] = (flat @ rows[first].T).reshape(-1, side, side)
            if first < height:
                self._crossed[colour] += flat @ targets[first].T
        products = self._products[colour].reshape(side, side, side, side)
        for one in range(side):
            self._sums[colour].reshape(side, side)[one] += within[one : one + height].sum(axis=0)
        for apart in range(side):
            for one in range(side - apart):
                found = pairs[apart, one : one + height].sum(axis=0)
                products[one + apart, :, one] += found
                if apart:
                    products[one, :, one + apart] += found.T


def filtered(image: np.ndarray, filters: PlaneFilters) -> np.ndarray:
    """Filter an image into planes.

    Parameters
    ----------
    image
        (Y, X, colours), grey values of any type.

    Returns
    -------
    numpy.ndarray
        float32 (planes, Y, X, colours), neither rounded nor cut off at 0 and 255.

    Raises
    ------
    InputError
        Another shape.
    """
    planes, colours, side, _ = filters.taps.shape
    _check_image(image, side, colours)
    height, width = image.shape[:2]
    result = np.empty((planes, height, width, colours), np.float32)
    for colour in range(colours):
        margined = _margined(image[..., colour], side).astype(np.float32)
        taps = filters.taps[:, colour].reshape(planes, -1)
        constants = filters.constants[:, colour, None]
        for start in range(0, height, BAND):
            stop = min(start + BAND, height)
            rows = np.ascontiguousarray(_shifted(margined[start : stop + side - 1], side))
            for row in range(start, stop):
                flat = rows[row - start : row - start + side].reshape(-1, width)
                result[:, row, :, colour] = taps @ flat + constants
    return result


def _shifted(image: np.ndarray, side: int) -> np.ndarray:
    """Every row at all offsets: (Y, X + side - 1) to (Y, side, X)."""
    return sliding_window_view(image, side, axis=1).transpose(0, 2, 1)


def _margined(image: np.ndarray, side: int) -> np.ndarray:
    return np.pad(image, side // 2, mode="reflect")


def _solved(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:  # without a ridge, on an image that has too little in it
        return np.linalg.lstsq(matrix, right, rcond=None)[0]


def _check_side(side: int) -> None:
    check_whole("side", side, 1)
    if side % 2 == 0:
        raise InputError(f"side is {side}; an odd number is accepted")


def _check_image(image: np.ndarray, side: int, colours: int) -> None:
    least = side // 2 + 1
    shape = np.shape(image)
    if len(shape) != 3 or shape[2] != colours or min(shape[:2]) < least:
        raise InputError(
            f"image: shape {shape}; (y, x, {colours}) is wanted, sides from {least} px up"
        )
