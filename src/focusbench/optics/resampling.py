"""Rescaling of volumes: separable trilinear interpolation, one sparse matrix an axis.

Sampling grid: voxels are cells of equal size that fill the axis, so a sample stands in the middle
of its cell. Output sample i of `n_out` reads the input at

    (i + 0.5) * n_in / n_out - 0.5

in input samples counted from 0; beyond the first and last input sample the edge value holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def interpolation(n_in: int, n_out: int, width: float = 1.0) -> csr_array:
    """Matrix (n_out, n_in) that interpolates one axis.

    Parameters
    ----------
    n_in, n_out
        Samples before and after.
    width
        Half width of the interpolation's triangle, in input samples. 1 is linear interpolation.
        A larger one averages while it interpolates: the prefilter that shrinking by `width` needs
        against aliasing is the triangle of that half width.

    Returns
    -------
    scipy.sparse.csr_array
        float64; every row sums to 1.
    """
    from scipy.sparse import csr_array

    if n_in < 1 or n_out < 1 or not width >= 1:
        raise ValueError(f"sizes and width are at least 1, not {n_in}, {n_out}, {width}")
    position = (np.arange(n_out) + 0.5) * n_in / n_out - 0.5
    reach = int(np.ceil(width))
    first = np.floor(position).astype(int) - reach + 1
    source = first[:, None] + np.arange(2 * reach)
    weight = np.maximum(0.0, 1.0 - np.abs(source - position[:, None]) / width)
    weight /= weight.sum(axis=1, keepdims=True)
    row = np.broadcast_to(np.arange(n_out)[:, None], source.shape)
    source = np.clip(source, 0, n_in - 1)
    matrix = csr_array((weight.ravel(), (row.ravel(), source.ravel())), shape=(n_out, n_in))
    matrix.eliminate_zeros()  # so that a sample on the grid reads one neighbour, not two
    return matrix


def planes(
    read: Callable[[int], np.ndarray],
    matrices: tuple[csr_array, csr_array, csr_array],
    start: int,
    stop: int,
) -> Iterator[np.ndarray]:
    """Interpolate slice by slice, so that no more than a few slices are ever held.

    Parameters
    ----------
    read
        Gives input slice z, (Y, X), of any real type; asked for in rising order, each once, and
        only for the slices that count. Only the rows that count are converted.
    matrices
        Interpolation of z, y and x.
    start, stop
        Output slices to give.

    Yields
    ------
    numpy.ndarray
        float64 (y, x).
    """
    along_z, along_y, along_x = matrices
    rows = np.unique(along_y.indices)
    along_y = along_y[:, rows]
    held: dict[int, np.ndarray] = {}
    for begin, end in pairwise(along_z.indptr[start : stop + 1]):
        wanted = along_z.indices[begin:end].tolist()
        held = {z: plane for z, plane in held.items() if z >= min(wanted)}
        total = np.zeros((along_y.shape[0], along_x.shape[0]))
        for z, weight in zip(wanted, along_z.data[begin:end], strict=True):
            if z not in held:
                source = np.asarray(read(z)[rows], dtype=np.float64)
                held[z] = (along_x @ (along_y @ source).T).T
            total += weight * held[z]
        yield total


def rescale(volume: np.ndarray, shape: tuple[int, int, int], antialias: bool = False) -> np.ndarray:
    """Rescale a whole volume.

    Parameters
    ----------
    volume
        (Z, Y, X), real.
    shape
        Wanted (Z, Y, X).
    antialias
        Prefilter each axis that shrinks (`interpolation` with the shrinkage as width).

    Returns
    -------
    numpy.ndarray
        float32, `shape`.
    """
    along = [
        interpolation(n_in, n_out, max(1.0, n_in / n_out) if antialias else 1.0)
        for n_in, n_out in zip(volume.shape, shape, strict=True)
    ]
    result = np.empty(shape, np.float32)
    for z, plane in enumerate(planes(lambda z: volume[z], tuple(along), 0, shape[0])):
        result[z] = plane
    return result
