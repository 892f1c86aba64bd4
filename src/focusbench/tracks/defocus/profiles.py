"""Counts along a line through a field, as the paper's figure 7g shows them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

LONGEST = 126  # pixels of a profile: 1.5 patches


class Line(NamedTuple):
    """Part of a row of pixels."""

    row: int
    columns: slice


def steepest_line(truth: np.ndarray, longest: int = LONGEST) -> Line:
    """Part of a row, at most `longest` pixels, along which the truth changes most.

    It is where the sum of squared steps from pixel to pixel is largest: it crosses edges and fine
    structure. Of lines that are alike the first.
    """
    values = np.asarray(truth, np.float64)
    length = min(longest, values.shape[1])
    steps = np.diff(values, axis=1) ** 2
    sums = np.pad(steps.cumsum(axis=1), ((0, 0), (1, 0)))
    inside = sums[:, length - 1 :] - sums[:, : sums.shape[1] - length + 1]
    row, start = np.unravel_index(int(inside.argmax()), inside.shape)
    return Line(int(row), slice(int(start), int(start) + length))


def along(field: np.ndarray, line: Line) -> np.ndarray:
    """Counts of a field (Y, X) along a line."""
    return np.asarray(field)[line.row, line.columns]
