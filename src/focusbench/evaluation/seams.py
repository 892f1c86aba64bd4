"""How much is seen, in a restored field, of the patches that it was restored in."""

from __future__ import annotations

from typing import Any

import numpy as np

from focusbench.errors import InputError
from focusbench.solvers.patch_grid import PatchGrid

BESIDE = 8
"""Pairs of pixels on either side of a line that it is compared with."""


def seam_excess(restored: Any, reference: Any, grid: PatchGrid) -> float:
    """By how much a field changes more across the borders of patches than beside them.

    The measure of `training.tiles.border_excess`, without torch: the mean absolute difference of
    neighbouring pixels across the lines on which patches of `grid` begin, over the same in the 8
    pairs on either side, over that ratio in `reference`, less 1. 0.02 is 2 %, and 0 is what a field
    without seams has, up to chance.

    To compare fields, take the same grid for all, whatever they were restored in: side by side
    ("rectangular"), its lines are also lines of the overlapping patches of half its step.

    Parameters
    ----------
    restored
        (Y, X).
    reference
        (Y, X), the same content without patches, such as the field in focus or the observed one.
    grid
        Whose lines are looked at.

    Returns
    -------
    float
        From -1 up.

    Raises
    ------
    InputError
        Fields that are not of the grid's shape or not finite, a grid of one patch, or a reference
        that does not change anywhere at or beside the lines.
    """
    fields = [np.array(field, dtype=np.float64) for field in (restored, reference)]
    for field, name in zip(fields, ("restored", "reference"), strict=True):
        if field.shape != tuple(grid.shape):
            raise InputError(f"{name}: shape {field.shape}; that of the patches, {grid.shape}")
        if not np.isfinite(field).all():
            raise InputError(f"{name}: NaN or infinite values; finite ones are needed")
    if not any(len(lines) for lines in grid.borders):
        raise InputError("seams: the field is a single patch and has no border to look at")
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = [np.divide(*_changes(field, grid)) for field in fields]
        excess = float(ratios[0] / ratios[1] - 1)
    if not np.isfinite(excess):
        raise InputError("seams: the fields do not change at or beside the lines; nothing to see")
    return excess


def _changes(field: np.ndarray, grid: PatchGrid) -> np.ndarray:
    """Sums of the mean changes from pixel to pixel, across lines and beside them; (2,)."""
    total = np.zeros(2)
    for axis, lines in enumerate(grid.borders):
        change = np.abs(np.diff(field, axis=axis)).mean(axis=1 - axis)
        across = np.zeros(len(change), bool)
        across[lines - 1] = True  # the pair of the pixels before and behind a line
        near = np.zeros(len(change), bool)
        for line in lines:
            near[max(line - 1 - BESIDE, 0) : line + BESIDE] = True
        total += change[across].sum(), change[near & ~across].sum()
    return total
