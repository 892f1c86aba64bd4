"""Deconvolution of a whole field whose defocus varies: no patches, no seams.

Levels known patch by patch become a smooth map, linear between the patches' middles, and the whole
field is restored at once by Richardson-Lucy with the blur of that map (`optics.field_blur`). He et
al. 2020 (3.4) name the interpolation of kernels as the other way to be rid of the borders of
patches, and go the way of overlapping patches.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from focusbench.errors import InputError
from focusbench.optics.field_blur import FieldBlur
from focusbench.parameters import check_whole
from focusbench.solvers.patch_deconvolution import ITERATIONS, without_offset
from focusbench.solvers.patch_grid import BACKGROUND, PatchGrid, check_levels
from focusbench.solvers.richardson_lucy import RichardsonLucyIteration


def level_map(levels: Any, grid: PatchGrid) -> np.ndarray:
    """Levels of all pixels from those of patches.

    Between the middles of patches the level changes linearly along y and x; beyond the outermost
    ones it stays. Background says nothing of its level: it takes the smoothest transition between
    the patches around it (each the mean of its neighbours above, below, left and right).

    Parameters
    ----------
    levels
        (R, C) or (R * C,): whole numbers from 0 up, or `patch_grid.BACKGROUND`. Background alone:
        the map is 0.
    grid
        Of the patches.

    Returns
    -------
    numpy.ndarray
        float64 (Y, X).

    Raises
    ------
    InputError
        Levels that are none, or not one for each patch.
    """
    whole = check_levels(levels, grid)
    filled = _filled(whole.astype(np.float64), whole != BACKGROUND)
    of_y, of_x = (
        _between(centres, length) for centres, length in zip(grid.centres, grid.shape, strict=True)
    )
    # rounding must not leave the range of the levels
    return np.clip(of_y @ filled @ of_x.T, filled.min(), filled.max())


class FieldIteration:
    """Richardson-Lucy on a field, step by step; `training.loop.iterate` can run it.

    Parameters
    ----------
    observed
        (Y, X), counts; values below `offset` count as no light.
    psfs
        (L, y, x), of levels 0 to L - 1. With level 0 "untouched" (`defocus_psf.level_psfs`) what
        is in focus stays nearly as it is.
    level_map
        (Y, X), 0 to L - 1, such as of `level_map`.
    boundary
        "symmetric", "linear" or "circular", as in `field_blur.FieldBlur`.
    acceleration
        None, or "biggs_andrews": further in as many steps, in noise too.
    offset
        Counts without light, as in `patch_deconvolution.depth_variant`.
    device
        "cpu" or "cuda".
    """

    def __init__(
        self,
        observed: Any,
        psfs: Any,
        level_map: Any,
        *,
        boundary: str = "symmetric",
        acceleration: str | None = None,
        offset: float = 0.0,
        device: str = "cpu",
    ) -> None:
        data = without_offset(observed, None, offset, device)
        forward = FieldBlur(psfs, level_map, tuple(data.shape), boundary, device=device)
        self._offset = offset
        self._iteration = RichardsonLucyIteration(
            data, forward, start=data, acceleration=acceleration
        )
        self.step = self._iteration.step
        self.state = self._iteration.state
        self.load = self._iteration.load

    finished = False

    def estimate(self) -> Tensor:
        """Return the field (Y, X) as it stands now, offset included."""
        return self._iteration.estimate() + self._offset


def deconvolve_field(
    observed: Any,
    psfs: Any,
    levels: Any,
    grid: PatchGrid | None = None,
    iterations: int = ITERATIONS,
    *,
    boundary: str = "symmetric",
    acceleration: str | None = None,
    offset: float = 0.0,
    device: str = "cpu",
) -> np.ndarray:
    """Restore a field at once.

    Parameters
    ----------
    observed, psfs, boundary, acceleration, offset, device
        As in `FieldIteration`.
    levels
        Of the patches of `grid`, as in `level_map`; without a grid, of the pixels (Y, X).
    grid
        Patches that `levels` belong to. Overlapping ones ("triangular") give a finer map.
    iterations
        Of Richardson-Lucy.

    Returns
    -------
    numpy.ndarray
        float32 (Y, X), counts.

    Raises
    ------
    InputError
        An observation that is not finite or without light, levels that do not fit it, PSFs that
        are none.
    """
    check_whole("iterations", iterations, 0)
    if grid is not None and tuple(grid.shape) != np.shape(observed):
        raise InputError(
            f"observation: shape {np.shape(observed)}; the patches are those of {grid.shape}"
        )
    pixels = levels if grid is None else level_map(levels, grid)
    iteration = FieldIteration(
        observed,
        psfs,
        pixels,
        boundary=boundary,
        acceleration=acceleration,
        offset=offset,
        device=device,
    )
    for _ in range(iterations):
        iteration.step()
    return iteration.estimate().cpu().numpy().astype(np.float32)


def _filled(levels: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Levels (R, C) with the unknown ones solved for: each the mean of its neighbours."""
    if not known.any():
        return np.zeros_like(levels)
    number = np.arange(levels.size).reshape(levels.shape)
    matrix = np.zeros((levels.size, levels.size))
    for one, other in (
        (number[1:], number[:-1]),
        (number[:, 1:], number[:, :-1]),
    ):
        matrix[one, other] = matrix[other, one] = -1
    np.fill_diagonal(matrix, -matrix.sum(axis=1))
    fixed = known.ravel()
    matrix[fixed] = np.eye(levels.size)[fixed]
    return np.linalg.solve(matrix, np.where(fixed, levels.ravel(), 0)).reshape(levels.shape)


def _between(centres: np.ndarray, length: int) -> np.ndarray:
    """Weights (length, n) of linear interpolation between places, constant beyond them."""
    pixel = np.arange(length)
    return np.stack([np.interp(pixel, centres, unit) for unit in np.eye(len(centres))], axis=1)
