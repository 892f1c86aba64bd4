"""How much is seen, in a restored field, of the patches that it was restored in."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch

from focusbench.errors import InputError
from focusbench.solvers.patch_grid import PatchGrid
from focusbench.training.tiles import Tile, border_excess


def seam_excess(restored: Any, reference: Any, grid: PatchGrid) -> float:
    """By how much a field changes more across the borders of patches than beside them.

    `training.tiles.border_excess` for fields: the mean absolute difference of neighbouring pixels
    across the lines on which patches of `grid` begin, over the same in the 8 pairs on either side,
    over that ratio in `reference`, less 1. 0.02 is 2 %, and 0 is what a field without seams has, up
    to chance.

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
    axes = [[Tile(0, 1, torch.ones(1))]]  # no borders along the axis that a field lacks
    axes += [_tiles(lines, length) for lines, length in zip(grid.borders, grid.shape, strict=True)]
    excess = border_excess(fields[0][None], fields[1][None], axes).mean
    if not np.isfinite(excess):
        raise InputError("seams: the fields do not change at or beside the lines; nothing to see")
    return excess


def _tiles(lines: np.ndarray, length: int) -> list[Tile]:
    """Tiles that take over from each other between pixels line - 1 and line.

    Each reaches a pixel beyond its lines, with weight 0: a border is where weights change.
    """
    tiles = []
    for first, last in itertools.pairwise([0, *(int(line) for line in lines), length]):
        start, stop = max(first - 1, 0), min(last + 1, length)
        weights = torch.zeros(stop - start)
        weights[first - start : last - start] = 1
        tiles.append(Tile(start, stop, weights))
    return tiles
