"""What is looked at closely: a window of a field, patches inside it, a line; all by fixed rules.

The rules look at the truth's plane in focus alone, so that no method has a say in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

EXTREMES = (0.001, 0.999)  # quantiles that are taken for the darkest and the brightest
APART = 1.5  # sides of a patch, least distance of the middles of two


class Window(NamedTuple):
    """Part of a field, in pixels."""

    rows: slice
    columns: slice

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    def told(self) -> str:
        """Write as "rows 0 to 63, columns 16 to 79"."""
        (top, bottom), (left, right) = ((one.start, one.stop - 1) for one in self)
        return f"rows {top} to {bottom}, columns {left} to {right}"

    def inside(self, other: Window) -> Window:
        """Return the part `other` of this one, in the field's pixels."""
        return Window(*(_moved(o, s.start) for s, o in zip(self, other, strict=True)))


class Line(NamedTuple):
    """Part of a row of pixels."""

    row: int
    columns: slice


def _moved(part: slice, by: int) -> slice:
    return slice(part.start + by, part.stop + by)


def nuclei(grey: np.ndarray) -> np.ndarray:
    """Pixels of nuclei, and of what is as dark: bool (Y, X), of grey values (Y, X).

    They are nearer to the field's darkest than to its brightest pixels. Where most are, as in
    fluorescence, the others are taken.
    """
    dark = grey < np.quantile(grey, EXTREMES).mean()
    return ~dark if dark.mean() > 0.5 else dark


def darkest(grey: np.ndarray, side: int) -> Window:
    """Window with most pixels of `nuclei`; of equal ones the nearest to the middle.

    Parameters
    ----------
    grey
        (Y, X), 0 to 255: the plane in focus.
    side
        Of the window, in pixels; a shorter side of the field is shown whole.
    """
    sides = tuple(min(side, length) for length in grey.shape)
    return _best(_sums(nuclei(grey).astype(np.float64), sides), sides)


def patches(grey: np.ndarray, side: int, count: int) -> list[Window]:
    """Windows with most detail that keep off each other, the plainest first.

    Detail is the sum of squared steps between neighbours. The middles of two are at least one and
    a half sides apart along an axis; fewer than `count` are found where no more have room.
    """
    sides = tuple(min(side, length) for length in grey.shape)
    sums = _sums(detail(grey), sides)
    found = []
    for _ in range(count):
        if not np.isfinite(sums).any():
            break
        one = _best(sums, sides)
        found.append(one)
        reach = [int(np.ceil(APART * length)) for length in sides]
        near = tuple(
            slice(max(part.start - far + 1, 0), part.start + far)
            for part, far in zip(one, reach, strict=True)
        )
        sums[near] = -np.inf
    return found


def detail(grey: np.ndarray) -> np.ndarray:
    """Squared steps to the next pixels down and right (Y, X); the last row and column have 0."""
    grey = np.asarray(grey, np.float64)
    power = np.zeros(grey.shape)
    power[:-1] += np.diff(grey, axis=0) ** 2
    power[:, :-1] += np.diff(grey, axis=1) ** 2
    return power


def busiest_line(grey: np.ndarray, part: float = 0.5) -> Line:
    """Line along a row, `part` of the width long, over which the grey value varies most.

    That is the sum of the absolute steps between neighbours. The upper two fifths of the rows are
    left out, for what is drawn over the line has its room there, and the lowest twentieth.
    """
    rows, columns = grey.shape
    length = max(2, round(part * columns))
    steps = np.abs(np.diff(np.asarray(grey, np.float64), axis=1))
    first, last = 2 * rows // 5, max(rows - rows // 20, 2 * rows // 5 + 1)
    sums = _sums(steps[first:last], (1, length - 1))
    row, start = (int(n) for n in np.unravel_index(np.argmax(sums), sums.shape))
    return Line(row + first, slice(start, start + length))


def _sums(image: np.ndarray, sides: Sequence[int]) -> np.ndarray:
    """Sums over all windows of `sides` pixels that lie inside."""
    table = np.pad(image.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    h, w = sides
    return table[h:, w:] - table[:-h, w:] - table[h:, :-w] + table[:-h, :-w]


def _best(sums: np.ndarray, sides: Sequence[int]) -> Window:
    found = np.argwhere(sums >= sums.max() - 1e-9 * abs(sums.max()))
    middle = (np.array(sums.shape) - 1) / 2
    top, left = found[np.argmin(np.square(found - middle).sum(axis=1))]
    return Window(*(slice(int(a), int(a) + s) for a, s in zip((top, left), sides, strict=True)))
