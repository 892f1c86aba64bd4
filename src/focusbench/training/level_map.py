"""Which parts of a field are how far out of focus: patches, their levels, and where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from focusbench.errors import InputError
from focusbench.parameters import check_whole
from focusbench.solvers.patch_grid import PatchGrid, check_levels

BG = -1
"""Level of a patch that shows nothing: neither a network nor an error in um has a depth for it."""

SIDE = 84
"""Pixels along a patch of He et al. 2020."""

BG_MAXIMUM = 230
BG_RANGE = 30
"""Counts of a 16-bit image; `bg` is below both."""


@dataclass(frozen=True)
class LevelMap:
    """Levels of the patches of a field.

    Attributes
    ----------
    shape
        (Y, X) of the field.
    side
        Of the patches, in pixels.
    corners
        (N, 2), int64: first row and column (y, x) of each patch; patches may overlap.
    levels
        (N,), int64: 0 and up, or `BG`.
    probabilities
        (N, classes), float32, rows sum to 1: levels in order, then `bg` where the predictor has it.
    bg
        Whether the last class is `bg`.
    """

    shape: tuple[int, int]
    side: int
    corners: np.ndarray
    levels: np.ndarray
    probabilities: np.ndarray
    bg: bool = True


def corners(shape: Sequence[int], side: int = SIDE, stride: int | None = None) -> np.ndarray:
    """First pixels (y, x) of patches that cover a field; (N, 2), int64, row by row.

    Parameters
    ----------
    shape
        (Y, X) of the field.
    side
        Of the patches.
    stride
        Distance of neighbours, at most `side`; None: `side`, so that they do not overlap. Where it
        does not fit the field, the last ones are moved inwards, to end with the field.

    Raises
    ------
    InputError
        A field that is smaller than a patch or not of two axes, or a stride beyond the side.
    """
    check_whole("side", side, 1)
    stride = side if stride is None else stride
    check_whole("stride", stride, 1)
    if stride > side:
        raise InputError(
            f"stride is {stride}; at most the side of the patches, {side}, is accepted"
        )
    check_room(shape, side)
    y, x = (_starts(length, side, stride) for length in shape)
    return np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)


def cut(field: np.ndarray, places: np.ndarray, side: int) -> np.ndarray:
    """Copy patches (N, side, side) with first pixels `places` (N, 2) out of a field (Y, X)."""
    return np.stack([field[y : y + side, x : x + side] for y, x in places.tolist()])


def levels_on(grid: PatchGrid, levels: np.ndarray, window: str) -> np.ndarray:
    """Levels of a field's patches in another window, from those that were judged.

    Patches side by side ("rectangular") are among those at half their size from one to the next
    ("triangular"); where the size is odd, the nearest one stands in, a few pixels away.

    Parameters
    ----------
    grid
        That was judged.
    levels
        Of its patches, (R, C) or (R * C,), row by row.
    window
        That is wanted.

    Returns
    -------
    numpy.ndarray
        (R', C'), of the grid of the same field and size in that window.

    Raises
    ------
    InputError
        Another number of levels than the grid has patches, or an unknown window.
    """
    known = check_levels(levels, grid)
    wanted = replace(grid, window=window)
    y, x = (
        np.abs(there[:, None] - here).argmin(axis=1)
        for there, here in zip(wanted.starts, grid.starts, strict=True)
    )
    return known[np.ix_(y, x)]


def is_background(patches: np.ndarray) -> np.ndarray:
    """Tell which patches (..., Y, X), in counts, show nothing: (...), bool.

    The maximum is below 230 counts and the "maximum difference among pixel values" below 30.
    """
    highest = patches.max(axis=(-2, -1)).astype(np.float64)
    lowest = patches.min(axis=(-2, -1)).astype(np.float64)
    return (highest < BG_MAXIMUM) & (highest - lowest < BG_RANGE)


def level_of(classes: np.ndarray, n_levels: int) -> np.ndarray:
    """Levels of class numbers: the class after the last level is `BG`."""
    return np.where(classes == n_levels, BG, classes).astype(np.int64)


def class_of(levels: np.ndarray, n_levels: int) -> np.ndarray:
    """Class numbers of levels: `BG` is the class after the last level."""
    return np.where(levels == BG, n_levels, levels).astype(np.int64)


def check_room(shape: Sequence[int], side: int, name: str = "the field") -> None:
    """Raise InputError unless a field (Y, X) has room for a patch."""
    if len(shape) != 2 or min(shape) < side:
        raise InputError(
            f"{name} has shape {tuple(shape)}; two axes (y, x) of at least {side} pixels, "
            "the side of a patch, are accepted"
        )


def _starts(length: int, side: int, stride: int) -> np.ndarray:
    starts = np.arange(0, length - side + 1, stride, dtype=np.int64)
    last = length - side
    return starts if starts[-1] == last else np.append(starts, last)
