"""Maps of the defocus level over a field, and the share of each pixel on each whole level.

Apart from `field_blur`, which blurs with them: who asks for a map alone need not load torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from focusbench.errors import InputError


def tilted_plane(
    shape: Sequence[int], lowest: float, highest: float, angle: float = 0.0
) -> np.ndarray:
    """Levels of a specimen that is plane and tilted.

    Parameters
    ----------
    shape
        Pixels (y, x).
    lowest, highest
        Levels of the two corners (at angles along an axis: edges) that differ most. Signed: a plane
        from -3 to 5 passes through the focus, and its levels are 3 to 0 to 5.
    angle
        Direction in which it rises, degrees: 0 along x, 90 along y.

    Returns
    -------
    numpy.ndarray
        float64 (y, x), 0 or more.

    Raises
    ------
    InputError
        A number that is not finite, or no shape.
    """
    rows, columns = checked_shape(shape)
    for name, value in (("lowest", lowest), ("highest", highest), ("angle", angle)):
        if not is_finite(value):
            raise InputError(f"level map: {name} is {value!r}; a finite number is accepted")
    y, x = np.arange(rows) - (rows - 1) / 2, np.arange(columns) - (columns - 1) / 2
    turn = np.deg2rad(angle)
    along = np.add.outer(y * np.sin(turn), x * np.cos(turn))
    span = along.max() - along.min()
    part = (along - along.min()) / span if span else np.full(along.shape, 0.5)
    return np.abs(lowest + (highest - lowest) * part)


def steps(shape: Sequence[int], levels: Sequence[float], axis: int = 1) -> np.ndarray:
    """Levels of a specimen on terraces: bands of equal width (to a pixel), one for each level.

    Parameters
    ----------
    shape
        Pixels (y, x).
    levels
        Of the bands in order, 0 or more.
    axis
        Along which the level changes: 0 (y) or 1 (x).

    Returns
    -------
    numpy.ndarray
        float64 (y, x).

    Raises
    ------
    InputError
        No levels, more than there are pixels, or one that is not accepted.
    """
    shape = checked_shape(shape)
    values = np.asarray(levels, dtype=np.float64)
    if axis not in (0, 1):
        raise InputError(f"level map: axis is {axis!r}; accepted: 0 (y), 1 (x)")
    if values.ndim != 1 or not 0 < values.size <= shape[axis]:
        raise InputError(
            f"level map: {values.size} levels for {shape[axis]} pixels; from one level to as many "
            "as there are pixels are accepted"
        )
    if not np.isfinite(values).all() or values.min() < 0:
        raise InputError(f"level map: levels are {levels!r}; finite numbers from 0 up are accepted")
    band = np.arange(shape[axis]) * values.size // shape[axis]
    row = values[band]
    return np.broadcast_to(row[:, None] if axis == 0 else row, shape).copy()


def level_weights(level_map: Any, n_levels: int) -> np.ndarray:
    """Share w_l of each pixel that lies on each whole level: linear between the two next to it.

    Parameters
    ----------
    level_map
        (y, x), 0 to `n_levels` - 1.
    n_levels
        Of the series of kernels.

    Returns
    -------
    numpy.ndarray
        float64 (n_levels, y, x), 0 to 1; they sum to 1.

    Raises
    ------
    InputError
        A map that is none, or levels that the series does not reach.
    """
    levels = np.asarray(level_map)
    if levels.dtype.kind not in "fiu" or levels.ndim != 2 or not levels.size:
        raise InputError(
            f"level map: shape {levels.shape}, type {levels.dtype}; real numbers (y, x) needed"
        )
    levels = levels.astype(np.float64)
    if not np.isfinite(levels).all() or levels.min() < 0 or levels.max() > n_levels - 1:
        raise InputError(
            f"level map: levels from {levels.min():g} to {levels.max():g}; accepted are 0 to "
            f"{n_levels - 1}, for there are {n_levels} PSFs"
        )
    return np.maximum(0, 1 - np.abs(np.arange(n_levels)[:, None, None] - levels))


def checked_shape(shape: Sequence[int]) -> tuple[int, int]:
    """Two positive whole numbers, (y, x); else InputError."""
    sizes = tuple(shape)
    if len(sizes) != 2 or not all(isinstance(n, int | np.integer) and n > 0 for n in sizes):
        raise InputError(f"shape is {sizes}; two positive whole numbers (y, x) are accepted")
    return int(sizes[0]), int(sizes[1])


def is_finite(value: Any) -> bool:
    """Whether a value is a finite real number."""
    return isinstance(value, Real) and not isinstance(value, bool) and bool(np.isfinite(value))
