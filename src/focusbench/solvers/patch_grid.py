"""How a field is cut into square patches and put together again (He et al. 2020, 2.3, Fig. 2d).

"rectangular": patches side by side; a pixel has one patch's value. "triangular": patches at half
their size from one to the next, mixed by weights that fall from a patch's middle to its sides as
the product of two triangles, along y and x.

No field need be a multiple of a patch: the last patch of a row or column is moved back so that it
ends with the field. So every patch holds recorded pixels alone, which matters to a network that has
to judge it. Where the moved patch overlaps the one before, side by side, it gives the remainder
alone: seams stay at multiples of the size. A field of 696 x 520 pixels has 9 x 7 patches of 84
pixels side by side, the last ones giving 24 columns and 16 rows, and 16 x 12 at half steps.

Arrays that hold one value a patch are (R, C), patches (R * C, y, x) in the same order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from focusbench.errors import InputError

PATCH = 84
"""Pixels of a patch's side in the paper."""
WINDOWS = ("rectangular", "triangular")
BEYOND = {"zeros": "constant", "mirror": "symmetric"}
BACKGROUND = -1
"""Level of a patch that holds background alone, whatever the number of levels."""


@dataclass(frozen=True)
class PatchGrid:
    """Where the patches of a field lie.

    Parameters
    ----------
    shape
        Pixels of the field (Y, X), each at least `size`.
    size
        Pixels of a patch's side.
    window
        "rectangular" or "triangular".

    Raises
    ------
    InputError
        A field smaller than a patch, or an unknown window.
    """

    shape: tuple[int, int]
    size: int = PATCH
    window: str = "rectangular"

    def __post_init__(self) -> None:
        if self.window not in WINDOWS:
            raise InputError(f"patches: window is {self.window!r}; accepted: {', '.join(WINDOWS)}")
        whole = isinstance(self.size, int | np.integer) and not isinstance(self.size, bool)
        if not whole or self.size < 2:
            raise InputError(f"patches: size is {self.size!r}; 2 pixels or more are accepted")
        if len(self.shape) != 2 or min(self.shape) < self.size:
            raise InputError(
                f"patches: a field of {tuple(self.shape)} pixels (y, x); at least one patch, "
                f"{self.size} x {self.size}, is needed"
            )

    @property
    def stride(self) -> int:
        """Pixels from a patch to the next."""
        return self.size if self.window == "rectangular" else self.size // 2

    @cached_property
    def starts(self) -> tuple[np.ndarray, np.ndarray]:
        """First row of each row of patches (R,), first column of each column (C,)."""
        return tuple(
            np.unique(np.append(np.arange(0, length - self.size + 1, self.stride), last))
            for length, last in ((length, length - self.size) for length in self.shape)
        )

    @property
    def count(self) -> tuple[int, int]:
        """Rows and columns of patches (R, C)."""
        return tuple(len(starts) for starts in self.starts)

    @property
    def centres(self) -> tuple[np.ndarray, np.ndarray]:
        """Middles of the patches in pixels, y (R,) and x (C,); a pixel's centre is whole."""
        return tuple(starts + (self.size - 1) / 2 for starts in self.starts)

    @cached_property
    def weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights along y (R, size) and x (C, size), float64; of all patches they sum to 1."""
        return tuple(
            self._weights(starts, length)
            for starts, length in zip(self.starts, self.shape, strict=True)
        )

    @property
    def borders(self) -> tuple[np.ndarray, np.ndarray]:
        """First row and first column behind each border inside the field: where weights begin.

        Side by side that is where one patch takes over from another.
        """
        places = []
        for starts, weights in zip(self.starts, self.weights, strict=True):
            first = starts + (weights > 0).argmax(axis=1)
            places.append(first[1:])
        return tuple(places)

    def _weights(self, starts: np.ndarray, length: int) -> np.ndarray:
        inside = np.arange(self.size)
        total = np.zeros(length)
        if self.window == "rectangular":
            weights = np.zeros((len(starts), self.size))
            for row, start in zip(weights, starts, strict=True):
                place = slice(start, start + self.size)
                row[:] = total[place] == 0
                total[place] += row
            return weights
        triangle = np.minimum(inside + 0.5, self.size - inside - 0.5) / (self.size / 2)
        places = starts[:, None] + inside
        np.add.at(total, places, np.broadcast_to(triangle, places.shape))
        return triangle / total[places]


def cut(field: Any, grid: PatchGrid, padding: int = 0, beyond: str = "zeros") -> np.ndarray:
    """Patches of a field, with `padding` pixels of their true neighbours on each side.

    Parameters
    ----------
    field
        (Y, X).
    grid
        For fields of this shape.
    padding
        Pixels on each side of a patch.
    beyond
        What stands for pixels beyond the field: "zeros", as in the paper, or the field's "mirror"
        image. Zeros are darker than the dark of a camera, and deconvolution takes the step for an
        edge of the specimen: it rings.

    Returns
    -------
    numpy.ndarray
        (R * C, size + 2 padding, size + 2 padding), of the field's type; a copy.

    Raises
    ------
    InputError
        A field that is not of the grid's shape, a padding below 0, or an unknown `beyond`.
    """
    if beyond not in BEYOND:
        raise InputError(f"patches: beyond is {beyond!r}; accepted: {', '.join(BEYOND)}")
    values = np.asarray(field)
    if values.shape != tuple(grid.shape):
        raise InputError(f"patches: a field of shape {values.shape}; {grid.shape} is needed")
    if isinstance(padding, bool) or not isinstance(padding, int | np.integer) or padding < 0:
        raise InputError(f"patches: padding is {padding!r}; 0 pixels or more are accepted")
    side = grid.size + 2 * padding
    y, x = (starts[:, None] + np.arange(side) for starts in grid.starts)
    patches = np.pad(values, padding, mode=BEYOND[beyond])[y[:, None, :, None], x[None, :, None, :]]
    return patches.reshape(-1, side, side)


def join(patches: Any, grid: PatchGrid) -> np.ndarray:
    """Field of patches: the mean of those that cover a pixel, by the grid's weights.

    Parameters
    ----------
    patches
        (R * C, side, side); what exceeds the grid's size is padding, cut off on all sides.
    grid
        Of these patches.

    Returns
    -------
    numpy.ndarray
        float32 (Y, X).

    Raises
    ------
    InputError
        Another number of patches than the grid has, or smaller ones.
    """
    values = np.asarray(patches)
    rows, columns = grid.count
    padding, odd = divmod(values.shape[-1] - grid.size, 2) if values.ndim == 3 else (-1, 0)
    square = values.ndim == 3 and values.shape[1] == values.shape[2]
    if not square or len(values) != rows * columns or padding < 0 or odd:
        raise InputError(
            f"patches: shape {values.shape}; {rows * columns} patches of {grid.size} x {grid.size} "
            "pixels, and even padding, are needed"
        )
    inner = slice(padding, padding + grid.size)
    of_y, of_x = (weights.astype(np.float32) for weights in grid.weights)
    field = np.zeros(grid.shape, np.float32)
    for number, patch in enumerate(values):
        row, column = divmod(number, columns)
        y, x = grid.starts[0][row], grid.starts[1][column]
        weighted = patch[inner, inner] * of_y[row][:, None] * of_x[column]
        field[y : y + grid.size, x : x + grid.size] += weighted
    return field


def check_levels(levels: Any, grid: PatchGrid, n_levels: int | None = None) -> np.ndarray:
    """Levels of patches, (R, C) or (R * C,), as int64 (R, C).

    Raises
    ------
    InputError
        Another shape, or what is neither a whole number from 0 to `n_levels` - 1 (None: from 0 up)
        nor `BACKGROUND`.
    """
    array = np.asarray(levels)
    if array.shape not in (grid.count, (grid.count[0] * grid.count[1],)):
        raise InputError(
            f"levels: shape {array.shape}; one for each patch, {grid.count}, are needed"
        )
    if array.dtype.kind not in "fiu":
        raise InputError(f"levels: values of type {array.dtype}; whole numbers are accepted")
    known = (array == BACKGROUND) | ((array >= 0) & (array == np.floor(array)))
    if n_levels is not None:
        known &= array < n_levels
    if not known.all():
        last = "up" if n_levels is None else f"to {n_levels - 1}"
        raise InputError(
            f"levels: {array[~known].flat[0]:g} is none; accepted are whole numbers from 0 {last}, "
            f"and {BACKGROUND} for background"
        )
    return array.astype(np.int64).reshape(grid.count)


def levels_of_patches(level_map: Any, grid: PatchGrid) -> np.ndarray:
    """Level that a predictor should say of each patch: the mean, rounded, int64 (R, C).

    Parameters
    ----------
    level_map
        (Y, X), 0 or more.

    Raises
    ------
    InputError
        A map of another shape than the grid's.
    """
    patches = cut(np.asarray(level_map, dtype=np.float64), grid)
    return np.floor(patches.mean(axis=(1, 2)) + 0.5).astype(np.int64).reshape(grid.count)
